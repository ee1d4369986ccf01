"""norm → what goes wrong in its formulas"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from llmath.mistakes.slips import Exercise, Function, Slips, combine, quarters
from llmath.reference import norm as right

CENTRINGS: Slips = {
    None: lambda x: x - x.mean(-1, keepdims=True),
    "The mean is not subtracted: that is RMSNorm.": lambda x: x,
    "The mean is taken over the tokens; every token is normalised by itself, over the "
    "last axis.": lambda x: x - x.mean(-2, keepdims=True),
}
NO_CENTRING: Slips = {
    None: lambda x: x,
    "The mean is subtracted: that is LayerNorm. RMSNorm leaves it in.": (
        lambda x: x - x.mean(-1, keepdims=True)
    ),
}
# Centred vectors c, ε → what they are divided by.
LENGTHS: Slips = {
    None: lambda c, eps: np.sqrt((c**2).mean(-1, keepdims=True) + eps),
    "ε stands outside the root; it belongs under it, beside the mean square.": (
        lambda c, eps: np.sqrt((c**2).mean(-1, keepdims=True)) + eps
    ),
    "ε is left out, so a vector of zeros gives 0/0.": (
        lambda c, eps: np.sqrt((c**2).mean(-1, keepdims=True))
    ),
    "The root is missing: it is divided by the mean square itself.": (
        lambda c, eps: (c**2).mean(-1, keepdims=True) + eps
    ),
    "The squares are summed where their mean is wanted: divide by D.": (
        lambda c, eps: np.sqrt((c**2).sum(-1, keepdims=True) + eps)
    ),
    "The sum of squares is divided by D − 1; here it is D. In torch: "
    "var(correction=0).": (
        lambda c, eps: np.sqrt((c**2).sum(-1, keepdims=True) / (c.shape[-1] - 1) + eps)
    ),
    "The squares are averaged over the tokens; every token is normalised by itself, "
    "over the last axis.": lambda c, eps: np.sqrt((c**2).mean(-2, keepdims=True) + eps),
}
GAINS: Slips = {
    None: lambda y, gain: y * gain,
    "The gain g is not used.": lambda y, gain: y,
    "The gain is added; it multiplies.": lambda y, gain: y + gain,
    "The gain is used as 1 + g; here a gain of 1 changes nothing.": (
        lambda y, gain: y * (1 + gain)
    ),
}
SHIFTS: Slips = {
    None: lambda y, gain, bias: y + bias,
    "The bias b is not added.": lambda y, gain, bias: y,
    "The bias is added before the gain multiplies, so it is multiplied too.": (
        lambda y, gain, bias: y + gain * bias
    ),
}


def _rms_norm(centre: Function, length: Function, scale: Function) -> Function:
    return lambda x, gain, eps: scale(centre(x) / length(centre(x), eps), gain)


def _layer_norm(
    centre: Function, length: Function, scale: Function, shift: Function
) -> Function:
    def norm(x, gain, bias, eps):
        y = scale(centre(x) / length(centre(x), eps), gain)
        return shift(y, gain, bias)

    return norm


_X, _GAIN, _BIAS = quarters((2, 3, 6), (6,), (6,))
_ZEROS = np.concatenate([np.zeros((1, 1, 6)), _X[:1, 1:]], axis=1)
_EPS = np.array(0.25)

NORM: Mapping[str, Exercise] = MappingProxyType(
    {
        "rms_norm": Exercise(
            call="rms_norm(x, gain, eps=eps)",
            right=lambda x, gain, eps: right.rms_norm(x, gain, eps=eps),
            cases={
                "3 tokens of width 6, ε = 1/4": (_X, _GAIN, _EPS),
                "a vector of zeros among others": (_ZEROS, _GAIN, _EPS),
            },
            variants=combine(_rms_norm, NO_CENTRING, LENGTHS, GAINS),
            options=("eps",),
        ),
        "layer_norm": Exercise(
            call="layer_norm(x, gain, bias, eps=eps)",
            right=lambda x, gain, bias, eps: right.layer_norm(x, gain, bias, eps=eps),
            cases={
                "3 tokens of width 6, ε = 1/4": (_X, _GAIN, _BIAS, _EPS),
                "a vector of zeros among others": (_ZEROS, _GAIN, _BIAS, _EPS),
            },
            variants=combine(_layer_norm, CENTRINGS, LENGTHS, GAINS, SHIFTS),
            options=("eps",),
        ),
    }
)
