"""vectors of words at several times of their training → a picture that moves

The page holds a point in the plane for each word and frame, and the cosines between
all words, both as 16-bit numbers: it computes nothing that is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from llmath.viz.live import LiveFigure

STEPS = 32767  # a coordinate or cosine is stored as a whole number of 1/32767
MOST = 200_000  # bytes that a page may carry for one such figure
COLOURS = 5  # of groups of words


def shapes_fit(points: np.ndarray, cosines: np.ndarray, words: Sequence[str]) -> None:
    """frames × words × 2, frames × words × words, finite; ValueError otherwise."""
    frames, n = len(points), len(words)
    if points.shape != (frames, n, 2) or cosines.shape != (frames, n, n):
        raise ValueError(
            f"{n} words need points of shape (frames, {n}, 2) and cosines of shape "
            f"(frames, {n}, {n}), not {points.shape} and {cosines.shape}"
        )
    if frames < 2 or n < 3 or len(set(words)) < n:
        raise ValueError(
            f"at least two frames and three words, each once: got {frames} frames and "
            f"{len(set(words))} different words of {n}"
        )
    if not (np.isfinite(points).all() and np.isfinite(cosines).all()):
        raise ValueError("some points or cosines are NaN or infinite")
    if np.abs(cosines).max() > 1 + 1e-6:
        raise ValueError(f"a cosine of {np.abs(cosines).max():.4f} is none")


def projected(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(F W D) → points (F W 2), cosines (F W W), share of the variance in the plane (F)

    One plane for all frames, so that what moves is the vectors: that of the two main
    directions of the last frame. Every frame is centred at its own mean.
    """
    if vectors.ndim != 3 or vectors.shape[-1] < 2:
        raise ValueError(
            f"vectors are frames × words × at least two numbers, not {vectors.shape}"
        )
    centred = vectors - vectors.mean(1, keepdims=True)
    plane = np.linalg.svd(centred[-1], full_matrices=False)[2][:2].T
    plane *= np.sign(plane[np.abs(plane).argmax(0), [0, 1]])  # of ±, always the same
    points = centred @ plane
    shares = (points**2).sum((1, 2)) / (centred**2).sum((1, 2))
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return points, unit @ unit.transpose(0, 2, 1), shares


class VectorsLearning(LiveFigure):
    """Words as points that move while their vectors train, and who is near whom.

    `points` (F W 2) and `cosines` (F W W) are those of `words` at the F `steps` of
    training; `losses` (F) and `shares` (F), of the variance that the plane holds, are
    shown beside them. `groups` names kinds of words, which get a colour each. State:
    `frame` and `word`, by number, and `fit` (the axes are those of the frame alone).
    `from_vectors` projects and measures by itself.
    """

    module = "vectors_learning"
    height = 520
    linked = ("frame", "word", "fit")
    words = traitlets.List().tag(sync=True)
    points = traitlets.Bytes().tag(sync=True)
    scale = traitlets.Float().tag(sync=True)  # of the largest coordinate
    cosines = traitlets.Bytes().tag(sync=True)  # below the diagonal, row by row
    steps = traitlets.List().tag(sync=True)
    losses = traitlets.List().tag(sync=True)
    shares = traitlets.List().tag(sync=True)
    groups = traitlets.List().tag(sync=True)  # names
    group = traitlets.List().tag(sync=True)  # of each word
    unit = traitlets.Unicode().tag(sync=True)
    frame = traitlets.Int().tag(sync=True)
    word = traitlets.Int().tag(sync=True)
    fit = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        points: Any,
        cosines: Any,
        words: Sequence[str],
        *,
        steps: Sequence[int],
        losses: Sequence[float],
        shares: Sequence[float] = (),
        groups: Mapping[str, Sequence[str]] | None = None,
        word: str | None = None,
        frame: int = -1,
        unit: str = "nats",
        **kwargs: Any,
    ) -> None:
        p, c = np.asarray(points, np.float64), np.asarray(cosines, np.float64)
        shapes_fit(p, c, words)
        rows = {
            "steps": steps,
            "losses": losses,
            "shares": shares if len(shares) else losses,
        }
        for name, row in rows.items():
            if len(row) != len(p):
                raise ValueError(f"{len(p)} frames, but {len(row)} {name}")
            if not np.isfinite(np.asarray(row, np.float64)).all():
                raise ValueError(f"some {name} are NaN or infinite")
        own = {"steps": list(map(int, steps)), "unit": unit, "words": list(words)}
        own |= {"losses": [round(float(x), 6) for x in losses]}
        own |= {"shares": [round(float(x), 6) for x in shares]}
        own |= grouped(words, groups or {})
        own |= packed(p, c)
        own |= {"frame": range(len(p))[frame], "word": place(words, word)}
        kwargs.setdefault("alt", self.description(own, c[-1]))
        super().__init__(**own, **kwargs)

    @classmethod
    def from_vectors(
        cls, vectors: Any, words: Sequence[str], **kwargs: Any
    ) -> VectorsLearning:
        """The words' own vectors (F W D), in the plane where they end up widest."""
        points, cosines, shares = projected(np.asarray(vectors, np.float64))
        return cls(points, cosines, words, shares=shares.tolist(), **kwargs)

    @staticmethod
    def description(own: Mapping[str, Any], cosines: np.ndarray) -> str:
        words, chosen = own["words"], own["word"]
        others = [i for i in np.argsort(-cosines[chosen]) if i != chosen]
        best = words[others[0]]
        return (
            f"Vectors of {len(words)} words while they train, in {len(own['steps'])} "
            f"frames: the loss goes from {own['losses'][0]:.2f} to "
            f"{own['losses'][-1]:.2f} {own['unit']}; at the end “{best}” is nearest to "
            f"“{words[chosen]}”, with a cosine of {cosines[chosen, others[0]]:.2f}."
        )

    def choices(self, name: str) -> Any:
        counted = {"frame": len(self.steps), "word": len(self.words)}
        return counted.get(name) or super().choices(name)

    @traitlets.validate("frame", "word")
    def _there(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        if not 0 <= value < self.choices(name):
            last = self.choices(name) - 1
            raise ValueError(f"{name} = {value} is none of 0 … {last}")
        return value


def place(words: Sequence[str], word: str | None) -> int:
    """Where a word stands; a word that is not shown raises a ValueError."""
    if word is None:
        return 0
    if word not in words:
        raise ValueError(f"“{word}” is none of the words: {', '.join(words)}")
    return list(words).index(word)


def grouped(words: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict:
    """Names of groups, and for each word the number of its own, or −1."""
    if len(groups) > COLOURS:
        raise ValueError(f"{len(groups)} groups; there are {COLOURS} colours for them")
    of = {word: i for i, members in enumerate(groups.values()) for word in members}
    return {"groups": list(groups), "group": [of.get(word, -1) for word in words]}


def packed(points: np.ndarray, cosines: np.ndarray) -> dict[str, Any]:
    """16 bits for each number; more than a page should carry raises a ValueError."""
    scale = float(np.abs(points).max()) or 1.0
    below = np.tril_indices(points.shape[1], -1)
    flat = np.clip(cosines[:, below[0], below[1]], -1, 1)
    coded = [np.rint(x * STEPS).astype("<i2").tobytes() for x in (points / scale, flat)]
    size = sum(map(len, coded)) * 4 // 3  # in base 64
    if size > MOST:
        frames, words = points.shape[:2]
        raise ValueError(
            f"{frames} frames of {words} words are {size} bytes, more than {MOST}: "
            f"pass every second frame, or fewer words"
        )
    return {"points": coded[0], "cosines": coded[1], "scale": scale}
