"""The source shown is the source there is"""

from __future__ import annotations

import html
import inspect
import re

import pytest

from llmath import attention
from llmath.viz import source
from llmath.viz.source import place, show_source, source_html


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_real_source_and_place():
    page = source_html(attention.softmax)
    assert inspect.getsource(attention.softmax) in text_of(page)
    file, first, _ = place(attention.softmax)
    assert file == "lib/llmath/attention.py"
    lines = inspect.getsource(attention).splitlines()
    assert lines[first - 1].startswith("def softmax")
    assert f"{file}:{first}" in page


def test_long_sources_are_folded():
    assert "<details>" in source_html(attention.Attention)
    assert "<details>" not in source_html(attention.softmax)


def test_links_where_there_is_an_address(monkeypatch):
    monkeypatch.delenv("BOOK_SOURCE", raising=False)
    assert "<a " not in source_html(attention.softmax)
    monkeypatch.setenv("BOOK_SOURCE", "https://example.org/blob/main/lib")
    _, first, _ = place(attention.softmax)
    address = f"https://example.org/blob/main/lib/llmath/attention.py#L{first}"
    assert f'<a href="{address}">' in source_html(attention.softmax)
    assert "<a " not in source_html(test_long_sources_are_folded)  # not the library's


@pytest.mark.parametrize("on_site", [True, False])
def test_notebooks_get_colours(monkeypatch, on_site):
    shown = []
    monkeypatch.setattr(source, "display", lambda data, raw: shown.append(data))
    monkeypatch.setenv("BOOK_STATIC", str(int(on_site)))
    show_source(attention.softmax)
    assert ("<style>" in shown[0]["text/html"]) is not on_site
    assert shown[0]["text/plain"] == inspect.getsource(attention.softmax)
