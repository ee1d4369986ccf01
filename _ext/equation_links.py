"""label ↔ function ↔ test: the links that hold the book together

In Sphinx: each missing link is a warning (an error under -W); under every equation that
the library implements stands a line that leads to the function and to its test; and the
directive `{equation-index}` lists them all. By itself:

    python _ext/equation_links.py --check

prints one line for each missing link and exits with 1 if there is any. What counts as
a link, and how it is read, is in equation_facts.py.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import addresses
import equation_facts
from equation_facts import Facts, Implementation

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent
END_OF_SENTENCE = re.compile(r"(\\[,;:! ]|\s)*[.,;]?\s*$")


class equation_index(nodes.General, nodes.Element):
    """Stands where the index will be, until every chapter has been read."""


class EquationIndex(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        kept(self.env, "equation_index_pages").setdefault(self.env.docname, True)
        return [equation_index()]


def kept(env: BuildEnvironment, name: str) -> dict:
    """A dictionary by page that the environment keeps from build to build."""
    if not hasattr(env, name):
        setattr(env, name, {})
    return getattr(env, name)


KEPT = ("equation_formulas", "equation_index_pages")


def check(app: Sphinx) -> None:
    """Reads the facts afresh; before any page is read, so that errors come early."""
    app.env.equation_facts_before = getattr(app.env, "equation_facts", None)
    app.env.equation_facts = equation_facts.gather(Path(app.srcdir))
    for line in equation_facts.problems(app.env.equation_facts):
        logger.warning(line, type="equation_links")


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    for name in KEPT:
        kept(env, name).pop(docname, None)


def merge(
    app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment
) -> None:
    for name in KEPT:
        theirs = kept(other, name)
        kept(env, name).update({d: theirs[d] for d in docnames if d in theirs})


def keep_formulas(app: Sphinx, doctree: nodes.document) -> None:
    formulas = {
        block["label"]: block.astext()
        for block in doctree.findall(nodes.math_block)
        if (block.get("label") or "").startswith("eq:")
    }
    if formulas:
        kept(app.env, "equation_formulas")[app.env.docname] = formulas


def pages_to_write(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The index always; chapters too where functions or tests have moved."""
    pages = list(kept(env, "equation_index_pages"))
    if env.equation_facts != env.equation_facts_before:
        pages += kept(env, "equation_formulas")
    return pages


def link(text: nodes.Node, address: str) -> nodes.Node:
    if not address.startswith("https://"):
        return text  # no repository is configured
    return nodes.reference("", "", text, refuri=address, internal=False)


def function_link(config: Config, function: Implementation) -> nodes.Node:
    address = addresses.source(config, function.file, function.lines)
    return link(nodes.literal("", function.name), address)


def test_link(config: Config, facts: Facts, function: Implementation) -> nodes.Node:
    """`test`, and for those who only hear it also of what."""
    use = facts.tests.get(function.name)
    if use is None:
        return nodes.inline("", "no test")
    text = nodes.inline("", "test")
    text += nodes.inline("", f" of {function.name}", classes=["equation-links-of"])
    return link(text, addresses.source(config, use.file, (use.line, use.line)))


def links_line(config: Config, facts: Facts, label: str) -> nodes.paragraph:
    line = nodes.paragraph(classes=["equation-links"])
    for number, function in enumerate(facts.of(label)):
        line += [nodes.Text(", ")] if number else []
        line += function_link(config, function)
        line += nodes.Text(" · ")
        line += test_link(config, facts, function)
    return line


def equation_link(app: Sphinx, page: str, label: str) -> nodes.reference | None:
    """(3.1), leading from the page to the equation; None if it is not in the book."""
    target, _ = app.env.get_domain("math").equations.get(label, (None, None))
    if target is None:
        return None
    anchor = nodes.make_id(f"equation-{label}")
    numbers = app.env.toc_fignumbers.get(target, {}).get("displaymath", {})
    number = ".".join(map(str, numbers.get(anchor, ())))
    uri = app.builder.get_relative_uri(page, target) + f"#{anchor}"
    return nodes.reference("", f"({number})", refuri=uri, internal=True)


def row(*cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


def table(heads: tuple[str, ...], rows: list[nodes.row]) -> nodes.table:
    group = nodes.tgroup("", cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]
    group += nodes.thead("", row(*([nodes.paragraph("", head)] for head in heads)))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=["equation-index"])


def bare(formula: str) -> str:
    """Without the comma or full stop of the sentence that it stood in."""
    return END_OF_SENTENCE.sub("", formula.strip())


def index_row(app: Sphinx, page: str, label: str, formula: str) -> nodes.row:
    shown = nodes.math_block("", bare(formula), nowrap=False, number=None, label=None)
    line = links_line(app.config, app.env.equation_facts, label)
    number = equation_link(app, page, label) or nodes.Text("")
    return row([nodes.paragraph("", "", number)], [shown, line])


def index(app: Sphinx, page: str) -> list[nodes.Node]:
    """A table of equations for each chapter, in the order of the book."""
    relations = app.env.collect_relations()
    formulas = kept(app.env, "equation_formulas")
    content: list[nodes.Node] = []
    for chapter in (name for name in relations if name in formulas):
        uri = app.builder.get_relative_uri(page, chapter)
        number = "".join(f"{n}. " for n in app.env.titles[chapter].get("secnumber", []))
        title = number + app.env.titles[chapter].astext()
        heading = nodes.reference("", title, refuri=uri, internal=True)
        rows = [index_row(app, page, *each) for each in formulas[chapter].items()]
        content += [
            nodes.rubric("", "", heading),
            table(("Equation", "Formula, function and test"), rows),
        ]
    return content


def insert(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    facts = app.env.equation_facts
    for block in list(doctree.findall(nodes.math_block)):
        if facts.of(block.get("label") or ""):
            line = links_line(app.config, facts, block["label"])
            block.parent.insert(block.parent.index(block) + 1, line)
    for place in list(doctree.findall(equation_index)):
        place.replace_self(index(app, docname))


def add_style(app: Sphinx, config: Config) -> None:
    config.html_static_path.append(str(HERE / "static"))


def setup(app: Sphinx) -> dict:
    app.add_node(equation_index)
    app.add_directive("equation-index", EquationIndex)
    app.add_css_file("equation-links.css")
    app.connect("config-inited", add_style)
    app.connect("builder-inited", check)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-read", keep_formulas)
    app.connect("env-updated", pages_to_write)
    app.connect("doctree-resolved", insert)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks equation ↔ function ↔ test.")
    parser.add_argument("--check", action="store_true", required=True)
    parser.add_argument("root", nargs="?", type=Path, default=HERE.parent)
    found = equation_facts.problems(
        facts := equation_facts.gather(parser.parse_args().root)
    )
    print("\n".join(found) if found else f"{len(facts.labels)} labels: nothing missing")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
