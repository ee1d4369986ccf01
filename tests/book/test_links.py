"""Every link inside the site leads somewhere; every id is there once"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse

import pytest

from pages import SITE, name, pages


class Reader(HTMLParser):
    """Collects a page's ids and what its links and files point at."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key == "id" and value:
                self.ids[value] += 1
            elif key in ("href", "src") and value:
                self.targets.add(value)


@cache
def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text("utf8"))
    return reader


def broken(page: Path, target: str) -> bool:
    """Whether a target inside the site is missing, or the place in it."""
    url = urlparse(urljoin(page.as_uri(), target))
    if url.scheme != "file":
        return False
    file = Path(unquote(url.path))
    if not file.is_file():
        return True
    place = unquote(url.fragment).split("?")[0]  # behind it: a figure's state
    return bool(place) and file.suffix == ".html" and place not in read(file).ids


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_somewhere(page, site):
    reader = read(site / page)
    assert reader.targets, "a page without any link: is it a page?"
    assert [t for t in sorted(reader.targets) if broken(site / page, t)] == []


@pytest.mark.parametrize("page", pages(), ids=name)
def test_ids_are_unique(page, site):
    ids = read(site / page).ids
    assert [i for i, times in ids.items() if times > 1] == []


def test_style_sheets_find_their_files(site):
    missing = []
    for sheet in SITE.rglob("*.css"):
        for target in re.findall(r"url\(['\"]?([^'\")]+)", sheet.read_text("utf8")):
            if not target.startswith("data:") and broken(sheet, target):
                missing.append(f"{sheet.relative_to(site)}: {target}")
    assert missing == []


def test_broken_links_are_seen(tmp_path):
    """The checks above can fail."""
    page = tmp_path / "page.html"
    page.write_text('<p id="here"></p>')
    assert not broken(page, "page.html#here")
    assert not broken(page, "https://example.org/nothing")
    assert broken(page, "page.html#there")
    assert broken(page, "other.html")
