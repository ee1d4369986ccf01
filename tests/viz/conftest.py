"""One browser for the figures, without a way out; matplotlib without a window"""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import pytest
from playwright.sync_api import Browser, sync_playwright

import browser as finder
from llmath.viz import style
from steps import Problem

matplotlib.use("agg")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    try:
        path = finder.find()
    except Problem as problem:
        pytest.fail(str(problem))
    with sync_playwright() as playwright:
        flags = [*finder.FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND"]
        started = playwright.chromium.launch(executable_path=path, args=flags)
        yield started
        started.close()


@pytest.fixture
def house_style() -> Iterator[None]:
    with matplotlib.rc_context():
        style.use()
        yield
    plt.close("all")


@pytest.fixture
def static(monkeypatch) -> None:
    """As in a kernel that the site's build has started."""
    monkeypatch.setenv("BOOK_STATIC", "1")
