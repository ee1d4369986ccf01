"""a text → its tokens by GPT-2, by SmolLM2 and by the book's own tokenizer

What is seen first was encoded here. For another text the JavaScript encodes by itself,
with a table that it asks for: of the site a script (`tokenizer_tables`), of a kernel a
message, so that neither page nor notebook carries what nobody wanted.
"""

from __future__ import annotations

import html
from typing import Any, ClassVar

import traitlets

from llmath.tokenizer import SPLITTERS, Tokenizer
from llmath.tokenizer.pieces import any_of, check_text
from llmath.viz import tokenizer_tables
from llmath.viz.live import LiveFigure
from llmath.viz.tokenizer_tables import TITLES

LONGEST = 100_000  # characters
TEXT = "The cat sat. Understanding misunderstanding: 127 + 677 = 804. Déjà vu 🙂"


class TokenizerPlayground(LiveFigure):
    """Tokens, ids and bytes of a text, and the merges that made each piece of it.

    `TokenizerPlayground(text="…", tokenizer="gpt2", special=True, token=…, key=…)`:
    text, tokenizer ("gpt2", "smollm2" or "book") and the reading of markers such as
    <|endoftext|> are the reader's to change; `token` is the place of the one whose
    piece is shown, at first the longest.
    `ids()` gives the library's ids for the state as it is.

    Halves of surrogate pairs are refused, as the library does, with a sentence under
    the text; a browser's text box makes one line feed of a carriage return and its own.
    """

    module = "tokenizer_playground"
    height: ClassVar[int] = 900
    linked = ("tokenizer", "special")
    text = traitlets.Unicode(TEXT).tag(sync=True)
    tokenizer = traitlets.Enum(list(TITLES), "gpt2").tag(sync=True)
    special = traitlets.Bool(True).tag(sync=True)
    token = traitlets.Int(0, min=0).tag(sync=True)
    first = traitlets.Dict().tag(sync=True)
    tables = traitlets.Dict().tag(sync=True)
    classes = traitlets.Dict().tag(sync=True)
    longest = traitlets.Int(LONGEST).tag(sync=True)

    def __init__(self, text: str = TEXT, **kwargs: Any) -> None:
        check_text(text)
        pieces = {
            name: encoded(tokenizer_tables.tokenizer(name), text) for name in TITLES
        }
        kwargs.setdefault("alt", self.description(text, pieces))
        chosen = kwargs.get("tokenizer", "gpt2")
        kwargs.setdefault("token", longest_piece(pieces.get(chosen, [])))
        super().__init__(
            text=text,
            first={"text": text, "pieces": pieces},
            tables=tokenizer_tables.about(),
            classes=tokenizer_tables.classes(),
            **kwargs,
        )
        self.on_msg(self._send_table)

    def ids(self) -> list[int]:
        """The library's ids of the text."""
        tokenizer = tokenizer_tables.tokenizer(self.tokenizer)
        return tokenizer.encode(self.text, special=self.special)

    @staticmethod
    def description(text: str, pieces: dict[str, Any]) -> str:
        counts = (
            f"{sum(len(piece['ids']) for piece in found)} by {TITLES[name]}"
            for name, found in pieces.items()
        )
        return (
            f"Tokenizer playground: “{text[:80]}{'…' if len(text) > 80 else ''}”, "
            f"{len(text.encode())} bytes, is cut into tokens: {', '.join(counts)}."
        )

    def still(self) -> str:
        tokenizer = tokenizer_tables.tokenizer(self.tokenizer)
        rows = "".join(
            f"<li><code>{html.escape(token.replace(' ', '␣'))}</code> {i}</li>"
            for i, token in zip(
                self.ids()[:60], tokenizer.tokens(self.ids()[:60]), strict=True
            )
        )
        return f"{super().still()}<p>Tokens and ids:</p><ul>{rows}</ul>"

    def _send_table(self, _: Any, message: Any, buffers: Any) -> None:
        wanted = message.get("wanted") if isinstance(message, dict) else None
        if wanted in TITLES:
            self.send({"table": wanted, "json": tokenizer_tables.packed(wanted)})

    @traitlets.validate("text")
    def _short(self, proposal: dict[str, Any]) -> str:
        check_text(proposal["value"])
        if len(proposal["value"]) > LONGEST:
            raise ValueError(
                f"the figure reads up to {LONGEST} characters, not "
                f"{len(proposal['value'])}: pass a part, text[:{LONGEST}]"
            )
        return proposal["value"]


def encoded(tokenizer: Tokenizer, text: str) -> list[dict[str, Any]]:
    """The pieces of a text as the figure has them: text, ids, the bytes of each token.

    A text that this vocabulary cannot encode raises a ValueError.
    """
    found, split = [], SPLITTERS[tokenizer.pattern]
    markers = list(tokenizer.special)
    for i, part in enumerate(any_of(markers).split(text) if markers else [text]):
        marker = bool(i % 2)
        for piece in [part] if marker else split(part):
            ids = tokenizer.encode(piece, special=marker)
            tokens = [list(tokenizer.decode_bytes([one])) for one in ids]
            row = {"text": piece, "ids": ids, "tokens": tokens}
            found.append({**row, "marker": True} if marker else row)
    return found


def longest_piece(pieces: list[dict[str, Any]]) -> int:
    """The place of the first token of the piece with the most bytes."""
    sizes = [len(piece["text"].encode()) for piece in pieces]
    before = pieces[: sizes.index(max(sizes))] if sizes else []
    return sum(len(piece["ids"]) for piece in before)
