"""tables → pipe tables, each cell in one line"""

from __future__ import annotations

import re
from itertools import zip_longest

from docutils import nodes

from .blocks import attached, block, children
from .inline import in_line
from .page import Page


@block.register
def _(node: nodes.table, page: Page) -> list[str]:
    number = page.numbered("table", node)
    titles = [in_line(title, page) for title in node.findall(nodes.title)]
    caption = " ".join(filter(None, [number and f"**{number}**", *titles]))
    with page.inside(in_table=True):
        rows = [row_of(row, page) for row in node.findall(nodes.row)]
        has_head = any(True for _ in node.findall(nodes.thead))
    width = max(map(len, rows), default=0)
    head = rows.pop(0) if has_head else []
    rule = alignments(node, width)
    lines = [line_of(head, width), line_of(rule, width)]
    lines += [line_of(row, width) for row in rows]
    blocks = [caption, "\n".join(lines)] if caption else ["\n".join(lines)]
    return attached(page.anchor(node["ids"]), blocks)


def row_of(row: nodes.row, page: Page) -> list[str]:
    cells: list[str] = []
    for entry in row.children:
        text = "<br>".join(" ".join(cell_lines(entry, page)).split("\n"))
        cells += [text.replace("|", r"\|")] + [""] * entry.get("morecols", 0)
    return cells


def cell_lines(entry: nodes.entry, page: Page) -> list[str]:
    """Paragraphs and list items of a cell, each in one line."""
    blocks = children(entry, page)
    lines = [line for each in blocks for line in each.splitlines()]
    if any(re.match(r"\s*-\s", line) for line in lines):
        return ["\n".join(re.sub(r"^\s*- ", "• ", line) for line in lines)]
    return ["\n".join(" ".join(each.split()) for each in blocks)]


def line_of(cells: list[str], width: int) -> str:
    filled = [cell for cell, _ in zip_longest(cells, range(width), fillvalue="")]
    return "| " + " | ".join(filled) + " |"


def alignments(table: nodes.table, width: int) -> list[str]:
    marks = {"text-right": "--:", "text-center": ":-:", "text-left": ":--"}
    first = next(iter(table.findall(nodes.row)), nodes.row())
    rule = [
        next((marks[c] for c in entry["classes"] if c in marks), "---")
        for entry in first.children
    ]
    return rule + ["---"] * (width - len(rule))
