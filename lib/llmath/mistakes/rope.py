"""rope → what goes wrong in its formula"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from llmath.mistakes.embedding import COUNTED, SPEEDS
from llmath.mistakes.slips import Exercise, Function, Slips, combine, quarters
from llmath.reference import rope as right

# Positions as they are given → as they are used.
PLACES: Slips = {
    **COUNTED,
    "Tokens are counted from 0 whatever `positions` says; with a cache the next token "
    "does not stand at 0.": lambda p: np.arange(len(p)),
}
# x and the angles (T, E/2) → x, turned.
TURNS: Slips = {
    None: lambda x, angles: _turned(x[..., 0::2], x[..., 1::2], angles, _alternate),
    "It turns the other way: (a, b) ↦ (a cos φ − b sin φ, a sin φ + b cos φ).": (
        lambda x, angles: _turned(x[..., 0::2], x[..., 1::2], -angles, _alternate)
    ),
    "Coordinate i is paired with i + E/2. Here neighbours make a pair, 2i and "
    "2i + 1.": lambda x, angles: _turned(*np.split(x, 2, -1), angles, _in_halves),
    "The turned coordinates come back in another order: all first ones, then all "
    "second ones. They should alternate, as they came.": (
        lambda x, angles: _turned(x[..., 0::2], x[..., 1::2], angles, _in_halves)
    ),
    "The second coordinate is computed from the first after that was turned; keep the "
    "old one.": lambda x, angles: _overwritten(x[..., 0::2], x[..., 1::2], angles),
    "A rotation mixes both coordinates of a pair; here each is only scaled by the "
    "cosine.": lambda x, angles: x * np.cos(np.repeat(angles, 2, axis=-1)),
}


def _alternate(even: np.ndarray, odd: np.ndarray) -> np.ndarray:
    return np.stack([even, odd], axis=-1).reshape(*even.shape[:-1], -1)


def _in_halves(even: np.ndarray, odd: np.ndarray) -> np.ndarray:
    return np.concatenate([even, odd], axis=-1)


def _turned(a, b, angles: np.ndarray, order: Function) -> np.ndarray:
    cos, sin = np.cos(angles), np.sin(angles)
    return order(a * cos - b * sin, a * sin + b * cos)


def _overwritten(a, b, angles: np.ndarray) -> np.ndarray:
    a = a * np.cos(angles) - b * np.sin(angles)
    return _alternate(a, a * np.sin(angles) + b * np.cos(angles))


def _rope(place: Function, speed: Function, turn: Function) -> Function:
    def rope(x, positions, base):
        E = x.shape[-1]
        angles = np.outer(place(positions), speed(np.arange(E // 2), E, base))
        return turn(x, angles.astype(x.dtype))

    return rope


_X, _Y = quarters((2, 3, 4, 8), (2, 3, 2, 8))

ROPE: Mapping[str, Exercise] = MappingProxyType(
    {
        "rope": Exercise(
            call="rope(x, positions, base=base)",
            right=lambda x, p, base: right.rope(x, p, base=base),
            cases={
                "positions 0 to 3, E = 8": (_X, np.arange(4), np.array(100.0)),
                "positions 5 and 6": (_Y, np.array([5, 6]), np.array(100.0)),
            },
            variants=combine(_rope, PLACES, SPEEDS, TURNS),
            options=("base",),
        ),
    }
)
