"""The table of letters"""

import ast
from pathlib import Path

import llmath
from llmath.notation import AXES, LATEX, NOTATION, QUANTITIES

LIBRARY = Path(llmath.__file__).parent


def test_the_letters_in_their_order():
    assert list(AXES) == list("BTSHGEDFVL")
    assert list(QUANTITIES) == ["N", "C", "𝒟", "ℒ", "ℒ_∞", "ℍ", "𝔼", "τ", "η", "θ"]
    assert NOTATION == {"axes": AXES, "quantities": QUANTITIES}


def test_no_letter_has_two_meanings():
    assert not AXES.keys() & QUANTITIES.keys()


def test_what_is_typeset_is_in_the_table():
    assert LATEX.keys() <= QUANTITIES.keys()
    assert all(letter.isascii() or letter in LATEX for letter in (*AXES, *QUANTITIES))


def test_annotations_use_these_letters_and_no_others():
    """Single capitals in a shape; words (batch) and sizes speak for themselves."""
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Subscript):
                continue
            if getattr(node.value, "id", "") not in ("Float", "Int", "Bool"):
                continue
            for axis in node.slice.elts[1].value.split():
                told = len(axis.lstrip("*")) > 1 or axis in AXES or axis.isdigit()
                assert told, f"{path}: {axis}"
