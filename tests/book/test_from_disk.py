"""The site opened from disk, as from a zip in a classroom without a network"""

from __future__ import annotations

import re

import pytest

from pages import figures, name, pages

WITH_FIGURES = sorted({page for page, _, _ in figures()})


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_page_opens(page, open_file):
    with open_file(page) as visit:
        visit.wake_all()
        assert visit.page.locator("main :is(h1, h2):visible").count() > 0
        assert visit.errors == []
        assert visit.foreign == []


@pytest.mark.parametrize("page", WITH_FIGURES, ids=name)
def test_figures_answer(page, open_file):
    """A slider moves its picture, and the model's weights are there to point at."""
    with open_file(page) as visit:
        visit.wake_all()
        for range_input in visit.page.locator("[data-live] input[type=range]").all():
            if not range_input.is_visible():  # of another mask, say
                continue
            figure = range_input.locator("xpath=ancestor::*[@data-live]")
            before = figure.inner_html()
            at_its_end = range_input.evaluate("(input) => +input.value >= +input.max")
            range_input.press("ArrowLeft" if at_its_end else "ArrowRight")
            assert figure.inner_html() != before
        explorer = visit.page.locator("[data-live=attention_explorer]")
        for cell in explorer.locator(".weights [role=gridcell]").all()[1:3]:
            cell.hover()
            figure = cell.locator("xpath=ancestor::*[@data-live]")
            said = figure.locator("output").first.text_content()
            assert re.search(r"→ .+: \d\.\d+$", said), said


def search(visit, words: str) -> list[str]:
    """The pages that the site's own search finds."""
    visit.page.locator("form[action*=search] input[name=q]").first.wait_for(
        state="attached"
    )
    visit.page.goto(f"{visit.address}/search.html?q={words}")
    results = visit.page.locator("ul.search li a")
    results.first.wait_for()
    return [link.get_attribute("href") for link in results.all()]


@pytest.mark.parametrize("how", ["served", "from disk"])
def test_search_finds_the_chapter(how, open_page, open_file):
    opened = open_page if how == "served" else open_file
    with opened("index.html") as visit:
        found = search(visit, "softmax")
    assert any("chapters/03_attention" in link for link in found), found
