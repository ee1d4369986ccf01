"""numbered boxes, admonitions, tabs → quotations and folded parts

A box is a quotation that begins with its name in bold; what the page folds away
(solutions, long proofs, dropdowns) is folded in the notebook by <details>.
"""

from __future__ import annotations

import html

from docutils import nodes
from sphinx import addnodes
from sphinx_design.dropdown import dropdown_main, dropdown_title
from sphinx_design.tabs import sd_tab_input, sd_tab_label
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node
from sphinx_proof.nodes import NODE_TYPES, proof_node, unenumerable_node

from .blocks import attached, block, joined, quoted
from .inline import in_line, plain
from .page import Page

ADMONITIONS = (
    nodes.attention,
    nodes.caution,
    nodes.danger,
    nodes.error,
    nodes.hint,
    nodes.important,
    nodes.note,
    nodes.tip,
    nodes.warning,
    addnodes.seealso,
)


def folded(summary: str, blocks: list[str]) -> str:
    """The front ends read Markdown inside, between blank lines."""
    return joined(
        [f"<details>\n<summary>{summary}</summary>", *blocks, "</details>"],
    )


def is_folded(node: nodes.Element) -> bool:
    return bool({"dropdown", "toggle"} & set(node["classes"]))


def first_title(node: nodes.Element) -> nodes.title | None:
    return next((c for c in node.children if isinstance(c, nodes.title)), None)


def boxed(name: str, node: nodes.Element, page: Page) -> list[str]:
    """> **name** text, or folded away under its name."""
    title = first_title(node)
    with page.inside(flat=page.flat or not is_folded(node)):
        body = [
            each
            for child in node.children
            if child is not title
            for each in block(child, page)
        ]
    anchor = page.anchor(node["ids"])
    if is_folded(node):
        return attached(anchor, [folded(html.escape(name, quote=False), body)])
    return attached(anchor, [quoted([f"**{name}**", *body])])


def box_name(node: nodes.Element, page: Page) -> str:
    """Definition 3.1 (Soft lookup); Exercise 3.2 (Scale); Note"""
    title = first_title(node)
    shown = "" if title is None else in_line(title, page)
    kind = node.get("countertype")
    if kind:
        word = node["realtype"].title()
        return " ".join(filter(None, [word, page.number(kind, node), shown]))
    if isinstance(node, exercise_enumerable_node):
        return " ".join(filter(None, [page.numbered("exercise", node), shown]))
    return shown or type(node).__name__.title()


def solution_name(node: nodes.Element, page: Page) -> str:
    """Solution to Exercise 3.2 (Scale), without links: it stands in a <summary>."""
    title = first_title(node)
    return "Solution" if title is None else plain(title, page).strip()


for kind in (*NODE_TYPES.values(), unenumerable_node, exercise_enumerable_node,
             exercise_node, *ADMONITIONS, nodes.admonition, nodes.sidebar,
             nodes.topic):  # fmt: skip

    @block.register(kind)
    def _(node: nodes.Element, page: Page) -> list[str]:
        if "contents" in node["classes"]:  # a page's own list of contents
            return []
        return boxed(box_name(node, page), node, page)


@block.register
def _(node: solution_node, page: Page) -> list[str]:
    body = [e for c in node.children[1:] for e in block(c, page)]
    return attached(page.anchor(node["ids"]), [folded(solution_name(node, page), body)])


@block.register
def _(node: proof_node, page: Page) -> list[str]:
    """Its first words are already "Proof. "; they become the name of the box."""
    (box,) = node.children
    first = next(iter(box.findall(nodes.Text)), None)
    if first is not None and first.astext().startswith("Proof. "):
        first.parent.replace(first, nodes.Text(first.astext()[len("Proof. ") :]))
    return boxed("Proof", box, page)


@block.register
def _(node: dropdown_main, page: Page) -> list[str]:
    title, *rest = node.children
    shown = isinstance(title, dropdown_title)
    body = [e for c in (rest if shown else node.children) for e in block(c, page)]
    return [folded(plain(title, page).strip() if shown else "More", body)]


@block.register
def _(node: sd_tab_input, page: Page) -> list[str]:
    return []


@block.register
def _(node: sd_tab_label, page: Page) -> list[str]:
    """Tabs follow one another, each under its name."""
    return [f"**{in_line(node, page)}**"]


def opened(node: nodes.Element, page: Page) -> list[str]:
    """Only the name of a box whose content continues in the cells below."""
    anchor = page.anchor(node["ids"])
    return attached(anchor, [quoted([f"**{box_name(node, page)}**"])])
