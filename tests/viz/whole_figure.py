"""What a live figure owes its reader: it fits, is named, each control moves it"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
DRIVE = (ROOT / "tests" / "book" / "drive.js").read_text("utf8")


def check_page(page: Page, width: int) -> None:
    """Nothing is wider than the page, and axe-core finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        "axe.run('main', { preload: false }).then((r) => r.violations)"
    )
    assert [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found] == []


def check_controls(figure: Locator, least: int) -> None:
    """Every control changes what is seen; there are at least so many changes."""
    report = figure.evaluate(DRIVE)
    assert report["moved"] >= least
    assert (report["dead"], report["excused"]) == ([], [])
