"""words and their vectors → neighbours, analogies and a plane, for whatever one types

A page shows one word and one analogy at first. For others it asks for the table of all
words: of the site a script, of a kernel a message. In it a vector is a row of whole
numbers from −127 to 127, which keep its direction nearly; how nearly is measured here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from llmath.viz.live import LiveFigure, static_build

MOST = 500_000  # bytes of a table
NEAREST, ANSWERS = 10, 5
TABLES = "BOOK_TABLES"  # the folder in which the build of the site collects them


def directions(vectors: Any) -> np.ndarray:
    """Rows of length 1; rows without a direction raise a ValueError."""
    v = np.asarray(vectors, np.float64)
    if v.ndim != 2 or v.shape[1] < 2 or not np.isfinite(v).all():
        raise ValueError(
            f"vectors are rows of at least two finite numbers, not {v.shape}"
        )
    lengths = np.linalg.norm(v, axis=1, keepdims=True)
    if not lengths.all():
        raise ValueError(
            f"{int((lengths == 0).sum())} vectors are zero: leave them out"
        )
    return v / lengths


def eight_bits(vectors: np.ndarray) -> np.ndarray:
    """Each row on a scale of its own, rounded to whole numbers from −127 to 127."""
    return np.rint(127 * vectors / np.abs(vectors).max(1, keepdims=True)).astype("i1")


def worst_cosine(one: np.ndarray, other: np.ndarray) -> float:
    """max |cos(one_i, one_j) − cos(other_i, other_j)| over all pairs of unit rows."""
    one, other, worst = one.astype("f4"), other.astype("f4"), 0.0
    for start in range(0, len(one), 512):
        rows = slice(start, start + 512)
        gap = np.abs(one[rows] @ one.T - other[rows] @ other.T)
        worst = max(worst, float(gap.max()))
    return worst


def best(units: np.ndarray, target: np.ndarray, n: int, without: Any = ()) -> list[int]:
    """The n rows of the greatest cosines with the target, greatest first."""
    cosines = units @ target / np.linalg.norm(target)
    cosines[list(without)] = -np.inf
    return np.argsort(-cosines, kind="stable")[:n].tolist()


def as_table(words: Sequence[str], coded: np.ndarray) -> dict[str, Any]:
    """What a page reads: the words, line by line, and their rows in base 64."""
    rows = base64.b64encode(coded.tobytes()).decode()
    return {"words": "\n".join(words), "vectors": rows}


class EmbeddingExplorer(LiveFigure):
    """Type a word: its neighbours. Type a : b :: c — the answer, by vectors alone.

    `words` and their `vectors` (V, D), the most frequent first; `name` says whose they
    are. The answer to an analogy is the word nearest to b − a + c, each of length 1,
    shown twice: with the three inputs left out, and without leaving anything out.
    State: `word`, and `analogy` as the three words with spaces between.
    """

    module = "embedding_explorer"
    height = 735
    word = traitlets.Unicode().tag(sync=True)
    analogy = traitlets.Unicode().tag(sync=True)
    first = traitlets.Dict().tag(sync=True)  # what is needed for what is seen first
    table = traitlets.Dict().tag(sync=True)  # name, path, size, count
    error = traitlets.Float().tag(sync=True)

    def __init__(
        self,
        words: Sequence[str],
        vectors: Any,
        *,
        name: str,
        word: str = "king",
        analogy: str = "man king woman",
        **kwargs: Any,
    ) -> None:
        self.index = {text: i for i, text in enumerate(words)}
        units = directions(vectors)
        if len(self.index) != len(units) or any(" " in w or "\n" in w for w in words):
            raise ValueError(
                f"{len(units)} vectors need as many different words without spaces; "
                f"there are {len(self.index)} different ones of {len(words)}"
            )
        self.words, coded = list(words), eight_bits(units)
        self.units = directions(coded)
        self.packed = json.dumps(as_table(words, coded), ensure_ascii=False)
        size = len(self.packed.encode())
        if size > MOST:
            fit = MOST * len(words) // size
            raise ValueError(
                f"{len(words)} words are {size} bytes, more than {MOST}: about the "
                f"first {fit} would fit"
            )
        for text in (word, *analogy.split()):
            self.row(text)
        digest = hashlib.sha256(self.packed.encode()).hexdigest()[:12]
        table = {"name": name, "path": f"tables/{digest}.js", "size": size}
        kwargs.setdefault("alt", self.description(name, word, analogy))
        super().__init__(
            word=word,
            analogy=analogy,
            first={"word": word, "analogy": analogy}
            | self._needed(word, analogy, coded),
            table=table | {"count": len(words), "key": digest},
            error=worst_cosine(units, self.units),
            **kwargs,
        )
        self.on_msg(self._send_table)

    def row(self, word: str) -> int:
        """The number of a word; one that is not there raises a ValueError."""
        if word not in self.index:
            raise ValueError(f"“{word}” is none of the {len(self.index)} words")
        return self.index[word]

    def nearest(self, word: str, n: int = NEAREST) -> list[tuple[str, float]]:
        """The n other words of the greatest cosines, as the page has them."""
        i = self.row(word)
        return self._named(self.units[i], best(self.units, self.units[i], n, [i]))

    def solve(
        self, analogy: str, n: int = ANSWERS, *, exclude: bool = True
    ) -> list[tuple[str, float]]:
        """“a b c” → the n words of the greatest cosines with b − a + c."""
        a, b, c = rows = [self.row(word) for word in analogy.split()]
        target = self.units[b] - self.units[a] + self.units[c]
        without = rows if exclude else ()
        return self._named(target, best(self.units, target, n, without))

    def description(self, name: str, word: str, analogy: str) -> str:
        a, b, c = analogy.split()
        (near, cosine), *_ = self.nearest(word)
        left_out, kept = (
            self.solve(analogy, 1, exclude=e)[0][0] for e in (True, False)
        )
        return (
            f"Explorer of {name}, {len(self.words)} words: nearest to “{word}” is "
            f"“{near}”, cosine {cosine:.2f}. {a} : {b} :: {c} : {left_out} if the "
            f"inputs may not be the answer; if they may, {kept}."
        )

    def _named(self, target: np.ndarray, rows: list[int]) -> list[tuple[str, float]]:
        length = np.linalg.norm(target)
        return [(self.words[i], float(self.units[i] @ target / length)) for i in rows]

    def _needed(self, word: str, analogy: str, coded: np.ndarray) -> dict[str, Any]:
        """The part of the table that the first view reads."""
        found = [self.nearest(word), self.solve(analogy)]
        found += [self.solve(analogy, exclude=False), [(word, 1)]]
        names = {name for part in found for name, _ in part} | {*analogy.split()}
        rows = sorted(self.index[name] for name in names)
        return as_table([self.words[i] for i in rows], coded[rows])

    def _send_table(self, _: Any, message: Any, buffers: Any) -> None:
        if isinstance(message, dict) and message.get("wanted") == self.table["key"]:
            self.send({"table": self.table["key"], "json": self.packed})

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if static_build():
            write(self.table["key"], self.packed)
        return super()._repr_mimebundle_(**kwargs)

    @traitlets.validate("word", "analogy")
    def _known(self, proposal: dict[str, Any]) -> str:
        words = proposal["value"].split()
        if len(words) != (3 if proposal["trait"].name == "analogy" else 1):
            raise ValueError(f"an analogy is “a b c”, a word is one: got {words}")
        for word in words:
            self.row(word)
        return proposal["value"]


def write(key: str, packed: str) -> None:
    """The table as a classic script, which a page from file:// may load too."""
    folder = os.environ.get(TABLES)
    if folder is None:
        raise RuntimeError(
            f"a static page has its table of words in a file, and {TABLES} does not "
            f"say in which folder"
        )
    Path(folder).mkdir(parents=True, exist_ok=True)
    text = f'(LiveFigures.tables ??= {{}})["{key}"] = {packed};\n'
    Path(folder, f"{key}.js").write_text(text, "utf8")
