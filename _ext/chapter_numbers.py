"""chapters/03_attention → chapter 3: the number stands in the file's name

Sphinx counts the pages of the table of contents, so a book that begins with its third
chapter would call it the first. Here the first number of everything in a chapter –
sections, equations, figures, tables, definitions, exercises – is the one in the file
name, or the letter of an appendix, and a page without one (preface, bibliography) is
not numbered at all.

Sphinx's collector of tables of contents numbers sections first and figures after them,
from the sections' numbers. Other extensions replace that first step
(sphinx_multitoc_numbering) or extend the collector (sphinx_external_toc), so whichever
step is in use is called and what it assigned is corrected. Nothing that depends on
the numbers has been computed at that moment.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector

NUMBERED = re.compile(r"(?:.*/)?(\d+|[A-Z])_[^/]*")


def chapter_number(docname: str) -> int | str | None:
    """chapters/03_attention → 3; chapters/A_formulas → A; preface → None"""
    match = NUMBERED.fullmatch(docname)
    if match is None:
        return None
    return int(match[1]) if match[1].isdigit() else match[1]


def renumber(env: BuildEnvironment, docname: str) -> None:
    """Corrects a page's section numbers wherever Sphinx keeps them."""
    chapter = chapter_number(docname)
    anchors = env.toc_secnumbers[docname]
    if chapter is None:
        del env.toc_secnumbers[docname]
    else:
        for anchor, number in anchors.items():
            if number:
                anchors[anchor] = (chapter, *number[1:])

    titles = [env.titles[docname]] if docname in env.titles else []
    for entry in [*titles, *env.tocs[docname].findall(nodes.reference)]:
        number = entry.get("secnumber")
        if chapter is None:
            entry.attributes.pop("secnumber", None)
        elif number:
            entry["secnumber"] = [chapter, *number[1:]]


def by_file_name(assign: Callable) -> Callable:
    """A collector's numbering step, corrected."""

    def assign_section_numbers(
        self: TocTreeCollector, env: BuildEnvironment
    ) -> list[str]:
        before = env.toc_secnumbers
        changed = assign(self, env)
        called_by_subclass = type(self).assign_section_numbers is not corrected
        if called_by_subclass or "chapter_numbers" not in env.app.extensions:
            return changed
        for docname in list(env.toc_secnumbers):
            renumber(env, docname)
        after = env.toc_secnumbers
        pages = before.keys() | after.keys()
        return sorted(page for page in pages if before.get(page) != after.get(page))

    corrected = assign_section_numbers
    corrected.by_file_name = True  # type: ignore[attr-defined]
    return corrected


def take_over(app: Sphinx) -> None:
    """Once every extension is set up, whatever their order."""
    for collector in (TocTreeCollector, *TocTreeCollector.__subclasses__()):
        step = vars(collector).get("assign_section_numbers")
        if step and not hasattr(step, "by_file_name"):
            collector.assign_section_numbers = by_file_name(step)  # type: ignore


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", take_over)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
