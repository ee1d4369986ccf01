"""The number of a chapter is the one in its file name, wherever a number is shown."""

from __future__ import annotations

import re

import pytest

from chapter_numbers import chapter_number


@pytest.mark.parametrize(
    ("docname", "number"),
    [
        ("chapters/03_attention", 3),
        ("10_assistant", 10),
        ("a/b/01_x", 1),
        ("chapters/A_formulas", "A"),
        ("chapters/AB_formulas", None),
        ("preface", None),
        ("chapters/attention_03", None),
        ("03_part/preface", None),
    ],
)
def test_the_number_stands_in_the_file_name(docname, number):
    assert chapter_number(docname) == number


def shown(page, selector: str) -> list[str]:
    return [" ".join(e.get_text().split()) for e in page.select(selector)]


def test_titles_and_sections(book):
    page = book.page("chapters/03_attention")
    assert shown(page, "h1 .section-number, h2 .section-number") == ["3.", "3.1."]
    page = book.page("chapters/07_training")
    assert shown(page, "h1 .section-number, h2 .section-number") == ["7.", "7.1."]


def test_side_bar(book):
    entries = shown(book.page("index"), "nav.bd-links a.reference")
    assert entries == [
        "Preface",
        "3. Attention",
        "7. Training",
        "Equations",
        "Bibliography",
    ]


def test_equations(book):
    numbers = [n.strip("#") for n in shown(book.page("chapters/03_attention"), ".eqno")]
    assert [re.sub(r"[^\d.()]", "", n) for n in numbers] == [
        "(3.1)",
        "(3.2)",
        "(3.3)",
        "(3.4)",
    ]


def test_boxes_figures_tables_listings_and_exercises(book):
    names = shown(book.page("chapters/03_attention"), ".caption-number")
    assert sorted(set(names)) == [
        "Definition 3.1",
        "Exercise 3.1",
        "Exercise 3.2",
        "Fig. 3.1",
        "Fig. 3.2",
        "Listing 3.1",
        "Proposition 3.1",
        "Table 3.1",
    ]
    names = shown(book.page("chapters/07_training"), ".caption-number")
    assert names == ["Definition 7.1", "Definition 7.2"]


def test_references_within_and_between_chapters(book):
    text = " ".join(book.page("chapters/03_attention").get_text().split())
    assert (
        "By (3.1) and (3.3), Definition 3.1 and Fig. 3.1 agree; see Soft lookup, (7.1),"
        " Section 7, Training, Exercise 3.1 and the preface." in text
    )
    text = " ".join(book.page("chapters/07_training").get_text().split())
    assert "Compare (3.1) and Proposition 3.1 of Attention." in text


def test_front_and_back_matter_have_no_numbers(book):
    assert not book.page("preface").select("article section .section-number")
    assert not book.page("bibliography").select("article section .section-number")


def test_unnumbered_file_in_a_numbered_part_stays_unnumbered(build):
    def move(folder):
        toc = (folder / "_toc.yml").read_text()
        toc = toc.replace("- caption: Front\n", "- caption: Front\n  numbered: true\n")
        (folder / "_toc.yml").write_text(toc)

    built = build(move)
    assert not built.warnings
    assert not built.page("preface").select("article section .section-number")
    entries = shown(built.page("index"), "nav.bd-links a.reference")
    assert entries[:2] == ["Preface", "3. Attention"]
    assert "(3.1)" in built.page("chapters/07_training").get_text()


def test_sphinx_alone_would_count_from_one(build):
    """The control: without the extension these tests would fail."""
    built = build(ours=["citation_style", "equation_links", "resolved_notebooks"])
    page = built.page("chapters/07_training")
    assert shown(page, "h1 .section-number") == ["2."]


def test_numbers_outlive_a_second_build(build):
    """Sphinx keeps the environment, and would renumber what was corrected."""
    build()
    again = build()
    assert again.status == 0
    assert shown(again.page("chapters/07_training"), "h2 .section-number") == ["7.1."]
    assert "(3.1)" in again.page("chapters/07_training").get_text()
