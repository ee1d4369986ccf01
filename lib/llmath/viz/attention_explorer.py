"""attention weights → the explorer: every head of a model on a few sentences"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import traitlets

from llmath.viz.live import LiveFigure, static_build

STEPS = 65535  # a weight is stored as a multiple of 1/65535: off by at most 7.7e-6
LONGEST = 14  # letters of a token that are shown
Sentence = tuple[str, Sequence[str], Any]  # title, tokens, maps (L H T T)


def pack(maps: np.ndarray, *, causal: bool) -> bytes:
    """(L H T T) → little-endian uint16 by rows; of a causal map the triangle only."""
    whole = np.rint(np.asarray(maps, np.float64) * STEPS).astype("<u2")
    size = maps.shape[-1]
    kept = np.tril_indices(size) if causal else np.indices((size, size)).reshape(2, -1)
    return whole[..., kept[0], kept[1]].tobytes()


def unpack(data: bytes, size: int, *, layers: int, heads: int, causal: bool):
    """What the figure's JavaScript reads: the inverse of `pack`, up to rounding."""
    kept = np.tril_indices(size) if causal else np.indices((size, size)).reshape(2, -1)
    maps = np.zeros((layers, heads, size, size))
    flat = np.frombuffer(data, "<u2").reshape(layers, heads, -1) / STEPS
    maps[..., kept[0], kept[1]] = flat
    return maps


def label(token: str, place: int) -> str:
    """A token as a reader wants it: no leading space, "-ing" inside a word, "↵"."""
    text = token.strip(" ").replace("\n", "↵").replace("\t", "⇥")
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    inside = place > 0 and token[:1].isalnum()
    return f"-{text}" if inside else text or "␣"


def checked(tokens: Sequence[str], maps: Any) -> np.ndarray:
    """The maps as an array; ValueError if they cannot be attention of these tokens."""
    array = np.asarray(maps, np.float64)
    count = len(tokens)
    if count == 0 or array.ndim != 4 or array.shape[2:] != (count, count):
        raise ValueError(
            f"{count} tokens need maps of shape (L, H, {count}, {count}), "
            f"not {array.shape}"
        )
    if not (array.min() >= 0 and array.max() <= 1 + 1e-6):  # also false for NaN
        raise ValueError(
            f"attention weights lie in [0, 1]; these reach from {array.min():g} "
            f"to {array.max():g}"
        )
    return array


def entry(sentence: Sentence, query: str | None) -> dict[str, Any]:
    """One sentence as the JavaScript reads it; `query` is the token chosen at first."""
    title, tokens, maps = sentence
    maps = checked(tokens, maps)
    causal = not np.triu(maps, 1).any()
    labels = [label(token, i) for i, token in enumerate(tokens)]
    return {
        "title": title,
        "labels": labels,
        "causal": causal,
        "query": labels.index(query) if query in labels else len(labels) - 1,
        "weights": pack(maps, causal=causal),
    }


def look(model: Any, tokenizer: Any, text: str) -> tuple[list[str], np.ndarray]:
    """text → its tokens and every head's weights (L H T T), read as the model runs."""
    import torch

    from llmath.probe import record

    ids = tokenizer.encode(text)
    pattern = "blocks.*.attn.pattern"
    with torch.no_grad(), record(model, pattern) as acts:
        model(torch.tensor([ids], device=next(model.parameters()).device))
    maps = acts.stack(pattern)[:, 0].float().cpu().numpy()
    return tokenizer.tokens(ids), maps


class AttentionExplorer(LiveFigure):
    """All heads as small pictures, one of them large, as a matrix or as arcs.

    `sentences` are (title, tokens, maps) with maps of shape (L, H, T, T). The state can
    be set from Python too: `sentence`, `layer`, `head`, `query` (a token's position),
    `view` ("matrix" or "arcs"), `only_row` (small pictures of the query's row alone).
    `query` at construction may be a word: each sentence that has it starts there.
    `recompute` maps a typed sentence to (tokens, maps); the static page, which has no
    kernel, does not offer it.
    """

    module = "attention_explorer"
    height = 780
    linked = ("sentence", "layer", "head", "query", "view", "only_row")
    sentences = traitlets.List().tag(sync=True)
    layers = traitlets.Int().tag(sync=True)
    heads = traitlets.Int().tag(sync=True)
    sentence = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)
    view = traitlets.Enum(["matrix", "arcs"], "matrix").tag(sync=True)
    only_row = traitlets.Bool(False).tag(sync=True)
    editable = traitlets.Bool(False).tag(sync=True)
    request = traitlets.Dict().tag(sync=True)  # from the page: {text, number}
    answer = traitlets.Dict().tag(sync=True)  # to the page: {message, number}

    def __init__(
        self,
        sentences: Sequence[Sentence],
        *,
        query: str | int | None = None,
        recompute: Callable[[str], tuple[Sequence[str], Any]] | None = None,
        max_tokens: int = 24,
        **kwargs: Any,
    ) -> None:
        if not sentences:
            raise ValueError("the explorer needs at least one sentence")
        shapes = {np.shape(maps)[:2] for _, _, maps in sentences}
        if len(shapes) > 1:
            raise ValueError(f"all maps must be of one model, not of {sorted(shapes)}")
        layers, heads = shapes.pop()
        word = query if isinstance(query, str) else None
        entries = [entry(s, word) for s in sentences]
        shown = entries[kwargs.get("sentence", 0)]
        self.recompute, self.max_tokens = recompute, max_tokens
        kwargs.setdefault("alt", self.description(shown, layers, heads))
        super().__init__(
            sentences=entries,
            layers=layers,
            heads=heads,
            query=query if isinstance(query, int) else shown["query"],
            editable=recompute is not None and not static_build(),
            **kwargs,
        )

    @classmethod
    def from_model(
        cls, model: Any, tokenizer: Any, sentences: Sequence[str], **kwargs: Any
    ) -> AttentionExplorer:
        """The heads of `model` on `sentences`, and on any that the reader types."""

        def recompute(text: str) -> tuple[list[str], np.ndarray]:
            return look(model, tokenizer, text)

        seen = [(text, *recompute(text)) for text in sentences]
        return cls(seen, recompute=recompute, **kwargs)

    @staticmethod
    def description(shown: dict[str, Any], layers: int, heads: int) -> str:
        return (
            f"Attention explorer: all {layers * heads} heads, {layers} layers of "
            f"{heads}, on “{shown['title']}”, each a picture of its weights."
        )

    def choices(self, name: str) -> Any:
        sizes = {
            "sentence": len(self.sentences),
            "layer": self.layers,
            "head": self.heads,
            "query": {"sentence": [len(s["labels"]) for s in self.sentences]},
        }
        return sizes[name] if name in sizes else super().choices(name)

    @traitlets.validate("layer", "head", "sentence", "query")
    def _within(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        size = {
            "layer": self.layers,
            "head": self.heads,
            "sentence": len(self.sentences),
            "query": len(self.sentences[self.sentence]["labels"]),
        }[name]
        if not 0 <= value < size:
            raise ValueError(
                f"{name} = {value}: there are {size}, from 0 to {size - 1}"
            )
        return value

    @traitlets.observe("request")
    def _answer(self, change: dict[str, Any]) -> None:
        """A typed sentence: always answered, so the figure never waits in vain."""
        message = "The computation failed; the kernel's log says why."
        try:
            self._add(change["new"]["text"])
            message = ""
        except ValueError as error:
            message = str(error)
        finally:
            self.answer = {"message": message, "number": change["new"]["number"]}

    def _add(self, text: str) -> None:
        text = text.strip()
        if not text:
            raise ValueError("Type a sentence first.")
        tokens, maps = self.recompute(text)
        if len(tokens) > self.max_tokens:
            raise ValueError(
                f"{len(tokens)} tokens; the figure shows at most {self.max_tokens}."
            )
        own = entry((text, tokens, maps), None)
        with self.hold_trait_notifications():
            self.sentences = [*self.sentences, own]
            self.sentence, self.query = len(self.sentences) - 1, own["query"]
