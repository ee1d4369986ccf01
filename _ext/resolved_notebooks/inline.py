"""inline nodes → Markdown"""

from __future__ import annotations

import html
import re
from functools import singledispatch

from docutils import nodes

from . import tex
from .page import Page

DOLLAR = "<span>&#36;</span>"  # two bare ones would enclose a formula
ESCAPES = (
    (re.compile(r"&(?=#?\w+;)"), "&amp;"),
    (re.compile(r"([\\`*])"), r"\\\1"),
    (re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"), r"\\_"),
    (re.compile(r"~~"), r"\\~~"),
    (re.compile(r"<(?=[A-Za-z/!?])"), "&lt;"),
    (re.compile(r"\](?=[(\[:])"), "&#93;"),
    (re.compile(r"\$"), DOLLAR),
)
BLOCK_STARTS = (
    (re.compile(r"^(\s*)([-+>]|#{1,6})(?=\s)", re.M), r"\1\\\2"),
    (re.compile(r"^(\s*\d{1,9})([.)])(?=\s)", re.M), r"\1\\\2"),
)


def escape(text: str) -> str:
    """Text that means itself and not Markdown."""
    for pattern, replacement in ESCAPES:
        text = pattern.sub(replacement, text)
    return text


def paragraph(text: str) -> str:
    """A paragraph that does not begin like a list, a heading or a quotation."""
    for pattern, replacement in BLOCK_STARTS:
        text = pattern.sub(replacement, text)
    return text.strip()


def code(text: str) -> str:
    """`text`, with as many backticks as it takes."""
    text = " ".join(text.split("\n"))
    runs = re.findall(r"`+", text)
    fence = "`" * (max(map(len, runs), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def content(node: nodes.Node, page: Page) -> str:
    return "".join(inline(child, page) for child in node.children)


def in_line(node: nodes.Node, page: Page) -> str:
    """The content in a single line, for headings, captions and cells of tables."""
    return " ".join(content(node, page).split())


def plain(node: nodes.Node, page: Page) -> str:
    """The content for an HTML tag, inside which Markdown is not read."""
    if isinstance(node, nodes.math):
        return tex.inline(node.astext(), page.macros)
    if isinstance(node, nodes.Text):
        return html.escape(node.astext(), quote=False)
    if isinstance(node, nodes.raw):
        return ""
    return " ".join("".join(plain(child, page) for child in node.children).split(" "))


def wrapped(mark: str, node: nodes.Node, page: Page) -> str:
    """*text*, with the blanks at its ends outside of the marks."""
    text = content(node, page)
    bare = text.strip()
    return text.replace(bare, f"{mark}{bare}{mark}", 1) if bare else text


@singledispatch
def inline(node: nodes.Node, page: Page) -> str:
    """A node without a rule of its own is its content."""
    return page.anchor(node.get("ids", [])) + content(node, page)


@inline.register
def _(node: nodes.Text, page: Page) -> str:
    return escape(node.astext())


@inline.register
def _(node: nodes.emphasis, page: Page) -> str:
    return wrapped("*", node, page)


@inline.register
def _(node: nodes.strong, page: Page) -> str:
    return wrapped("**", node, page)


@inline.register
def _(node: nodes.literal, page: Page) -> str:
    if "kbd" not in node.get("classes", []):
        return code(node.astext())
    if any(isinstance(child, nodes.literal) for child in node.children):
        return content(node, page)
    return f"<kbd>{html.escape(node.astext())}</kbd>"


@inline.register
def _(node: nodes.math, page: Page) -> str:
    return tex.inline(node.astext(), page.macros, in_table=page.in_table)


@inline.register
def _(node: nodes.reference, page: Page) -> str:
    return linked(node, page)


def linked(node: nodes.Element, page: Page) -> str:
    text, address = content(node, page), page.address(node)
    return f"[{text}]({address})" if address and text.strip() else text


@inline.register
def _(node: nodes.footnote_reference, page: Page) -> str:
    return f"<sup>[{node.astext()}]({page.address(node)})</sup>"


@inline.register
def _(node: nodes.abbreviation, page: Page) -> str:
    meaning = html.escape(node.get("explanation", ""))
    return f'<abbr title="{meaning}">{html.escape(node.astext())}</abbr>'


@inline.register
def _(node: nodes.subscript, page: Page) -> str:
    return f"<sub>{content(node, page)}</sub>"


@inline.register
def _(node: nodes.superscript, page: Page) -> str:
    return f"<sup>{content(node, page)}</sup>"


@inline.register
def _(node: nodes.image, page: Page) -> str:
    return page.image(node)


@inline.register
def _(node: nodes.raw, page: Page) -> str:
    text = node.astext()
    is_page = "html" in node.get("format", "").split()
    return text if is_page and not text.startswith(("<!--", "<svg")) else ""


@inline.register
def _(node: nodes.inline, page: Page) -> str:
    if "equation-links-of" in node["classes"]:  # for those who hear the page
        return ""
    return page.anchor(node["ids"]) + content(node, page)


@inline.register(nodes.comment)
@inline.register(nodes.system_message)
@inline.register(nodes.substitution_definition)
def _(node: nodes.Node, page: Page) -> str:
    return ""
