"""llmath → the reference page, a section for each file of the library

The page holds the line `{{ library }}`. In its place comes, for each row of the
library's own list and in its order, a heading and an `automodule`; sphinx.ext.autodoc
reads the rest from the code. Docstrings are plain text, with names in backticks and
{eq:label} for an equation of the book: autodoc is handed literals and links instead.
A first line "formula   {eq:label}; source" shows the formula as the book sets it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective

import addresses
import llmath
from equation_facts import CITATION, NAME
from equation_links import bare, kept

PLACE = "{{ library }}"
ROW = re.compile(r"^(\w+)(?:\.py|/) +\S", re.MULTILINE)
LISTED = re.compile(r"\w+\.py {2,}\S")
CODE = re.compile(r"(`[^`]+`)")
MARKUP = re.compile(r"([*|\\]|_\b)")
EQUATION = re.compile(rf".*\S\s+\{{({NAME})\}}(.*)")
PARAMETERS = re.compile(r'<dl>\n(<dd>(?=<em class="sig-param|<span).*</dd>\n)+</dl>')
TWINS = "reference"  # the functions of the same names, in NumPy: listed once


def rows() -> Iterator[tuple[int, ModuleType]]:
    """(depth, module): the rows of the library's list, packages with their files."""
    for name in ROW.findall(llmath.__doc__):
        module = importlib.import_module(f"llmath.{name}")
        yield 2, module
        if name == TWINS:
            continue
        for inner in pkgutil.iter_modules(getattr(module, "__path__", ())):
            yield 3, importlib.import_module(f"{module.__name__}.{inner.name}")


def gathered(module: ModuleType) -> list[str]:
    """What a package offers under its own name although its files define it."""
    return [
        name
        for name in getattr(module, "__all__", ())
        if getattr(getattr(module, name), "__module__", None) != module.__name__
    ]


def section(depth: int, module: ModuleType) -> str:
    title = f"{'#' * depth} `{module.__name__}`"
    offered = ", ".join(f"`{name}`" for name in gathered(module))
    offered = f"Import from here as well: {offered}.\n" if offered else ""
    return f"""
{title}

```{{eval-rst}}
.. automodule:: {module.__name__}
   :members:
   :member-order: bysource
   :ignore-module-all:
```

{offered}
"""


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    if PLACE in source[0]:
        app.env.note_dependency(llmath.__file__)
        text = "".join(section(*row) for row in rows())
        source[0] = source[0].replace(PLACE, text)


def plain(line: str) -> str:
    """A line of a docstring as reStructuredText that says the same.

    >>> plain("A = softmax(z*)   {eq:softmax}; `z` of shape (T, S)")
    'A = softmax(z\\\\*)   :eq:`eq:softmax`; ``z`` of shape (T, S)'
    """
    parts = CODE.split(line)
    for i, part in enumerate(parts):
        if i % 2:
            parts[i] = f"`{part}`"
        else:
            parts[i] = CITATION.sub(r":eq:`\1`", MARKUP.sub(r"\\\1", part))
    return "".join(parts)


def rewritten(lines: list[str]) -> Iterator[str]:
    """Plain lines rewritten; examples and lists of files as they are, to their ends."""
    example = listed = False
    for line in lines:
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if LISTED.match(line) and not listed:
            yield from (".. code-block:: none", "")
        listed = bool(LISTED.match(line))
        if listed:
            yield f"   {line}"
        else:
            yield line if example else plain(line)


def rewrite(app: Sphinx, what: str, name: str, obj, options, lines: list[str]) -> None:
    """The docstring in reStructuredText, and behind it where the code stands."""
    first = EQUATION.fullmatch(lines[0]) if lines else None
    lines[:] = list(rewritten(lines))
    if first:
        label, source = first.groups()
        shown = [f".. shown-equation:: {label}", "", f"Equation :eq:`{label}`"]
        lines[:1] = [*shown[:2], shown[2] + plain(source)]
    if what in ("class", "function", "method") and (address := where(app.config, obj)):
        lines += ["", f".. code-source:: {address}", ""]


def where(config: Config, obj) -> str:
    obj = inspect.unwrap(obj)
    try:
        code, first = inspect.getsourcelines(obj)
    except (TypeError, OSError):
        return ""  # a name for a type, or a value: no lines of its own
    file = "lib/" + obj.__module__.replace(".", "/")
    path = inspect.getsourcefile(obj) or ""
    file += "/__init__.py" if path.endswith("__init__.py") else ".py"
    address = addresses.source(config, file, (first, first + len(code) - 1))
    return address if address.startswith("https://") else ""


class shown_equation(nodes.General, nodes.Element):
    """Stands where a formula will be, until every chapter has been read."""


class ShownEquation(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return [shown_equation(label=self.arguments[0])]


class LibrarySource(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        link = nodes.reference("", "source", refuri=self.arguments[0], internal=False)
        return [nodes.paragraph("", "", link, classes=["code-source"])]


def show(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    places = list(doctree.findall(shown_equation))
    pages = kept(app.env, "equation_formulas").values() if places else ()
    formulas = {label: formula for page in pages for label, formula in page.items()}
    for place in places:
        formula = bare(formulas[place["label"]])
        place.replace_self(
            nodes.math_block("", formula, nowrap=False, number=None, label=None)
        )


def mend(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Sphinx writes parameters, one to a line, as a list of definitions of nothing."""
    if "body" in context:
        context["body"] = PARAMETERS.sub(
            lambda match: match[0].replace("dd>", "span>").replace("dl>", "span>"),
            context["body"],
        )


def setup(app: Sphinx) -> dict:
    app.setup_extension("sphinx.ext.autodoc")
    app.config.autodoc_inherit_docstrings = False
    app.config.autodoc_typehints_format = "short"
    app.config.autodoc_preserve_defaults = True
    app.config.python_maximum_signature_line_length = 60
    app.add_node(shown_equation)
    app.add_directive("shown-equation", ShownEquation)
    app.add_directive("code-source", LibrarySource)
    app.add_css_file("library-reference.css")
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", rewrite)
    app.connect("doctree-resolved", show)
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
