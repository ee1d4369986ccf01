"""-0.75, 6e-05 and 92 % in a sentence → −0.75, 6·10⁻⁵ and 92 % that no line parts

Numbers reach the sentences from cells, formatted as Python formats them. Code, printed
outputs and formulas stay as they are.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

from llmath.viz.svg import MINUS

POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?)0*(\d+)(?!\w)")
PER_CENT = re.compile(r"(?:(?<=\d)|^) (?=%)")
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
VERBATIM = (nodes.literal, nodes.FixedTextElement, nodes.math, nodes.raw)


def power(found: re.Match) -> str:
    """1e-05 → 10⁻⁵; 6e+02 → 6·10²"""
    factor = "" if found[1] == "1" else f"{found[1]}·"
    sign = "⁻" if found[2] == "-" else ""
    return f"{factor}10{sign}{found[3].translate(RAISED)}"


def written(text: str) -> str:
    """The text with its numbers as a book sets them."""
    return PER_CENT.sub("\u00a0", MINUS.sub("−", POWER.sub(power, text)))


def verbatim(node: nodes.Node) -> bool:
    """Whether it stands within code, an output or a formula."""
    while node is not None and not isinstance(node, VERBATIM):
        node = node.parent
    return node is not None


def write_numbers(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for text in list(doctree.findall(nodes.Text)):
        new = written(text)
        if new != text and not verbatim(text.parent):
            siblings = text.parent.children
            place = next(i for i, node in enumerate(siblings) if node is text)
            text.parent[place] = nodes.Text(new)


def setup(app: Sphinx) -> dict:
    app.connect("doctree-resolved", write_numbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
