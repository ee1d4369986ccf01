"""chapters/*.ipynb → _build/notebooks/*.ipynb, in plain Markdown

The text of a chapter is MyST, which no notebook front end reads. After the pages are
written, each chapter's resolved document (the tree that its page was written from) is
written once more, as a notebook: numbers, glued results, citations, boxes and
references have become text, and a first cell sets up Colab or a bare Jupyter.

Why our own writer: of the two packages made for this, sphinx-tojupyter 0.6.0 turns
myst-nb's code cells into Markdown fences and numbered boxes into headings, and
sphinx-markdown-builder 0.6.11 writes no cells and drops boxes, exercises and citations.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util import logging

from .cells import cells_of
from .page import Page
from .references import references
from .setup_cell import setup_cells

logger = logging.getLogger(__name__)
FOLDER = "notebooks"  # beside the pages' folder, and inside of it for downloads


def notebooks(app: Sphinx) -> dict[str, Path]:
    """page → source file, for pages that are notebooks"""
    files = {name: Path(app.env.doc2path(name)) for name in sorted(app.env.found_docs)}
    return {name: file for name, file in files.items() if file.suffix == ".ipynb"}


def resolved(app: Sphinx, docname: str, file: Path) -> nbformat.NotebookNode:
    """The chapter as a notebook in plain Markdown."""
    app.builder.current_docname = docname  # sphinx_exercise asks for it
    doctree = app.env.get_and_resolve_doctree(docname, app.builder)
    source = nbformat.read(file, as_version=4)
    page = Page(app, docname, getattr(app.config, "math_macros", {}))
    page.look_for_links(doctree)
    cells = cells_of(doctree, source, page)
    if page.notes:
        notes = "\n".join(["## Notes\n", *page.notes])
        cells.append(new_markdown_cell(notes, id="notes"))
    if cited := references(page):
        cells.append(new_markdown_cell(cited, id="references"))
    settings = source.metadata.get("llmath", {})
    metadata = {
        "kernelspec": source.metadata.get("kernelspec", {}),
        "language_info": {"name": "python"},
        "colab": {"toc_visible": True},
    }
    return new_notebook(cells=setup_cells(page, settings) + cells, metadata=metadata)


def write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name not in {"html", "dirhtml"}:
        return
    folder = Path(app.outdir).parent / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for docname, file in notebooks(app).items():
        nbformat.write(resolved(app, docname, file), folder / file.name)
    shutil.copytree(folder, Path(app.outdir, FOLDER), dirs_exist_ok=True)
    logger.info(f"resolved notebooks: {folder}")


def offer(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """The download button gives the resolved notebook instead of the MyST source."""
    file = notebooks(app).get(pagename)
    for group in context.get("header_buttons", []) if file else []:
        for button in group.get("buttons", []):
            if button.get("label") == "download-source-button":
                button["url"] = f"{context['pathto'](FOLDER, 1)}/{file.name}"
                button["tooltip"] = "Download this chapter as a notebook"


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", offer, priority=900)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
