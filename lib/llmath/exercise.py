"""a reader's function → a verdict

>>> check("attention_weights", mine)        # says what is wrong, and the likely reason
>>> with using(attention_weights=mine):     # puts it into every running model
...     model(ids)
"""

import textwrap
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmath.mistakes import EXERCISES, Exercise
from llmath.mistakes.slips import parts
from llmath.swap import using

__all__ = ["check", "using"]

_TOLERANCE = 1e-4
Answer = tuple[np.ndarray, ...]  # one array for each result of the function


def check(name: str, fn: Callable[..., Any]) -> bool:
    """Try a function on small inputs against the float64 reference; print the verdict.

    Whatever `fn` does (raise, return nothing, return nonsense), a sentence says so.

    An exercise that does not exist raises a ValueError that lists those that do.
    """
    if not isinstance(name, str) or name not in EXERCISES:
        raise ValueError(f"there is no exercise {name!r}; there is {_list(EXERCISES)}")
    exercise = EXERCISES[name]
    problem = _problem(exercise, fn)
    if problem is None:
        _say(f"✓ {name}: agrees with the reference on {_list(exercise.cases)}.")
        return True
    _say(f"✗ {name}: {problem}")
    return False


def _say(verdict: str) -> None:
    """In lines that fit on a phone."""
    print(textwrap.fill(verdict, 48, subsequent_indent="  ", break_long_words=False))


class _Unusable(Exception):
    """What came back is no answer at all; the message says why."""


def _problem(exercise: Exercise, fn: Callable[..., Any]) -> str | None:
    """What is wrong, in words; None if nothing is."""
    if not callable(fn):
        kind = type(fn).__name__
        return f"pass the function itself, not what it returns; got a {kind}."
    answers, unusable = {}, None
    for title in exercise.cases:
        try:
            answers[title] = _answer(exercise, fn, title)
        except _Unusable as reason:
            unusable = str(reason)
            break
    for title, answer in answers.items():
        if not _same(answer, exercise.expected(title)):
            return _explain(exercise, answers, title)
    return unusable


def _answer(exercise: Exercise, fn: Callable[..., Any], title: str) -> Answer:
    """Call the reader's function on one case."""
    given = [_tensor(x) for x in exercise.cases[title]]
    kept = [_tensor(x) for x in exercise.cases[title]]
    split = len(given) - len(exercise.options)
    numbers = [x.item() for x in given[split:]]
    try:
        result = fn(*given[:split], **dict(zip(exercise.options, numbers, strict=True)))
    except Exception as error:  # whatever a reader's function raises is an answer
        shapes = ", ".join("None" if x is None else str(tuple(x.shape)) for x in kept)
        raised = "".join(traceback.format_exception_only(error)).strip()
        raise _Unusable(
            f"called as {exercise.call} ({title}; shapes {shapes}), it raised "
            f"{raised[:300]}"
        ) from error
    for before, after in zip(kept, given, strict=True):
        if before is not None and not torch.equal(before, after):
            raise _Unusable(
                "it changes its arguments in place; make new tensors, with `x = x / 2` "
                "rather than `x /= 2`."
            )
    expected = exercise.expected(title)
    return tuple(
        _array(x, boolean=right.dtype == bool)
        for x, right in zip(_results(exercise, result), expected, strict=True)
    )


def _results(exercise: Exercise, result: Any) -> tuple[Any, ...]:
    """The one result, or each of several; refused if they are not as many."""
    n, names = len(exercise.outputs), ", ".join(exercise.outputs)
    if not n or result is None:
        return (result,) * max(n, 1)
    if not isinstance(result, tuple | list) or len(result) != n:
        given = f"{len(result)} of them" if isinstance(result, tuple | list) else "one"
        raise _Unusable(f"return {n} tensors, `{names}`, in this order; got {given}.")
    return tuple(result)


def _array(result: Any, *, boolean: bool) -> np.ndarray:
    """The returned tensor in NumPy; refused if it is none, or of the wrong kind."""
    if result is None:
        raise _Unusable("it returns None. Is there a `return` at its end?")
    if not isinstance(result, Tensor):
        kind = type(result).__name__
        raise _Unusable(f"it returns a {kind}; return one torch.Tensor.")
    if boolean and result.dtype != torch.bool:
        raise _Unusable(
            f"it returns {result.dtype}; return booleans, True where a look is allowed."
        )
    if not boolean and result.dtype not in (torch.float32, torch.float64):
        raise _Unusable(f"it returns {result.dtype}; keep the float32 it is given.")
    try:
        return result.detach().cpu().numpy()
    except (RuntimeError, TypeError) as error:  # sparse, nested, without data …
        raise _Unusable(
            f"it returns a tensor that NumPy cannot read: {error}"
        ) from error


def _explain(exercise: Exercise, answers: dict[str, Answer], title: str) -> str:
    """The fewest usual mistakes that explain every answer; else where they differ."""
    for hints, variant in exercise.variants():
        if hints and _explained(exercise, answers, variant):
            return " Also: ".join(hints)
    names = [f"{name} of {exercise.call}" for name in exercise.outputs]
    results = zip(
        names or [exercise.call],
        answers[title],
        exercise.expected(title),
        strict=True,
    )
    what, result, expected = next(r for r in results if not _same(r[1:2], r[2:]))
    if result.shape != expected.shape:
        return (
            f"for {title} it returns the shape {result.shape}; {what} has "
            f"{expected.shape}."
        )
    wrong = np.argwhere(~np.isclose(result, expected, _TOLERANCE, _TOLERANCE))
    place = tuple(int(i) for i in wrong[0])
    text = (
        f"for {title}, {len(wrong)} of {result.size} numbers"
        f"{f' in {what}' if names else ''} differ; at {list(place)} it has "
        f"{result[place]:.4g}, the reference {expected[place]:.4g}."
    )
    sums_to_one = expected.ndim > 0 and np.allclose(expected.sum(-1), 1)
    if sums_to_one and not np.allclose(result.sum(-1), 1, atol=1e-3):
        text += " Its rows do not sum to 1."
    return text


def _explained(
    exercise: Exercise, answers: dict[str, Answer], mistake: Callable[..., Any]
) -> bool:
    """Whether this mistake gives every answer; in float32, so as to overflow alike."""
    for title, answer in answers.items():
        arguments = [
            x.astype(np.float32) if x is not None and x.dtype == float else x
            for x in exercise.cases[title]
        ]
        try:
            with np.errstate(all="ignore"):
                if not _same(answer, parts(mistake(*arguments))):
                    return False
        except ValueError:  # the mistake is not even possible with these shapes
            return False
    return True


def _same(a: Answer, b: Answer) -> bool:
    return all(
        x.shape == y.shape and np.allclose(x, y, _TOLERANCE, _TOLERANCE, equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


def _tensor(x: np.ndarray | None) -> Tensor | None:
    if x is None:
        return None
    return torch.from_numpy(x.astype(np.float32) if x.dtype == float else x.copy())


def _list(names: Any) -> str:
    return "; ".join(names)
