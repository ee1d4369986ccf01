"""What all tests share: the same random examples every time; GPU tests where one is"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import hypothesis
import jaxtyping
import pytest
from playwright.sync_api import Browser, sync_playwright

import browser as finder
from steps import Problem

hypothesis.settings.register_profile("book", deadline=None, derandomize=True)
hypothesis.settings.load_profile("book")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="there is no GPU here"))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small tensors gain nothing from a second core, and wait long for a busy one."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def smollm2():
    """SmolLM2-135M and its tokenizer, loaded once for all tests."""
    from llmath.pretrained import load

    return load("smollm2-135m")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests, with no way out; a process can drive only one.

    Tests without a browser would say nothing: without one they fail.
    """
    try:
        path = finder.find()
    except Problem as problem:
        pytest.fail(str(problem))
    no_way_out = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        flags = [*finder.FLAGS, no_way_out]
        started = playwright.chromium.launch(executable_path=path, args=flags)
        yield started
        started.close()


@pytest.fixture
def untyped() -> Iterator[None]:
    """Without the shape checks of the tests: what a caller without them gets to see."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
