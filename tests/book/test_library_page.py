"""The library's page: everything public, with its equation and its code"""

from __future__ import annotations

import ast
import copy
from pathlib import Path

import bs4
import pytest

import library_reference

LIBRARY = Path(__file__).resolve().parents[2] / "lib" / "llmath"


def documented() -> set[str]:
    """Public functions and classes with a docstring, read from the files."""
    found = set()
    for _, module in library_reference.rows():
        tree = ast.parse(Path(module.__file__).read_text("utf8"))
        found |= {
            f"{module.__name__}.{node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node)
        }
    return found


@pytest.fixture(scope="module")
def page(site: Path) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup((site / "library.html").read_text("utf8"), "html.parser")


def test_everything_public_is_there(page):
    there = {entry["id"] for entry in page.select("dt.sig[id]")}
    assert documented() <= there
    assert len(documented()) > 60


def test_a_formula_is_set_and_numbered(page):
    entry = page.find(id="llmath.norm.rms_norm").parent
    assert entry.select_one(".katex")
    number = entry.select_one("a.reference.internal[href*='equation-eq-rms-norm']")
    assert number.get_text().startswith("(A.") or number.get_text()[1].isdigit()
    assert "Zhang" in entry.get_text()


def test_shapes_stand_in_the_signature(page):
    signature = page.find(id="llmath.attention.attention_weights").get_text()
    assert "q: Float[Tensor, 'B H T E']" in signature


def test_source_leads_to_the_lines_of_the_function(page):
    address = page.find(id="llmath.norm.rms_norm").parent.select_one(".code-source a")[
        "href"
    ]
    path, lines = address.split("/blob/main/")[1].split("#L")
    first, last = (int(number.lstrip("L")) for number in lines.split("-"))
    text = (LIBRARY.parents[1] / path).read_text("utf8").splitlines()
    assert text[first - 1].startswith("def rms_norm(")
    assert text[last - 1].startswith("    return")
    assert text[last] == ""


def test_no_markup_is_left_over(page):
    article = copy.copy(page.select_one("article"))
    for formula in article.select(".katex"):
        formula.decompose()  # with its TeX
    text = article.get_text()
    for rest in ("{eq:", ":eq:", "``", "\\*", "\\_"):
        assert rest not in text, rest


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A = z* {eq:softmax}", r"A = z\* :eq:`eq:softmax`"),
        ("`p_t` of a|b", r"``p_t`` of a\|b"),
        ("resid_ and x_t", r"resid\_ and x_t"),
    ],
)
def test_docstrings_say_the_same_in_restructured_text(line, expected):
    assert library_reference.plain(line) == expected
