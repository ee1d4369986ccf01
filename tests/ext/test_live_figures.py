"""Links to a figure in a state: to a place on the page, from notebooks to the site"""

from __future__ import annotations

import os
from pathlib import Path
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


@pytest.mark.parametrize(
    ("text", "kind", "error", "expected"),
    [
        ('<div data-live="tokenizer_playground">', "html", None, True),
        ('<div data-live="mask_playground">', "html", None, False),
        ('<div data-live="tokenizer_playground">', "latex", None, False),
        ('<div data-live="tokenizer_playground">', "html", ValueError(), False),
    ],
    ids=["playground", "another", "no site", "failed"],
)
def test_tables_are_written_for_who_asks(tmp_path: Path, text, kind, error, expected):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "a.html").write_text(text)
    builder = SimpleNamespace(format=kind)
    app = SimpleNamespace(builder=builder, outdir=tmp_path)
    live_figures.write_tables(app, error)
    found = {f.name for f in tmp_path.rglob("tables/*.js")}
    assert found == ({"gpt2.js", "smollm2.js", "book.js"} if expected else set())
    if found:
        table = (tmp_path / "_static" / "live" / "tables" / "book.js").read_text("utf8")
        assert table.startswith('(LiveFigures.tables ??= {})["book"] = {"pattern":')


def test_words_that_a_notebook_wrote_come_along(tmp_path: Path, monkeypatch):
    """From beside the executed notebooks; a page whose words are gone is told."""
    config = SimpleNamespace(nb_execution_cache_path=str(tmp_path / "cache"))
    monkeypatch.delenv("BOOK_TABLES", raising=False)
    live_figures.keep_tables(SimpleNamespace(doctreedir=str(tmp_path)), config)
    kept = Path(os.environ["BOOK_TABLES"])
    assert kept == (tmp_path / "cache" / "tables").resolve()
    kept.mkdir(parents=True)
    (kept / "0a1b.js").write_text("words")
    (kept / "ffff.js").write_text("of an older page")
    site, said = tmp_path / "html", []
    site.mkdir()
    (site / "a.html").write_text('{"table":{"path":"tables/0a1b.js","size":5}}')
    monkeypatch.setattr(live_figures.logger, "warning", said.append)
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=site)
    live_figures.write_tables(app, None)
    folder = site / "_static" / "live" / "tables"
    assert [(f.name, f.read_text()) for f in folder.iterdir()] == [("0a1b.js", "words")]
    assert said == []
    (kept / "0a1b.js").unlink()
    live_figures.write_tables(app, None)
    assert len(said) == 1
    assert "0a1b.js is gone" in said[0]
