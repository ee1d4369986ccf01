"""loss → what goes wrong in its formulas"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from llmath.mistakes.slips import Exercise, Function, Slips, combine, quarters
from llmath.reference import loss as right


def _log_softmax(z: np.ndarray) -> np.ndarray:
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _naive(z: np.ndarray) -> np.ndarray:
    e = np.exp(z)
    return np.log(e / e.sum(axis=-1, keepdims=True))


# Logits → log-probabilities.
LOGS: Slips = {
    None: _log_softmax,
    "e^z overflowed, or became 0 before its logarithm was taken: subtract the largest "
    "z first, or use torch.logsumexp.": _naive,
    "The softmax is missing: these are logits, not yet log-probabilities.": lambda z: z,
    "The logarithm is missing: this is the probability.": (
        lambda z: np.exp(_log_softmax(z))
    ),
    "The softmax is taken twice.": lambda z: _log_softmax(np.exp(_log_softmax(z))),
    "The softmax runs over the tokens; it belongs on the last axis, the vocabulary.": (
        lambda z: np.swapaxes(_log_softmax(np.swapaxes(z, -1, -2)), -1, -2)
    ),
}
SIGNS: Slips = {
    None: lambda s: -s,
    "The sign is missing: log p ≤ 0, and the loss is −log p.": lambda s: s,
    "This is in bits; the loss is in nats, with the natural logarithm.": (
        lambda s: -s / np.log(2).astype(s.dtype)
    ),
}
MEANS: Slips = {
    None: lambda s: s.mean(),
    "The surprisals are added up; the loss is their mean.": lambda s: s.sum(),
    "One number per token comes back; the loss is their mean.": lambda s: s,
    "This is the perplexity, e^loss.": lambda s: np.exp(s.mean()),
}


def _chosen(log_p: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def _surprisal(log: Function, sign: Function) -> Function:
    return lambda logits, targets: sign(_chosen(log(logits), targets))


def _cross_entropy(log: Function, sign: Function, mean: Function) -> Function:
    return lambda logits, targets: np.asarray(
        mean(_surprisal(log, sign)(logits, targets))
    )


_LOGITS = quarters((2, 3, 5))[0]
_TARGETS = np.array([[0, 4, 2], [1, 1, 3]])
_CASES = {
    "2 texts of 3 tokens, V = 5": (_LOGITS, _TARGETS),
    "logits in the thousands": (1000 * _LOGITS, _TARGETS),
}

LOSS: Mapping[str, Exercise] = MappingProxyType(
    {
        "surprisal": Exercise(
            call="surprisal(logits, targets)",
            right=right.surprisal,
            cases=_CASES,
            variants=combine(_surprisal, LOGS, SIGNS),
        ),
        "cross_entropy": Exercise(
            call="cross_entropy(logits, targets)",
            right=lambda logits, targets: np.asarray(
                right.cross_entropy(logits, targets)
            ),
            cases=_CASES,
            variants=combine(_cross_entropy, LOGS, SIGNS, MEANS),
        ),
    }
)
