"""backward rules → what goes wrong when they are derived by hand"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from llmath.mistakes.slips import Exercise, Function, Slips, combine, quarters
from llmath.reference import attention as right

# The weights A and dA = ∂ℒ/∂A → dZ = ∂ℒ/∂Z.
JACOBIANS: Slips = {
    None: right.softmax_backward,
    "The rank-one term is missing: raising one score lowers all other weights of its "
    "row, so dZ = A (dA − Σ_j A_j dA_j).": lambda dA, A: A * dA,
    "The mean that is subtracted runs down the columns; softmax acts on a row, so sum "
    "over the last axis.": lambda dA, A: right.softmax_backward(dA, A, -2),
    "The plain mean of dA is subtracted; it is the mean under the weights, "
    "Σ_j A_j dA_j.": lambda dA, A: A * (dA - dA.mean(axis=-1, keepdims=True)),
    "The factor A in front is missing: a key without weight passes nothing back.": (
        lambda dA, A: dA - (A * dA).sum(axis=-1, keepdims=True)
    ),
    "Softmax is passed as if it were the identity: dZ is not dA.": lambda dA, A: dA,
    "That is the derivative of a sigmoid, A (1 − A), entry by entry; the weights of a "
    "row depend on one another.": lambda dA, A: A * (1 - A) * dA,
}

SCALES: Slips = {
    None: lambda E: 1 / math.sqrt(E),
    "Z = Q Kᵀ/√E, so dQ and dK are divided by √E as well.": lambda E: 1.0,
    "dQ and dK are divided by E: one √E is enough.": lambda E: 1 / E,
}

MASKS: Slips = {
    None: lambda q, k, mask: right.attention_weights(q, k, mask),
    "The weights are computed without the mask.": lambda q, k, mask: (
        right.attention_weights(q, k)
    ),
}

# dZ or A, and what it multiplies → the gradient of what stood on the keys' side.
KEY_SIDES: Slips = {
    None: lambda m, x: np.swapaxes(m, -1, -2) @ x,
    "For keys and values the sum runs over the queries: dK = dZᵀ Q and dV = Aᵀ dO, "
    "with the transpose.": lambda m, x: m @ x,
}

ORDERS: Slips = {
    None: lambda dq, dk, dv: (dq, dk, dv),
    "dQ and dK have changed places.": lambda dq, dk, dv: (dk, dq, dv),
    "dK and dV have changed places.": lambda dq, dk, dv: (dq, dv, dk),
}


def _attention_backward(
    weights: Function,
    jacobian: Function,
    scale: Function,
    key_side: Function,
    order: Function,
) -> Function:
    def backward(dO, q, k, v, mask=None):
        A = weights(q, k, mask)
        dA = dO @ np.swapaxes(v, -1, -2)
        dZ = jacobian(dA, A) * np.float32(scale(q.shape[-1]))
        return order(dZ @ k, key_side(dZ, q), key_side(A, dO))

    return backward


def _tensors(T: int, S: int) -> list[np.ndarray]:
    """dO, q, k, v with two heads of width 4."""
    return quarters(*[(2, 2, n, 4) for n in (T, T, S, S)])


_FIVE, _TWO = _tensors(5, 5), _tensors(2, 6)
_CAUSAL = right.causal_mask(np.arange(5), np.arange(5))
_BEHIND = right.causal_mask(np.arange(4, 6), np.arange(6))
_EIGHTHS = np.array([[5, 2, 1, 0], [2, 2, 2, 2]]) / 8
_GRADIENTS = np.array([[8.0, 0, 8, 4], [1, -1, 3, 0]])

BACKWARD: Mapping[str, Exercise] = MappingProxyType(
    {
        "softmax_backward": Exercise(
            call="softmax_backward(dA, A)",
            right=right.softmax_backward,
            cases={
                "two rows of four weights": (_GRADIENTS, _EIGHTHS),
                "one row": (_GRADIENTS[0], _EIGHTHS[0]),
            },
            variants=combine(lambda jacobian: jacobian, JACOBIANS),
        ),
        "attention_backward": Exercise(
            call="attention_backward(dO, q, k, v, mask)",
            right=right.attention_backward,
            cases={
                "5 tokens, causal mask": (*_FIVE, _CAUSAL),
                "2 new tokens behind 4, causal mask": (*_TWO, _BEHIND),
                "mask=None, every key may be seen": (*_FIVE, None),
            },
            variants=combine(
                _attention_backward, MASKS, JACOBIANS, SCALES, KEY_SIDES, ORDERS
            ),
            outputs=("dq", "dk", "dv"),
        ),
    }
)
