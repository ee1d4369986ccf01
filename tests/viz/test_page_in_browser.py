"""The other figures on a page from disk, and what holds for all of them"""

from __future__ import annotations

import re

import pytest

from llmath.viz import style
from whole_figure import check_controls, check_page

PALETTE = style.SERIES["blue"]
everywhere = pytest.mark.parametrize(
    ("theme", "width"),
    [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)],
)


@everywhere
def test_nothing_overflows_and_everything_has_a_name(open_page, theme, width):
    page = open_page(theme=theme, width=width)
    check_page(page, width)


@pytest.mark.parametrize("kind", ["online_softmax", "head_roles"])
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_control_moves_it(open_page, kind, theme, width):
    figure = open_page(theme=theme, width=width).locator(f"[data-live={kind}]")
    check_controls(figure, 11)


def test_frames_by_keyboard(open_page):
    figure = open_page().locator(".frames")
    slider, picture = figure.locator("input"), figure.locator("svg")
    assert picture.get_attribute("aria-label") == "Bars. height = 2."
    slider.press("ArrowRight")
    assert picture.get_attribute("aria-label") == "Bars. height = 3."
    assert slider.get_attribute("aria-valuetext") == "3"
    assert "Height 3" in picture.inner_html()


def test_only_those_who_want_motion_get_it(open_page):
    assert open_page(motion="reduce").locator(".frames-play").count() == 0
    page = open_page(motion="no-preference")
    page.locator(".frames-play").click()
    page.wait_for_function("document.querySelector('.frames output').value === '3'")
    page.locator(".frames-play").click()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plotly_follows_the_theme_and_shares_nothing(open_page, theme):
    page = open_page()
    page.evaluate("t => document.documentElement.dataset.theme = t", theme)
    blue = getattr(PALETTE, theme)
    rgb = f"rgb({', '.join(str(c) for c in bytes.fromhex(blue[1:]))})"
    page.wait_for_function(
        """(rgb) => getComputedStyle(
        document.querySelector(".plotly-figure .point path")).fill === rgb""",
        arg=rgb,
    )
    buttons = page.locator(".modebar-btn").evaluate_all(
        "(all) => all.map((b) => b.dataset.title)"
    )
    assert buttons
    assert not re.search("cloud|share|chart studio", " ".join(map(str, buttons)), re.I)


def test_without_scripts_the_words_are_there(open_page):
    page = open_page(java_script_enabled=False)
    assert page.get_by_text("all 12 heads").first.is_visible()
    assert page.get_by_text("Two bars in plotly.").is_visible()
    assert page.locator(".viz-alt svg[role=img]").is_visible()
    assert page.locator("form").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_one_of_two_images_is_seen(open_page, theme):
    page = open_page(theme=theme)
    there = page.locator("image").evaluate_all(
        """(images) => images.filter((i) => getComputedStyle(i).display !== "none")
          .map((i) => i.getAttribute("class"))"""
    )
    assert there == [f"viz-{theme}"]
