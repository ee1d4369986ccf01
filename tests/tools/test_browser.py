"""browser: the one named, one on the PATH, playwright's own, or one clear line"""

from __future__ import annotations

import pytest

import browser
import steps


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without a browser, and without a way to fetch one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "playwrights_own", lambda: None)
    monkeypatch.setattr(browser, "download", lambda: None)
    return tmp_path


def install(folder, name):
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def test_one_on_the_path(bare):
    path = install(bare, "google-chrome")
    assert browser.find() == path


def test_the_named_one_comes_first(bare, monkeypatch):
    install(bare, "chromium")
    named = install(bare, "my-browser")
    monkeypatch.setenv("CHROMIUM", named)
    assert browser.find() == named


def test_a_named_one_that_is_not_there(bare, monkeypatch):
    install(bare, "chromium")
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    with pytest.raises(steps.Problem, match="no such program"):
        browser.find()


def test_playwrights_own_comes_next(bare, monkeypatch):
    monkeypatch.setattr(browser, "playwrights_own", lambda: "/cache/chromium")
    assert browser.find() == "/cache/chromium"


def test_at_last_playwright_fetches_one(bare, monkeypatch):
    fetched = []
    monkeypatch.setattr(browser, "download", lambda: fetched.append("/new/chromium"))
    monkeypatch.setattr(
        browser, "playwrights_own", lambda: fetched[0] if fetched else None
    )
    assert browser.find() == "/new/chromium"


def test_none_is_one_line(bare):
    with pytest.raises(steps.Problem) as problem:
        browser.find()
    assert "apt install chromium" in str(problem.value)
    assert "\n" not in str(problem.value)
