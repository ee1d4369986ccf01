"""written_numbers: minus signs, powers and per cents of sentences, and nothing else"""

from __future__ import annotations

import pytest
from docutils import nodes
from docutils.utils import new_document

from written_numbers import write_numbers, written


@pytest.mark.parametrize(
    ("python", "book"),
    [
        ("-0.58", "−0.58"),
        ("(-0.75 ± 0.06), -1 and +2", "(−0.75 ± 0.06), −1 and +2"),
        ("6e-05", "6·10⁻⁵"),
        ("below 1e-10.", "below 10⁻¹⁰."),
        ("-4.4e+02", "−4.4·10²"),
        ("3e8 a second", "3·10⁸ a second"),
        ("92 % of them", "92\u00a0% of them"),
        (" % of them", "\u00a0% of them"),
    ],
)
def test_a_number_is_set_as_in_a_book(python, book):
    assert written(python) == book


@pytest.mark.parametrize(
    "text",
    ["GPT-2", "2026-11-24", "8–19", "x-1", "step 1-2", "a1e5", "0x1e5", "1e5f",
     "the e-book", "page-2.html", "10.1109/5-1", "1.2.3e4"],
)  # fmt: skip
def test_what_is_no_number_stays(text):
    assert written(text) == text


@pytest.mark.parametrize("kind", [nodes.literal, nodes.math, nodes.literal_block])
def test_code_and_formulas_stay(kind):
    document, sentence = new_document("x"), nodes.paragraph()
    sentence += [nodes.Text("-1 "), kind("-1", "-1"), nodes.Text("-1 ")]
    document += sentence
    write_numbers(None, document, "x")
    assert sentence.astext() == "−1 -1−1 "
