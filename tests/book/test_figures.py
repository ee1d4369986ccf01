"""Every live figure wakes, and whatever a reader can move changes what is seen"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pages import figures, name

DRIVE = (Path(__file__).parent / "drive.js").read_text("utf8")
FIGURES = figures()
NAMES = [f"{name(page)}-{place}-{kind}" for page, place, kind in FIGURES]
every_figure = pytest.mark.parametrize(("page", "place", "kind"), FIGURES, ids=NAMES)


@every_figure
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_control_moves_it(page, place, kind, theme, width, open_page):
    """A control that may change nothing says why in `data-unchanging="reason"`."""
    motion = "no-preference" if width > 600 else "reduce"
    with open_page(page, theme=theme, width=width, reduced_motion=motion) as visit:
        figure = visit.figure(place)
        report = figure.evaluate(DRIVE)
        assert report["dead"] == []
        assert all(reason.strip() for _, reason in report["excused"]), report["excused"]
        assert visit.errors == []


@every_figure
def test_has_a_text_alternative(page, place, kind, open_page):
    """Said before it wakes to those without scripts, and then to screen readers."""
    with open_page(page) as visit:
        figure = visit.page.locator("[data-live]").nth(place)
        state = json.loads(figure.locator("script").first.text_content())
        assert len(state["alt"].split()) >= 4, state["alt"]
        visit.figure(place)
        names = figure.locator("[aria-label], [alt], [aria-labelledby], title, caption")
        assert names.count() > 0
