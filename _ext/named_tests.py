"""tests/ → the test that names each function of the library

Read from the syntax trees: what a file imports gives its names their meaning, so
`attention.softmax`, `softmax` and `A.softmax` are all found, and a local variable that
happens to be called `softmax` in a file that imports no such function is not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Use:
    """Where a test file names a function."""

    file: str  # tests/test_attention.py
    line: int
    test: str  # test_softmax_ignores_a_shift; "" outside of a test

    def order(self, function: str) -> tuple:
        """The mirrored file first, then a test rather than a helper, then the first."""
        module = function.split(".")[-2]
        return (Path(self.file).stem != f"test_{module}", not self.test, self.line)


def meanings(tree: ast.Module) -> dict[str, str]:
    """name in this file → what it was imported as."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                names[alias.asname or root] = alias.name if alias.asname else root
    return names


def dotted(node: ast.AST) -> str:
    """The expression a.b.c as text; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def expressions(node: ast.AST, test: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Every expression of a file with the test that it belongs to."""
    for child in ast.iter_child_nodes(node):
        inside = test
        if isinstance(child, ast.FunctionDef) and child.name.startswith("test"):
            inside = child.name
        yield child, inside
        yield from expressions(child, inside)


def uses(file: Path, root: Path) -> Iterator[tuple[str, Use]]:
    tree = ast.parse(file.read_text("utf8"))
    names = meanings(tree)
    for node, test in expressions(tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        owner, _, rest = dotted(node).partition(".")
        if owner in names:
            name = names[owner] + ("." + rest if rest else "")
            yield name, Use(file.relative_to(root).as_posix(), node.lineno, test)


def offered(root: Path) -> dict[str, str]:
    """A name under which a package offers what one of its files defines → that one."""
    found = {}
    for init in sorted((root / "lib").rglob("__init__.py")):
        package = ".".join(init.parent.relative_to(root / "lib").parts)
        for name, origin in meanings(ast.parse(init.read_text("utf8"))).items():
            if origin.startswith(f"{package}."):
                found[f"{package}.{name}"] = origin
    return found


def find(root: Path, functions: Iterable[str]) -> dict[str, Use]:
    """function → the use that speaks for it best, for those that a test names."""
    wanted, origins = set(functions), offered(root)
    found: dict[str, list[Use]] = {}
    for file in sorted((root / "tests").rglob("test_*.py")):
        for name, use in uses(file, root):
            name = origins.get(name, name)
            if name in wanted:
                found.setdefault(name, []).append(use)
    return {
        name: min(each, key=lambda use, name=name: use.order(name))
        for name, each in found.items()
    }
