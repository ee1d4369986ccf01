"""name → what a page needs to tokenize by itself: merges, and which signs are letters

The three tables lie beside the figures' scripts (`write`), one classic script each, and
a page asks for one only when its reader does something that needs it. They are text:
about 460 kB for GPT-2 and for SmolLM2, 210 kB after the gzip of an ordinary web server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import regex

from llmath.tokenizer import Tokenizer, byte_alphabet

TITLES = MappingProxyType(
    {
        "gpt2": "GPT-2",
        "smollm2": "SmolLM2",
        "book": "the book’s own (Shakespeare)",
    }
)
FOLDER = "tables"  # beside the figures' scripts
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@cache
def tokenizer(name: str) -> Tokenizer:
    """GPT-2's, SmolLM2's, or what `python -m llmath.train --preset book` learns.

    Another name raises a ValueError.
    """
    if name not in TITLES:
        raise ValueError(f"no tokenizer {name!r}; there is {', '.join(TITLES)}")
    from llmath import (
        pretrained,
    )  # these bring torch: not for still figures
    from llmath.data import shakespeare
    from llmath.train.corpora import build_tokenizer, cut
    from llmath.train.presets import preset

    if name != "book":
        return pretrained.tokenizer({"smollm2": "smollm2-135m"}.get(name, name))
    recipe, text = preset("book"), shakespeare()
    train, _ = cut(text, recipe.validation)
    return build_tokenizer(recipe.tokens, text, train, recipe.model.vocab_size)


def table(found: Tokenizer) -> dict[str, Any]:
    """The merges as text, the ids of the 256 bytes, of the first merge, of the markers.

    The ids of merges follow from their ranks; a vocabulary that is numbered in another
    way raises a ValueError.
    """
    ids = {token: i for i, token in enumerate(found.vocabulary)}
    parts = [line.replace(" ", "") for line in found.merges]
    first = ids[parts[0]] if parts else 0
    if list(found.vocabulary[first : first + len(parts)]) != parts:
        raise ValueError(
            "the ids of this vocabulary are not in the order of its merges"
        )
    letters = sorted(byte_alphabet().items(), key=lambda item: item[1])
    return {
        "pattern": found.pattern,
        "special": found.special,
        "bytes": [ids.get(letter) for letter, _ in letters],
        "first": first,
        "merges": "\n".join(found.merges),
    }


@cache
def packed(name: str) -> str:
    """The table of a tokenizer as JSON."""
    return json.dumps(table(tokenizer(name)), ensure_ascii=False, separators=(",", ":"))


def about() -> dict[str, dict[str, str | int]]:
    """For each table: title, path from the scripts, bytes, how many markers it has."""
    found = {}
    for name, title in TITLES.items():
        data = packed(name).encode()
        path = f"{FOLDER}/{name}.js?v={hashlib.sha256(data).hexdigest()[:8]}"
        markers = len(tokenizer(name).special)
        row = {"title": title, "path": path, "size": len(data), "markers": markers}
        found[name] = row
    return found


def write(folder: Path) -> None:
    """All tables as classic scripts: from file:// a page may load these, not fetch."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name in TITLES:
        text = f'(LiveFigures.tables ??= {{}})["{name}"] = {packed(name)};\n'
        (folder / FOLDER / f"{name}.js").write_text(text, "utf8")


@cache
def classes() -> dict[str, str]:
    r"""\p{L}, \p{N} and \s as this Python knows them: gap, length, gap, length, …

    In base 36. A browser has its own edition of Unicode, in which a new letter may be
    none yet; cutting by these ranges, it cuts as the library does.
    """
    return {
        "letters": _ranges(r"\p{L}"),
        "digits": _ranges(r"\p{N}"),
        "spaces": _ranges(r"\s"),
    }


def _ranges(kind: str) -> str:
    signs = "".join(map(chr, range(0x110000)))
    runs = [run.span() for run in regex.finditer(f"{kind}+", signs)]
    ends = np.array(runs).ravel()
    return " ".join(_base36(np.diff(ends, prepend=0).tolist()))


def _base36(numbers: list[int]) -> Iterator[str]:
    for number in numbers:
        digits = ""
        while number or not digits:
            number, digit = divmod(number, 36)
            digits = _DIGITS[digit] + digits
        yield digits
