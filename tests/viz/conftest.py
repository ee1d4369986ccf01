"""One browser for the figures, without a way out; matplotlib without a window"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from playwright.sync_api import Browser, Page

import static_page
from llmath.viz import HeadRoles, OnlineSoftmax, frames, style, svg
from samples import (
    ROLES,
    SCORES,
    VALUES,
    Shown,
    bars,
    explorer,
    heat,
    laboratory,
    playground,
    plotted,
)

ROOT = Path(__file__).resolve().parents[2]
AWAKE = "(figure) => figure.dataset.state === 'alive'"
matplotlib.use("agg")


@pytest.fixture
def house_style() -> Iterator[None]:
    with matplotlib.rc_context():
        style.use()
        yield
    plt.close("all")


@pytest.fixture
def static(monkeypatch) -> None:
    """As in a kernel that the site's build has started."""
    monkeypatch.setenv("BOOK_STATIC", "1")


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> str:
    """A page with a figure of each kind, the explorer three times."""
    folder = tmp_path_factory.mktemp("page")
    shared = []  # one model with two views

    def view():
        shared.append(shared[0] if shared else explorer())
        return shared[-1]

    makers = (
        view,
        lambda: explorer(view="arcs"),
        lambda: frames.Frames(bars, [1, 2, 3], name="height", start=1, alt="Bars."),
        lambda: Shown(svg, lambda: svg.show(bars(1), alt="Two bars.")),
        lambda: Shown(svg, lambda: svg.show(heat(), alt="A small heat map.")),
        plotted,
        laboratory,
        playground,
        lambda: OnlineSoftmax(SCORES, VALUES, chunk=2, step=2),
        lambda: HeadRoles(ROLES, explorer="#attention_explorer-0"),
        view,  # far from the first, so that it wakes later
    )
    with matplotlib.rc_context():
        style.use()
        page = static_page.write_page(folder, *makers)
    vendor = ROOT / "assets" / "vendor" / "plotly"
    assert vendor.exists(), "browser files are missing: make setup brings them"
    shutil.copytree(vendor, folder / "vendor" / "plotly")
    return page.as_uri()


@pytest.fixture
def open_page(chromium: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page of all figures, or another; it may report no error at all."""
    contexts, errors = [], []

    def open_it(*, theme="light", width=1280, motion="reduce", to=address, asleep=False,
                **options):  # fmt: skip
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            reduced_motion=motion,
            is_mobile=width < 600,
            has_touch=width < 600,
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else 0)
        page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:"))
                or errors.append(r.url))  # fmt: skip
        page.goto(to)
        if options.get("java_script_enabled", True):
            page.evaluate("t => document.documentElement.dataset.theme = t", theme)
            for figure in [] if asleep else page.locator("[data-live]").all():
                figure.scroll_into_view_if_needed()
                page.wait_for_function(AWAKE, arg=figure.element_handle())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert errors == []
