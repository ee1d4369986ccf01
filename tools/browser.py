"""The tests' browser: $CHROMIUM, one on the PATH, playwright's own, or a new one"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from steps import Problem, main

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
         "chrome", "microsoft-edge", "msedge")  # fmt: skip
MISSING = (
    "The tests drive a real browser and found none: install Chromium or Chrome "
    "(Debian, Ubuntu: apt install chromium), or name one with CHROMIUM=/path/to/it"
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def on_this_machine() -> str | None:
    """$CHROMIUM first, then the PATH; a CHROMIUM that is not there is a mistake."""
    if named := os.environ.get("CHROMIUM"):
        if found := shutil.which(named):
            return found
        raise Problem(f"CHROMIUM={named}: there is no such program.")
    return next(filter(None, map(shutil.which, NAMES)), None)


def playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def download() -> None:
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    subprocess.run(command, capture_output=True, timeout=600, check=False)


def find() -> str:
    """The browser's path; a Problem in one line if there is no way to one."""
    if found := on_this_machine() or playwrights_own():
        return found
    print("No browser on this machine: playwright tries to fetch its own.", flush=True)
    download()
    if found := playwrights_own():
        return found
    raise Problem(MISSING)


if __name__ == "__main__":
    main(lambda: print(find()))
