"""needs_facts: what needs what, and each thing that can be wrong with the table"""

from __future__ import annotations

from pathlib import Path

import pytest

import needs_facts

ROOT = Path(__file__).resolve().parents[2]
TOC = """
format: jb-book
root: index
parts:
- chapters:
  - file: chapters/preface
  - file: chapters/01_one
    sections:
    - file: chapters/01_more
"""
PAGES = {
    "preface": "(sec:a)=\n# A\n\n(sec:b)=\n## B\n",
    "01_one": "(ch:one)=\n# One\n\n(sec:c)=\n## C\n",
    "01_more": "(sec:d)=\n# D\n",
}
TABLE = """
chapters/preface: {sec:a: [], sec:b: [sec:a]}
chapters/01_one: {sec:c: [sec:a, sec:later]}
chapters/01_more: {sec:d: [sec:b, sec:c]}
chapters/02_later: {sec:later: [sec:c]}
"""


@pytest.fixture
def facts(tmp_path):
    """facts(old, new): the small book, its table changed."""

    def facts(old: str = "", new: str = "") -> needs_facts.Needs:
        assert old in TABLE
        (tmp_path / "chapters").mkdir(exist_ok=True)
        (tmp_path / "_toc.yml").write_text(TOC)
        (tmp_path / "_needs.yml").write_text(TABLE.replace(old, new))
        for name, text in PAGES.items():
            (tmp_path / "chapters" / f"{name}.md").write_text(text)
        return needs_facts.gather(tmp_path)

    return facts


def test_the_book_s_own_table_holds():
    needs = needs_facts.gather(ROOT)
    assert needs_facts.problems(needs) == []
    assert needs_facts.cycle(needs) == []
    assert len(list(needs.sections())) > 30


def test_pages_and_labels_in_the_order_of_reading(facts):
    needs = facts()
    names = ["index", "chapters/preface", "chapters/01_one", "chapters/01_more"]
    assert list(needs.pages) == names
    assert list(needs.places) == ["sec:a", "sec:b", "ch:one", "sec:c", "sec:d"]


def test_what_is_still_to_come_is_left_out(facts):
    needs = facts()
    assert needs_facts.problems(needs) == []
    assert ("chapters/01_one", "sec:c", ["sec:a"]) in needs.sections()
    assert "sec:later" not in {section for _, section, _ in needs.sections()}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[sec:b, sec:c]", "[sec:x]", "sec:d needs sec:x, which no page has"),
        (
            "sec:a: []",
            "sec:a: [sec:d]",
            "sec:a needs sec:d, which does not stand before",
        ),
        ("sec:b: [sec:a]", "sec:b: [sec:b]", "sec:b needs sec:b, which does not stand"),
        ("[sec:b, sec:c]", "[ch:one]", "sec:d needs ch:one, which has no row"),
        ("sec:d: [", "sec:c: [", "sec:c is no section of chapters/01_more"),
        (
            "chapters/01_more:",
            "chapters/03_x:",
            "chapters/01_more has no row in _needs",
        ),
    ],
    ids=["dead label", "later", "itself", "no section", "other page", "no row"],
)
def test_each_fault_has_its_line(facts, old, new, line):
    assert any(line in found for found in needs_facts.problems(facts(old, new)))


def test_a_ring_is_found(facts):
    assert needs_facts.cycle(facts()) == []
    needs = facts("sec:a: []", "sec:a: [sec:d]")
    assert needs_facts.cycle(needs) == ["sec:a", "sec:b", "sec:c", "sec:d"]
