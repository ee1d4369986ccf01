"""What counts as a notebook that runs on Colab; the run itself is `make test-colab`."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import run_notebook
import try_colab
from steps import Problem

STATE = "application/vnd.jupyter.widget-state+json"


def executed(folder: Path, *, skip: bool = False, talk: bool = False, lose=False):
    """A notebook after its run: a set-up cell, and one that shows a widget."""
    view = {try_colab.VIEW: {"model_id": "abc"}}
    said = [new_output("stream", text="hello")] if talk else []
    cells = [
        new_code_cell("", id="setup", execution_count=1, outputs=said),
        new_code_cell("", id="show", execution_count=None if skip else 2),
    ]
    cells[1].outputs = [new_output("display_data", data=view)]
    state = {} if lose else {"abc": {}}
    notebook = new_notebook(
        cells=cells, metadata={"widgets": {STATE: {"state": state}}}
    )
    path = folder / "03_x.ipynb"
    nbformat.write(notebook, path)
    return path


def test_cells_and_widgets_are_counted(tmp_path):
    assert try_colab.what_ran(executed(tmp_path)) == (2, 1)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"skip": True}, "not run: show"),
        ({"talk": True}, "first cell should say nothing"),
        ({"lose": True}, "1 widgets shown, 1 lost"),
    ],
)
def test_each_fault_has_its_line(tmp_path, fault, message):
    with pytest.raises(Problem, match=message):
        try_colab.what_ran(executed(tmp_path, **fault))


def test_sources_are_copied_without_what_builds_leave(tmp_path, monkeypatch):
    root = tmp_path / "root"
    (root / "lib" / "llmath" / "__pycache__").mkdir(parents=True)
    (root / "lib" / "llmath.egg-info").mkdir()
    (root / "lib" / "llmath" / "a.py").write_text("")
    (root / "pyproject.toml").write_text("")
    monkeypatch.setattr(try_colab, "ROOT", root)
    copy = try_colab.copy_sources(tmp_path / "copy")
    files = {f.relative_to(copy).as_posix() for f in copy.rglob("*")}
    assert files == {"pyproject.toml", "lib", "lib/llmath", "lib/llmath/a.py"}


def test_torch_is_the_book_s_own():
    assert try_colab.torch_pin().startswith("torch==")


def test_an_environment_sees_the_stock_and_keeps_to_itself(tmp_path, monkeypatch):
    stock = tmp_path / "stock"
    venv.create(stock)
    (try_colab.site_packages(stock) / "brought.py").write_text("x = 1")
    monkeypatch.setattr(try_colab, "STOCK", stock)
    python = try_colab.fresh_environment(tmp_path / "venv")
    show = "import brought, sys; print(brought.x, sys.prefix)"
    run = subprocess.run([python, "-c", show], capture_output=True, text=True)
    assert run.stdout.split() == ["1", str(tmp_path / "venv")]


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [("import os; print(os.getcwd())", 0, ""), ("1 / 0", 1, "ZeroDivisionError: ")],
)
def test_a_notebook_is_run_in_the_folder(tmp_path, code, status, said):
    source, result = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code)]), source)
    (tmp_path / "empty").mkdir()
    command = [
        sys.executable,
        run_notebook.__file__,
        source,
        result,
        tmp_path / "empty",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == status
    assert run.stdout.strip().startswith(said)
    (cell,) = json.loads(result.read_text("utf8"))["cells"]
    assert status or cell["outputs"][0]["text"] == [f"{tmp_path / 'empty'}\n"]
