"""book_maps: every chapter, every file and every link of the two pictures"""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

import llmath
import map_drawing
import the_path
from book_maps import LIST, plain
from library_reference import ROW
from map_drawing import NARROW, WIDE, Link, Row

FILES = ROW.findall(llmath.__doc__)
CHAPTERS = set(the_path.TITLES)


def test_the_path_names_every_file_and_chapter_once():
    assert the_path.problems(FILES, CHAPTERS) == []
    assert [name for name, _ in LIST.findall(llmath.__doc__)] == FILES


def changed(**fields) -> tuple[the_path.Step, ...]:
    first, *rest = the_path.STEPS
    return (replace(first, **fields), *rest)


@pytest.mark.parametrize(
    ("files", "chapters", "steps", "line"),
    [
        ([*FILES, "lens"], CHAPTERS, the_path.STEPS, "lib/llmath's lens is in no step"),
        (FILES[1:], CHAPTERS, the_path.STEPS, f"names {FILES[0]}, which llmath does"),
        (FILES, {*CHAPTERS, 11}, the_path.STEPS, "chapter 11 is in no step"),
        (FILES, CHAPTERS, changed(files=("tokenizer", "loss")), "names loss twice"),
        (FILES, CHAPTERS, changed(chapters=(1, 12)), "chapter 12 of the path has no"),
    ],
    ids=["new file", "file gone", "new chapter", "file twice", "no title"],
)
def test_what_went_stale_has_its_line(files, chapters, steps, line):
    (found,) = the_path.problems(files, chapters, steps)
    assert line in found


def test_stations_follow_each_other_as_in_the_book():
    stations = [the_path.START, *(step.to for step in the_path.STEPS if step.to)]
    assert " → ".join(stations) == (
        "text → ids → vectors → blocks → logits → loss → gradient → update"
    )


def rows() -> list[Row]:
    return [
        Row(
            step.arrow,
            step.to,
            tuple(
                Link(f"{c} {the_path.TITLES[c]}", f"{c}.html") for c in step.chapters
            ),
            tuple(Link(f"{f}.py", f"library.html#{f}", mono=True) for f in step.files),
        )
        for step in the_path.STEPS
    ]


@pytest.fixture(scope="module")
def pictures() -> list[ElementTree.Element]:
    drawn = map_drawing.path(the_path.START, rows(), the_path.BACK, 'a "picture"')
    return [ElementTree.fromstring(svg) for svg in drawn]


def test_both_sizes_hold_every_link(pictures):
    wanted = sorted(
        link.address for row in rows() for link in (*row.chapters, *row.files)
    )
    for svg in pictures:
        assert sorted(a.get("href") for a in svg.iter("a")) == wanted
        assert svg.get("aria-label") == 'a "picture"'


def test_no_words_stick_out_or_lie_over_each_other(pictures):
    for svg, width in zip(pictures, (WIDE, NARROW), strict=True):
        height = float(svg.get("viewBox").split()[-1])
        boxes = []
        for words in svg.iter("text"):
            if words.get("text-anchor") == "middle":
                continue
            mono = words.get("class") == "mono"
            x, y = float(words.get("x")), float(words.get("y"))
            wide = Link(words.text, mono=mono).width
            assert x + wide <= width + 1, words.text
            assert 10 < y < height
            boxes.append((x, x + wide, y))
        for i, (left, right, y) in enumerate(boxes):
            for other, end, line in boxes[:i]:
                apart = abs(y - line) >= 14 or right <= other or end <= left
                assert apart, (left, right, y)


def test_new_weights_go_to_the_table_the_blocks_and_the_head(pictures):
    """Where a step multiplies by weights: into vectors, blocks and logits."""
    for svg in pictures:
        names = {
            words.text: float(words.get("y")) - 4.5
            for words in svg.iter("text")
            if words.get("text-anchor") == "middle"
        }
        ends = [
            float(re.search(r"translate\(20 ([\d.]+)", path.get("transform"))[1])
            for path in svg.iter("path")
            if path.get("class") == "tip back"
        ]
        assert len(ends) == 3
        for end, name in zip(ends, ("vectors", "blocks", "logits"), strict=True):
            assert abs(end - names[name]) <= 8


def test_what_is_still_to_come_is_no_link():
    drawn = map_drawing.linked(0, 0, Link("9 Does it understand?"))
    assert "<a" not in drawn
    assert "9 Does it understand?" in drawn
    assert '<a href="a?b&amp;c">' in map_drawing.linked(0, 0, Link("x", "a?b&c"))


def test_an_arc_for_each_page_needed():
    table = [
        (Link("first", "1"), 0, set()),
        (Link("second", "2"), 1, {0}),
        (Link("third", "3"), 1, {0, 1}),
    ]
    svg = map_drawing.needs(table, "arcs")
    arcs = re.findall(
        r'class="arc a(\d)" d="M[\d.]+ ([\d.]+)C.*? [\d.]+ ([\d.]+)"', svg
    )
    assert arcs == [("1", "40", "16"), ("2", "64", "16"), ("2", "64", "40")]
    assert [a.get("href") for a in ElementTree.fromstring(svg).iter("a")] == list("123")


def test_titles_lose_their_tex():
    assert plain(r"Why divide by $\sqrt{E}$?") == "Why divide by √E?"
    assert plain(r"Why divide by \sqrt{E}?") == "Why divide by √E?"
