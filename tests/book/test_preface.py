"""The preface on the site: two pictures full of links, and a test of oneself"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

import llmath
import needs_facts
from library_reference import ROW

ROOT = Path(__file__).resolve().parents[2]
PAGE = "chapters/preface.html"


@pytest.mark.parametrize(("width", "shown"), [(1280, "wide"), (390, "narrow")])
def test_one_of_the_two_sizes_is_shown_and_links_everything(width, shown, open_page):
    with open_page(PAGE, width=width) as visit:
        maps = visit.page.locator("svg.book-map:not(.needs-map):visible")
        assert maps.count() == 1
        assert f"map-{shown}" in maps.get_attribute("class")
        links = maps.locator("a").evaluate_all(
            "l => l.map(a => a.getAttribute('href'))"
        )
        assert maps.evaluate("m => m.getBoundingClientRect().width") <= width
    for file in ROW.findall(llmath.__doc__):
        assert f"../library.html#module-llmath.{file}" in links
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    for page in needs_facts.in_contents(contents):
        if re.match(r"chapters/\d+_\w+$", page) and page.count("_") == 1:
            first = page.split("_")[0]
            here = [link for link in links if link.startswith(first.split("/")[1])]
            assert here, page


def test_chapters_still_to_come_are_words(open_page):
    contents = (ROOT / "_toc.yml").read_text("utf8")
    with open_page(PAGE) as visit:
        svg = visit.page.locator("svg.map-wide")
        linked = svg.locator("a text").all_text_contents()
        words = svg.locator("text").all_text_contents()
    for number in range(1, 11):
        there = f"chapters/{number:02d}_" in contents
        assert any(w.startswith(f"{number} ") for w in words)
        assert any(w.startswith(f"{number} ") for w in linked) == there


@pytest.mark.parametrize("width", [1280, 390])
def test_no_words_are_cut_off_or_lie_over_others(width, open_page):
    """By the browser's own measure, in the fonts that the page has."""
    with open_page(PAGE, width=width) as visit:
        for svg in visit.page.locator("svg.book-map:visible").all():
            boxes = svg.evaluate(
                """svg => [...svg.querySelectorAll("text")].map(t => {
                  const b = t.getBoundingClientRect(), s = svg.getBoundingClientRect();
                  return [b.left - s.left, b.right - s.right, b.left, b.right,
                          (b.top + b.bottom) / 2, t.textContent]; })"""
            )
            for i, (left, right, start, end, middle, words) in enumerate(boxes):
                assert left >= 0, words
                assert right <= 0, words
                for *_, other_start, other_end, other_middle, other in boxes[:i]:
                    beside = start >= other_end or other_start >= end
                    assert beside or abs(middle - other_middle) > 12, (words, other)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_keyboard_lights_up_the_arcs_of_a_page(theme, open_page):
    with open_page(PAGE, theme=theme) as visit:
        svg = visit.page.locator("svg.needs-map")
        last = svg.locator("g").count() - 1
        arc = svg.locator(f".a{last}").first
        colour = "a => getComputedStyle(a).stroke"
        quiet = arc.evaluate(colour)
        visit.page.keyboard.press("Tab")  # from here on, focus is the keyboard's
        svg.locator("a").last.focus()
        assert arc.evaluate(colour) != quiet
        outline = "a => getComputedStyle(a).outlineStyle"
        assert svg.locator("a").last.evaluate(outline) == "solid"
        assert visit.errors == []


def test_answers_open_from_the_keyboard_without_scripts(open_file):
    with open_file(PAGE) as visit:
        answers = visit.page.locator("#a-self-test details")
        assert 10 <= answers.count() <= 14
        first = answers.first
        assert first.get_attribute("open") is None
        first.locator("summary").press("Enter")
        assert first.get_attribute("open") is not None
        assert first.locator("a[href*='refresher.html#']").count() >= 1
        for answer in answers.all():
            assert answer.locator("a[href*='refresher.html#']").count() >= 1


def test_the_notebook_has_the_list_instead(site):
    file = site.parent / "notebooks" / "preface.ipynb"
    cells = json.loads(file.read_text("utf8"))["cells"]
    text = "\n".join(
        "".join(c["source"]) for c in cells if c["cell_type"] == "markdown"
    )
    assert "<svg" not in text
    assert re.search(r"split.*ids.*1 .*tokenizer", text)
    assert re.search(r"Masks, causality, order.*needs", text)
