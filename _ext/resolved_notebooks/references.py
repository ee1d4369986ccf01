"""what a page cites → the list of references at the end of its notebook"""

from __future__ import annotations

from docutils import nodes
from pybtex.plugin import find_plugin

from .blocks import indented
from .inline import in_line
from .page import Page, slug


def reference(citation, page: Page) -> str:
    """One entry, as the book's bibliography has it, with its links."""
    entry = find_plugin("pybtex.backends", "docutils")().paragraph(
        citation.formatted_entry
    )
    for text in list(entry.findall(nodes.Text)):
        if text.startswith(("https://", "http://")) and not is_linked(text):
            link = nodes.reference("", text.astext(), refuri=text.astext())
            text.parent.replace(text, link)
    name = slug(f"ref-{citation.key}")
    anchor = f'<a id="{name}" name="{name}"></a>'
    shown = in_line(entry, page).replace(r"\\url ", "")
    return indented([anchor + shown], "- ")


def is_linked(text: nodes.Text) -> bool:
    return isinstance(text.parent, nodes.reference)


def references(page: Page) -> str:
    """ "" if nothing is cited."""
    unique = {c.key: c for c in page.citation_list() if c.key in page.cited}
    entries = [reference(citation, page) for citation in unique.values()]
    return "\n".join(["## References\n", *entries]) if entries else ""
