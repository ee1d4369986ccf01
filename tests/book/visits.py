"""One page in the browser: what it asks for, what it complains of, how it looks"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Locator, Page

ALIVE = 20_000  # ms for a figure to wake; on a quiet machine it takes about one second


@dataclass
class Visit:
    """A page, with every error it reported and every address it asked for so far."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda r: self.errors.append(f"failed: {r.url}"))

    def _console(self, message: object) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text}")

    @property
    def foreign(self) -> list[str]:
        """Requests that leave the site (data: and blob: stay in the page)."""
        inside = (self.address, "data:", "blob:")
        return [url for url in self.requests if not url.startswith(inside)]

    def figure(self, place: int) -> Locator:
        """The live figure, awake."""
        figure = self.page.locator("[data-live]").nth(place)
        figure.scroll_into_view_if_needed()
        self.page.wait_for_function(
            "f => ['alive', 'failed'].includes(f.dataset.state)",
            arg=figure.element_handle(),
            timeout=ALIVE,
        )
        assert figure.get_attribute("data-state") == "alive", self.errors
        return figure

    def wake_all(self) -> None:
        for place in range(self.page.locator("[data-live]").count()):
            self.figure(place)
        self.page.evaluate("scrollTo(0, 0)")


@contextmanager
def visit(
    browser: Browser,
    address: str,
    name: str,
    *,
    theme: str = "light",
    width: int = 1280,
    reduced_motion: str = "reduce",
) -> Iterator[Visit]:
    """Opens address/name as a desktop would, or as a phone if it is narrow."""
    phone = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": 844 if phone else 900},
        color_scheme=theme,
        reduced_motion=reduced_motion,
        is_mobile=phone,
        has_touch=phone,
    )
    try:
        seen = Visit(context.new_page(), address)
        seen.listen()
        seen.page.goto(f"{address}/{name}", wait_until="load")
        yield seen
    finally:
        context.close()
