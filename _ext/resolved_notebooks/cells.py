"""a resolved page → the notebook's cells, in the order of the source

Text that stood in one Markdown cell stays in one: the parser numbers lines as
(cell + 1) · 10,000 + line. Code is taken from the source, untouched, by the number of
its cell; cells that the page leaves out (`remove-cell`) come back with their code
folded, because those below may need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import nbformat
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell
from sphinx_exercise.nodes import solution_node

from . import tables  # noqa: F401 (its rules register themselves)
from .blocks import attached, block, joined
from .boxes import folded, opened, solution_name
from .inline import in_line
from .page import Page

FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
LEFT_OUT = {"remove-cell", "remove_cell"}
BOTH_LEFT_OUT = {"remove-input", "remove-output"}


@dataclass
class Piece:
    """Text from one source cell, or a reference to a code cell."""

    source: int | None  # number of the source cell, from 0
    text: list[str] | None = None  # None: code
    is_folded: bool = False


@dataclass
class Pieces:
    page: Page
    all: list[Piece] = field(default_factory=list)
    here: int | None = None  # the source cell of what was written last

    def write(self, blocks: list[str], *, apart: bool = False) -> None:
        last = self.all[-1] if self.all else None
        if last is None or last.text is None or last.source != self.here or apart:
            self.all.append(last := Piece(self.here, []))
        last.text.extend(blocks)

    def code(self, number: int, *, is_folded: bool) -> None:
        self.here = number
        self.all.append(Piece(number, is_folded=is_folded))


def code_number(node: nodes.Node) -> int | None:
    is_cell = (
        isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"
    )
    return node["cell_index"] if is_cell else None


def holds_code(node: nodes.Node) -> bool:
    return any(code_number(each) is not None for each in node.findall(nodes.container))


def source_cell(node: nodes.Node) -> int | None:
    """From its line, or that of the first node inside which has one."""
    lines = (each.line for each in node.findall(nodes.Element) if each.line)
    return next((line // 10_000 - 1 for line in lines if line >= 10_000), None)


def walk(node: nodes.Element, pieces: Pieces, level: int) -> None:
    for child in node.children:
        number = code_number(child)
        if number is not None:
            pieces.code(number, is_folded=False)
            continue
        found = source_cell(child) if isinstance(child, nodes.Element) else None
        pieces.here = pieces.here if found is None else found
        if isinstance(child, nodes.title):
            pieces.write(heading(node, child, pieces.page, level))
        elif isinstance(child, nodes.section):
            walk(child, pieces, level + 1)
        elif isinstance(child, nodes.Element) and holds_code(child):
            spread(child, pieces, level)
        elif blocks := block(child, pieces.page):
            pieces.write(blocks)


def heading(
    section: nodes.Element, title: nodes.title, page: Page, level: int
) -> list[str]:
    number = page.section_number(section)
    text = f"{'#' * min(level, 6)} {number}{in_line(title, page)}"
    return attached(page.anchor(section["ids"]), [text])


def spread(box: nodes.Element, pieces: Pieces, level: int) -> None:
    """A box with code cells inside: its text between them, its code folded if it is
    a solution."""
    content = next(c for c in box.children if isinstance(c, nodes.section))
    if not isinstance(box, solution_node):
        pieces.write(opened(box, pieces.page))
        walk(content, pieces, level)
        return
    name, inside = (
        solution_name(box, pieces.page),
        Pieces(pieces.page, here=pieces.here),
    )
    walk(content, inside, level)
    if inside.all and inside.all[0].text is None:
        inside.all.insert(0, Piece(pieces.here, ["It is the code of the next cell."]))
    for piece in inside.all:
        pieces.here = piece.source
        if piece.text is None:
            pieces.code(piece.source, is_folded=True)
        else:
            pieces.write([folded(name, piece.text)], apart=True)
            name = "Solution, continued"


def left_out(cells: list[nbformat.NotebookNode]) -> Iterator[int]:
    """Code cells that no page shows, but which have to run."""
    for number, cell in enumerate(cells):
        tags = set(cell.metadata.get("tags", []))
        is_code = cell.cell_type == "code" and cell.source.strip()
        if is_code and (tags & LEFT_OUT or tags >= BOTH_LEFT_OUT):
            yield number


def put_back(pieces: list[Piece], cells: list[nbformat.NotebookNode]) -> list[Piece]:
    for number in left_out(cells):
        place = next(
            (i for i, p in enumerate(pieces) if (p.source or 0) > number), len(pieces)
        )
        pieces.insert(place, Piece(number, is_folded=True))
    return pieces


def code_cell(
    source: nbformat.NotebookNode, *, is_folded: bool
) -> nbformat.NotebookNode:
    """The source's own cell without outputs."""
    metadata = dict(source.metadata)
    if is_folded or FOLDED & set(metadata.get("tags", [])):
        metadata["jupyter"] = {**metadata.get("jupyter", {}), "source_hidden": True}
        metadata["cellView"] = "form"  # the same, for Colab
    return new_code_cell(source.source, id=source.id, metadata=metadata)


def cells_of(
    doctree: nodes.document, source: nbformat.NotebookNode, page: Page
) -> list[nbformat.NotebookNode]:
    pieces = Pieces(page)
    walk(doctree, pieces, level=0)
    cells, names = [], set()
    for piece in put_back(pieces.all, source.cells):
        origin = source.cells[piece.source] if piece.source is not None else None
        if piece.text is None:
            cell = code_cell(origin, is_folded=piece.is_folded)
        else:
            cell = new_markdown_cell(joined(piece.text))
            cell.id = origin.id if origin else "text"
        cell.id = unused(cell.id, names)
        cells.append(cell)
    return cells


def unused(name: str, names: set[str]) -> str:
    """cell, cell-2, cell-3, …: the same in every build."""
    candidate, count = name, 1
    while candidate in names:
        count += 1
        candidate = f"{name}-{count}"
    names.add(candidate)
    return candidate
