"""A book of one page, really configured: what must stop the build does"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import build

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "chapters/01_page"
TOC = f"format: jb-book\nroot: index\nchapters:\n- file: {CHAPTER}\n"


class Book:
    """The sources of a small book, and jupyter-book as tools/build.py runs it."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("_ext", "assets"):
            (folder / name).symlink_to(ROOT / name)
        for name in ("_config.yml", "requirements-data.txt"):
            (folder / name).write_text((ROOT / name).read_text())
        for name in ("chapters", "lib", "tests"):
            (folder / name).mkdir()
        (folder / "_toc.yml").write_text(TOC)
        (folder / "index.md").write_text("# A book\n")
        (folder / "references.bib").touch()

    def write(self, text: str = "# A page", code: str = "1 + 1") -> None:
        cells = [new_markdown_cell(text), new_code_cell(code)]
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.folder / f"{CHAPTER}.ipynb")

    def build(self, **env: str) -> tuple[int, str]:
        """Exit status and output."""
        arguments = ["build", ".", "--all", "-W", "--keep-going"]
        result = subprocess.run(
            [sys.executable, "-c", build.RUN, *arguments],
            cwd=self.folder,
            env={**os.environ, **env, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return result.returncode, build.plain(result.stdout)

    def page(self) -> str:
        return (self.folder / "_build/html" / f"{CHAPTER}.html").read_text("utf8")


@pytest.fixture
def book(tmp_path) -> Book:
    return Book(tmp_path)


def test_a_failing_cell_stops_it(book):
    book.write(code="1 / 0")
    status, output = book.build()
    assert status != 0
    reason = f"{CHAPTER}.ipynb: a cell failed: ZeroDivisionError: division by zero"
    assert build.reason(output).endswith(reason)


MISSING = {
    "sec:nowhere": "See {ref}`sec:nowhere`.",
    "eq:nowhere": "By {eq}`eq:nowhere`.",
    "nowhere.md": "See [there](nowhere.md).",
    "nobody1900": "{cite:p}`nobody1900` said so.",
    "nothing": "The loss is {glue:text}`nothing:.2f`.",
}


def test_what_is_missing_stops_it_and_is_named(book):
    book.write("# A page\n\n" + "\n\n".join(MISSING.values()))
    status, output = book.build()
    assert status != 0
    complaints = [line for line in output.splitlines() if build.COMPLAINT.search(line)]
    for name in MISSING:
        assert any(name in line for line in complaints), (name, complaints)


def test_a_formula_that_cannot_be_set_stops_it(book):
    book.write("# A page\n\n$\\nosuchcommand$")
    status, output = book.build()
    assert status != 0
    assert "nosuchcommand" in output


def test_changed_code_runs_the_notebook_again_and_nothing_else_does(book):
    """The cell leaves a mark outside the book each time that it is run."""
    library, marks = book.folder / "lib" / "code.py", book.folder.parent / "marks"
    library.write_text("answer = 41\n")
    code = f"open({str(marks)!r}, 'a').write('x'); print(open({str(library)!r}).read())"
    book.write(code=code)
    assert book.build()[0] == 0
    book.write("# A page\n\nwith other words", code)
    assert book.build()[0] == 0
    assert "other words" in book.page()
    assert marks.read_text() == "x"
    library.write_text("answer = 42\n")
    assert book.build()[0] == 0
    assert marks.read_text() == "xx"
    assert "answer = 42" in book.page()
