"""The order of the house: one file per arrow, each importing from lines above it"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import llmath

LIBRARY = Path(llmath.__file__).parent
LINE = re.compile(r"^(\w+)(\.py|/) +(.+)$", re.MULTILINE)
ROWS = {name: arrow for name, _, arrow in LINE.findall(llmath.__doc__)}
ORDER = list(ROWS)
FREE = {"viz"}  # may import anything, and nobody imports it


def files(row: str) -> list[Path]:
    path = LIBRARY / row
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imported_rows(path: Path) -> set[str]:
    """Which rows of the house a file imports, wherever in the file it does."""
    rows = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first == "llmath":
                rows.add(rest[0])
    return rows


def test_the_list_is_the_directory():
    there = {
        path.stem
        for path in LIBRARY.iterdir()
        if not path.name.startswith("_") and (path.is_dir() or path.suffix == ".py")
    }
    assert set(ORDER) == there


@pytest.mark.parametrize("row", ORDER)
def test_first_docstring_line_is_the_arrow(row):
    path = LIBRARY / row
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(source.read_text("utf-8")))
    assert docstring.splitlines()[0].startswith(ROWS[row])


@pytest.mark.parametrize("row", [row for row in ORDER if row not in FREE])
def test_imports_only_from_lines_above(row):
    above = {*ORDER[: ORDER.index(row)], row} - FREE
    for path in files(row):
        assert imported_rows(path) <= above, path


@pytest.mark.parametrize("row", ["notation", "config", "probe", "runtime"])
def test_the_first_rows_import_nothing_of_the_house(row):
    assert all(imported_rows(path) <= {row} for path in files(row))


def test_the_tokenizer_imports_no_more_than_how_files_are_written():
    assert all(imported_rows(p) <= {"tokenizer", "runtime"} for p in files("tokenizer"))


def test_what_needs_no_torch_imports_none():
    """Tokenizer, configuration, ledgers and the reference serve without PyTorch."""
    names = ["notation", "config", "runtime", "tokenizer", "scaling", "mistakes"]
    names += ["reference.attention", "reference.model"]
    code = f"""
import sys
sys.modules["torch"] = None  # makes `import torch` fail
for name in {names!r}:
    __import__("llmath." + name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=LIBRARY.parent)


def test_importing_draws_nothing_and_sets_nothing():
    names = [f"llmath.{row}" for row in ORDER if row not in FREE]
    code = f"""
import sys, random, numpy, torch
before = torch.get_rng_state(), numpy.random.get_state()[1].tolist(), random.getstate()
settings = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
for name in {names!r}:
    __import__(name)
assert torch.equal(before[0], torch.get_rng_state())
assert before[1] == numpy.random.get_state()[1].tolist()
assert before[2] == random.getstate()
assert settings == (
    torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
)
assert "llmath.viz" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=LIBRARY.parent)
