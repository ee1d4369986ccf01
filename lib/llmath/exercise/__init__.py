"""a reader's function → a verdict

>>> check("attention_weights", mine)        # says what is wrong, and the likely reason
>>> with using(attention_weights=mine):     # puts it into every running model
...     model(ids)

tensors.py      numbers ↔ tensors of float32, and how two of them differ
plain.py        rows, tables, bytes and numbers of Python, and how two of them differ
"""

import textwrap
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from llmath.exercise import plain, tensors
from llmath.exercise.unusable import Unusable
from llmath.mistakes import EXERCISES, Exercise
from llmath.swap import using

__all__ = ["check", "using"]

Answer = tuple[Any, ...]  # one for each result of the function


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


def _kind(exercise: Exercise) -> ModuleType:
    return plain if exercise.plain else tensors


def _problem(exercise: Exercise, fn: Callable[..., Any]) -> str | None:
    """What is wrong, in words; None if nothing is."""
    if not callable(fn):
        kind = type(fn).__name__
        return f"pass the function itself, not what it returns; got a {kind}."
    answers, unusable = {}, None
    for title in exercise.cases:
        try:
            answers[title] = _answer(exercise, fn, title)
        except Unusable as reason:
            unusable = str(reason)
            break
    for title, answer in answers.items():
        if not _kind(exercise).same(answer, exercise.expected(title)):
            return _explain(exercise, answers, title)
    return unusable


def _answer(exercise: Exercise, fn: Callable[..., Any], title: str) -> Answer:
    """Call the reader's function on one case."""
    kind = _kind(exercise)
    given = [kind.given(x) for x in exercise.cases[title]]
    kept = [kind.given(x) for x in exercise.cases[title]]
    split = len(given) - len(exercise.options)
    numbers = [kind.number(x) for x in given[split:]]
    try:
        result = fn(*given[:split], **dict(zip(exercise.options, numbers, strict=True)))
    except Exception as error:  # whatever a reader's function raises is an answer
        raised = "".join(traceback.format_exception_only(error)).strip()
        raise Unusable(
            f"called as {exercise.call} ({title}; {kind.described(kept)}), it raised "
            f"{raised[:300]}"
        ) from error
    if not all(map(kind.unchanged, kept, given)):
        raise Unusable(f"it changes its arguments in place; {kind.INSTEAD}.")
    return tuple(map(kind.read, _results(exercise, result), exercise.expected(title)))


def _results(exercise: Exercise, result: Any) -> tuple[Any, ...]:
    """The one result, or each of several; refused if they are not as many."""
    n, names = len(exercise.outputs), ", ".join(exercise.outputs)
    if not n or result is None:
        return (result,) * max(n, 1)
    if not isinstance(result, tuple | list) or len(result) != n:
        given = f"{len(result)} of them" if isinstance(result, tuple | list) else "one"
        raise Unusable(f"return {n} tensors, `{names}`, in this order; got {given}.")
    return tuple(result)


def _explain(exercise: Exercise, answers: dict[str, Answer], title: str) -> str:
    """The fewest usual mistakes that explain every answer; else where they differ."""
    for hints, variant in exercise.variants():
        if hints and _explained(exercise, answers, variant):
            return " Also: ".join(hints)
    kind = _kind(exercise)
    names = [f"{name} of {exercise.call}" for name in exercise.outputs]
    results = zip(
        names or [exercise.call],
        answers[title],
        exercise.expected(title),
        strict=True,
    )
    what, result, expected = next(r for r in results if not kind.same(r[1:2], r[2:]))
    inside = f" in {what}" if names else ""
    given = kind.described([kind.given(x) for x in exercise.cases[title]])
    return f"for {title} ({given}){kind.difference(result, expected, what, inside)}"


def _explained(
    exercise: Exercise, answers: dict[str, Answer], mistake: Callable[..., Any]
) -> bool:
    """Whether this mistake gives every answer."""
    kind = _kind(exercise)
    for title, answer in answers.items():
        try:
            with np.errstate(all="ignore"):
                wrong = mistake(*map(kind.as_received, exercise.cases[title]))
        except ValueError:  # the mistake is not even possible with these shapes
            return False
        if not kind.same(answer, exercise.results(wrong)):
            return False
    return True


def _list(names: Any) -> str:
    return "; ".join(names)
