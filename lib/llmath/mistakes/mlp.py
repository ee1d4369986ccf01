"""mlp → what goes wrong in its formulas"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from llmath.mistakes.slips import Exercise, Function, Slips, combine
from llmath.reference import mlp as right


def _phi(x: np.ndarray) -> np.ndarray:
    """The standard normal distribution function, through the reference's gelu."""
    return np.divide(right.gelu(x), x, out=np.full_like(x, 0.5), where=x != 0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


_LOST_X = "The x in front is missing: this is the share that is let through."

GELUS: Slips = {
    None: right.gelu,
    "This is the approximation by tanh; gelu itself has the error function, "
    "torch.erf.": right.gelu_tanh,
    "This is x σ(1.702 x), a coarser approximation.": lambda x: x * _sigmoid(1.702 * x),
    _LOST_X: _phi,
    "x is not divided by √2 inside erf.": lambda x: (
        x * _phi(np.sqrt(2).astype(x.dtype) * x)
    ),
    "The half is missing: x (1 + erf(x/√2)) / 2.": lambda x: 2 * right.gelu(x),
    "This is the ReLU: the step is not smoothed.": lambda x: np.maximum(x, 0),
    "This is silu, x σ(x); gelu has Φ(x).": right.silu,
}
SILUS: Slips = {
    None: right.silu,
    _LOST_X: _sigmoid,
    "The sign in the exponent is wrong: σ(x) = 1 / (1 + e^{−x}).": lambda x: (
        x * _sigmoid(-x)
    ),
    "This is the ReLU: the step is not smoothed.": lambda x: np.maximum(x, 0),
    "This is gelu, x Φ(x); silu has σ(x).": right.gelu,
}
GATES: Slips = {
    None: right.silu,
    "The gate goes through σ alone: that is GLU. SwiGLU has silu, x σ(x).": _sigmoid,
    "The gate goes through gelu: that is GEGLU. SwiGLU has silu.": right.gelu,
    "The gate goes through the ReLU: that is ReGLU. SwiGLU has silu.": (
        lambda x: np.maximum(x, 0)
    ),
    "The gate goes through nothing; it needs silu.": lambda x: x,
}
PRODUCTS: Slips = {
    None: lambda silu, gate, up: silu(gate) * up,
    "`gate` and `up` are interchanged: it is the gate that goes through the "
    "silu.": lambda silu, gate, up: gate * silu(up),
    "The two are added; the gate multiplies.": lambda silu, gate, up: silu(gate) + up,
    "`up` is not used.": lambda silu, gate, up: silu(gate),
}


def _swiglu(silu: Function, product: Function) -> Function:
    return lambda gate, up: product(silu, gate, up)


_X = np.arange(-12, 13) / 4
_GATE, _UP = _X[:24].reshape(4, 6), _X[1:].reshape(6, 4).T

MLP: Mapping[str, Exercise] = MappingProxyType(
    {
        "gelu": Exercise(
            call="gelu(x)",
            right=right.gelu,
            cases={"x from −3 to 3": (_X,)},
            variants=combine(lambda gelu: gelu, GELUS),
        ),
        "silu": Exercise(
            call="silu(x)",
            right=right.silu,
            cases={"x from −3 to 3": (_X,)},
            variants=combine(lambda silu: silu, SILUS),
        ),
        "swiglu": Exercise(
            call="swiglu(gate, up)",
            right=right.swiglu,
            cases={"4 tokens, F = 6": (_GATE, _UP)},
            variants=combine(_swiglu, GATES, PRODUCTS),
        ),
    }
)
