"""What the writer of a page has to know about the book around it"""

from __future__ import annotations

import base64
import html
import mimetypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

import addresses

logger = logging.getLogger(__name__)
NOWHERE = "https://book.invalid/"  # stands in where no site is configured


def slug(name: str) -> str:
    """def:softmax → def-softmax: what every front end accepts after a #"""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)


@dataclass
class Page:
    """One page of the book, being written as a notebook."""

    app: Sphinx
    docname: str
    macros: dict[str, str]
    wanted: set[str] = field(default_factory=set)  # anchors that links lead to
    cited: set[str] = field(default_factory=set)  # keys of the bibliography
    notes: list[str] = field(default_factory=list)  # footnotes, written at the end
    flat: bool = False  # inside a quotation: a formula stays in one line
    in_table: bool = False

    def __post_init__(self) -> None:
        self.base = addresses.site(self.app.config) or NOWHERE
        self.url = self.url_of(self.docname)
        self.citations = {
            f"{self.url_of(c.bibliography_key.docname)}#{c.citation_id}": c
            for c in self.citation_list()
        }

    def url_of(self, docname: str) -> str:
        return urljoin(self.base, self.app.builder.get_target_uri(docname))

    def citation_list(self) -> list[Any]:
        """Of the whole book, in the order of its bibliography."""
        domains = self.app.env.domains
        return domains["cite"].citations if "cite" in domains else []

    def address(self, link: nodes.Element) -> str:
        """Where a resolved reference leads from the notebook; "" if nowhere."""
        uri = link.get("refuri", "")
        if link.get("refid"):
            target = f"{self.url}#{link['refid']}"
        elif link.get("internal"):
            target = urljoin(self.url, uri)
        else:
            return quote(uri, safe="%/:=&?~#+!$,;'@*[]-._")
        if citation := self.citations.get(target):
            self.cited.add(citation.key)
            return "#" + slug(f"ref-{citation.key}")
        page, _, fragment = target.partition("#")
        if page == self.url and "?" not in fragment:  # a figure's state is the site's
            return "#" + slug(fragment) if fragment else ""
        return "" if self.base == NOWHERE else target

    def look_for_links(self, doctree: nodes.document) -> None:
        """Only what a link leads to gets an anchor."""
        links = [n for n in doctree.findall(nodes.Element) if is_link(n)]
        shown = [n for n in links if not isinstance(n.parent, nodes.title)]
        found = {self.address(link) for link in shown}
        self.wanted = {address[1:] for address in found if address.startswith("#")}

    def anchor(self, names: list[str]) -> str:
        """Jupyter follows id, Colab name."""
        wanted = sorted({slug(name) for name in names} & self.wanted)
        return "".join(f'<a id="{name}" name="{name}"></a>' for name in wanted)

    def number(self, kind: str, node: nodes.Element) -> str:
        """3.1 for a figure, equation, definition, …; "" if it has none."""
        numbers = self.app.env.toc_fignumbers.get(self.docname, {}).get(kind, {})
        for name in node["ids"]:
            if name in numbers:
                return ".".join(map(str, numbers[name]))
        return ""

    def numbered(self, kind: str, node: nodes.Element) -> str:
        """Fig. 3.1, in the words of numfig_format; "" if it has no number."""
        number = self.number(kind, node)
        return self.app.config.numfig_format[kind] % number if number else ""

    def section_number(self, section: nodes.section) -> str:
        """3.1. with the suffix of html_secnumber_suffix."""
        numbers = self.app.env.toc_secnumbers.get(self.docname, {})
        found = next(
            (numbers[f"#{name}"] for name in section["ids"] if f"#{name}" in numbers),
            numbers.get("") if isinstance(section.parent, nodes.document) else None,
        )
        suffix = self.app.config.html_secnumber_suffix
        return ".".join(map(str, found)) + suffix if found else ""

    def image(self, node: nodes.image) -> str:
        """The picture itself, inside the text: the notebook travels alone."""
        uri, alt = node["uri"], node.get("alt") or ""
        if "://" not in uri and not uri.startswith("data:"):
            file = Path(self.app.srcdir, uri.lstrip("/"))
            kind = mimetypes.guess_type(file.name)[0] or "image/png"
            uri = f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
        size = f' width="{node["width"]}"' if node.get("width") else ""
        return f'<img src="{uri}" alt="{html.escape(alt)}"{size}>'

    def unwritten(self, node: nodes.Node) -> None:
        """A construct that would be lost: a warning, so that -W stops the build."""
        logger.warning(
            f"no Markdown is known for {type(node).__name__}; add a rule for it",
            location=node,
            type="resolved_notebooks",
        )

    @contextmanager
    def inside(self, **state: bool) -> Iterator[None]:
        """with page.inside(flat=True): whatever is written there is quoted."""
        before = {name: getattr(self, name) for name in state}
        vars(self).update(state)
        try:
            yield
        finally:
            vars(self).update(before)


def is_link(node: nodes.Element) -> bool:
    return isinstance(node, nodes.reference | nodes.footnote_reference) or (
        type(node).__name__ == "number_reference"
    )
