r"""the book's LaTeX → LaTeX that any notebook front end can set

Jupyter and Colab know none of the book's macros, number no equations of their own, and
end a formula at a blank line; inside a quotation even at a line break.
"""

from __future__ import annotations

import re

CONTROL = re.compile(r"\\(?:[A-Za-z]+|.)", re.S)
COMMENT = re.compile(r"(?<!\\)%.*")
ENVIRONMENT = re.compile(r"\\(begin|end)\{(align|alignat|gather|equation|split)\*?\}")
INNER = {"align": "aligned", "alignat": "alignedat", "gather": "gathered"}


def argument(tex: str, start: int) -> tuple[str, int]:
    """The argument that begins at or after start, without braces, and its end."""
    while start < len(tex) and tex[start].isspace():
        start += 1
    if start == len(tex):
        return "", start
    if tex[start] != "{":
        token = CONTROL.match(tex, start)
        end = token.end() if token else start + 1
        return tex[start:end], end
    depth, place = 0, start
    while place < len(tex):
        if token := CONTROL.match(tex, place):  # \{ is no brace
            place = token.end()
            continue
        depth += {"{": 1, "}": -1}.get(tex[place], 0)
        place += 1
        if depth == 0:
            return tex[start + 1 : place - 1], place
    raise ValueError(f"A brace is not closed in {tex!r}.")


def expand(tex: str, macros: dict[str, str]) -> str:
    r"""\norm{x} → \lVert x \rVert, for every macro, also inside of others."""
    result, place = [], 0
    while token := CONTROL.search(tex, place):
        result.append(tex[place : token.start()])
        place = token.end()
        body = macros.get(token[0])
        if body is None:
            result.append(token[0])
            continue
        arguments = []
        for _ in range(max(map(int, re.findall(r"#(\d)", body)), default=0)):
            value, place = argument(tex, place)
            arguments.append(value)
        filled = re.sub(r"#(\d)", lambda m, a=arguments: a[int(m[1]) - 1], body)
        filled = expand(filled, macros)
        ends_in_word = re.search(r"\\[A-Za-z]+$", filled)
        result.append(
            filled + (" " if ends_in_word and tex[place:][:1].isalpha() else "")
        )
    return "".join(result) + tex[place:]


def tidy(tex: str, macros: dict[str, str]) -> str:
    """Without comments, blank lines and macros."""
    lines = (COMMENT.sub("", line).rstrip() for line in tex.splitlines())
    return expand("\n".join(line for line in lines if line), macros).strip()


def inline(tex: str, macros: dict[str, str], *, in_table: bool = False) -> str:
    """$…$ in one line; in a table without the bar that would end the column."""
    tex = " ".join(tidy(tex, macros).split())
    if in_table:
        tex = tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ").strip()
    return f"${tex}$"


def inner(match: re.Match) -> str:
    r"""\begin{align} → \begin{aligned}: the number is a \tag outside of it."""
    name = INNER.get(match[2])
    return rf"\{match[1]}{{{name}}}" if name else ""


def display(tex: str, macros: dict[str, str], number: str, *, flat: bool) -> str:
    """$$…$$ with its number as a tag; in one line where it is quoted."""
    tex = ENVIRONMENT.sub(inner, tidy(tex, macros)).strip()
    if number:
        tex += rf" \tag{{{number}}}"
    return f"$$ {' '.join(tex.split())} $$" if flat else f"$$\n{tex}\n$$"
