"""build: nothing when nothing changed, and the one cause when it failed"""

from __future__ import annotations

import pytest

import build
import steps

CELL = """\
/x/chapters/03_attention.ipynb: Executing notebook using local CWD [mystnb]
chapters/03_attention.ipynb: WARNING: Executing notebook failed: CellExecutionError
Traceback (most recent call last):
nbclient.exceptions.CellExecutionError: An error occurred while executing this cell:
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
ZeroDivisionError: division by zero
RuntimeError:
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A repository with one page, and a Jupyter Book that needs no time."""
    (tmp_path / "index.md").write_text("# A book\n")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "BUILD", tmp_path / "_build")
    monkeypatch.setattr(build, "STAMP", tmp_path / "_build" / "built")
    monkeypatch.setattr(build, "venv_python", lambda: tmp_path)
    built = []

    def pretend():
        built.append(True)
        (tmp_path / "_build" / "html").mkdir(parents=True)
        (tmp_path / "_build" / "html" / "index.html").touch()

    monkeypatch.setattr(build, "run_jupyter_book", pretend)
    return tmp_path, built


def test_an_unchanged_book_is_not_built_again(source, capsys):
    _, built = source
    build.build()
    build.build()
    assert len(built) == 1
    assert capsys.readouterr().out == "The book is up to date.\n"


@pytest.mark.parametrize("change", ["page", "new", "solutions", "site"])
def test_any_change_builds_it_again(source, change, monkeypatch):
    root, built = source
    build.build()
    if change == "page":
        (root / "index.md").write_text("# Another book\n")
    elif change == "new":
        (root / "lib").mkdir()
        (root / "lib" / "new.py").touch()
    elif change == "solutions":
        monkeypatch.setenv("BOOK_SOLUTIONS", "0")
    else:
        (root / "_build" / "html" / "index.html").unlink()
    build.build()
    assert len(built) == 2


def test_a_failed_build_does_not_count(source, monkeypatch):
    def fail():
        raise steps.Problem("no book")

    root, built = source
    build.build()
    pretend = build.run_jupyter_book
    (root / "index.md").write_text("# Broken\n")
    monkeypatch.setattr(build, "run_jupyter_book", fail)
    with pytest.raises(steps.Problem):
        build.build()
    (root / "index.md").write_text("# A book\n")
    monkeypatch.setattr(build, "run_jupyter_book", pretend)
    build.build()
    assert len(built) == 2


def test_pages_of_chapters_that_are_gone_go_too(source):
    root, _ = source
    build.build()
    gone = root / "_build" / "html" / "gone.html"
    gone.touch()
    (root / "index.md").write_text("# Another book\n")
    build.build()
    assert not gone.exists()


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (CELL, "chapters/03_attention.ipynb: a cell failed: ZeroDivisionError: "
               "division by zero"),
        ("x\na.md:3: WARNING: no target 'b'\nb.md:1: ERROR: c\n",
         "a.md:3: WARNING: no target 'b' (and 1 more)"),
        ("[App] WARNING | talk\nExtension error\nValueError: no\nRuntimeError:\n",
         "ValueError: no"),
        ("nothing", "no reason given"),
    ],
)  # fmt: skip
def test_the_cause_is_found_in_the_log(output, cause):
    assert build.reason(output) == cause


def test_colours_and_this_machine_are_left_out_of_messages():
    line = f"\x1b[91m{build.ROOT}/index.md:1: WARNING: x\x1b[39;49;00m"
    assert build.plain(line) == "index.md:1: WARNING: x"
