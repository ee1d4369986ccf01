"""embedding → what goes wrong in its formulas"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from llmath.mistakes.slips import Exercise, Function, Slips, combine, quarters
from llmath.reference import embedding as right

ROWS: Slips = {
    None: lambda ids, table: table[ids],
    "The ids pick columns; a token's vector is a row of the table.": (
        lambda ids, table: table.T[ids]
    ),
    "Row i + 1 is taken for the token i; ids count from 0.": (
        lambda ids, table: table[(ids + 1) % len(table)]
    ),
}
# i, D, base → the speed θ_i of pair i.
SPEEDS: Slips = {
    None: lambda i, D, base: base ** (-2 * i / D),
    "The exponent is −i/D; pair i has −2i/D, so that base^{−1} is nearly "
    "reached.": lambda i, D, base: base ** (-i / D),
    "The sign of the exponent is wrong: later pairs turn more slowly.": (
        lambda i, D, base: base ** (2 * i / D)
    ),
    "Pairs are counted from 1; the first, i = 0, has the speed 1.": (
        lambda i, D, base: base ** (-2 * (i + 1) / D)
    ),
}
# Sines and cosines (T, D/2) → (T, D).
ORDERS: Slips = {
    None: lambda sin, cos: _interleaved(sin, cos),
    "Sine and cosine are interchanged: the even coordinates are sines.": (
        lambda sin, cos: _interleaved(cos, sin)
    ),
    "All sines stand first, then all cosines; here they alternate.": (
        lambda sin, cos: np.concatenate([sin, cos], axis=-1)
    ),
}


def _interleaved(even: np.ndarray, odd: np.ndarray) -> np.ndarray:
    return np.stack([even, odd], axis=-1).reshape(len(even), -1)


def _sinusoidal(speed: Function, order: Function) -> Function:
    def positions(p, d_model, base=10_000.0):
        D = int(d_model)
        angles = np.outer(p, speed(np.arange(D // 2), D, base))
        return order(np.sin(angles), np.cos(angles))

    return positions


_TABLE = quarters((5, 5))[0]

EMBEDDING: Mapping[str, Exercise] = MappingProxyType(
    {
        "embed": Exercise(
            call="embed(ids, table)",
            right=right.embed,
            cases={"2 texts of 3 tokens": (np.array([[0, 4, 1], [2, 2, 3]]), _TABLE)},
            variants=combine(lambda row: row, ROWS),
        ),
        "sinusoidal_positions": Exercise(
            call="sinusoidal_positions(positions, d_model=d_model)",
            right=lambda p, d_model: right.sinusoidal_positions(p, int(d_model)),
            cases={
                "positions 0 to 4, D = 8": (np.arange(5), np.array(8)),
                "positions 7 and 100, D = 6": (np.array([7, 100]), np.array(6)),
            },
            variants=combine(_sinusoidal, SPEEDS, ORDERS),
            options=("d_model",),
        ),
    }
)
