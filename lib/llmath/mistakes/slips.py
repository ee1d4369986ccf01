"""a formula in steps, each with the ways it goes wrong → every wrong formula"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Function = Callable[..., Any]
Slips = Mapping[str | None, Function]  # what went wrong (None: nothing) → a step


@dataclass(frozen=True)
class Exercise:
    """`cases` maps a description to arguments, in the order of the call.

    The last of them, as many as there are `options`, are numbers handed over by name.
    A function with several results names them in `outputs`; `right` and the variants
    then return a tuple of as many arrays. A `plain` exercise is about rows, tables,
    bytes and numbers of Python instead of arrays.
    """

    call: str
    right: Function
    cases: Mapping[str, tuple]
    variants: Callable[[], Iterator[tuple[list[str], Function]]]
    options: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    plain: bool = False

    def expected(self, title: str) -> tuple[Any, ...]:
        """The right results for a case: one for each output, or the only one."""
        return self.results(self.right(*self.cases[title]))

    def results(self, returned: Any) -> tuple[Any, ...]:
        """What a formula returned, as one result for each output, or the only one."""
        return (returned,) if self.plain else parts(returned)


def parts(results: np.ndarray | tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Several results as they are; a single one as the only one of a tuple."""
    return results if isinstance(results, tuple) else (results,)


def combine(function: Callable[..., Function], *slips: Slips):
    """Every combination of slips, fewest first, as (what went wrong, formula)."""

    def variants() -> Iterator[tuple[list[str], Function]]:
        chosen = itertools.product(*(steps.items() for steps in slips))
        named = [([hint for hint, _ in steps if hint], steps) for steps in chosen]
        for hints, steps in sorted(named, key=lambda pair: len(pair[0])):
            yield hints, function(*(step for _, step in steps))

    return variants


def quarters(*sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Random numbers in whole quarters, which float32 holds exactly."""
    rng = np.random.default_rng(sum(map(sum, sizes)))
    return [np.rint(4 * rng.standard_normal(size)) / 4 for size in sizes]
