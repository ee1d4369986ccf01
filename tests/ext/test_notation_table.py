"""notation_table: the library's table of letters, as the page shows it"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from docutils import nodes

from llmath.notation import LATEX, NOTATION
from notation_table import NotationTable


def table(name: str) -> nodes.table:
    """What `{notation} name` puts on the page."""
    directive = NotationTable.__new__(NotationTable)
    directive.arguments = [name]
    directive.directive_error = lambda level, message: ValueError(message)
    directive.state = SimpleNamespace()
    (found,) = directive.run()
    return found


@pytest.mark.parametrize("name", NOTATION)
def test_every_letter_has_its_row(name):
    rows = next(table(name).findall(nodes.tbody)).children
    assert len(rows) == len(NOTATION[name])
    for row, (letter, meaning) in zip(rows, NOTATION[name].items(), strict=True):
        formula, text = row.children
        assert next(formula.findall(nodes.math)).astext() == LATEX.get(letter, letter)
        assert text.astext() == meaning


def test_an_unknown_table_names_the_known_ones():
    with pytest.raises(ValueError, match="axes, quantities"):
        table("animals")
