"""a reader's function → a verdict

>>> check("attention_weights", mine)        # says what is wrong, and the likely reason
>>> with using(attention_weights=mine):     # puts it into every running model
...     model(ids)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmath.mistakes import EXERCISES, Exercise
from llmath.swap import using

__all__ = ["check", "using"]

_TOLERANCE = 1e-4


def check(name: str, fn: Callable[..., Any]) -> bool:
    """Try a function on small inputs against the float64 reference; print the verdict.

    Whatever `fn` does (raise, return nothing, return nonsense), a sentence says so.
    """
    if name not in EXERCISES:
        raise ValueError(f"there is no exercise {name!r}; there is {_list(EXERCISES)}")
    exercise = EXERCISES[name]
    problem = _problem(exercise, fn)
    if problem is None:
        print(f"✓ {name}: agrees with the reference on {_list(exercise.cases)}.")
        return True
    print(f"✗ {name}: {problem}")
    return False


def _problem(exercise: Exercise, fn: Callable[..., Any]) -> str | None:
    """What is wrong, in words; None if nothing is."""
    if not callable(fn):
        return (
            f"pass the function itself, not what it returns; this is a "
            f"{type(fn).__name__}."
        )
    results, broken = {}, None
    for title in exercise.cases:
        result, broken = _try(exercise, fn, title)
        if broken:
            break
        results[title] = result
    wrong = [title for title in results if not _agrees(exercise, results, title)]
    if wrong:
        return _explain(exercise, results, wrong[0])
    return broken


def _try(
    exercise: Exercise, fn: Callable[..., Any], title: str
) -> tuple[np.ndarray | None, str | None]:
    """Call the reader's function on one case: its result, or what is wrong with it."""
    given = [_tensor(x) for x in exercise.cases[title]]
    kept = [x if x is None else x.clone() for x in given]
    try:
        result = fn(*given)
    except Exception as error:  # whatever a reader's function raises is an answer
        shapes = ", ".join("None" if x is None else str(tuple(x.shape)) for x in kept)
        return None, (
            f"called as {exercise.call} ({title}; shapes {shapes}), it raised "
            f"{type(error).__name__}: {error}"
        )
    if any(
        x is not None and not torch.equal(x, y)
        for x, y in zip(kept, given, strict=True)
    ):
        return None, (
            "it changes its arguments in place; work on new tensors (`x = x / 2` "
            "rather than `x /= 2`)."
        )
    return _array(result, exercise, title)


def _array(
    result: Any, exercise: Exercise, title: str
) -> tuple[np.ndarray | None, str | None]:
    if result is None:
        return None, "it returns None. Is there a `return` at its end?"
    if not isinstance(result, Tensor):
        return None, f"it returns a {type(result).__name__}; return one torch.Tensor."
    boolean = exercise.right(*exercise.cases[title]).dtype == bool
    if boolean and result.dtype != torch.bool:
        return None, (
            f"it returns {result.dtype}; return booleans, True where a look is allowed."
        )
    if not boolean and not result.is_floating_point():
        return None, f"it returns {result.dtype}; return floating-point numbers."
    return result.detach().cpu().to(torch.float64).numpy(), None


def _explain(exercise: Exercise, results: dict[str, np.ndarray], title: str) -> str:
    """The fewest usual mistakes that explain every result; else where they differ."""
    for hints, variant in exercise.variants():
        if hints and _explained(exercise, results, variant):
            return " Also: ".join(hints)
    result, expected = results[title], exercise.right(*exercise.cases[title])
    if result.shape != expected.shape:
        return (
            f"for {title} it returns the shape {result.shape}; "
            f"{exercise.call} has {expected.shape}."
        )
    wrong = np.argwhere(~np.isclose(result, expected, _TOLERANCE, _TOLERANCE))
    place = tuple(int(i) for i in wrong[0])
    text = (
        f"for {title}, {len(wrong)} of {result.size} numbers differ; at {list(place)} "
        f"it has {result[place]:.4g}, the reference {expected[place]:.4g}."
    )
    if np.allclose(expected.sum(-1), 1) and not np.allclose(
        result.sum(-1), 1, atol=1e-3
    ):
        text += " Its rows do not sum to 1."
    return text


def _agrees(exercise: Exercise, results: dict[str, np.ndarray], title: str) -> bool:
    return _same(results[title], exercise.right(*exercise.cases[title]))


def _explained(
    exercise: Exercise, results: dict[str, np.ndarray], mistake: Callable[..., Any]
) -> bool:
    """Whether this mistake gives all the results; in float32, so as to overflow alike."""
    for title, result in results.items():
        arguments = [
            x.astype(np.float32) if x is not None and x.dtype == float else x
            for x in exercise.cases[title]
        ]
        try:
            with np.errstate(all="ignore"):
                if not _same(result, mistake(*arguments)):
                    return False
        except ValueError:  # the mistake is not even possible with these shapes
            return False
    return True


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(
        a, b, _TOLERANCE, _TOLERANCE, equal_nan=True
    )


def _tensor(x: np.ndarray | None) -> Tensor | None:
    if x is None:
        return None
    return torch.from_numpy(x.astype(np.float32) if x.dtype == float else x.copy())


def _list(names: Any) -> str:
    return "; ".join(names)
