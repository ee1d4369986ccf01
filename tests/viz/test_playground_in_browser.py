"""The playground on a page: weights, outputs and changes are llmath.attention's"""

from __future__ import annotations

import pytest

import compared
import static_page
from compared import choose_mask, compare_playground, press
from samples import playground

WORDS = ["The", "dog", "chased", "a", "small", "cat"]
STATES = [
    {"mask": "none"}, {"mask": "causal"}, {"mask": "causal", "positions": True},
    {"mask": "none", "positions": True}, {"mask": "window", "window": 1},
    {"mask": "window", "window": 3, "positions": True}, {"mask": "prefix", "prefix": 4},
    {"mask": "padding", "pad": 2}, {"mask": "padding", "pad": 5, "positions": True},
]  # fmt: skip


def test_labels_are_of_their_own_controls(open_page):
    """Each kind of figure brings its own counter of ids; the page has but one."""
    page = open_page()
    ids = page.locator("[id]").evaluate_all("all => all.map((e) => e.id)")
    assert len(ids) == len(set(ids)) > 8


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    """A page of this figure, which opens sooner than the page of all."""
    folder = tmp_path_factory.mktemp("playground")
    return static_page.write_page(folder, playground).as_uri()


@pytest.fixture
def play(open_page, alone):
    return open_page(to=alone).locator(".mask-playground")


def order(play):
    return compared.order(play, WORDS)


def compare(play, **state):
    return compare_playground(play, playground(), **state)


def test_numbers_are_the_librarys(play):
    for state in STATES:
        press(play, "Reverse")
        press(play, "First order")
        choose_mask(play, **state)
        compare(play, **state)
        for name in ("Reverse", "Shuffle", "Shuffle"):
            press(play, name)
            words, expected = compare(play, **state)
            changed = int((expected.change > 1e-9).sum())
            if changed == 0:
                assert "Every token’s output is what it was" in words, state
            else:
                assert f"{changed} of 6 outputs changed, by up to " in words, state
                assert f"{expected.change.max():.4f}" in words, state


def test_who_had_the_same_before_it_does_not_notice(play):
    """Under the causal mask only the first two notice that they changed places."""
    play.locator(".shelf button").nth(0).click()
    press(play, "Move right")
    assert order(play) == "102345"
    words, _ = compare(play)
    assert words.endswith("unchanged: “chased”, “a”, “small”, “cat”.")
    press(play, "First order")
    assert order(play) == "012345"
    assert play.get_by_role("button", name="First order").is_disabled()


def test_tokens_by_keyboard(play):
    page = play.page
    stops = play.locator(".shelf [tabindex='0']")
    assert (stops.count(), stops.inner_text()) == (1, "cat")
    stops.focus()
    for keys, expected in (("ArrowLeft", "012345"), ("Shift+ArrowLeft", "012435"),
                           ("Shift+ArrowLeft Shift+ArrowLeft", "041235"),
                           ("Shift+ArrowLeft Shift+ArrowLeft", "012354"),
                           ("ArrowLeft Shift+ArrowRight", "012345")):  # fmt: skip
        for key in keys.split():
            page.keyboard.press(key)
        assert order(play) == expected
    assert page.evaluate("document.activeElement.textContent") == "cat"
    assert play.locator(".looks caption").first.inner_text() == "Where “cat” looks"
    assert stops.count() == 1


def test_tokens_by_mouse_are_dragged(play):
    page, tokens = play.page, play.locator(".shelf button")
    tokens.nth(0).scroll_into_view_if_needed()
    start, end = tokens.nth(0).bounding_box(), tokens.nth(3).bounding_box()
    page.mouse.move(start["x"] + 5, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] - 4, end["y"] + 10, steps=25)
    page.mouse.up()
    assert order(play) == "123045"
    page.mouse.move(start["x"], start["y"] + 10, steps=5)
    assert order(play) == "123045"  # the button is up: nothing moves any more
    compare(play)
    last = tokens.nth(5).bounding_box()
    page.mouse.move(last["x"] + 10, last["y"] + 10)
    page.mouse.down()
    page.mouse.move(start["x"] + 4, start["y"] + 10, steps=25)
    page.mouse.up()
    assert order(play) == "512304"


def test_a_cell_tells_its_weight_and_its_mask(play):
    cells, output = (
        play.locator(".weights [role=gridcell]"),
        play.locator("output").last,
    )
    cells.nth(1).hover()
    assert output.inner_text() == "“The” → “dog”: masked"
    cells.nth(0).hover()
    assert output.inner_text() == "“The” → “The”: 1.0000"
    assert cells.nth(1).get_attribute("class") == "masked"


def test_tokens_by_finger_are_dragged(open_page, alone):
    page = open_page(to=alone, width=390)
    play = page.locator(".mask-playground")
    tokens = play.locator(".shelf button")
    tokens.nth(0).scroll_into_view_if_needed()
    start, end = tokens.nth(0).bounding_box(), tokens.nth(2).bounding_box()
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    x, y, far = start["x"] + 5, start["y"] + 10, end["x"] + end["width"] - 4
    send("touchStart", {"x": x, "y": y})
    for part in range(1, 21):
        send("touchMove", {"x": x + (far - x) * part / 20, "y": y})
    send("touchEnd")
    assert order(play) == "120345"
    compare(play)


def test_only_the_masks_own_control_is_there(play):
    for mask, own in (("none", None), ("causal", None), ("window", "window of"),
                      ("prefix", "prefix of"), ("padding", "padding is")):  # fmt: skip
        choose_mask(play, mask=mask)
        seen = [name for name in ("window of", "prefix of", "padding is")
                if play.get_by_label(name, exact=False).is_visible()]  # fmt: skip
        assert seen == ([own] if own else [])
