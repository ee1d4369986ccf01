"""execution_cache: changed code runs the notebooks again, nothing else does"""

from __future__ import annotations

import os

import pytest

from execution_cache import digest, forget_old


@pytest.fixture
def root(tmp_path):
    (tmp_path / "lib" / "llmath").mkdir(parents=True)
    (tmp_path / "lib" / "llmath" / "norm.py").write_text("x = 1\n")
    (tmp_path / "requirements.txt").write_text("numpy==2\n")
    return tmp_path


@pytest.mark.parametrize(
    "path", ["lib/llmath/norm.py", "lib/llmath/new.py", "results/run.json",
             "requirements.txt", "requirements-data.txt"]
)  # fmt: skip
def test_what_outputs_depend_on_changes_the_digest(root, path):
    before = digest(root)
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text("changed\n")
    assert digest(root) != before


@pytest.mark.parametrize(
    "path", ["lib/llmath/viz.js", "lib/llmath/__pycache__/norm.cpython.py",
             "chapters/03.ipynb", "index.md"]
)  # fmt: skip
def test_nothing_else_does(root, path):
    before = digest(root)
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text("changed\n")
    assert digest(root) == before


def test_a_renamed_file_is_a_change(root):
    before = digest(root)
    (root / "lib/llmath/norm.py").rename(root / "lib/llmath/norms.py")
    assert digest(root) != before


def test_the_caches_used_last_are_kept(tmp_path):
    for age, name in enumerate(("new", "older", "oldest")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    forget_old(tmp_path, keep=2)
    assert {d.name for d in tmp_path.iterdir()} == {"new", "older"}
