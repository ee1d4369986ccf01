"""{cite:t}`vaswani2017` → Vaswani et al. (2017): citations in round brackets

The author–year style of sphinxcontrib-bibtex writes square brackets, and offers a
choice only to those who register a style of their own:

    bibtex_reference_style: author_year_round
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sphinxcontrib.bibtex.plugin
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

NAME = "author_year_round"


def brackets() -> BracketStyle:
    return BracketStyle(left="(", right=")")


@dataclass
class RoundStyle(AuthorYearReferenceStyle):
    bracket_parenthetical: BracketStyle = field(default_factory=brackets)
    bracket_textual: BracketStyle = field(default_factory=brackets)
    bracket_author: BracketStyle = field(default_factory=brackets)
    bracket_label: BracketStyle = field(default_factory=brackets)
    bracket_year: BracketStyle = field(default_factory=brackets)


def setup(app: Sphinx) -> dict:
    sphinxcontrib.bibtex.plugin.register_plugin(
        "sphinxcontrib.bibtex.style.referencing", NAME, RoundStyle
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
