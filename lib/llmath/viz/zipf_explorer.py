"""tokens of some sources → rank and frequency, growth of types, a law to try on both

The law is Zipf's with Mandelbrot's offset, p_r = (r + b)^−α / Σ_j (j + b)^−α over the
ranks that the source has; b = 0 is Zipf's own. The page gets counts of counts: of
30,000 types a few hundred numbers, from which the JavaScript has every count again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import traitlets

from llmath.viz.live import LiveFigure

ALPHAS = tuple(round(0.01 * i, 2) for i in range(20, 301))
OFFSETS = tuple(round(10 ** (i / 20) - 1, 2) for i in range(31))  # 0 … 30.62
LONGEST = 16  # letters of a token that are shown
FIRST = 20  # ranks that can all be read; then some of each decade
BLANKS = str.maketrans({" ": "␣", "\n": "↵", "\t": "→", "\r": "␍"})


class Judged(NamedTuple):
    """How a law does on counts: what a token costs under it, and the greatest gap."""

    cost: float  # −Σ_r f_r ln p_r, in nats a token; the counts' entropy is the least
    ks: float  # max_r |F(r) − P(r)|, of the shares summed from the first rank


def law(types: int, alpha: float, offset: float | int = 0) -> np.ndarray:
    """p_r = (r + b)^−α / Σ_j (j + b)^−α for r = 1 … types; Mandelbrot 1953"""
    logs = -alpha * np.log(np.arange(1, types + 1) + offset)
    p = np.exp(logs - logs.max())
    return p / p.sum()


def judge(counts: Iterable[int], alpha: float, offset: float | int = 0) -> Judged:
    """Cost and Kolmogorov–Smirnov distance of a law, on counts in any order."""
    f = np.sort(np.array(list(counts), float))[::-1]
    f = f[f > 0] / f.sum()
    p = law(len(f), alpha, offset)
    gap = np.abs(np.cumsum(f) - np.cumsum(p)).max()
    return Judged(float(-f @ np.log(p)), float(gap))


def best_alpha(f: np.ndarray, offset: float, start: float = 1.0) -> float:
    """The likeliest exponent of this offset, within the slider's range: Newton.

    The likelihood is concave in α. Its slope is the law's mean of ln(r + b) less the
    counts', its curvature minus the law's variance.
    """
    logs, alpha = np.log(np.arange(1, len(f) + 1) + offset), start
    for _ in range(50):
        p = law(len(f), alpha, offset)
        mean = p @ logs
        step = (mean - f @ logs) / (p @ (logs - mean) ** 2)
        before, alpha = alpha, float(np.clip(alpha + step, ALPHAS[0], ALPHAS[-1]))
        if abs(alpha - before) < 1e-10:
            break
    return alpha


def best_law(counts: Iterable[int]) -> tuple[float, float]:
    """(α, b) of the greatest likelihood within the sliders' range: golden section."""
    f = np.sort(np.array(list(counts), float))[::-1]
    f, alpha = f / f.sum(), 1.0

    def cost(s: float) -> float:
        nonlocal alpha
        alpha = best_alpha(f, np.exp(s) - 1, alpha)
        return float(-f @ np.log(law(len(f), alpha, np.exp(s) - 1)))

    low, high, golden = 0.0, np.log(1 + OFFSETS[-1]), (np.sqrt(5) - 1) / 2
    while high - low > 1e-5:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) <= cost(right) else (left, high)
    offset = 0.0 if low == 0 else float(np.exp((low + high) / 2) - 1)
    return best_alpha(f, offset, alpha), offset


def nearest(values: tuple[float, ...], wanted: float) -> float:
    """The slider's value that is closest."""
    return min(values, key=lambda value: abs(value - wanted))


def pack(counts: list[int]) -> bytes:
    """Counts, falling → (step down from the count before, how many have it), 7 bits a
    byte, the eighth set where more follow."""
    packed, before = bytearray(), 0
    for count, times in sorted(Counter(counts).items(), reverse=True):
        for value in (before - count if before else count, times):
            while value > 127:
                packed.append(value & 127 | 128)
                value >>= 7
            packed.append(value)
        before = count
    return bytes(packed)


def ranks_to_read(types: int) -> list[int]:
    """1 … 20, then twelve of each decade, and the last."""
    many = np.geomspace(1, types, int(12 * np.log10(types)) + 2)
    chosen = {*range(1, min(FIRST, types) + 1), *np.rint(many).astype(int).tolist()}
    return sorted(chosen)


def sizes(total: int) -> np.ndarray:
    """Eight of each decade, its ends among them, and the whole."""
    many = 10 ** (np.arange(8 * int(np.log10(total)) + 8) / 8)
    many = np.unique(np.rint(many).astype(int))
    return np.append(many[many < total], total)


def growth(tokens: Sequence[str], at: np.ndarray) -> list[int]:
    """How many types the first n tokens hold, as they stand in the text."""
    backwards = zip(reversed(tokens), range(len(tokens) - 1, -1, -1), strict=True)
    first = dict(backwards)  # of a token's places the last one given stays
    firsts = sorted(first.values())
    return np.searchsorted(firsts, at).tolist()


def label(token: str) -> str:
    """A token to be read: blanks as signs, and not too long."""
    text = token.translate(BLANKS)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def ordered_counts(name: str, source: Mapping | Iterable) -> list[tuple[str, int]]:
    """(token, how often), the most frequent first and then by the alphabet."""
    counted = Counter(source)
    if strange := [token for token in counted if not isinstance(token, str)]:
        raise ValueError(
            f"source {name!r}: {strange[0]!r} is no text. Tokens are texts, as of "
            f"tokenizer.tokens(ids); counts come with their tokens, {{token: n}}"
        )
    kinds = sorted(counted.items(), key=lambda kind: (-kind[1], kind[0]))
    if len(kinds) < 2 or kinds[-1][1] < 1:
        least = f", one of which occurs {kinds[-1][1]} times" if kinds else ""
        raise ValueError(
            f"source {name!r} has {len(kinds)} kinds of token{least}: a law needs "
            f"two or more, each met once at least"
        )
    return kinds


def entry(name: str, source: Mapping | Iterable) -> dict[str, Any]:
    """A source as the JavaScript reads it."""
    from llmath.data import expected_types, zipf_fit

    tokens = source if isinstance(source, Mapping) else list(source)
    kinds = ordered_counts(name, tokens)
    counts = [int(n) for _, n in kinds]
    total, ranks = sum(counts), ranks_to_read(len(counts))
    at = sizes(total)
    alpha, offset = best_law(counts)
    f, near = np.array(counts) / total, nearest(OFFSETS, offset)
    return {
        "name": name,
        "counts": pack(counts),
        "ranks": ranks,
        "labels": [label(kinds[r - 1][0]) for r in ranks],
        "sizes": at.tolist(),
        "measured": growth(tokens, at) if isinstance(tokens, list) else [],
        "expected": expected_types(counts, at).round(2).tolist(),
        "plain": zipf_fit(counts).alpha,
        "free": [alpha, offset],
        "near": [nearest(ALPHAS, best_alpha(f, near, alpha)), near],
    }


class ZipfExplorer(LiveFigure):
    """Rank and frequency beside tokens and types, with a law that the reader moves.

    ZipfExplorer({name: tokens, …}): a row of tokens, in the order of the text, as
    `tokenizer.tokens(ids)`, a list of words or a text itself (its characters); or, for
    a source without order, counts {token: n}: then growth is only expected.

    The state can be set from Python too: `source` and `rank` (by their places), `alpha`
    (of ALPHAS), `offset` (of OFFSETS), `others` (are the other sources drawn as well).
    """

    module = "zipf_explorer"
    height = 860
    linked = ("source", "alpha", "offset", "rank")
    sources = traitlets.List().tag(sync=True)
    alphas = traitlets.List([ALPHAS[0], ALPHAS[-1]]).tag(sync=True)
    offsets = traitlets.List(list(OFFSETS)).tag(sync=True)
    source = traitlets.Int(0).tag(sync=True)
    alpha = traitlets.Float(1.0).tag(sync=True)
    offset = traitlets.Float(0.0).tag(sync=True)
    rank = traitlets.Int(9).tag(sync=True)
    others = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self, sources: Mapping[str, Mapping | Iterable], **kwargs: Any
    ) -> None:
        if not isinstance(sources, Mapping) or not sources:
            raise ValueError("sources are {name: tokens}, and one at least")
        entries = [entry(name, source) for name, source in sources.items()]
        first = entries[kwargs.get("source", 0)]
        kwargs.setdefault("alpha", nearest(ALPHAS, first["plain"]))
        kwargs.setdefault("rank", min(9, len(first["ranks"]) - 1))
        kwargs.setdefault("alt", self.description(entries))
        super().__init__(sources=entries, **kwargs)

    @staticmethod
    def description(entries: list[dict[str, Any]]) -> str:
        found = [
            f"{e['name']}, {e['sizes'][-1]:,} tokens of {e['ranks'][-1]:,} types, "
            f"likeliest exponent {e['plain']:.2f}"
            for e in entries
        ]
        return (
            "Frequency against rank on logarithmic axes, a law (r + b)^−α to move, "
            f"and types against tokens. {'; '.join(found)}."
        )

    def choices(self, name: str) -> Any:
        return {
            "source": len(self.sources),
            "alpha": list(ALPHAS),
            "offset": list(OFFSETS),
            "rank": {"source": [len(e["ranks"]) for e in self.sources]},
        }[name]

    @traitlets.validate("source", "alpha", "offset")
    def _offered(self, proposal: dict[str, Any]) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        offered = self.choices(name)
        offered = range(offered) if isinstance(offered, int) else offered
        if value not in offered:
            raise ValueError(
                f"{name} = {value} is not offered: it goes from {offered[0]} to "
                f"{offered[-1]} in steps, {tuple(offered[:3])} …"
            )
        return value
