"""The built site in one real browser, with no way out to any other host"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import serve
from pages import SITE
from visits import Visit, visit


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / "index.html").exists():
        pytest.fail("There is no site to test: run make build (make test does).")
    return SITE


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    with serve.bind(site, first_port=8100) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield serve.address(server)
        server.shutdown()


@pytest.fixture(scope="session")
def open_page(
    chromium: Browser, address: str
) -> Callable[..., AbstractContextManager[Visit]]:
    """`with open_page("index.html", theme="dark", width=390) as visit: …`"""
    return partial(visit, chromium, address)


@pytest.fixture(scope="session")
def open_file(
    chromium: Browser, site: Path
) -> Callable[..., AbstractContextManager[Visit]]:
    """The same page from disk, as from a zip opened in a classroom."""
    return partial(visit, chromium, site.as_uri())
