"""Every construct of the book as plain Markdown, with the code untouched."""

from __future__ import annotations

import re

import nbformat
import pytest

import tiny_book

SITE = "https://someone.github.io/tiny"


@pytest.fixture(scope="module")
def chapter(book):
    return book.notebook("03_attention")


@pytest.fixture(scope="module")
def text(chapter) -> str:
    markdown = [c.source for c in chapter.cells if c.cell_type == "markdown"]
    return "\n\n=====\n\n".join(markdown)


def test_is_a_valid_notebook_without_outputs(chapter):
    nbformat.validate(chapter)
    code = [cell for cell in chapter.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert len({cell.id for cell in chapter.cells}) == len(chapter.cells)


def test_no_myst_is_left(text):
    for trace in (
        ":::",
        "```{",
        "{eq}",
        "{cite",
        "{glue",
        "{numref}",
        "{ref}",
        ":label:",
    ):
        assert trace not in text
    assert not re.search(r"\{[a-z:]+\}`", text)


def test_no_macro_of_the_book_is_left(text):
    for macro in (r"\softmax", r"\R ", r"\T ", r"\norm", r"\loss"):
        assert macro not in text


def test_code_is_the_source_s_own_in_its_order(chapter):
    source = [c for c in tiny_book.cells_of_attention() if c.cell_type == "code"]
    code = [cell.source for cell in chapter.cells if cell.cell_type == "code"]
    assert code[1:] == [cell.source for cell in source]


def test_text_of_one_cell_stays_in_one_cell(chapter):
    kinds = [cell.cell_type[0] for cell in chapter.cells]
    #  links set-up removed | opening softmax | code code | boxes blocks | …
    assert "".join(kinds[:9]) == "mccmmccmm"


def test_cells_that_the_page_hides_are_folded(chapter):
    code = {c.source: c.metadata for c in chapter.cells if c.cell_type == "code"}
    folded = {name for name, data in code.items() if "jupyter" in data}
    assert folded == {"import torch", "y = 2", "mine = 2", "z = 3"}
    assert all(code[name]["jupyter"]["source_hidden"] for name in folded)
    assert all(code[name]["cellView"] == "form" for name in folded)


EXPECTED = {
    "chapter title": "# 3. Attention\n",
    "section title": "## 3.1. Soft lookup\n",
    "inline formula": r"$A \in \mathbb{R}^{T \times S}$ is $\operatorname{softmax}(z)$",
    "dollar and asterisk": r"costs <span>&#36;</span>5, or 3 \* 4 *units*.",
    "parenthetical citation": "([Vaswani *et al.*, 2017](#ref-vaswani2017))",
    "citation in the text": "Nadaraya ([1964](#ref-nadaraya1964)) estimated",
    "abbreviation": '<abbr title="key and value">KV</abbr>',
    "footnote mark": "store<sup>[1](#store)</sup>",
    "footnote": '## Notes\n\n1. <a id="store" name="store"></a>Of the *keys* and',
    "link": "[site](https://example.org)",
    "numbered equation": (
        '<a id="equation-eq-softmax" name="equation-eq-softmax"></a>\n$$\n'
        r"\operatorname{softmax}(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}} \tag{3.1}"
        "\n$$\n"
    ),
    "aligned equation": (
        "\\begin{aligned}\nA &= \\operatorname{softmax}\\left(Q K^{\\top} / \\sqrt{E}"
        "\\right) \\\\\n  &= \\lVert A \\rVert\n\\end{aligned} \\tag{3.2}"
    ),
    "align environment": "\\begin{aligned}\na &= b\n\\end{aligned} \\tag{3.3}",
    "function and test": (
        f"<small>In code: [`llmath.attention.softmax`]({tiny_book.REPOSITORY}/blob/main"
        f"/lib/llmath/attention.py#L2-L4) · [test]({tiny_book.REPOSITORY}/blob/main"
        "/tests/test_attention.py#L9)</small>"
    ),
    "reference to an equation": "By [(3.1)](#equation-eq-softmax) and [(3.3)]",
    "reference to a definition": "[Definition 3.1](#def-softmax)",
    "reference to a figure": "[Fig. 3.1](#fig-heat)",
    "reference to a section": "[Soft lookup](#sec-softmax)",
    "reference to another chapter": (
        f"[(7.1)]({SITE}/chapters/07_training.html#equation-eq-step)"
    ),
    "reference to a page": f"[Training]({SITE}/chapters/07_training.html)",
    "reference with a text": f"[the preface]({SITE}/preface.html#sec-preface)",
    "definition": "> **Definition 3.1 (Soft lookup)**\n>\n> Weights $w$ with\n",
    "equation in a box": r"> $$ \sum_i w_i = 1 \tag{3.4} $$",
    "list in a box": "> - first, `code`\n>\n> - second:\n>\n>   $$ x = y $$\n",
    "proposition": "> **Proposition 3.1**\n>\n> Rows sum to one.",
    "folded proof": "<details>\n<summary>Proof</summary>\n\nBy [(3.4)]",
    "open proof": "> **Proof**\n>\n> Without a cover, $q = 0$.",
    "exercise": "> **Exercise 3.1 (Scale)**\n>\n> ★ Why $\\sqrt{E}$ in [(3.2)]",
    "solution": (
        "<details>\n<summary>Solution to Exercise 3.1 (Scale)</summary>\n\n"
        'The variance is $E$.\n\n```python\nprint("E")\n```\n\n</details>'
    ),
    "exercise with code": "> **Exercise 3.2 (With code)**\n\nRun this.",
    "solution with code": (
        "<summary>Solution to Exercise 3.2 (With code)</summary>\n\nThus:\n\n</details>"
    ),
    "note": "> **Note**\n>\n> A note with **bold** text.\n>\n> > and a quotation",
    "admonition": "> **What is often said**\n>\n> The rows of `A` sum to one.",
    "dropdown": "<summary>More</summary>\n\nHidden until asked for.\n\n</details>",
    "margin": "> **Aside**\n>\n> In the margin.",
    "tabs": "**NumPy**\n\n`q @ k.T`\n\n**PyTorch**\n\n`q @ k.mT`",
    "figure": '<img src="data:image/png;base64,iVBOR',
    "alternative text": 'alt="One pixel [red] for $x$" width="60%">',
    "caption": "**Fig. 3.1** A *heat* map of $|A|$.",
    "table": (
        "**Table 3.1** Letters\n\n| letter | meaning |\n| --- | --: |\n"
        "| $A$ | size \\| norm |\n| B | batch |\n"
    ),
    "list in a table": (
        "| name | $\\vert x\\vert$ |\n| --- | --- |\n| a | • one<br>• two |"
    ),
    "definition list": "- **Term**: A definition with $x$.",
    "code span": "Run `git log` then <kbd>Ctrl</kbd>+<kbd>C</kbd>",
    "sub- and superscript": "H<sub>2</sub>O, x<sup>2</sup>, [Table 3.1](#tab-letters).",
    "nested list": "1. one\n2. two\n   - nested\n",
    "listing": '**Listing 3.1** A listing\n\n````python\nprint("```")\n````',
    "raw html": "<b>raw</b> html",
    "rule": "\n---\n",
    "epigraph": "> Attend.\n>\n> — Someone",
    "glued number": "The loss is 3.08 nats",
    "glued figure": "**Fig. 3.2** A glued picture.",
    "references": (
        "## References\n\n"
        '- <a id="ref-nadaraya1964" name="ref-nadaraya1964"></a>E. A. Nadaraya. On '
        "estimating regression. *Theory of Probability*, 1964. "
        "[doi:10.1137/1109020](https://doi.org/10.1137/1109020)."
    ),
    "reference with an address": (
        "URL: [https://arxiv.org/abs/1706.03762](https://arxiv.org/abs/1706.03762)"
    ),
}


@pytest.mark.parametrize("construct", EXPECTED)
def test_construct(text, construct):
    assert EXPECTED[construct] in text


def test_comments_are_left_out(text):
    assert "a comment" not in text
    assert "<!--" not in text


def test_every_link_within_the_notebook_leads_somewhere(text):
    anchors = set(re.findall(r'<a id="([^"]+)"', text))
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert links
    assert links <= anchors
    assert anchors <= links | {"ref-nadaraya1964", "ref-vaswani2017"}


def test_formulas_cannot_be_torn_apart(text):
    assert text.count("$$") % 2 == 0
    for formula in text.split("$$")[1::2]:
        assert "\n\n" not in formula
        assert not re.search(r"^>", formula, re.M)
    assert len(re.findall(r"(?<!\$)\$(?!\$)", text)) % 2 == 0


def test_another_chapter(book):
    cells = book.notebook("07_training").cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert r"\theta \leftarrow \theta - \eta \nabla \mathcal{L} \tag{7.1}" in text
    there = f"{SITE}/chapters/03_attention.html"
    assert f"Compare [(3.1)]({there}#equation-eq-softmax)" in text
    assert f"[Proposition 3.1]({there}#prop:rows)" in text
    assert "> **Definition 7.2**" in text
    assert "References" not in text


def test_the_page_offers_the_resolved_notebook(book):
    link = book.page("chapters/03_attention").select_one(
        'a[href$="03_attention.ipynb"]'
    )
    assert link["href"] == "../notebooks/03_attention.ipynb"
    published = book.folder / "_build" / "html" / "notebooks" / "03_attention.ipynb"
    assert (
        published.read_bytes()
        == (book.folder / "_build" / "notebooks" / "03_attention.ipynb").read_bytes()
    )


def test_a_second_build_writes_the_same_notebook(build):
    first = build().notebook("03_attention")
    assert build().notebook("03_attention") == first


def test_a_construct_without_a_rule_fails_the_build(build):
    def use_it(folder):
        file = folder / "chapters" / "07_training.ipynb"
        chapter = nbformat.read(file, as_version=4)
        chapter.cells[0].source += "\n\n```{py:function} f(x)\n:no-index:\n```\n"
        nbformat.write(chapter, file)

    built = build(use_it)
    assert built.status == 1
    assert any("no Markdown is known for desc;" in line for line in built.warnings)
