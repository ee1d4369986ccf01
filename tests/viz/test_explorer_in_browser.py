"""The explorer on a page from disk: what is seen is what the arrays say"""

from __future__ import annotations

import re

import numpy as np
import pytest

import static_page
from llmath.viz import live, style
from samples import EVIL, MAPS, explorer

READ_CELLS = """(figure) => [...figure.querySelectorAll(".weights [role=gridcell]")]
  .map((cell) => {
    cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
    return [figure.querySelector("output").textContent, cell.ariaLabel,
            getComputedStyle(cell).backgroundColor];
  })"""


@pytest.mark.parametrize("sentence", [0, 1])
@pytest.mark.parametrize(("layer", "head"), [(0, 0), (2, 1), (3, 2)])
def test_each_cell_tells_its_weight(open_page, sentence, layer, head):
    figure = open_page().locator(".attention-explorer").first
    for box, value in zip(figure.locator("select").all(), (sentence, layer, head),
                          strict=True):  # fmt: skip
        box.select_option(str(value))
    cells = figure.evaluate(READ_CELLS)
    maps = MAPS[sentence][layer, head]
    expected = maps[np.tril_indices(7)] if sentence == 0 else maps.ravel()
    for i in (0, 1):  # on the screen, and to a screen reader
        said = [float(re.search(r"[\d.]+$", cell[i])[0]) for cell in cells]
        assert np.abs(said - expected).max() < 1e-4
    rgb = ["#" + bytes(map(int, re.findall(r"\d+", c))).hex() for *_, c in cells]
    level = np.rint(expected * (style.LEVELS - 1)).astype(int)
    assert rgb == [style.levels("attention")[i] for i in level]


def test_words_say_what_is_shown(open_page):
    figure = open_page().locator(".attention-explorer").first
    summary = figure.locator(".detail-words [role=status]")
    row = MAPS[0][2, 1, 3]
    strongest = ["“The”", "“cat”", "“that”", "itself"][row.argmax()]
    assert f"“ran” looks most at {strongest} ({row.max():.2f})" in summary.inner_text()
    figure.locator(".weights-query").nth(0).hover()
    assert summary.inner_text() == "“The” looks most at itself (1.00)."
    values = figure.locator(".looks tr:not([hidden]) td:last-child").all_inner_texts()
    assert values == ["1.000"]


def test_tokens_are_text(open_page):
    figure = open_page().locator(".attention-explorer").first
    assert figure.locator("img").count() == 0
    assert EVIL[:13] + "…" in figure.locator(".weights-query").all_inner_texts()
    assert "</script>" in figure.locator(".weights-query").all_inner_texts()


def test_heads_by_keyboard(open_page):
    page = open_page()
    figure = page.locator(".attention-explorer").first
    stops = figure.locator(".heads [tabindex='0']")
    title = figure.locator(".detail-title strong")
    assert stops.count() == 1
    stops.focus()
    for keys, expected in (("ArrowRight ArrowUp Enter", "3.0"), ("Home Space", "0.0"),
                           ("ArrowDown ArrowDown ArrowDown End Enter", "3.2"),
                           ("ArrowLeft ArrowUp", "3.2")):  # fmt: skip
        for key in keys.split():
            page.keyboard.press(key)
        assert title.inner_text() == f"Head {expected}"
    assert page.evaluate("document.activeElement.ariaLabel") == "layer 2, head 1"
    assert stops.count() == 1


def test_cells_by_keyboard(open_page):
    page = open_page()
    figure = page.locator(".attention-explorer").first
    output = figure.locator("output")
    figure.locator(".weights [tabindex='0']").focus()
    assert output.inner_text().startswith("“ran” → “The”")
    for keys, expected in (("ArrowRight", "“ran” → “cat”"), ("End", "“ran” → “ran”"),
                           ("ArrowUp", "“ran” → “ran”"),  # above it is masked
                           ("Home ArrowUp", "“that” → “The”")):  # fmt: skip
        for key in keys.split():
            page.keyboard.press(key)
        assert output.inner_text().startswith(expected)


def test_fingers_read_cells_and_choose_heads(open_page):
    figure = open_page(width=390).locator(".attention-explorer").first
    assert figure.locator("output").inner_text() == "Tap a cell to read its weight."
    figure.locator(".weights [role=gridcell]").nth(1).tap()
    assert figure.locator("output").inner_text().startswith("“cat” → “The”")
    figure.locator(".heads button").nth(0).tap()
    assert figure.locator(".detail-title strong").inner_text() == "Head 0.0"
    box = figure.locator(".heads button").nth(0).bounding_box()
    assert min(box["width"], box["height"]) >= 24


def test_two_views_of_one_figure_keep_step(open_page):
    page = open_page()
    one, other, two = page.locator(".attention-explorer").all()
    one.locator(".heads button").nth(5).click()
    titles = [f.locator(".detail-title strong").inner_text() for f in (one, two, other)]
    assert titles[0] == titles[1] == "Head 1.1"
    assert titles[2] == "Head 2.1"


def test_arcs_are_as_thick_as_the_weights(open_page):
    page = open_page()
    figure = page.locator(".attention-explorer").nth(1)
    token = figure.locator(".arcs-tokens button").nth(3)
    assert token.get_attribute("aria-pressed") == "true"
    row = MAPS[0][2, 1, 3]
    values = figure.locator(".arcs-tokens small").all_inner_texts()
    assert values == [f"{w:.2f}" for w in row[:4]] + ["–"] * 3
    widths = figure.locator("path.chosen").evaluate_all(
        "(paths) => paths.map((p) => +p.getAttribute('stroke-width'))"
    )
    assert widths == pytest.approx(
        [0.5 + 9 * w for w in row[:4] if w >= 0.01], abs=0.01
    )
    token.focus()
    page.keyboard.press("ArrowRight")
    pressed = figure.locator("[aria-pressed=true] span").inner_text()
    assert pressed == "</script>"


def test_arcs_bring_the_chosen_token_into_view(open_page):
    """Where the sentence is too long for the screen; shades are where it goes on."""
    figure = open_page(width=390).locator(".attention-explorer").nth(1)
    figure.evaluate("(figure) => { figure.style.width = '200px'; }")
    inside = """(figure) => {
      const token = figure.querySelector(".arcs [aria-pressed=true]");
      const [a, b] = [token, token.closest(".arcs")].map((e) =>
        e.getBoundingClientRect());
      return b.left <= a.left + 1 && a.right <= b.right + 1; }"""
    for place, more in ((-1, "left"), (0, "right"), (-1, "left")):
        token = figure.locator(".arcs-tokens button").nth(place)
        token.evaluate("(button) => button.click()")  # does not scroll by itself
        figure.locator(f".detail-picture [data-more={more}]").wait_for(timeout=2000)
        assert figure.evaluate(inside)


def test_small_pictures_follow_row_and_theme(open_page):
    page = open_page()
    figure = page.locator(".attention-explorer").first
    pixels = lambda: figure.locator("canvas").evaluate("c => c.toDataURL()")  # noqa: E731
    whole = pixels()
    figure.locator("input[type=checkbox]").check()
    row = pixels()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(50)
    assert len({whole, row, pixels()}) == 3


def test_a_silent_kernel_is_noticed(open_page, tmp_path, chromium):
    """The form of a notebook, without anyone who answers."""
    figure = explorer(recompute=lambda text: None)
    html = live.embed(figure.module, figure.state(), key="k", height=0, still="")
    page_file = static_page.write_page(tmp_path)
    page_file.write_text(page_file.read_text().replace("</main>", html + "</main>"))
    page = open_page(to=page_file.as_uri())
    page.clock.install()
    page.locator("form input").fill("The dog")
    page.locator("form button").click()
    assert page.locator("form button").is_disabled()
    assert page.locator("form [role=status]").inner_text() == "Computing …"
    page.clock.fast_forward(60_000)
    assert "kernel" in page.locator("form [role=status]").inner_text()
    assert page.locator("form button").is_enabled()
