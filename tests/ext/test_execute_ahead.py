"""execute_ahead: two at a time, each once, and what fails is left to myst-nb"""

from __future__ import annotations

import os
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_notebook

import execute_ahead

MEET = """
import os, pathlib, time
pathlib.Path("{mine}").touch()
while not pathlib.Path("{other}").exists():
    time.sleep(0.05)
print(os.environ["OMP_NUM_THREADS"])
"""


@pytest.fixture
def book(tmp_path, monkeypatch):
    """`write`, `execute` and `kept`, on a machine of four cores."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    began, names, run = [], [], execute_ahead.execute

    def noted(path, timeout):
        began.append(path.stem)
        return run(path, timeout)

    monkeypatch.setattr(execute_ahead, "execute", noted)
    where = str(tmp_path / "cache")
    config = SimpleNamespace(nb_execution_cache_path=where, nb_execution_timeout=20)
    env = SimpleNamespace(doc2path=lambda name: tmp_path / f"{name}.ipynb")

    def write(name: str, code: str) -> None:
        page = new_notebook(cells=[new_code_cell(code)])
        page.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(page, env.doc2path(name))
        names.append(name)

    def execute() -> list[str]:
        """The notebooks that were executed for this build."""
        began.clear()
        execute_ahead.execute_ahead(SimpleNamespace(config=config), env, names)
        return sorted(began)

    def kept(name: str) -> str | None:
        """What the notebook printed, as the cache holds it."""
        notebook = nbformat.read(env.doc2path(name), as_version=4)
        try:
            _, merged = get_cache(where).merge_match_into_notebook(notebook)
        except KeyError:
            return None
        return merged.cells[0].outputs[0].text

    return SimpleNamespace(write=write, execute=execute, kept=kept)


def test_two_run_at_a_time_and_share_the_cores(book):
    """Each waits for the other: one after the other, both would run out of time."""
    book.write("one", MEET.format(mine="one.txt", other="two.txt"))
    book.write("two", MEET.format(mine="two.txt", other="one.txt"))
    assert book.execute() == ["one", "two"]
    assert book.kept("one") == book.kept("two") == "2\n"
    assert "OMP_NUM_THREADS" not in os.environ
    assert book.execute() == []


def test_what_fails_is_left_to_the_reading(book):
    book.write("good", "print(6 * 7)")
    book.write("bad", "1 / 0")
    assert book.execute() == ["bad", "good"]
    assert (book.kept("good"), book.kept("bad")) == ("42\n", None)


def test_one_alone_gains_nothing(book):
    book.write("alone", "print(1)")
    assert book.execute() == []
    assert book.kept("alone") is None
