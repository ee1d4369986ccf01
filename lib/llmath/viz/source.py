"""function → its source as the library has it, with colours and its place"""

from __future__ import annotations

import html
import inspect
import os
from collections.abc import Callable
from pathlib import Path

from IPython.display import display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from llmath.viz.live import sheet, static_build
from llmath.viz.style import DARK, palette_css

LIBRARY = Path(__file__).parents[2]  # the folder `lib`
LONG = 30  # lines; longer ones are folded


def place(fn: Callable | type) -> tuple[str, int, int]:
    """Where it is written: file, first line, number of lines."""
    file = Path(inspect.getsourcefile(inspect.unwrap(fn)))
    lines, first = inspect.getsourcelines(fn)
    if file.is_relative_to(LIBRARY):
        file = Path("lib") / file.relative_to(LIBRARY)
    return file.as_posix(), first, len(lines)


def where(file: str, first: int) -> str:
    """`lib/llmath/attention.py:40`, as a link where the repository's address is known.

    The site's build reads the address from _config.yml and passes it on.
    """
    text = f"<code>{html.escape(file)}:{first}</code>"
    base = os.environ.get("BOOK_SOURCE")
    if not base or not file.startswith("lib/"):
        return text
    address = html.escape(f"{base}/{file.removeprefix('lib/')}#L{first}")
    return f'<a href="{address}">{text}</a>'


def colours() -> str:
    """Highlighting for notebooks, light and dark; the site's theme has its own."""
    light = HtmlFormatter(style="xcode", nobackground=True).get_style_defs(
        ".viz-source"
    )
    dark = HtmlFormatter(style="github-dark", nobackground=True).get_style_defs(
        [f"{page.strip()} .viz-source" for page in DARK.split(",")]
    )
    return f"<style>{palette_css(['ink', 'soft'])}{sheet('still')}{light}{dark}</style>"


def source_html(fn: Callable | type) -> str:
    """The lines of a function or class, coloured, under a link to where they stand."""
    file, first, count = place(fn)
    code = highlight(inspect.getsource(fn), PythonLexer(), HtmlFormatter(nowrap=True))
    listing = f'<div class="highlight"><pre tabindex="0">{code}</pre></div>'
    name = html.escape(fn.__qualname__)
    if count > LONG:
        # The link stays outside: a summary is itself something to press.
        head = f"<summary>{name}, {count} lines</summary>"
        listing = f"<details>{head}{listing}</details>"
    return f'<div class="viz viz-source">{listing}<p>{where(file, first)}</p></div>'


def show_source(fn: Callable | type) -> None:
    """Shows the real source of a function or class; folded if longer than 30 lines."""
    page = source_html(fn)
    if not static_build():
        page = colours() + page
    display({"text/html": page, "text/plain": inspect.getsource(fn)}, raw=True)
