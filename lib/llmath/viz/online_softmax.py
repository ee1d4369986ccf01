"""one query's scores and values → online softmax, a chunk of keys at a time"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from llmath.viz.attention_explorer import label
from llmath.viz.live import LiveFigure

MOST = 64  # keys: more would not be read one by one
CHUNKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SHIFTS = tuple(range(0, 101, 5))  # a constant added to all scores


def checked(scores: Any, values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scores (S,) and values (S, E) of one query; ValueError if they are not that."""
    s, v = np.asarray(scores, np.float64), np.asarray(values, np.float64)
    if s.ndim != 1 or v.ndim != 2 or len(v) != len(s) or not v.size:
        raise ValueError(
            f"one query has scores (S,) and values (S, E), not {s.shape} and {v.shape}"
        )
    if len(s) > MOST:
        raise ValueError(f"{len(s)} keys; the figure lists at most {MOST}")
    wrong = int((~np.isfinite(s)).sum() + (~np.isfinite(v)).sum())
    if wrong:
        raise ValueError(
            f"{wrong} scores or values are NaN or infinite: leave masked keys out"
        )
    return s, v


def look(
    model: Any, tokenizer: Any, text: str, *, layer: int, head: int, query: int | str
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """text → labels, scores (S,), values (S, E): what the query may look at."""
    import torch

    from llmath.probe import record

    ids = tokenizer.encode(text)
    names = [f"blocks.{layer}.attn.{name}" for name in ("scores", "v")]
    with torch.no_grad(), record(model, *names) as acts:
        device = next(model.parameters()).device
        model(torch.tensor([ids], device=device), impl="explicit")
    scores, v = (acts[name][0].float().cpu().numpy() for name in names)
    labels = [label(token, i) for i, token in enumerate(tokenizer.tokens(ids))]
    place = labels.index(query) if isinstance(query, str) else range(len(ids))[query]
    seen, group = place + 1, head // (len(scores) // len(v))  # shared value heads
    return labels[:seen], scores[head, place, :seen], v[group, :seen]


class OnlineSoftmax(LiveFigure):
    """Keys arrive `chunk` at a time; m, ℓ and O are all that is kept of them.

    `scores` (S,) and `values` (S, E) belong to one query; they are stored in float32,
    and the figure computes in float64. State: `chunk`, `step` (chunks read), `shift`
    (a constant added to every score, which changes no weight). `source` says in words
    whose scores they are.
    """

    module = "online_softmax"
    height = 730
    linked = ("chunk", "step", "shift")
    labels = traitlets.List().tag(sync=True)
    scores = traitlets.Bytes().tag(sync=True)  # float32, little-endian
    values = traitlets.Bytes().tag(sync=True)  # by keys
    width = traitlets.Int().tag(sync=True)  # E
    source = traitlets.Unicode().tag(sync=True)
    chunks = traitlets.List().tag(sync=True)
    shifts = traitlets.List(list(SHIFTS)).tag(sync=True)
    chunk = traitlets.Int(4).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    shift = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        scores: Any,
        values: Any,
        *,
        labels: Sequence[str] | None = None,
        chunk: int = 4,
        source: str = "",
        **kwargs: Any,
    ) -> None:
        s, v = checked(scores, values)
        names = [f"key {i}" for i in range(len(s))] if labels is None else list(labels)
        if len(names) != len(s):
            raise ValueError(f"{len(s)} keys have {len(names)} labels")
        if not 1 <= chunk <= len(s):
            raise ValueError(f"chunk = {chunk}: there are {len(s)} keys to read")
        sizes = {*(c for c in CHUNKS if c < len(s)), chunk, len(s)}
        kwargs.setdefault("alt", self.description(s))
        super().__init__(
            scores=s.astype("<f4").tobytes(),
            values=v.astype("<f4").tobytes(),
            width=v.shape[1],
            labels=names,
            source=source,
            chunks=sorted(sizes),
            chunk=chunk,
            **kwargs,
        )

    @classmethod
    def from_model(
        cls,
        model: Any,
        tokenizer: Any,
        text: str,
        *,
        layer: int,
        head: int,
        query: int | str = -1,
        **kwargs: Any,
    ) -> OnlineSoftmax:
        """One query of a head: a place in the text, or the first such token."""
        place = {"layer": layer, "head": head, "query": query}
        labels, scores, values = look(model, tokenizer, text, **place)
        source = f"Head {layer}.{head}, query “{labels[-1]}” of “{text}”"
        return cls(scores, values, labels=labels, source=source, **kwargs)

    @staticmethod
    def description(scores: np.ndarray) -> str:
        return (
            f"Online softmax, step by step: {len(scores)} keys with scores from "
            f"{scores.min():.2f} to {scores.max():.2f} arrive a few at a time; the "
            f"running maximum, sum and output end where the ordinary softmax does."
        )

    def choices(self, name: str) -> Any:
        steps = [math.ceil(len(self.labels) / c) for c in self.chunks]
        by_chunk = dict(zip(self.chunks, (n + 1 for n in steps), strict=True))
        return {"chunk": self.chunks, "step": {"chunk": by_chunk}}.get(
            name, list(SHIFTS)
        )

    @traitlets.validate("chunk", "shift", "step")
    def _allowed(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "step":
            most = math.ceil(len(self.labels) / self.chunk)
            if not 0 <= value <= most:
                raise ValueError(f"step = {value}: there are {most} chunks, from 0")
        elif value not in (known := self.choices(name)):
            raise ValueError(f"{name} = {value} is none of {known}")
        return value
