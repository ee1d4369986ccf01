"""prerendered_math: node from its wheel, one number for each equation"""

from __future__ import annotations

import subprocess

import pytest
from docutils import nodes
from docutils.utils import new_document

import prerendered_math


def test_node_comes_with_the_packages():
    command = [prerendered_math.node_binary(), "--print", "6 * 7"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "42"


@pytest.mark.parametrize(
    ("written", "rendered"),
    [
        (r"\begin{align} a \end{align}", r"\begin{align*} a \end{align*}"),
        (r"\begin{align*} a \end{align*}", r"\begin{align*} a \end{align*}"),
        (r"\begin{aligned} a \end{aligned}", r"\begin{aligned} a \end{aligned}"),
        (r"\begin{gather} a \end{gather}", r"\begin{gather*} a \end{gather*}"),
        (r"a = b", r"a = b"),
    ],
)
def test_katex_does_not_number_again(written, rendered):
    document = new_document("x")
    document += nodes.math_block(written, written)
    prerendered_math.unnumber(None, document, "x")
    assert document[0].astext() == rendered
