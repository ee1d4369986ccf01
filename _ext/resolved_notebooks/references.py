"""what a page cites → the list of references at the end of its notebook"""

from __future__ import annotations

from pybtex.plugin import find_plugin
from sphinxcontrib.bibtex.transforms import node_text_transform

from .blocks import indented
from .inline import in_line
from .page import Page, slug


def reference(citation, page: Page) -> str:
    """One entry, as the book's bibliography has it, with its links."""
    entry = find_plugin("pybtex.backends", "docutils")().paragraph(
        citation.formatted_entry
    )
    node_text_transform(entry)
    name = slug(f"ref-{citation.key}")
    anchor = f'<a id="{name}" name="{name}"></a>'
    return indented([anchor + in_line(entry, page)], "- ")


def references(page: Page) -> str:
    """The section; an empty text if nothing is cited."""
    unique = {c.key: c for c in page.citation_list() if c.key in page.cited}
    entries = [reference(citation, page) for citation in unique.values()]
    return "\n".join(["## References\n", *entries]) if entries else ""
