"""prerendered_math: node from its wheel, one number for each equation"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document

import prerendered_math


def test_node_comes_with_the_packages():
    command = [prerendered_math.node_binary(), "--print", "6 * 7"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "42"


def test_a_renderer_that_listens_late_is_waited_for(tmp_path):
    """The socket is there first, and refuses; a moment later someone listens."""
    path = tmp_path / "katex.sock"
    late = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    late.bind(str(path))
    threading.Timer(0.3, late.listen).start()
    idle = [sys.executable, "-c", "import time; time.sleep(60)"]
    server = SimpleNamespace(build_command=lambda socket: idle)
    process, connection = prerendered_math.start_server(server, tmp_path, 10)
    assert connection.getpeername() == str(path)
    process.kill()
    process.wait()
    connection.close()
    late.close()


def test_one_that_never_listens_is_an_error(tmp_path):
    idle = [sys.executable, "-c", "import time; time.sleep(60)"]
    server = SimpleNamespace(
        build_command=lambda socket: idle, timeout_error=TimeoutError
    )
    with pytest.raises(TimeoutError):
        prerendered_math.start_server(server, tmp_path, 0.1)


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


@pytest.mark.parametrize(
    ("after", "formula", "rest"),
    [
        (". And", r"V\text{.}", " And"),
        (").", r"V\text{).}", ""),
        (" is", "V", " is"),
        ("", "V", ""),
    ],
)
def test_punctuation_stays_with_its_formula(after, formula, rest):
    document = new_document("x")
    document += nodes.paragraph("", "", nodes.math("V", "V"), nodes.Text(after))
    prerendered_math.take_in_punctuation(None, document, "x")
    math, text = document[0]
    assert (math.astext(), text.astext()) == (formula, rest)


def test_the_text_behind_the_formula_loses_its_mark_and_no_other():
    """Text nodes are strings, and equal strings are not the same place."""
    inline = [nodes.emphasis("a", "a"), nodes.emphasis("b", "b")]
    inline += [nodes.math("x", "x"), nodes.math("y", "y")]
    between = [node for part in inline for node in (part, nodes.Text(", "))]
    document = new_document("x")
    document += nodes.paragraph("", "", *between)
    prerendered_math.take_in_punctuation(None, document, "x")
    said = [node.astext() for node in document[0]]
    assert said == ["a", ", ", "b", ", ", r"x\text{,}", " ", r"y\text{,}", " "]
