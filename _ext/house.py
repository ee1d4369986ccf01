"""theme → our pages: what is left out, and where the buttons lead

- the 1.5 MB icon script goes: the same icons come as a web font with the theme's CSS;
- the Colab button opens the published notebook (branch `notebooks`), in which the raw
  MyST of the source is resolved into plain Markdown;
- BOOK_SOLUTIONS=0 builds the book without solutions.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

LEFT_OUT = "/* Left out: the icons come from the web font. */\n"
NOTEBOOK_BRANCH = "notebooks"


def leave_out_solutions(app: Sphinx, config: Config) -> None:
    config.hide_solutions = os.environ.get("BOOK_SOLUTIONS", "1") == "0"


def published_notebook(url: str) -> str:
    """…/blob/main/chapters/03_x.ipynb → …/blob/notebooks/03_x.ipynb"""
    return re.sub(r"/blob/[^/]+/(?:.*/)?", f"/blob/{NOTEBOOK_BRANCH}/", url)


def lead_to_published(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("text") == "Colab":
                button["url"] = published_notebook(button["url"])


def trim(app: Sphinx, exception: Exception | None) -> None:
    script = Path(app.outdir, "_static", "scripts", "fontawesome.js")
    if exception is None and script.exists():
        script.write_text(LEFT_OUT, "utf8")


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", leave_out_solutions)
    app.connect("html-page-context", lead_to_published, priority=900)
    app.connect("build-finished", trim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
