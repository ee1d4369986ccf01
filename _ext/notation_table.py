"""llmath.notation → the page of letters

`{notation} axes` becomes a table of that name in NOTATION: the letter as it is set in
formulas, and what it stands for. The library's table is the only one.
"""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from llmath.notation import LATEX, NOTATION

HEADINGS = ("Letter", "Meaning")


def paragraph(*children: nodes.Node) -> nodes.paragraph:
    return nodes.paragraph("", "", *children)


def row(*cells: nodes.Node) -> nodes.row:
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def rows(table: dict[str, str]) -> Iterator[nodes.row]:
    for letter, meaning in table.items():
        formula = LATEX.get(letter, letter)
        yield row(
            paragraph(nodes.math(formula, formula)), paragraph(nodes.Text(meaning))
        )


class NotationTable(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in NOTATION:
            known = ", ".join(NOTATION)
            raise self.error(f"no table is called {name!r}; there are: {known}")
        head = row(*(paragraph(nodes.Text(heading)) for heading in HEADINGS))
        group = nodes.tgroup(
            "",
            nodes.colspec(colwidth=15),
            nodes.colspec(colwidth=85),
            nodes.thead("", head),
            nodes.tbody("", *rows(NOTATION[name])),
            cols=2,
        )
        return [nodes.table("", group, classes=["notation"])]


def setup(app: Sphinx) -> dict:
    app.add_directive("notation", NotationTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
