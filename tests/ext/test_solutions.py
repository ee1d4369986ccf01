"""Without solutions nothing of them is left: no text, no code, in page and notebook."""

from __future__ import annotations

import nbformat

TRACES = ("Solution to", "The variance is", "Thus:", "mine = 2")


def test_with_solutions(book):
    text = book.page("chapters/03_attention").get_text()
    assert all(trace in text for trace in TRACES)


def test_without_solutions(build, monkeypatch):
    monkeypatch.setenv("BOOK_SOLUTIONS", "0")
    built = build()
    assert not built.warnings
    page = built.page("chapters/03_attention").select_one("article").get_text()
    notebook = nbformat.writes(built.notebook("03_attention"))
    for trace in TRACES:
        assert trace not in page
        assert trace not in notebook
    for kept in ("Exercise 3.2", "mine = 1", "The end."):
        assert kept in page
        assert kept in notebook


def test_changing_one_s_mind_reaches_pages_that_were_built(build, monkeypatch):
    monkeypatch.setenv("BOOK_SOLUTIONS", "0")
    build()
    monkeypatch.setenv("BOOK_SOLUTIONS", "1")
    assert "The variance is" in build().page("chapters/03_attention").get_text()
