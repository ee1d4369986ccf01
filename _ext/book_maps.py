"""Two pictures of the book, drawn from what there is while it is built

`{path-of-the-data}` shows every chapter and every file of the library (the_path.py,
and the list in llmath's docstring); `{needs-graph}` shows which page needs which
(_needs.yml). Below each stands the same as a list, which is also what the notebooks
show. Chapters that are still to come are plain text. What does not fit together stops
the build.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import llmath
import map_drawing
import needs_facts
import the_path
from chapter_numbers import chapter_number
from library_reference import ROW
from map_drawing import Link, Row

logger = logging.getLogger(__name__)
LIST = re.compile(r"^(\w+)(\.py|/) +\S", re.MULTILINE)
ALT = {
    "path": "The path from text to an update: text, ids, vectors, blocks, logits, "
    "loss, gradient, update, with the chapter and the files of each step as links. An "
    "arrow leads from the update back to the weights, on the way to vectors, blocks "
    "and logits, a dashed one from the logits to the next id. The list below says the "
    "same.",
    "needs": "The pages of the book below each other, with an arc from each to every "
    "earlier page that it needs. The list below says which section needs which.",
}


class book_map(nodes.General, nodes.Element):
    """Stands where a picture will be, until every page has its title."""


class BookMap(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        kind = "path" if self.name.startswith("path") else "needs"
        return [book_map(kind=kind)]


class Book:
    """Titles and addresses, as seen from one page."""

    def __init__(self, app: Sphinx, docname: str):
        self.app, self.docname = app, docname
        self.labels = app.env.get_domain("std").labels

    def page(self, name: str, *, number: bool = True) -> Link:
        title = plain(self.app.env.titles[name].astext())
        chapter = chapter_number(name)
        first = name in self.app.env.toctree_includes.get(self.app.config.root_doc, ())
        title = f"{chapter} {title}" if first and chapter and number else title
        return Link(title, self.uri(name))

    def uri(self, name: str, place: str = "") -> str:
        address = self.app.builder.get_relative_uri(self.docname, name)
        return f"{address}#{place}" if place or not address else address

    def label(self, name: str) -> Link:
        page, place, title = self.labels[name]
        return Link(plain(title), self.uri(page, place))

    def chapter(self, number: int) -> Link:
        for page in self.app.env.toctree_includes.get(self.app.config.root_doc, ()):
            if chapter_number(page) == number:
                return self.page(page)
        return Link(f"{number} {the_path.TITLES[number]}")

    def file(self, name: str) -> Link:
        shown = dict(LIST.findall(llmath.__doc__))[name]
        place = f"module-llmath.{name}"
        return Link(f"{name}{shown}", self.uri("library", place), mono=True)


def plain(title: str) -> str:
    """A title's TeX as letters: Why divide by √E?"""
    return re.sub(r"\\sqrt\{?(\w)\}?", r"√\1", title).replace("$", "")


def path_rows(book: Book) -> list[Row]:
    return [
        Row(
            step.arrow,
            step.to,
            (*map(book.chapter, step.chapters), *map(book.page, step.pages)),
            tuple(map(book.file, step.files)),
        )
        for step in the_path.STEPS
    ]


def path(book: Book) -> tuple[str, Iterator[list[Link | str]]]:
    """(the picture, the rows of the list)"""
    rows = path_rows(book)
    pictures = map_drawing.path(the_path.START, rows, the_path.BACK, ALT["path"])
    lines = ([name(row), *row.chapters, *row.files] for row in rows)
    return "".join(pictures), lines


def name(row: Row) -> str:
    return f"{row.arrow} (→ {row.to}):" if row.to else f"{row.arrow}:"


def needs(book: Book) -> tuple[str, Iterator[list[Link | str]]]:
    """Pages in the picture, of the refresher its sections; sections in the list."""
    facts = needs_facts.gather(Path(book.app.srcdir))
    home = {s: s if s.startswith("sec:r-") else p for p, s, _ in facts.sections()}
    drawn: dict[str, set[str]] = defaultdict(set)
    for page, section, needed in facts.sections():
        drawn[page] |= set()  # a row of its own, above those of its sections
        drawn[home[section]] |= {home[n] for n in needed} - {home[section]}
    place = {key: i for i, key in enumerate(drawn)}
    rows = [
        (
            book.label(key) if key in facts.places else book.page(key),
            int(key in facts.places or not is_first(book, key)),
            {place[n] for n in needed},
        )
        for key, needed in drawn.items()
    ]
    lines = (
        [book.label(section), "needs:", *map(book.label, needed)]
        for _, section, needed in facts.sections()
        if needed
    )
    return map_drawing.needs(rows, ALT["needs"]), lines


def is_first(book: Book, page: str) -> bool:
    """Whether the page stands in the contents itself, or below another."""
    return page in book.app.env.toctree_includes[book.app.config.root_doc]


def item(parts: list[Link | str]) -> nodes.list_item:
    line = nodes.paragraph()
    for i, part in enumerate(parts):
        link = Link(part) if isinstance(part, str) else part
        before_words = i + 1 < len(parts) and not isinstance(part, str) and i > 0
        words = nodes.literal if link.mono else nodes.inline
        shown = words(link.text, link.text)
        if link.address:
            shown = nodes.reference("", "", shown, refuri=link.address, internal=True)
        line += [shown, nodes.Text(", " if before_words else " ")]
    return nodes.list_item("", line)


def draw(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    kinds: dict[str, Callable] = {"path": path, "needs": needs}
    for place in list(doctree.findall(book_map)):
        picture, lines = kinds[place["kind"]](Book(app, docname))
        listed = nodes.bullet_list("", *map(item, lines))
        title = nodes.title("", "The same as a list")
        folded = nodes.admonition("", title, listed, classes=["dropdown", "map-list"])
        place.replace_self([nodes.raw("", picture, format="html"), folded])


def check(app: Sphinx) -> None:
    """Before any page is read, so that errors come early."""
    root = Path(app.srcdir)
    if not (root / needs_facts.FILE).exists():
        return  # a book without the pictures
    facts = needs_facts.gather(root)
    chapters = {chapter_number(page) for page in facts.pages}
    numbers = {c for c in chapters if isinstance(c, int)}
    lines = the_path.problems(ROW.findall(llmath.__doc__), numbers)
    for line in [*lines, *needs_facts.problems(facts)]:
        logger.warning(line, type="book_maps")


def setup(app: Sphinx) -> dict:
    app.add_node(book_map)
    app.add_directive("path-of-the-data", BookMap)
    app.add_directive("needs-graph", BookMap)
    app.add_css_file("book-maps.css")
    app.connect("builder-inited", check)
    app.connect("doctree-resolved", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
