"""Links to a figure in a state: to a place on the page, from notebooks to the site"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

import live_figures
from resolved_notebooks.page import NOWHERE, Page


def linked(target: str, kind: str = "myst") -> nodes.Element:
    document = new_document("page")
    cross = addnodes.pending_xref("", nodes.inline("", "13.8"), reftype=kind,
                                  reftarget=target)  # fmt: skip
    document += nodes.paragraph("", "", cross)
    live_figures.link_to_states(None, document)
    return document[0][0]


def test_a_state_becomes_a_link_of_the_page():
    link = linked("heads?layer=13&head=8")
    assert isinstance(link, nodes.reference)
    assert (link["refuri"], link["internal"]) == ("#heads?layer=13&head=8", True)
    assert link.astext() == "13.8"


@pytest.mark.parametrize(
    ("target", "kind"),
    [("heads", "myst"), ("sec:x", "myst"), ("page.md?x=1", "myst"), ("a?b", "ref")],
)
def test_other_links_are_left_to_sphinx(target, kind):
    assert isinstance(linked(target, kind), addnodes.pending_xref)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://x.org/", "https://x.org/a.html#heads?layer=13"),
        (NOWHERE, ""),
    ],
)
def test_a_notebook_links_to_the_site_where_figures_have_addresses(base, expected):
    page = SimpleNamespace(base=base, url=base + "a.html", citations={})
    link = nodes.reference(refuri="#heads?layer=13", internal=True)
    assert Page.address(page, link) == expected
    plain = nodes.reference(refuri="#sec-x", internal=True)
    assert Page.address(page, plain) == "#sec-x"
