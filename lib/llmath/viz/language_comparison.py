"""parallel sentences, tokenizers → how many tokens each language needs, beside English

A token is a row of bytes, and the tokens of a sentence are its bytes cut into rows: the
page gets the sentences once and, of each tokenizer, the lengths of the rows. The
JavaScript cuts, counts and divides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import traitlets

from llmath.tokenizer import Tokenizer
from llmath.viz.live import LiveFigure

LONGEST = 255  # bytes of a token: a length is stored in one


class Compared(NamedTuple):
    """Tokens of a language, relative to those of the first language."""

    ratios: list[float]  # of each sentence
    total: float  # of all sentences together
    low: float  # the least and the greatest of the ratios
    high: float


def token_lengths(tokenizer: Tokenizer, sentence: str) -> list[int]:
    """How many bytes each token has; together they are the sentence's."""
    ids = tokenizer.encode(sentence, special=False)
    lengths = [len(tokenizer.decode_bytes([i])) for i in ids]
    if lengths and max(lengths) > LONGEST:
        raise ValueError(
            f"a token of {max(lengths)} bytes in {sentence!r:.40}: there is room for "
            f"{LONGEST}"
        )
    return lengths


def compare(
    tokenizer: Tokenizer, sentences: Mapping[str, Sequence[str]]
) -> dict[str, Compared]:
    """{language: Compared}: each sentence's tokens by those of the same sentence in
    the first language; `total` divides the sums, which is no mean of the ratios."""
    counts = {
        name: np.array([len(tokenizer.encode(s, special=False)) for s in row])
        for name, row in sentences.items()
    }
    first = next(iter(counts.values()))
    found = {}
    for name, n in counts.items():
        ratios = (n / first).tolist()
        total = float(n.sum() / first.sum())
        found[name] = Compared(ratios, total, min(ratios), max(ratios))
    return found


def checked(sentences: Mapping[str, Sequence[str]]) -> int:
    """How many sentences each language has; a ValueError where that differs."""
    sizes = {name: len(row) for name, row in sentences.items()}
    if len(sizes) < 2 or len(set(sizes.values())) > 1 or 0 in sizes.values():
        raise ValueError(
            f"two languages or more, with equally many sentences, one at least: {sizes}"
        )
    if empty := [name for name, row in sentences.items() if not all(row)]:
        raise ValueError(f"{', '.join(empty)}: an empty sentence has no tokens")
    return next(iter(sizes.values()))


class LanguageComparison(LiveFigure):
    """Tokens of the same sentences in several languages, relative to the first.

    LanguageComparison({name: tokenizer, …}): bars for the sentence that is chosen, with
    the range over all sentences, and its tokens in the first language and another.
    `sentences` are {language: [sentence, …]}, of `llmath.data.parallel_sentences` if
    none are given, `codes` {language: tag for the page's `lang`}.

    The state can be set from Python too: `tokenizer`, `sentence` and `language`, each
    by its place.
    """

    module = "language_comparison"
    height = 760
    linked = ("tokenizer", "sentence", "language")
    names = traitlets.List().tag(sync=True)  # of the tokenizers
    lengths = traitlets.List().tag(sync=True)  # of each: all tokens', in bytes
    languages = traitlets.List().tag(sync=True)
    codes = traitlets.List().tag(sync=True)
    sentences = traitlets.List().tag(sync=True)  # of each language
    tokenizer = traitlets.Int(0).tag(sync=True)
    sentence = traitlets.Int(0).tag(sync=True)
    language = traitlets.Int(1).tag(sync=True)

    def __init__(
        self,
        tokenizers: Mapping[str, Tokenizer],
        *,
        sentences: Mapping[str, Sequence[str]] | None = None,
        codes: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(tokenizers, Mapping) or not tokenizers:
            raise ValueError("tokenizers are {name: tokenizer}, and one at least")
        if sentences is None:
            from llmath.data import language_codes, parallel_sentences

            sentences, codes = parallel_sentences(), language_codes()
        checked(sentences)
        rows = {name: list(row) for name, row in sentences.items()}
        lengths = [
            bytes(n for row in rows.values() for s in row for n in token_lengths(t, s))
            for t in tokenizers.values()
        ]
        kwargs.setdefault("alt", self.description(tokenizers, rows))
        super().__init__(
            names=list(tokenizers),
            lengths=lengths,
            languages=list(rows),
            codes=[(codes or {}).get(name, "") for name in rows],
            sentences=list(rows.values()),
            **kwargs,
        )

    @staticmethod
    def description(
        tokenizers: Mapping[str, Tokenizer], sentences: Mapping[str, Sequence[str]]
    ) -> str:
        first, said = next(iter(sentences)), []
        for name, tokenizer in tokenizers.items():
            found = compare(tokenizer, sentences)
            others = {k: v.total for k, v in found.items() if k != first}
            least, most = min(others, key=others.get), max(others, key=others.get)
            said.append(
                f"{name} from {others[least]:.2f} ({least}) to {others[most]:.2f} "
                f"({most})"
            )
        n = len(sentences[first])
        return (
            f"Tokens of {n} sentences in {len(sentences)} languages, relative to "
            f"{first}. All sentences together: {'; '.join(said)}."
        )

    def choices(self, name: str) -> Any:
        return {
            "tokenizer": len(self.names),
            "sentence": len(self.sentences[0]),
            "language": len(self.languages),
        }[name]

    @traitlets.validate("tokenizer", "sentence", "language")
    def _within(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        size = self.choices(name)
        if not 0 <= value < size:
            raise ValueError(
                f"{name} = {value}: there are {size}, from 0 to {size - 1}"
            )
        return value
