"""Languages beside each other: what the page counts and cuts is the tokenizer's own"""

from __future__ import annotations

import numpy as np
import pytest

import static_page
from compared_counts import choose, compare_chips, compare_languages
from llmath.data import parallel_sentences
from llmath.tokenizer import Tokenizer, byte_alphabet
from llmath.viz import LanguageComparison
from llmath.viz.language_comparison import compare, token_lengths
from whole_figure import check_controls, check_page

SENTENCES = parallel_sentences()
LANGUAGES = list(SENTENCES)
TEXT = " ".join(SENTENCES["English"] + SENTENCES["Russian"] + SENTENCES["Arabic"])
TOKENIZERS = {
    "bytes": Tokenizer(list(byte_alphabet()), [], pattern="gpt2"),
    "small": Tokenizer.train(TEXT, 256 + 400),
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("languages")
    make = lambda: LanguageComparison(TOKENIZERS, key="languages")  # noqa: E731
    return static_page.write_page(folder, make).as_uri()


def test_compared_by_hand():
    """Bytes: "ab" 2, "é" 2, "aaaa" 4; so 1 and 2, together 6 of 4."""
    found = compare(TOKENIZERS["bytes"], {"a": ["ab", "cd"], "b": ["é", "aaaa"]})
    assert found["a"] == ([1.0, 1.0], 1.0, 1.0, 1.0)
    assert found["b"] == ([1.0, 2.0], 1.5, 1.0, 2.0)
    assert token_lengths(Tokenizer.train("aaaa aaaa", 258), "aaaab") == [4, 1]


@pytest.mark.parametrize(
    ("sentences", "says"),
    [
        ({"a": ["x"]}, "two languages or more"),
        ({"a": ["x"], "b": ["y", "z"]}, r"\{'a': 1, 'b': 2\}"),
        ({"a": [], "b": []}, "one at least"),
        ({"a": ["x"], "b": [""]}, "b: an empty sentence"),
    ],
)
def test_bad_input_is_explained(sentences, says):
    with pytest.raises(ValueError, match=says):
        LanguageComparison(TOKENIZERS, sentences=sentences)
    with pytest.raises(ValueError, match="one at least"):
        LanguageComparison({})


@pytest.mark.parametrize(
    ("name", "value"), [("tokenizer", 2), ("sentence", 12), ("language", -1)]
)
def test_state_stays_inside(name, value):
    with pytest.raises(ValueError, match=f"{name} = {value}: there are"):
        setattr(LanguageComparison(TOKENIZERS), name, value)


def test_a_token_too_long_is_refused():
    long = Tokenizer.train("a" * 512, 256 + 9)
    with pytest.raises(ValueError, match=r"512 bytes .* room for 255"):
        token_lengths(long, "a" * 512)


def test_the_alternative_says_the_extremes():
    found = compare(TOKENIZERS["bytes"], SENTENCES)
    totals = {k: v.total for k, v in found.items() if k != "English"}
    least, most = min(totals.values()), max(totals.values())
    alt = LanguageComparison(TOKENIZERS).alt
    assert f"bytes from {least:.2f} (Chinese) to {most:.2f} (Hindi)" in alt


@pytest.mark.parametrize(("place", "name"), [*enumerate(TOKENIZERS)])
def test_numbers_are_the_tokenizers(open_page, alone, place, name):
    figure = open_page(to=alone).locator("#languages")
    choose(figure, tokenizer=place)
    for sentence in (0, 4, 11):
        compare_languages(figure, TOKENIZERS[name], SENTENCES, sentence)


def test_bars_are_as_long_as_their_numbers(open_page, alone):
    figure = open_page(to=alone).locator("#languages")
    widths = figure.locator("tbody .lang-track i").evaluate_all(
        "all => all.map((e) => e.offsetWidth / e.parentElement.clientWidth)"
    )
    found = compare(TOKENIZERS["bytes"], SENTENCES)
    ratios = np.array([c.ratios[0] for c in found.values()])
    end = float(figure.locator(".lang-ticks span").last.text_content().split()[0])
    np.testing.assert_allclose(widths, ratios / end, atol=0.01)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_cut_as_the_tokenizer_cuts(open_page, alone, language):
    """Stray bytes as \\xe0, spaces seen, and Arabic from right to left."""
    figure = open_page(to=alone).locator("#languages")
    for place, tokenizer in enumerate(TOKENIZERS.values()):
        choose(figure, tokenizer=place, language=LANGUAGES.index(language), sentence=2)
        view = figure.locator(".lang-chips").nth(0 if language == "English" else 1)
        compare_chips(view, tokenizer, SENTENCES[language][2])
        way = view.evaluate("e => getComputedStyle(e).direction")
        letters = place == 1  # of bytes alone nothing is read from the right
        assert way == ("rtl" if language == "Arabic" and letters else "ltr")
    if language == "Arabic":
        first, second = (view.locator("span").nth(i).bounding_box() for i in (0, 1))
        assert first["x"] > second["x"]


def test_by_keyboard_mouse_and_address(open_page, alone):
    page = open_page(to=alone)
    figure = page.locator("#languages")
    figure.locator(".lang-language select").press("ArrowDown")
    assert figure.locator("tr.chosen th").inner_text() == LANGUAGES[2]
    figure.locator("tbody tr").first.click()
    assert " times as many" not in figure.locator("[role=status]").inner_text()
    figure.locator("tbody tr").nth(9).click()
    assert "in Hindi" in figure.locator("[role=status]").inner_text()
    there = open_page(to=alone + "#languages?tokenizer=1&sentence=3&language=8")
    assert there.locator("tr.chosen th").inner_text() == "Arabic"
    assert there.locator("[role=status]").inner_text().startswith("small: ")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_it_fits_is_named_and_every_control_moves_it(open_page, alone, theme, width):
    page = open_page(to=alone, theme=theme, width=width)
    check_page(page, width)
    check_controls(page.locator("#languages"), 21)
