"""house: what the pages leave out, what is mended, where Colab's button leads"""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

import house

REPOSITORY = {"repository_url": "https://github.com/someone/tiny"}


def page(name: str, **context) -> dict:
    """A page's context after our handlers have seen it."""
    config = SimpleNamespace(html_theme_options=REPOSITORY, html_baseurl="")
    app = SimpleNamespace(config=config)
    house.mend(app, name, "page.html", context, None)
    house.lead_to_published(app, name, "page.html", context, None)
    return context


def launch() -> list[dict]:
    colab = {"text": "Colab", "url": "https://example.org/blob/main/chapters/x.ipynb"}
    return [{"label": "launch-buttons", "buttons": [colab]}, {"label": "other"}]


def test_colab_opens_the_published_notebook():
    context = page("chapters/03_attention", header_buttons=launch())
    url = context["header_buttons"][0]["buttons"][0]["url"]
    assert url.endswith("/someone/tiny/blob/notebooks/03_attention.ipynb")


def test_only_chapters_have_the_button():
    context = page("index", header_buttons=launch())
    assert [group["label"] for group in context["header_buttons"]] == ["other"]


@pytest.mark.parametrize(
    ("written", "needed"),
    [
        ('<div class="proof dropdown admonition" id="proof">\n<p>Proof. Since',
         r'<div class="proof dropdown admonition proof-text">\s*'
         r'<p class="admonition-title">Proof</p>\s*<p>Since'),
        ('<div class="proof admonition" id="proof">\n<p>Proof. By',
         r'<div class="proof admonition proof-text">\s*<p><em>Proof.</em> By'),
        ('<section class="x" id="solution-content">', '<section class="x">'),
        ('<summary aria-label="Toggle hidden content">', "<summary>"),
        ("<p>Proof. Just a text.</p>", "<p>Proof. Just a text.</p>"),
    ],
)  # fmt: skip
def test_what_extensions_write_is_mended(written, needed):
    assert re.fullmatch(needed, page("chapters/x", body=written)["body"])


def test_a_page_without_a_body_is_left_alone():
    assert "body" not in page("search")


def test_the_icon_script_goes(tmp_path):
    script = tmp_path / "_static" / "scripts" / "fontawesome.js"
    script.parent.mkdir(parents=True)
    script.write_text("x" * 1000)
    app = SimpleNamespace(outdir=tmp_path)
    house.trim(app, RuntimeError("the build failed"))
    assert len(script.read_text()) == 1000
    house.trim(app, None)
    assert len(script.read_text()) < 100
