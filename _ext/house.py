"""theme → our pages: what is left out, and where the buttons lead

- the 1.5 MB icon script goes: assets/icons.css draws the icons;
- the Colab button opens the published notebook (branch `notebooks`), in which the raw
  MyST of the source is resolved into plain Markdown;
- what the extensions write is mended where HTML or screen readers need something else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

import addresses

# What the extensions write, and what HTML, screen readers and scripts need.
MENDED = (
    # All proofs share an id; a collapsed one has no title to click on.
    (r'class="proof dropdown admonition" id="proof">\s*<p>Proof\. ',
     'class="proof dropdown admonition proof-text">\n'
     '<p class="admonition-title">Proof</p>\n<p>'),
    (r'class="proof admonition" id="proof">\s*<p>Proof\. ',
     'class="proof admonition proof-text">\n<p><em>Proof.</em> '),
    (r' id="(?:proof|exercise|solution)-content">', ">"),
    # The space before a link is not the link's.
    (r'(<p class="admonition-title">Solution to)(<a [^>]*>) ', r"\1 \2"),
    # A name that hides the visible text.
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # A list without list items.
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
)  # fmt: skip
# The arrow in the contents that unfolds a chapter's pages has no words.
NAMELESS = re.compile("<summary>")
NAMED = '<summary aria-label="Pages of this chapter">'
LEFT_OUT = "/* Left out: icons.css draws the icons. */\n"


def configure(app: Sphinx, config: Config) -> None:
    """Jupyter Book fills html_theme_options itself; ours are added to them."""
    config.html_theme_options.update(config.house_theme_options)
    link = f"[repository]({addresses.repository(config)})"
    config.myst_substitutions = {**config.myst_substitutions, "repository": link}


def lead_to_published(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """The Colab button, on chapters only: other pages are not published to run."""
    buttons = context.get("header_buttons", [])
    for group in [b for b in buttons if b.get("label") == "launch-buttons"]:
        if not pagename.startswith("chapters/"):
            buttons.remove(group)
        for button in group["buttons"]:
            button["url"] = addresses.colab(app.config, Path(pagename).name)


def mend(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    for wrong, right in MENDED:
        if "body" in context:
            context["body"] = re.sub(wrong, right, context["body"])
    contents = context.get("generate_toctree_html")
    if contents:
        context["generate_toctree_html"] = lambda *args, **options: NAMELESS.sub(
            NAMED, str(contents(*args, **options))
        )


def trim(app: Sphinx, exception: Exception | None) -> None:
    script = Path(app.outdir, "_static", "scripts", "fontawesome.js")
    if exception is None and script.exists():
        script.write_text(LEFT_OUT, "utf8")


def setup(app: Sphinx) -> dict:
    app.add_config_value("house_theme_options", {}, "html", dict)
    app.connect("config-inited", configure)
    app.connect("html-page-context", lead_to_published, priority=900)
    app.connect("html-page-context", mend, priority=900)
    app.connect("build-finished", trim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
