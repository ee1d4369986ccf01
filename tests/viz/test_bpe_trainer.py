"""The trainer on a page: what it shows is what the library learns"""

from __future__ import annotations

import pytest
import traitlets

import static_page
from compared_tokens import compare_trainer
from llmath.tokenizer import Tokenizer
from llmath.viz import BPETrainer
from whole_figure import check_controls, check_page

TEXT = "low lower lowest, new newer newest\nthe cat saw the dog, the dog the cat\n"
TEXTS = (TEXT, "aaaa aaa", "🙂🙂 é é日本", "x  y\t\tz  \n\n don't can't")


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainer")
    return static_page.write_page(
        folder, lambda: BPETrainer(TEXT, n_merges=30)
    ).as_uri()


@pytest.fixture
def trainer(open_page, alone):
    return open_page(to=alone).locator(".bpe-trainer")


def test_what_is_shown_is_what_the_library_learns(trainer):
    for text in TEXTS:
        for step in (0, 1, 4):
            for pieces in (True, False):
                compare_trainer(trainer, text, step, pieces=pieces)


def test_by_keyboard_and_by_buttons(trainer):
    output, slider = trainer.locator("output"), trainer.locator("input[type=range]")
    slider.focus()
    for key, expected in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        slider.press(key)
        assert output.inner_text().startswith(f"{expected} of ")
    slider.press("End")
    assert trainer.get_by_role("button", name="Merge").is_disabled()
    trainer.get_by_role("button", name="Start").press("Enter")
    assert output.inner_text().startswith("0 of ")
    assert trainer.get_by_role("button", name="Back").is_disabled()


def test_play_goes_on_by_itself_until_it_is_stopped(trainer):
    play = trainer.locator("button[aria-pressed]")
    play.click()
    assert play.inner_text() == "Pause"
    trainer.page.wait_for_function(
        "document.querySelector('.bpe-trainer output').value.startsWith('2 of')"
    )
    play.click()
    assert play.get_attribute("aria-pressed") == "false"


def test_overlapping_pairs_save_less_than_they_count(trainer):
    """aa stands twice in aaa, and one merge takes one token away."""
    trainer.locator("textarea").fill("aaa")
    trainer.locator("input[type=range]").fill("1")
    words = trainer.locator(".tok-words").inner_text().replace("\xa0", " ")
    assert "counted 2 times (1 token fewer: pairs overlap)" in words


def test_what_cannot_be_learnt_from_is_said(trainer):
    words, box = trainer.locator(".tok-words"), trainer.locator("textarea")
    box.fill("x" * 10_001)
    assert "up to 10,000 characters; these are 10,001" in words.inner_text()
    box.evaluate("""(area) => { area.value = "a\\ud83d";
      area.dispatchEvent(new Event("input")); }""")
    assert "Character 2 of the text is half of a surrogate" in words.inner_text()
    box.fill("")
    assert words.inner_text().startswith("Nothing to learn from")
    box.fill("ab")
    trainer.locator("input[type=range]").fill("1")
    assert "No pairs are left" in words.inner_text()
    assert trainer.locator(".tok-pairs tbody").inner_text() == "No pair is left."
    box.fill("x")
    said = words.inner_text().replace("\xa0", " ")
    assert said.endswith("1 byte is 1 token: 1.00 bytes per token.")


def test_the_mark_stands_on_the_axes_and_on_the_line(trainer):
    """At the first step where they meet, at the last at the end of the line."""
    svg, slider = trainer.locator(".tok-plot svg"), trainer.locator("input[type=range]")
    for key, place in (("Home", 0), ("End", -1)):
        slider.press(key)
        at = svg.evaluate(
            """(svg, i) => { const { x, y } = [...svg.querySelector("polyline").points]
              .at(i).matrixTransform(svg.getScreenCTM()); return { x, y }; }""",
            place,
        )
        dot = svg.locator("circle").bounding_box()
        middle = (dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
        assert middle == pytest.approx((at["x"], at["y"]), abs=0.6)
    slider.press("Home")
    box, dot = svg.bounding_box(), svg.locator("circle").bounding_box()
    corner = (box["x"], box["y"] + box["height"])
    middle = (dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    assert middle == pytest.approx(corner, abs=1.6)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_control_moves_it(open_page, alone, theme, width):
    page = open_page(to=alone, theme=theme, width=width)
    check_controls(page.locator("[data-live]"), 9)
    check_page(page, width)


def test_shown_is_what_a_tokenizer_of_that_text_has():
    """Tokenizer.train learns the same, and encodes in as many tokens."""
    found = BPETrainer(TEXT, n_merges=10).shown()
    tokenizer = Tokenizer.train(TEXT, 266)
    tokens = [bytes(tokenizer.decode_bytes([i])) for i in range(256, 266)]
    assert [a + b for a, b in found.merges] == tokens
    assert found.n_tokens[-1] == len(tokenizer.encode(TEXT))
    assert found.n_tokens[0] == found.n_bytes == len(TEXT.encode())
    assert BPETrainer("aaaa", n_merges=9, pieces=False).shown().n_tokens == [4, 2, 1]


def test_what_stands_without_a_script_has_the_first_merges():
    figure = BPETrainer("low low <b>", n_merges=5)
    assert "<code>l</code> + <code>o</code>: 9 tokens" in figure.still()
    assert "11 bytes" in figure.alt


def test_bad_states_are_refused():
    with pytest.raises(ValueError, match="n_merges = 401"):
        BPETrainer("a", n_merges=401)
    with pytest.raises(ValueError, match="up to 10000 characters, not 10001"):
        BPETrainer("x" * 10_001)
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        BPETrainer("a\ud83d")
    with pytest.raises(ValueError, match="step = 401"):
        BPETrainer("a").step = 401
    with pytest.raises(traitlets.TraitError):
        BPETrainer("a").pieces = "no"
