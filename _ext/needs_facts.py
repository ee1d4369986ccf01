"""_needs.yml, _toc.yml and the pages → which section needs which, and what is wrong

Reads the sources without running any of them, as equation_facts does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from equation_facts import texts

LABEL = re.compile(r"^\(((?:ch|sec):[\w-]+)\)=\s*$", re.M)
FILE, CONTENTS = "_needs.yml", "_toc.yml"
NOT_DRAWN = ("index", "how-to", "notation", "equations", "library", "bibliography")


@dataclass(frozen=True)
class Needs:
    """Pages and labels in the book's order, and what the table says of them."""

    pages: tuple[str, ...]
    places: dict[str, tuple[str, int]]  # label → its page, its place in the book
    table: dict[str, dict[str, list[str]]]

    def sections(self) -> Iterator[tuple[str, str, list[str]]]:
        """(page, section, what it needs), of the pages that there are."""
        for page in self.pages:
            for section, needed in self.table.get(page, {}).items():
                yield page, section, [n for n in needed if n not in self.still_to_come]

    @property
    def still_to_come(self) -> set[str]:
        """Sections of pages that the table knows and the book does not have yet."""
        absent = (s for page, s in self.table.items() if page not in self.pages)
        return {section for sections in absent for section in sections}


def in_contents(contents: dict) -> Iterator[str]:
    """The pages of _toc.yml, in the order of reading."""
    yield from filter(None, [contents.get("root"), contents.get("file")])
    for kind in ("parts", "chapters", "sections"):
        for entry in contents.get(kind, ()):
            yield from in_contents(entry)


def labels_of(root: Path, page: str) -> list[str]:
    """The labels of a page's sections, in their order; none if it is not there."""
    files = (root / f"{page}{suffix}" for suffix in (".ipynb", ".md"))
    found = (file for file in files if file.exists())
    return [m[1] for f in found for _, text in texts(f) for m in LABEL.finditer(text)]


def gather(root: Path) -> Needs:
    pages = tuple(in_contents(yaml.safe_load((root / CONTENTS).read_text("utf8"))))
    labels = [(label, page) for page in pages for label in labels_of(root, page)]
    places = {label: (page, at) for at, (label, page) in enumerate(labels)}
    table = yaml.safe_load((root / FILE).read_text("utf8"))
    return Needs(pages, places, table)


def problems(needs: Needs) -> list[str]:
    """One line for each thing that the table has wrong; nothing if it holds."""
    chapters = [p for p in needs.pages if re.match(r"chapters/(\d|preface|ref)", p)]
    return [
        *(f"{page} has no row in {FILE}" for page in chapters
          if page not in needs.table),
        *(line for row in needs.sections() for line in wrong(needs, *row)),
    ]  # fmt: skip


def wrong(needs: Needs, page: str, section: str, needed: list[str]) -> Iterator[str]:
    """What is wrong with one row; that nothing needs what follows excludes cycles."""
    here, at = needs.places.get(section, ("", 0))
    if here != page:
        yield f"{section} is no section of {page}"
        return
    for other in needed:
        if other not in needs.places:
            yield f"{section} needs {other}, which no page has"
        elif all(other not in sections for sections in needs.table.values()):
            yield f"{section} needs {other}, which has no row in {FILE}"
        elif needs.places[other][1] >= at:
            yield f"{section} needs {other}, which does not stand before it"


def cycle(needs: Needs) -> list[str]:
    """Sections that need each other in a ring, found without the book's order."""
    graph = {section: set(needed) for _, section, needed in needs.sections()}
    while graph:
        free = {section for section, needed in graph.items() if not needed & set(graph)}
        if not free:
            return sorted(graph)
        graph = {s: n for s, n in graph.items() if s not in free}
    return []
