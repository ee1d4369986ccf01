"""Every page, light and wide, dark and narrow: quiet, at home, accessible, light

A theme changes colours and a width changes lines. What is wrong with one of them shows
in one of the two visits; the other two pairs would double the time and see it again.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from pages import VISITS, name, pages

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
HEAVIEST = 800_000  # bytes on the wire before anyone touches the page
VARIANTS = [(page, *visit) for page in pages() for visit in VISITS]


@pytest.fixture(
    scope="module", params=VARIANTS, ids=[f"{name(p)}-{t}-{w}" for p, t, w in VARIANTS]
)
def visited(request: pytest.FixtureRequest, open_page) -> Iterator:
    """The page with all its figures awake; loaded once for the tests of this file."""
    page, theme, width = request.param
    with open_page(page, theme=theme, width=width) as visit:
        visit.wake_all()
        visit.theme, visit.width = theme, width
        yield visit


def test_reports_no_error(visited):
    assert visited.errors == []


def test_asks_no_other_host(visited):
    assert visited.foreign == []


def test_follows_the_theme(visited):
    paper = visited.page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    )
    assert (max(paper) < 60) if visited.theme == "dark" else (min(paper) > 200)


def test_does_not_scroll_sideways(visited):
    wide = visited.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= visited.width
    sticking_out = visited.page.evaluate(
        """() => {
          scrollTo(500, 0); const moved = scrollX; scrollTo(0, 0); return moved; }"""
    )
    assert sticking_out == 0


def test_has_no_serious_barrier(visited):
    """axe-core finds nothing serious or critical, figures included."""
    visited.page.evaluate(AXE.read_text("utf8"))
    found = visited.page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)"
    )
    barriers = [
        f"{v['id']}: {node['target']} {node['failureSummary']}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]
    assert not barriers, "\n".join(barriers)


@pytest.mark.parametrize("page", pages(), ids=name)
def test_is_light(page, open_page, site):
    """As a server that compresses would send it; fonts and pictures already are."""
    with open_page(page) as visit:
        visit.page.wait_for_timeout(500)
        asked = [urlparse(url) for url in visit.requests]
    sizes = {}
    for url in asked:
        file = site / unquote(url.path).lstrip("/")
        if url.scheme == "http" and file.is_file():
            raw = file.read_bytes()
            sizes[url.path] = min(len(raw), len(gzip.compress(raw)))
    assert sum(sizes.values()) <= HEAVIEST, sizes
