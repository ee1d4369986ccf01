"""What a public function refuses stands in its docstring"""

import ast
import re
from pathlib import Path

import pytest

import llmath

LIBRARY = Path(llmath.__file__).parent
LEFT_OUT = {"reference", "border", "viz"}  # twins; the checks themselves; figures
TOLD = re.compile(r"ValueError|[Rr]efuse|is missed")


def refusing() -> list[tuple[str, ast.AST]]:
    """Public functions and classes that raise, or look at what they are given."""
    found = []
    for path in sorted(LIBRARY.rglob("*.py")):
        if LEFT_OUT & set(path.relative_to(LIBRARY).parts):
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            is_public = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if not is_public or node.name.startswith("_"):
                continue
            if any(looks(inner) for inner in ast.walk(node)):
                found.append((f"{path.stem}.{node.name}", node))
    return found


def looks(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    name = called.id if isinstance(called, ast.Name) else ""
    return isinstance(node, ast.Raise) or name.lstrip("_").startswith("check")


REFUSING = refusing()


def test_there_are_such_functions():
    names = {name for name, _ in REFUSING}
    assert {"attention.attention_scores", "sampling.top_k"} <= names
    assert len(names) > 90


@pytest.mark.parametrize(("name", "node"), REFUSING, ids=[n for n, _ in REFUSING])
def test_it_is_told(name, node):
    assert TOLD.search(ast.get_docstring(node) or ""), name
