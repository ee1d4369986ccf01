"""figures → a folder with one static page, as the site would show them"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmath.viz import live, tokenizer_tables
from llmath.viz.embedding_explorer import TABLES

PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><head>
<meta charset="utf-8"><title>Figures</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="live/live.css"><script src="live/host.js" defer></script>
<style>
html {{ --pst-color-background: #fff; --pst-color-text-base: #222832;
  --pst-color-text-muted: #48566b; --pst-color-border: #d1d5da;
  --pst-color-surface: #f3f4f5; --pst-color-primary: #176de8; }}
html[data-theme="dark"] {{ color-scheme: dark; --pst-color-background: #121212;
  --pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af;
  --pst-color-border: #48566b; --pst-color-surface: #29313d;
  --pst-color-primary: #528fe4; }}
body {{ font: 16px/1.6 system-ui, "Liberation Sans", sans-serif; margin: 0 auto;
  max-width: 43rem; padding: 1rem;
  background: var(--pst-color-background); color: var(--pst-color-text-base); }}
</style></head><body><main><h1>Figures</h1>
{figures}
</main></body></html>"""


@contextmanager
def static_build(tables: Path | None = None) -> Iterator[None]:
    """As in a kernel that the site's build has started, which collects `tables`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOK_STATIC", "1")
        if tables is not None:
            patch.setenv(TABLES, str(tables))
        yield


def html_of(figure: object) -> str:
    """What the cell that shows the figure puts out."""
    bundle = figure._repr_mimebundle_()
    return (bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"]


def write_page(
    folder: Path, *makers: Callable[[], object], theme: str = "light"
) -> Path:
    """Makes the figures in the static build and writes the page; returns its path."""
    assets = folder / "live"
    assets.mkdir(parents=True, exist_ok=True)
    for module in live.modules():
        (assets / f"{module}.js").write_text(live.classic(module), "utf8")
    (assets / "host.js").write_text(live.host({}), "utf8")
    (assets / "live.css").write_text(live.stylesheet(), "utf8")
    with static_build(assets / "tables"):
        figures = "\n".join(html_of(make()) for make in makers)
    if 'data-live="tokenizer_playground"' in figures:
        tokenizer_tables.write(assets)
    page = folder / "index.html"
    page.write_text(PAGE.format(theme=theme, figures=figures), "utf8")
    return page
