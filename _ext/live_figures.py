"""lib/llmath/viz → the site: figures that live without a kernel

Kernels started by the build inherit BOOK_STATIC=1 and write light figures. What wakes
them is on every page: `live/host.js` (deferred) and `live/live.css`; each figure's
JavaScript is a classic script, fetched when its figure comes near. Where a page has a
tokenizer playground, the tables of its tokenizers lie beside them, in `live/tables/`,
and so do the words of an embedding explorer: its notebook wrote them when it ran.

In the text, `[head 13.8](#heads?layer=13&head=8)` leads to the figure with key="heads".
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

import addresses
from llmath.viz import live, tokenizer_tables
from llmath.viz.embedding_explorer import TABLES

PLOTLY = "application/vnd.plotly.v1+json"
IN_A_STATE = re.compile(r"[A-Za-z][\w-]*\?[^#]*", re.A)  # key?trait=value&…
PLAYGROUND = 'data-live="tokenizer_playground"'
TABLE = re.compile(r'"path":"tables/([0-9a-f]+\.js)"')  # of an embedding explorer
logger = logging.getLogger(__name__)


class PlotlyRenderer:
    """A bare plotly figure has no text alternative: say so instead of losing it."""

    mime_priority_overrides = (("*", PLOTLY, 1),)

    @staticmethod
    def handle_mime(
        renderer: Any, data: Any, inline: bool
    ) -> list[nodes.Element] | None:
        if data.mime_type != PLOTLY:
            return None
        logger.warning(
            "a plotly figure without a text alternative: show it by "
            "viz.plot(fig, alt=…) instead of fig.show()",
            location=(renderer.renderer.document["source"], data.line),
        )
        return []


def write_if_new(path: Path, text: str) -> None:
    """Sphinx copies by time stamp: an unchanged file keeps its own."""
    if not path.exists() or path.read_text("utf8") != text:
        path.write_text(text, "utf8")


def write_assets(folder: Path) -> None:
    """host.js, live.css and the figures' scripts, whose version is their content."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = {}
    for module in live.modules():
        text = live.classic(module)
        write_if_new(folder / f"{module}.js", text)
        versions[f"{module}.js"] = hashlib.sha256(text.encode()).hexdigest()[:8]
    write_if_new(folder / "host.js", live.host(versions))
    write_if_new(folder / "live.css", live.stylesheet())


def write_tables(app: Sphinx, error: Exception | None) -> None:
    """The playground's tables, for the site that has one: a book without is quicker."""
    if error is not None or app.builder.format != "html":
        return
    pages = [page.read_text("utf8") for page in Path(app.outdir).rglob("*.html")]
    folder = Path(app.outdir) / "_static" / "live"
    if any(PLAYGROUND in page for page in pages):
        tokenizer_tables.write(folder)
    for name in sorted({name for page in pages for name in TABLE.findall(page)}):
        kept = Path(os.environ[TABLES], name)
        if not kept.exists():
            logger.warning(f"{kept} is gone, which a notebook wrote: run make clean")
            continue
        (folder / "tables").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, folder / "tables" / name)


def keep_tables(app: Sphinx, config: Config) -> None:
    """Beside the executed notebooks: a page from the cache has its table there too."""
    cache = getattr(config, "nb_execution_cache_path", "") or app.doctreedir
    os.environ[TABLES] = str(Path(cache).resolve() / "tables")


def add_assets(app: Sphinx, config: Config) -> None:
    root = Path(app.doctreedir).parent / "live_figures"
    write_assets(root / "live")
    config.html_static_path.append(str(root))


def link_to_states(app: Sphinx, doctree: nodes.document) -> None:
    """Sphinx knows no target with a state behind it; tests/book looks for the key."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        target = node.get("reftarget", "")
        if node.get("reftype") == "myst" and IN_A_STATE.fullmatch(target):
            link = nodes.reference("", "", *node.children, refuri=f"#{target}")
            link["internal"] = True
            node.replace_self(link)


def pass_on_address(app: Sphinx, config: Config) -> None:
    """show_source links to the library in the repository, if there is an address."""
    if addresses.repository(config):
        os.environ["BOOK_SOURCE"] = addresses.source(config, "lib")


def setup(app: Sphinx) -> dict:
    os.environ["BOOK_STATIC"] = "1"
    app.connect("config-inited", add_assets)
    app.connect("config-inited", keep_tables)
    app.connect("config-inited", pass_on_address)
    app.connect("doctree-read", link_to_states)
    app.connect("build-finished", write_tables)
    app.add_js_file("live/host.js", loading_method="defer")
    app.add_css_file("live/live.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
