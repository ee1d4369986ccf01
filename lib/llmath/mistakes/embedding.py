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
    "Row i − 1 is taken for the token i; ids count from 0, and row −1 is the last.": (
        lambda ids, table: table[ids - 1]
    ),
}
# Positions as they are given → as they are used.
COUNTED: Slips = {
    None: lambda p: p,
    "Positions are counted from 1; the first is 0.": lambda p: p + 1,
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
# The same, where sine and cosine may have one each: (2, D/2).
PAIRED: Slips = {
    **SPEEDS,
    "Each coordinate has an exponent of its own, −i/D; the sine and the cosine of a "
    "pair share one.": lambda i, D, base: base ** (-np.stack([2 * i, 2 * i + 1]) / D),
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


def _sinusoidal(place: Function, speed: Function, order: Function) -> Function:
    def positions(p, d_model, base=10_000.0):
        i, D = np.arange(int(d_model) // 2), int(d_model)
        of_sine, of_cosine = np.broadcast_to(speed(i, D, base), (2, len(i)))
        p = place(p)
        return order(np.sin(np.outer(p, of_sine)), np.cos(np.outer(p, of_cosine)))

    return positions


_TABLE = quarters((5, 5))[0]

EMBEDDING: Mapping[str, Exercise] = MappingProxyType(
    {
        "embed": Exercise(
            call="embed(ids, table)",
            right=right.embed,
            # The last id does not occur: whoever counts the rows by the ids is told.
            cases={"2 texts of 3 tokens": (np.array([[0, 3, 1], [2, 2, 3]]), _TABLE)},
            variants=combine(lambda row: row, ROWS),
        ),
        "sinusoidal_positions": Exercise(
            call="sinusoidal_positions(positions, d_model=d_model)",
            right=lambda p, d_model: right.sinusoidal_positions(p, int(d_model)),
            cases={
                "positions 0 to 4, D = 8": (np.arange(5), np.array(8)),
                "positions 7 and 100, D = 6": (np.array([7, 100]), np.array(6)),
            },
            variants=combine(_sinusoidal, COUNTED, PAIRED, ORDERS),
            options=("d_model",),
        ),
    }
)
