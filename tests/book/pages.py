"""The pages of the built site, and the live figures on each"""

from __future__ import annotations

import re
from pathlib import Path

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
VISITS = [("light", 1280), ("dark", 390)]  # theme and width


def pages() -> list[str]:
    """Every page; of a site that is not built the first, so that its test can fail."""
    found = (f.relative_to(SITE) for f in SITE.rglob("*.html"))
    names = sorted(f.as_posix() for f in found if f.parts[0] != "_static")
    return names or ["index.html"]


def figures() -> list[tuple[str, int, str]]:
    """(page, place among the page's live figures, kind), read from the HTML."""
    return [
        (page, place, kind)
        for page in pages()
        if (SITE / page).exists()
        for place, kind in enumerate(
            re.findall(r'data-live="(\w+)"', (SITE / page).read_text("utf8"))
        )
    ]


def figures_of(kind: str) -> list[tuple[str, int]]:
    """(page, place) of all live figures of one kind."""
    return [(page, place) for page, place, found in figures() if found == kind]


def name(page: str) -> str:
    """chapters/03_attention.html → 03_attention: for the names of tests."""
    return Path(page).stem
