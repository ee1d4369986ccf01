"""a text → the merges it teaches, one after the other, while the reader looks on

The JavaScript learns by itself, from whatever the reader types; `shown` says the same
with the library's `learn_merges`.
"""

from __future__ import annotations

import html
from typing import Any, ClassVar, NamedTuple

import traitlets

from llmath.tokenizer import byte_alphabet, count_words, learn_merges
from llmath.tokenizer.pieces import check_text
from llmath.viz.live import LiveFigure
from llmath.viz.tokenizer_tables import classes

MOST_MERGES = 400
LONGEST = 10_000  # characters
_LETTERS = byte_alphabet()


class Shown(NamedTuple):
    """What the figure says of a text."""

    merges: list[tuple[bytes, bytes]]  # as many as asked for, or as there are
    n_bytes: int
    n_tokens: list[int]  # after 0, 1, 2, … merges


class BPETrainer(LiveFigure):
    """Byte-pair encoding learns from a text, merge by merge.

    `BPETrainer(text="…", n_merges=60, step=0, pieces=True, key=…)`: the text is the
    reader's to change, up to 10,000 characters; `pieces=False` lets merges run across
    words, where GPT-2's rule would cut the text first. `shown()` gives the merges and
    the numbers of tokens from the library.
    """

    module = "bpe_trainer"
    height: ClassVar[int] = 900
    linked = ("pieces", "step")
    text = traitlets.Unicode().tag(sync=True)
    n_merges = traitlets.Int(60).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    pieces = traitlets.Bool(True).tag(sync=True)
    classes = traitlets.Dict().tag(sync=True)
    longest = traitlets.Int(LONGEST).tag(sync=True)

    def __init__(self, text: str, *, n_merges: int = 60, **kwargs: Any) -> None:
        if not 1 <= n_merges <= MOST_MERGES:
            raise ValueError(
                f"n_merges = {n_merges}: the figure shows 1 to {MOST_MERGES}"
            )
        if "alt" not in kwargs:
            kwargs["alt"] = self.description(
                learnt(text, n_merges, pieces=kwargs.get("pieces", True))
            )
        super().__init__(text=text, n_merges=n_merges, classes=classes(), **kwargs)

    def shown(self) -> Shown:
        """Merges and numbers of tokens, by the library, for the state as it is."""
        return learnt(self.text, self.n_merges, pieces=self.pieces)

    @staticmethod
    def description(found: Shown) -> str:
        n = len(found.merges)
        return (
            f"Byte-pair encoding learns from a text of {found.n_bytes} bytes, merge by "
            f"merge: after {n} merges it is {found.n_tokens[-1]} tokens."
        )

    def still(self) -> str:
        found = self.shown()
        rows = "".join(
            f"<li><code>{html.escape(spelt(a))}</code> + "
            f"<code>{html.escape(spelt(b))}</code>: {n} tokens</li>"
            for (a, b), n in zip(found.merges[:12], found.n_tokens[1:13], strict=True)
        )
        return f"{super().still()}<p>The first merges:</p><ol>{rows}</ol>"

    def choices(self, name: str) -> Any:
        return self.n_merges + 1 if name == "step" else super().choices(name)

    @traitlets.validate("text")
    def _short(self, proposal: dict[str, Any]) -> str:
        check_text(proposal["value"])
        if len(proposal["value"]) > LONGEST:
            raise ValueError(
                f"the figure learns from up to {LONGEST} characters, not "
                f"{len(proposal['value'])}: pass a part, text[:{LONGEST}]"
            )
        return proposal["value"]

    @traitlets.validate("step")
    def _known(self, proposal: dict[str, Any]) -> int:
        if not 0 <= proposal["value"] <= MOST_MERGES:
            raise ValueError(f"step = {proposal['value']}: from 0 to {MOST_MERGES}")
        return proposal["value"]


def learnt(text: str, n_merges: int, *, pieces: bool) -> Shown:
    """The merges of a text; without `pieces` the whole text is one piece.

    What is no text raises a ValueError.
    """
    check_text(text)
    row = bytes(map(list(_LETTERS.values()).index, text.encode()))
    words = count_words([text]) if pieces else {row: 1}
    tokens = [bytes([byte]) for byte in _LETTERS.values()]
    pairs = learn_merges(words, n_merges)
    for a, b in pairs:
        tokens.append(tokens[a] + tokens[b])
    merges = [(tokens[a], tokens[b]) for a, b in pairs]
    return Shown(merges, len(row), _lengths(words, pairs))


def _lengths(words: dict[bytes, int], pairs: list[tuple[int, int]]) -> list[int]:
    """Tokens of the text after 0, 1, 2, … merges, each from left to right."""
    rows = [(list(word), n) for word, n in words.items()]
    lengths = [sum(len(row) * n for row, n in rows)]
    for rank, pair in enumerate(pairs):
        for row, _ in rows:
            i = 0
            while i < len(row) - 1:
                if (row[i], row[i + 1]) == pair:
                    row[i : i + 2] = [256 + rank]
                i += 1
        lengths.append(sum(len(row) * n for row, n in rows))
    return lengths


def spelt(token: bytes) -> str:
    """For people: spaces seen, stray bytes as \\xe4."""
    text = token.decode("utf-8", errors="backslashreplace")
    return text.replace(" ", "␣").replace("\n", "↵")
