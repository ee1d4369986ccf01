"""The rotor turns as llmath.rope does, and its score knows only the distance"""

from __future__ import annotations

import math

import numpy as np
import pytest

import static_page
from geometry import compare_rotor, rotor_table, value
from llmath.viz import RopeRotor

STATES = [  # m, n, width, base, vectors, pair
    (40, 32, 64, 10_000, 0, 2), (0, 0, 64, 10_000, 1, 0), (255, 3, 128, 100, 1, 63),
    (7, 200, 8, 1_000_000, 1, 3), (100, 99, 4, 1_000, 0, 1),
]  # fmt: skip


@pytest.fixture(scope="session")
def page_of_it(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rotor")
    return static_page.write_page(folder, RopeRotor).as_uri()


@pytest.fixture
def rotor(open_page, page_of_it):
    return open_page(to=page_of_it).locator(".rope-rotor")


def test_numbers_are_the_librarys(rotor):
    figure = RopeRotor()
    for state in STATES:
        compare_rotor(rotor, figure, *state)


def test_moving_both_leaves_the_score(rotor):
    both = rotor.locator("input[type=range]").nth(2)
    words = rotor.locator(".rotor-words b")
    before, table = words.all_inner_texts(), rotor_table(rotor)
    both.press("ArrowRight")
    both.press("ArrowRight")
    assert "Query at 42, key at 34" in rotor.locator(".rotor-words").inner_text()
    assert words.all_inner_texts() == before
    after = rotor_table(rotor)
    theta = 10_000 ** (-4 / 64)
    assert after[2] - table[2] == pytest.approx(2 * theta, abs=2e-4)
    assert after[4:] == pytest.approx(table[4:], abs=1e-4)
    both.press("End")  # as far as the later of the two may go
    assert "Query at 255, key at 247" in rotor.locator(".rotor-words").inner_text()


def test_an_arrow_can_be_dragged(rotor):
    """Half a turn of a pair with 11.17 positions a turn moves the token by 6."""
    dial = rotor.locator(".rotor-dial")
    dial.scroll_into_view_if_needed()
    box = dial.bounding_box()
    centre = box["x"] + 115, box["y"] + 115
    handle = rotor.locator("circle.rotor-handle.rotor-q")
    at = [float(handle.get_attribute(name)) - 115 for name in ("cx", "cy")]
    start, mouse = math.atan2(-at[1], at[0]), rotor.page.mouse
    mouse.move(centre[0] + at[0], centre[1] + at[1])
    mouse.down()
    for turn in np.linspace(0, math.pi, 20):
        angle = start + turn
        mouse.move(centre[0] + 92 * math.cos(angle), centre[1] - 92 * math.sin(angle))
    mouse.up()
    assert "Query at 46, key at 32" in rotor.locator(".rotor-words").inner_text()
    mouse.move(*centre)  # no longer held
    assert "Query at 46, key at 32" in rotor.locator(".rotor-words").inner_text()


def test_a_narrower_head_keeps_the_pair_in_it(rotor):
    rotor.locator("input[type=range]").nth(3).fill("31")
    rotor.locator("select").first.select_option("8")
    assert "Pair 3, coordinates 6 and 7" in rotor.locator("caption").inner_text()


def test_a_dial_chooses_its_pair(rotor):
    rotor.locator(".rotor-cell").nth(5).click()
    assert "Pair 5, coordinates 10 and 11" in rotor.locator("caption").inner_text()
    assert rotor.locator("input[type=range]").nth(3).input_value() == "5"


def test_names_of_equal_arrows_stand_apart(rotor):
    """With all entries 1 and m = n both arrows are one; no name lies on the other."""
    for _ in range(8):
        rotor.locator("input[type=range]").first.press("ArrowLeft")
    assert "Query at 32, key at 32" in rotor.locator(".rotor-words").inner_text()
    tips = [rotor.locator(f"circle.rotor-{who}").get_attribute("cx") for who in "qk"]
    assert tips[0] == tips[1]
    at = rotor.locator(".rotor-name").evaluate_all(
        "all => all.map(e => ['x', 'y'].map(name => +e.getAttribute(name)))"
    )
    assert math.dist(*at) == pytest.approx(20, abs=0.1)


def test_own_vectors(open_page, tmp_path):
    q = np.array([1.0, 0, 0, 2])
    places = {"base": 50_000.0, "context": 9, "query_at": 3, "key_at": 3, "pair": 1}
    page = static_page.write_page(
        tmp_path, lambda: RopeRotor({"mine": (q, q)}, **places)
    )
    rotor = open_page(to=page.as_uri()).locator(".rope-rotor")
    assert value(rotor.locator(".rotor-words b").first.inner_text()) == 5
    labels = rotor.locator("select").evaluate_all(
        "all => all.map(e => e.labels[0].firstChild.data)"
    )
    assert rotor.locator("select").input_value() == "50000"
    assert labels == ["base"]  # of E and of vectors there is one


@pytest.mark.parametrize(
    ("vectors", "more", "words"),
    [
        ({"a": ([1, 2, 3], [1, 2, 3])}, {}, r"even width, not \(3,\)"),
        ({"a": ([1, 2], [1, 2, 3, 4])}, {}, r"\(2,\) and \(4,\)"),
        ({"a": ([1, math.nan], [1, 2])}, {}, "NaN"),
        ({}, {}, "no query"),
        (None, {"width": 130}, "width=130"),
        (None, {"width": 5}, "width=5"),
        (None, {"base": 0.5}, "base=0.5 is no whole number"),
        (None, {"context": 5000}, "context=5000"),
        (None, {"query_at": 256}, r"query_at = 256 is none of 0 … 255"),
        (None, {"pair": 64}, r"pair = 64 is none of 0 … 63"),
    ],
    ids=str,
)
def test_what_cannot_be_shown_is_refused(vectors, more, words):
    with pytest.raises(ValueError, match=words):
        RopeRotor(vectors, **more)
