"""The first code cell: installs what is missing, keeps the rest, says what failed."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

import nbformat
import pytest

VERSIONS = {"torch": "2.8.0+cu126", "numpy": "2.0.2"}


@pytest.fixture(scope="module")
def cells(book):
    return book.notebook("03_attention").cells[:2]


@pytest.fixture
def run(cells, monkeypatch):
    """run(installed) → the pip commands, run on a machine that has `installed`."""

    def run(installed: dict[str, str], *, error: str = "") -> list[list[str]]:
        commands = []

        def version(package):
            if package not in installed:
                raise metadata.PackageNotFoundError(package)
            return installed[package]

        def pip(command, **options):
            if "--constraint" in command:
                place = command.index("--constraint") + 1
                command[place] = Path(command[place]).read_text()
            commands.append(command[command.index("--quiet") + 1 :])
            return subprocess.CompletedProcess(command, bool(error), "", error)

        with monkeypatch.context() as patch:
            patch.setattr(metadata, "version", version)
            patch.setattr(subprocess, "run", pip)
            exec(cells[1].source, {})
        return commands

    return run


def test_on_colab_it_installs_the_library_and_its_data(run):
    assert run(VERSIONS) == [
        [
            "--constraint",
            "torch==2.8.0+cu126\nnumpy==2.0.2",
            "git+https://github.com/someone/tiny",
        ],
        ["--no-deps", "some-weights==1.2.3"],
    ]


def test_where_everything_is_there_it_does_nothing(run, capsys):
    assert run({**VERSIONS, "llmath": "0.1.0", "some-weights": "1.2.3"}) == []
    assert capsys.readouterr().out == ""


def test_a_bare_jupyter_has_nothing_to_keep(run):
    assert run({})[0] == ["--constraint", "", "git+https://github.com/someone/tiny"]


def test_forks_and_tests_bring_their_own_source(run, monkeypatch):
    monkeypatch.setenv("LLMATH_SOURCE", "/somewhere/llmath.whl")
    assert run(VERSIONS)[0][-1] == "/somewhere/llmath.whl"


def test_a_failure_says_what_and_why(run):
    with pytest.raises(RuntimeError, match=r"(?s)not install git\+https.*no network"):
        run(VERSIONS, error="no network\n")


def test_the_cell_before_it_links_and_informs(cells):
    text = cells[0].source
    assert (
        "[Open in Colab](https://colab.research.google.com/github/someone/tiny/blob/"
        "notebooks/03_attention.ipynb)" in text
    )
    assert "[Read on the site](https://someone.github.io/tiny/chapters/" in text
    assert "A GPU buys nothing in this chapter." in text


def test_it_tells_how_long_the_build_s_own_run_took(build):
    def run_one_cell(folder):
        file = folder / "chapters" / "07_training.ipynb"
        chapter = nbformat.read(file, as_version=4)
        chapter.cells.append(nbformat.v4.new_code_cell("1 + 1", id="sum"))
        nbformat.write(chapter, file)
        (folder / "chapters" / "03_attention.ipynb").unlink()
        toc = (folder / "_toc.yml").read_text()
        toc = toc.replace("  - file: chapters/03_attention\n", "")
        (folder / "_toc.yml").write_text(toc)

    built = build(run_one_cell, nb_execution_mode="force")
    text = built.notebook("07_training").cells[0].source
    assert "It runs in about 10 seconds on two processor cores" in text


def test_data_that_nobody_pinned_is_refused(build):
    def ask(folder):
        file = folder / "chapters" / "07_training.ipynb"
        chapter = nbformat.read(file, as_version=4)
        chapter.metadata["llmath"] = {"data": ["unknown"]}
        nbformat.write(chapter, file)

    with pytest.raises(Exception, match=r"asks for the data unknown.*some-weights"):
        build(ask)
