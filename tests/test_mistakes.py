"""EXERCISES: cases that tell every usual mistake from the right answer"""

import inspect

import numpy as np
import pytest

from llmath import attention, embedding, loss, mlp, norm, rope
from llmath.mistakes import EXERCISES
from llmath.mistakes.lookup import LOOKUP
from llmath.mistakes.slips import parts

FILES = (attention, embedding, loss, mlp, norm, rope)
OF_THE_LIBRARY = {
    name: getattr(file, name)
    for name in EXERCISES
    for file in FILES
    if getattr(getattr(file, name, None), "__module__", "") == file.__name__
}


def test_the_formulas_that_readers_write():
    others = {"sharpen", "score_std", "kernel_weights", "softmax_jacobian"}
    assert set(LOOKUP) == others
    others |= {"softmax_backward", "attention_backward"}
    assert set(EXERCISES) - set(OF_THE_LIBRARY) == others
    assert len(OF_THE_LIBRARY) >= 15


@pytest.mark.parametrize("name", OF_THE_LIBRARY)
def test_the_call_is_the_librarys(name):
    exercise = EXERCISES[name]
    named = exercise.call.removeprefix(f"{name}(").removesuffix(")").split(", ")
    wanted = [part.partition("=")[0] for part in named]
    parameters = inspect.signature(OF_THE_LIBRARY[name]).parameters
    plain = wanted[: len(wanted) - len(exercise.options)]
    assert plain == list(parameters)[: len(plain)]
    assert tuple(wanted[len(plain) :]) == exercise.options
    assert set(exercise.options) <= set(parameters)
    assert all(len(case) == len(wanted) for case in exercise.cases.values())


@pytest.mark.parametrize("name", EXERCISES)
def test_no_mistake_passes_for_right(name):
    """On one of the cases at least, each gives other numbers; none gives right ones."""
    exercise = EXERCISES[name]
    hints = 0
    for wrong, variant in exercise.variants():
        agrees = []
        for title, case in exercise.cases.items():
            expected = exercise.expected(title)
            case = [
                x.astype(np.float32) if x is not None and x.dtype == float else x
                for x in case
            ]
            try:
                with np.errstate(all="ignore"):
                    given = parts(variant(*case))
            except ValueError:
                agrees.append(False)
                continue
            agrees.append(
                all(
                    a.shape == b.shape and np.allclose(a, b, 1e-4, 1e-4)
                    for a, b in zip(given, expected, strict=True)
                )
            )
        assert all(agrees) == (not wrong), wrong
        hints += bool(wrong)
    assert hints


@pytest.mark.parametrize("name", EXERCISES)
def test_the_fewest_mistakes_come_first(name):
    numbers = [len(wrong) for wrong, _ in EXERCISES[name].variants()]
    assert numbers == sorted(numbers)
    assert numbers[0] == 0


@pytest.mark.parametrize("name", EXERCISES)
def test_float32_holds_the_cases_exactly(name):
    for case in EXERCISES[name].cases.values():
        for x in case:
            assert x is None or (x.astype(np.float32) == x).all()
