"""LaTeX for front ends that know none of the book's macros."""

from __future__ import annotations

import pytest

from resolved_notebooks import tex

MACROS = {
    r"\R": r"\mathbb{R}",
    r"\norm": r"\lVert #1 \rVert",
    r"\inner": r"\langle #1, #2 \rangle",
    r"\unit": r"\norm{#1} = 1",
    r"\T": r"^{\top}",
    r"\half": r"\tfrac12",
    r"\up": r"\uparrow",
}


@pytest.mark.parametrize(
    ("source", "expanded"),
    [
        (r"x \in \R^d", r"x \in \mathbb{R}^d"),
        (r"\norm{\norm{a}}", r"\lVert \lVert a \rVert \rVert"),
        (r"\norm x", r"\lVert x \rVert"),
        (r"\norm\R", r"\lVert \mathbb{R} \rVert"),
        (r"\inner{a_{1}}{b}c", r"\langle a_{1}, b \rangle c"),
        (r"\unit{u}", r"\lVert u \rVert = 1"),
        (r"Q K\T V", r"Q K^{\top} V"),
        (r"\Real \Rx", r"\Real \Rx"),
        (r"\norm{\{a\}}", r"\lVert \{a\} \rVert"),
        (r"\up{}x", r"\uparrow{}x"),
    ],
)
def test_macros_are_expanded(source, expanded):
    assert tex.expand(source, MACROS) == expanded


def test_unclosed_brace_is_reported_with_its_formula():
    with pytest.raises(ValueError, match=r"not closed in .*norm\{a"):
        tex.expand(r"\norm{a", MACROS)


def test_display_carries_its_number_outside_of_the_environment():
    source = "\n\\begin{align}\na &= b \\\\  % why\n\n  &= c\n\\end{align}\n"
    assert tex.display(source, {}, "3.1", flat=False) == (
        "$$\n\\begin{aligned}\na &= b \\\\\n  &= c\n\\end{aligned} \\tag{3.1}\n$$"
    )


def test_quoted_display_is_one_line():
    source = "a\n= b % c"
    assert tex.display(source, {}, "3.1", flat=True) == r"$$ a = b \tag{3.1} $$"
    assert tex.display(source, {}, "", flat=True) == "$$ a = b $$"


def test_equation_environment_disappears():
    source = r"\begin{equation*} a \end{equation*}"
    assert tex.display(source, {}, "", flat=True) == "$$ a $$"


def test_bars_would_end_a_column():
    assert tex.inline(r"|x| + \|y\|", {}, in_table=True) == (
        r"$\vert x\vert  + \Vert y\Vert$"
    )
    assert tex.inline("|x|\n+ 1", {}) == "$|x| + 1$"
