"""tokens → how many, how often, how many different ones"""

import math
from collections.abc import Collection, Sequence, Sized
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer, Real

from llmath.border import described, number

Counts = Collection[int] | Integer[np.ndarray, " types"]

_NORMAL = 1.959963984540054  # of a normal number, 95 % lie within as many deviations
_STEEPEST = 20  # an exponent with which rank 2 comes once in a million tokens
_TERMS = 100  # of the sum, before the rest of ζ is an integral with its corrections


class ZipfFit(NamedTuple):
    """The exponent that makes counts likeliest, with its 95 % interval.

    `divergence` is what the fitted law still misses: KL(counts ‖ law), in nats a token.
    """

    alpha: float
    low: float
    high: float
    divergence: float


def bytes_per_token(text: str, ids: Sized) -> float:
    """r = bytes of the text in UTF-8 / number of its tokens   {eq:bytes-per-token}

    Of two tokenizers of one text, the one with the larger r reads more per token.

    No tokens raise a ValueError.
    """
    if not isinstance(text, str):
        raise ValueError(f"text is a str, not {described(text)}: decode it first")
    if len(ids) == 0:
        raise ValueError(f"{len(text)} characters in 0 tokens have no ratio")
    return len(text.encode()) / len(ids)


def zipf_fit(counts: Counts) -> ZipfFit:
    """max_α Σ_k c_k log p_k,   p_k = k^−α / Σ_j j^−α   {eq:zipf}; Zipf 1949

    Counts in any order are ranked, zeros left out. The interval, α ± 1.96/√(n Var
    log k), is that of n independent tokens of the law itself with known ranks. It does
    not hold what comes from dependence, from ranks taken from the same counts, or from
    the law being wrong.

    Fewer than two kinds of token raise a ValueError, and so do counts of which one
    kind has so nearly all that no exponent below 20 fits.
    """
    c = np.sort(_counted(counts))[::-1].astype(float)
    c = c[c > 0]
    if len(c) < 2:
        raise ValueError(f"an exponent needs two kinds of token or more, got {len(c)}")
    n, log_k = c.sum(), np.log(np.arange(1, len(c) + 1))
    mean, low, high = c @ log_k / n, 0.0, _STEEPEST
    for _ in range(60):  # the law's mean of log k falls as α grows: halve
        alpha = (low + high) / 2
        p = np.exp(-alpha * log_k)
        p /= p.sum()
        low, high = (alpha, high) if p @ log_k > mean else (low, alpha)
    if low > 0.999 * _STEEPEST:
        raise ValueError(f"no exponent below {_STEEPEST} fits {c[:5].tolist()} …")
    variance = p @ (log_k - p @ log_k) ** 2
    half = _NORMAL / math.sqrt(n * variance)
    divergence = c / n @ np.log(c / n / p)
    return ZipfFit(*map(float, (alpha, alpha - half, alpha + half, divergence)))


def expected_types(
    counts: Counts, sizes: Sequence[int] | Integer[np.ndarray, " sizes"]
) -> np.ndarray:
    """𝔼 m(n) = Σ_w (1 − C(T − c_w, n) / C(T, n))   {eq:expected-types}

    How many kinds of token n of the T hold on average, drawn without replacement: the
    growth of types in a text that is shuffled. Hurlbert 1971, for species.

    Sizes outside 0 … T raise a ValueError.
    """
    c = _counted(counts)
    T, n = int(c.sum()), np.asarray(sizes)
    if n.ndim != 1 or not np.issubdtype(n.dtype, np.integer):
        raise ValueError(f"sizes is one row of whole numbers, got {sizes!r:.60}")
    if len(n) and not 0 <= n.min() <= n.max() <= T:
        raise ValueError(f"of {T} tokens, {n.min()} to {n.max()} cannot be drawn")
    kinds, times = np.unique(c[c > 0], return_counts=True)
    found = np.empty(len(n))
    for i, drawn in enumerate(n):
        rest = T - kinds
        could = rest >= drawn  # be missed
        missed = np.exp(
            _log_factorial(rest[could])
            - _log_factorial(rest[could] - drawn)
            + math.lgamma(T - drawn + 1)
            - math.lgamma(T + 1)
        )
        found[i] = times.sum() - times[could] @ missed
    return found


def heaps_types(
    alpha: float, sizes: Sequence[int | float] | Real[np.ndarray, " sizes"]
) -> np.ndarray:
    """m(n) ≈ Γ(1 − β) (n / ζ(α))^β,   β = 1/α   {eq:heaps}; after Karlin 1967

    How many kinds n independent tokens of a Zipf law without end hold on average,
    to within 1 for n ≥ 1: at most 1/e more than this, at most 1 less.

    An alpha of 1 or less, at which the law has no sum, raises a ValueError; so do
    sizes that are not positive.
    """
    number(alpha=alpha)
    n = np.asarray(sizes, float)
    if not 1 < alpha < float("inf"):
        raise ValueError(
            f"k^−α has a sum for α > 1 only, got α = {alpha}: a law with an end is "
            f"what zipf_fit fits, and its types are counted by expected_types"
        )
    if n.ndim != 1 or not (n > 0).all():
        raise ValueError(f"sizes is one row of positive numbers, got {sizes!r:.60}")
    return math.gamma(1 - 1 / alpha) * (n / _zeta(alpha)) ** (1 / alpha)


def _log_factorial(n: Integer[np.ndarray, " types"]) -> Float[np.ndarray, " types"]:
    return np.array([math.lgamma(i + 1) for i in n.tolist()], float)


def _zeta(alpha: float) -> float:
    """ζ(α) for α > 1: some terms, and the rest by Euler and Maclaurin."""
    M = _TERMS
    rest = (
        M ** (1 - alpha) / (alpha - 1) + M**-alpha / 2 + alpha * M ** (-alpha - 1) / 12
    )
    rest -= alpha * (alpha + 1) * (alpha + 2) * M ** (-alpha - 3) / 720
    return math.fsum([*(k**-alpha for k in range(1, M)), rest])


def _counted(counts: Counts) -> Integer[np.ndarray, " types"]:
    c = np.asarray(list(counts))
    if c.ndim != 1 or len(c) == 0 or not np.issubdtype(c.dtype, np.integer):
        raise ValueError(f"counts is one row of whole numbers, got {counts!r:.60}")
    if c.min() < 0:
        raise ValueError(f"nothing occurs {c.min()} times: counts are 0 or more")
    return c
