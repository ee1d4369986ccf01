"""attention → what goes wrong in its formulas"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from llmath.mistakes.slips import Exercise, Function, Slips, combine
from llmath.reference import attention as right


def _axis(axis: int) -> Function:
    return lambda z: right.softmax(z, axis)


def _naive(z: np.ndarray) -> np.ndarray:
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


NORMALISATIONS: Slips = {
    None: _axis(-1),
    "The softmax runs down the columns. Each query (row) shares out its attention "
    "among the keys, so the sum is over the last axis: dim=-1.": _axis(-2),
    "The softmax runs over axis 1, the heads; it belongs on the last axis, the keys: "
    "dim=-1.": _axis(1),
    "The softmax runs over axis 0, the batch; it belongs on the last axis, the keys: "
    "dim=-1.": _axis(0),
    "e^z overflowed: subtract the largest z of the row first, which changes nothing "
    "else.": _naive,
    "The exponentials are not divided by their sum, so rows do not sum to 1.": np.exp,
    "These are the scores themselves: the softmax is missing.": lambda z: z,
}

SCALES: Slips = {
    None: lambda E: 1 / math.sqrt(E),
    "The scores are not divided by √E.": lambda E: 1.0,
    "The scores are divided by E; it is its root, √E.": lambda E: 1 / E,
    "The scores are multiplied by √E where they should be divided.": math.sqrt,
}

# Each takes scores, mask and the normalisation, for a mask may come before it or after.
MASKINGS: Slips = {
    None: lambda z, m, norm: norm(np.where(m, z, -np.inf)),
    "The mask is not used: queries see the future.": lambda z, m, norm: norm(z),
    "The mask is used the wrong way round: True means *may look*, so it is ~mask whose "
    "scores become −∞.": lambda z, m, norm: norm(np.where(m, -np.inf, z)),
    "The mask is applied after the softmax, so the rows no longer sum to 1. Put −∞ in "
    "place of the hidden *scores*, before it.": lambda z, m, norm: norm(z) * m,
    "Hidden scores become 0, and e^0 = 1 still gets its share. They must be "
    "−∞.": lambda z, m, norm: norm(np.where(m, z, 0)),
    "The mask is added as zeros and ones. Add 0 where looking is allowed and −∞ "
    "elsewhere.": lambda z, m, norm: norm(z + m),
}

READINGS: Slips = {
    None: lambda A, v: A @ v,
    "A multiplies V from the wrong side: o_t = Σ_s A_ts v_s is A @ v.": lambda A, v: (
        np.swapaxes(A, -1, -2) @ v
    ),
    "The weights are the answer's first half: they still have to mix the values, "
    "A @ v.": lambda A, v: A,
}


def _scores(scale: Function) -> Function:
    return lambda q, k: q @ np.swapaxes(k, -1, -2) * scale(q.shape[-1])


def _weights(scale: Function, masking: Function, normalise: Function) -> Function:
    def weights(q, k, mask=None):
        z = _scores(scale)(q, k)
        return normalise(z) if mask is None else masking(z, mask, normalise)

    return weights


def _attention(
    scale: Function, masking: Function, normalise: Function, read: Function
) -> Function:
    weights = _weights(scale, masking, normalise)
    return lambda q, k, v, mask=None: read(weights(q, k, mask), v)


# Rules for a column of query positions t and a row of key positions s.
RULES: Slips = {
    None: lambda t, s: s <= t,
    "It is the wrong way round: a token looks back, at s ≤ t.": lambda t, s: s >= t,
    "A token may look at itself as well: s ≤ t, not s < t.": lambda t, s: s < t,
    "True means *may look*; here it marks what is hidden.": lambda t, s: s > t,
    "Rows are queries and columns keys; this is the transpose.": lambda t, s: (
        (s <= t).T
    ),
    "Every token may look everywhere: nothing is hidden.": lambda t, s: s == s + 0 * t,
    "Row numbers are compared. That is right only while counting starts at 0: compare "
    "the *positions* that are given.": lambda t, s: (
        np.arange(s.size)[None, :] <= np.arange(t.size)[:, None]
    ),
}


def _mask(rule: Function) -> Function:
    return lambda t, s: rule(t[:, None], s[None, :])


# Rules for a column t, a row s and the number w of positions that a window is long.
WINDOWS: Slips = {
    None: lambda t, s, w: (s <= t) & (s > t - w),
    "The window is one position too long: it holds w positions, the token's own "
    "included, so s > t − w.": lambda t, s, w: (s <= t) & (s >= t - w),
    "The future is open: of the w positions around, only those with s ≤ t may be "
    "seen.": lambda t, s, w: s > t - w,
    "A token may look at itself as well: s ≤ t, not s < t.": lambda t, s, w: (
        (s < t) & (s > t - w)
    ),
    "This is the causal mask; the window's far end is missing: s > t − w.": (
        lambda t, s, w: s <= t
    ),
    "Both ends look alike: |t − s| < w sees the future too.": lambda t, s, w: (
        abs(t - s) < w
    ),
    "True means *may look*; here it marks what is hidden.": lambda t, s, w: (
        (s > t) | (s <= t - w)
    ),
    "Rows are queries and columns keys; this is the transpose.": lambda t, s, w: (
        ((s <= t) & (s > t - w)).T
    ),
}


def _window_mask(rule: Function) -> Function:
    return lambda t, s, window: rule(t[:, None], s[None, :], window)


def _tensors(T: int, S: int, *, heads: int = 3, scale: float = 1.0) -> list[np.ndarray]:
    """q, k, v in whole quarters, which float32 multiplies without rounding."""
    rng = np.random.default_rng(T * S)
    sizes = [(2, heads, n, 4) for n in (T, S, S)]
    q, k, v = (np.rint(4 * rng.standard_normal(size)) / 4 for size in sizes)
    return [scale * q, k, v]


def _causal(T: int, S: int) -> np.ndarray:
    return right.causal_mask(np.arange(S - T, S), np.arange(S))


_Q, _K, _V = _tensors(5, 5)
_Q2, _K2, _V2 = _tensors(2, 6)
_HUGE = _tensors(3, 3, scale=1000.0)

ATTENTION: Mapping[str, Exercise] = MappingProxyType(
    {
        "softmax": Exercise(
            call="softmax(z)",
            right=right.softmax,
            cases={"small numbers": (_Q,), "numbers in the thousands": (_HUGE[0],)},
            variants=combine(lambda normalise: normalise, NORMALISATIONS),
        ),
        "causal_mask": Exercise(
            call="causal_mask(query_positions, key_positions)",
            right=right.causal_mask,
            cases={
                "5 tokens": (np.arange(5), np.arange(5)),
                "2 new tokens behind 4": (np.arange(4, 6), np.arange(6)),
            },
            variants=combine(_mask, RULES),
        ),
        "sliding_window_mask": Exercise(
            call="sliding_window_mask(query_positions, key_positions, window)",
            right=right.sliding_window_mask,
            cases={
                "6 tokens, a window of 3": (np.arange(6), np.arange(6), np.array(3)),
                "2 new tokens behind 4, a window of 2": (
                    np.arange(4, 6),
                    np.arange(6),
                    np.array(2),
                ),
                "4 tokens, a window of 1": (np.arange(4), np.arange(4), np.array(1)),
            },
            variants=combine(_window_mask, WINDOWS),
            options=("window",),
        ),
        "attention_scores": Exercise(
            call="attention_scores(q, k)",
            right=right.attention_scores,
            cases={"5 queries, 5 keys": (_Q, _K), "2 queries, 6 keys": (_Q2, _K2)},
            variants=combine(_scores, SCALES),
        ),
        "attention_weights": Exercise(
            call="attention_weights(q, k, mask)",
            right=right.attention_weights,
            cases={
                "5 tokens, causal mask": (_Q, _K, _causal(5, 5)),
                "2 new tokens behind 4, causal mask": (_Q2, _K2, _causal(2, 6)),
                "mask=None, every key may be seen": (_Q, _K, None),
                "scores in the thousands": (*_HUGE[:2], _causal(3, 3)),
            },
            variants=combine(_weights, SCALES, MASKINGS, NORMALISATIONS),
        ),
        "attention": Exercise(
            call="attention(q, k, v, mask)",
            right=right.attention,
            cases={
                "5 tokens, causal mask": (_Q, _K, _V, _causal(5, 5)),
                "2 new tokens behind 4, causal mask": (_Q2, _K2, _V2, _causal(2, 6)),
                "mask=None, every key may be seen": (_Q, _K, _V, None),
                "scores in the thousands": (*_HUGE, _causal(3, 3)),
            },
            variants=combine(_attention, SCALES, MASKINGS, NORMALISATIONS, READINGS),
        ),
    }
)
