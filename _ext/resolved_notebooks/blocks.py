"""block nodes → lists of Markdown blocks, to be joined by blank lines"""

from __future__ import annotations

import re
from functools import singledispatch

from docutils import nodes
from sphinx import addnodes

from . import tex
from .inline import content, in_line, inline, paragraph
from .page import Page


def children(node: nodes.Node, page: Page) -> list[str]:
    return [each for child in node.children for each in block(child, page)]


def joined(blocks: list[str]) -> str:
    return "\n\n".join(blocks)


def quoted(blocks: list[str]) -> str:
    """> text"""
    lines = joined(blocks).splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines)


def indented(blocks: list[str], marker: str) -> str:
    """- text, with the lines after the first below the text"""
    space = " " * len(marker)
    first, *rest = joined(blocks).splitlines() or [""]
    return "\n".join([marker + first, *((space + line).rstrip() for line in rest)])


def attached(anchor: str, blocks: list[str]) -> list[str]:
    """An anchor above the first block, in the same paragraph where it can be."""
    if not anchor or not blocks:
        return blocks
    gap = "\n" if blocks[0].startswith("$$") else "\n\n"
    return [anchor + gap + blocks[0], *blocks[1:]]


@singledispatch
def block(node: nodes.Node, page: Page) -> list[str]:
    page.unwritten(node)
    return children(node, page)


@block.register
def _(node: nodes.Text, page: Page) -> list[str]:
    return [paragraph(inline(node, page))] if node.astext().strip() else []


@block.register
def _(node: nodes.paragraph, page: Page) -> list[str]:
    text = paragraph(content(node, page))
    if "equation-links" in node["classes"]:
        text = f"<small>In code: {text}</small>"
    return attached(page.anchor(node["ids"]), [text]) if text else []


@block.register(nodes.container)
@block.register(nodes.compound)
@block.register(nodes.section)
@block.register(addnodes.glossary)
def _(node: nodes.Element, page: Page) -> list[str]:
    return attached(page.anchor(node["ids"]), children(node, page))


@block.register(nodes.comment)
@block.register(nodes.target)
@block.register(nodes.substitution_definition)
@block.register(nodes.citation)
@block.register(nodes.docinfo)
@block.register(nodes.meta)
@block.register(nodes.system_message)
@block.register(addnodes.toctree)
@block.register(addnodes.index)
def _(node: nodes.Element, page: Page) -> list[str]:
    return []


@block.register(nodes.reference)
@block.register(nodes.inline)
@block.register(nodes.image)
def _(node: nodes.Element, page: Page) -> list[str]:
    return [inline(node, page)]


@block.register
def _(node: nodes.raw, page: Page) -> list[str]:
    text = inline(node, page).strip()
    return [text] if text else []


@block.register
def _(node: nodes.rubric, page: Page) -> list[str]:
    return attached(page.anchor(node["ids"]), [f"**{in_line(node, page)}**"])


@block.register
def _(node: nodes.transition, page: Page) -> list[str]:
    return [] if "footnotes" in node["classes"] else ["---"]


@block.register
def _(node: nodes.math_block, page: Page) -> list[str]:
    number = page.number("displaymath", node)
    if page.in_table:
        return [
            tex.inline(rf"\displaystyle {node.astext()}", page.macros, in_table=True)
        ]
    formula = tex.display(node.astext(), page.macros, number, flat=page.flat)
    return attached(page.anchor(node["ids"]), [formula])


@block.register(nodes.literal_block)
@block.register(nodes.doctest_block)
def _(node: nodes.Element, page: Page) -> list[str]:
    text = node.astext().strip("\n")
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    language = node.get("language", "")
    known = "" if language in {"none", "default", "myst-ansi"} else language
    return [f"{fence}{known}\n{text}\n{fence}"]


@block.register
def _(node: nodes.caption, page: Page) -> list[str]:
    """Of a listing; a figure writes its own."""
    number = page.numbered("code-block", node.parent)
    return [" ".join(filter(None, [number and f"**{number}**", in_line(node, page)]))]


@block.register
def _(node: nodes.block_quote, page: Page) -> list[str]:
    with page.inside(flat=True):
        return [quoted(children(node, page))]


@block.register
def _(node: nodes.attribution, page: Page) -> list[str]:
    return [f"— {in_line(node, page)}"]


@block.register
def _(node: nodes.line_block, page: Page) -> list[str]:
    return ["  \n".join(in_line(line, page) for line in node.findall(nodes.line))]


@block.register
def _(node: nodes.bullet_list, page: Page) -> list[str]:
    return [list_of(["-"] * len(node.children), node, page)]


@block.register
def _(node: nodes.enumerated_list, page: Page) -> list[str]:
    start = node.get("start", 1)
    markers = [f"{start + place}." for place in range(len(node.children))]
    return [list_of(markers, node, page)]


def list_of(markers: list[str], node: nodes.Element, page: Page) -> str:
    items = [children(item, page) for item in node.children]
    loose = any(len(item) > 1 and not all_lists(item[1:]) for item in items)
    gap = "\n\n" if loose else "\n"
    return gap.join(
        indented(item if loose else ["\n".join(item)], f"{marker} ")
        for marker, item in zip(markers, items, strict=True)
    )


def all_lists(blocks: list[str]) -> bool:
    return all(re.match(r"(-|\d+\.) ", each) for each in blocks)


@block.register
def _(node: nodes.definition_list, page: Page) -> list[str]:
    entries = []
    for item in node.children:
        terms = [t for t in item.children if isinstance(t, nodes.term)]
        anchor = "".join(page.anchor(term["ids"]) for term in terms)
        name = ", ".join(in_line(term, page) for term in terms)
        first, *rest = [
            each
            for child in item.children
            if isinstance(child, nodes.definition)
            for each in children(child, page)
        ] or [""]
        entries.append(indented([f"{anchor}**{name}**: {first}", *rest], "- "))
    return ["\n".join(entries)]


@block.register
def _(node: nodes.field_list, page: Page) -> list[str]:
    rows = [
        indented([f"**{in_line(name, page)}**: ", *children(body, page)], "- ")
        for name, body in (field.children for field in node.children)
    ]
    return ["\n".join(rows)]


@block.register
def _(node: nodes.footnote, page: Page) -> list[str]:
    label, *rest = node.children
    text = joined([each for child in rest for each in block(child, page)])
    anchor = page.anchor(node["ids"])
    page.notes.append(indented([f"{anchor}{text}"], f"{label.astext()}. "))
    return []


@block.register
def _(node: nodes.figure, page: Page) -> list[str]:
    """The picture, then its number and caption."""
    number = page.numbered("figure", node)
    body: list[str] = []
    for child in node.children:
        if isinstance(child, nodes.caption):
            named = [number and f"**{number}**", in_line(child, page)]
            body.append(" ".join(filter(None, named)))
        else:
            body += block(child, page)
    return attached(page.anchor(node["ids"]), body)


@block.register
def _(node: nodes.legend, page: Page) -> list[str]:
    return children(node, page)
