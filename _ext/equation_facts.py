"""chapters, docstrings, tests → which equation is which function, and which test

Reads the three places without running any of them:

- a chapter labels an equation: `$$ … $$ (eq:softmax)`, or `:label: eq:softmax`;
- the docstring of the function that computes it cites the label: `{eq:softmax}`;
- a test names the function, and if it returns a tensor whose shape is annotated,
  `reference/` holds a twin of the same name in NumPy.

A backward rule that autograd spares the library exists only in `reference/`: there it
is the implementation itself.

`problems` says what is missing, one line each. A step of a derivation that no function
computes is labelled `der:…` instead, and needs nothing.
"""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import named_tests

NAME = r"(?:eq|der):[A-Za-z0-9_.-]+"
LABEL = re.compile(rf"\$\$[ \t]*\(({NAME})\)|^[ \t]*:label:[ \t]*({NAME})[ \t]*$", re.M)
SHAPED = re.compile(r"(Float|Int|Bool|Complex)\[")
CITATION = re.compile(rf"\{{({NAME})\}}")
LIBRARY = Path("lib/llmath")
TWINS = LIBRARY / "reference"


@dataclass(frozen=True)
class Place:
    """Where something stands: a file, and a line or a cell of it."""

    file: str
    where: str

    def __str__(self) -> str:
        return f"{self.file}{self.where}"


@dataclass(frozen=True)
class Implementation:
    """A public function or class whose docstring cites equations."""

    name: str  # llmath.attention.softmax
    file: str
    lines: tuple[int, int]
    labels: tuple[str, ...]
    needs_twin: bool

    @property
    def place(self) -> Place:
        return Place(self.file, f":{self.lines[0]}")


@dataclass(frozen=True)
class Facts:
    labels: tuple[tuple[str, Place], ...]
    citations: tuple[tuple[str, Place], ...]  # of every docstring, for dead labels
    implementations: tuple[Implementation, ...]
    tests: dict[str, named_tests.Use]
    twins: frozenset[str]

    def of(self, label: str) -> list[Implementation]:
        return [i for i in self.implementations if label in i.labels]


def texts(chapter: Path) -> Iterator[tuple[str, str]]:
    """A chapter's MyST: (where it stands, text)."""
    content = chapter.read_text("utf8")
    if chapter.suffix == ".md":
        yield "", content
        return
    for number, cell in enumerate(json.loads(content)["cells"], start=1):
        if cell["cell_type"] == "markdown":
            yield f", cell {number}", "".join(cell["source"])


def labels_in(root: Path) -> Iterator[tuple[str, Place]]:
    chapters = sorted((root / "chapters").rglob("*"))
    for chapter in (c for c in chapters if c.suffix in {".ipynb", ".md"}):
        if ".ipynb_checkpoints" in chapter.parts:
            continue
        file = chapter.relative_to(root).as_posix()
        for where, text in texts(chapter):
            for match in LABEL.finditer(text):
                yield match[1] or match[2], Place(file, where)


def documented(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield node, text


def shaped(tree: ast.Module) -> re.Pattern:
    """An annotation with a shape, `Float[Tensor, "T D"]`, or a file's name for one."""
    names = [
        node.targets[0].id
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and SHAPED.match(ast.unparse(node.value))
    ]
    return re.compile("|".join([SHAPED.pattern, *(rf"{name}$" for name in names)]))


def implementations_in(file: Path, root: Path) -> Iterator[Implementation]:
    inside = file.relative_to(root / LIBRARY.parent).with_suffix("")
    module = ".".join(part for part in inside.parts if part != "__init__")
    tree = ast.parse(file.read_text("utf8"))
    gives_a_shape = shaped(tree)
    for node in tree.body:
        is_class = isinstance(node, ast.ClassDef)
        if not is_class and not isinstance(node, ast.FunctionDef):
            continue
        cited = CITATION.findall(ast.get_docstring(node) or "")
        labels = tuple(label for label in cited if label.startswith("eq:"))
        if labels and not node.name.startswith("_"):
            yield Implementation(
                name=f"{module}.{node.name}",
                file=file.relative_to(root).as_posix(),
                lines=(node.lineno, node.end_lineno or node.lineno),
                labels=labels,
                needs_twin=not is_class
                and node.returns is not None
                and bool(gives_a_shape.match(ast.unparse(node.returns))),
            )


def top_level(file: Path) -> Iterator[str]:
    """Names that a module defines or imports."""
    for node in ast.parse(file.read_text("utf8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (t.id for t in node.targets if isinstance(t, ast.Name))


def is_twin(file: Path, root: Path) -> bool:
    return root / TWINS in file.parents


def only_in_numpy(file: Path, root: Path) -> Iterator[Implementation]:
    """The functions of a file of twins that have no counterpart in the library."""
    original = root / LIBRARY / file.relative_to(root / TWINS)
    known = set(top_level(original)) if original.exists() else set()
    for found in implementations_in(file, root):
        if found.name.rpartition(".")[2] not in known:
            yield replace(found, needs_twin=False)


def gather(root: Path) -> Facts:
    modules = sorted((root / LIBRARY).rglob("*.py"))
    implementations = [
        *(
            i
            for m in modules
            if not is_twin(m, root)
            for i in implementations_in(m, root)
        ),
        *(i for m in modules if is_twin(m, root) for i in only_in_numpy(m, root)),
    ]
    citations = [
        (label, Place(file.relative_to(root).as_posix(), f":{getattr(n, 'lineno', 1)}"))
        for file in modules
        for n, text in documented(ast.parse(file.read_text("utf8")))
        for label in CITATION.findall(text)
    ]
    twins = {
        f"{file.relative_to(root).as_posix()}:{name}"
        for file in modules
        if is_twin(file, root)
        for name in top_level(file)
    }
    return Facts(
        labels=tuple(labels_in(root)),
        citations=tuple(dict.fromkeys(citations)),
        implementations=tuple(implementations),
        tests=named_tests.find(root, {i.name for i in implementations}),
        twins=frozenset(twins),
    )


def twin_of(function: Implementation) -> Path:
    """The reference's file of the same name; a package has one for all of its files."""
    inside = Path(function.file).relative_to(LIBRARY)
    return TWINS / Path(inside.parts[0]).with_suffix(".py")


def problems(facts: Facts) -> list[str]:
    """What keeps text, function and test apart; nothing if the book holds together."""
    places = defaultdict(list)
    for label, place in facts.labels:
        places[label].append(place)
    return [
        *(
            f"{again}: the label {label} stands already in {first}"
            for label, (first, *others) in places.items()
            for again in others
        ),
        *(
            f"{place}: {{{label}}} is cited, but no chapter has that label"
            + suggestion(label, list(places))
            for label, place in facts.citations
            if label not in places
        ),
        *(
            f"{found[0]}: no docstring in {LIBRARY.as_posix()} cites {{{label}}}; "
            f"a step that no function computes is labelled der:{label[3:]}"
            for label, found in places.items()
            if label.startswith("eq:") and not facts.of(label)
        ),
        *(line for each in facts.implementations for line in missing(each, facts)),
    ]


def missing(function: Implementation, facts: Facts) -> Iterator[str]:
    """The test and the twin that a function which cites an equation must have."""
    short, place = function.name.rpartition(".")[2], function.place
    if function.name not in facts.tests:
        cited = function.labels[0]
        yield f"{place}: {function.name} cites {{{cited}}}, but no test names it"
    twin = twin_of(function).as_posix()
    if function.needs_twin and f"{twin}:{short}" not in facts.twins:
        yield f"{place}: {function.name} has no NumPy twin: {short} in {twin}"


def suggestion(label: str, known: list[str]) -> str:
    near = difflib.get_close_matches(label, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
