"""EXERCISES: cases that tell every usual mistake from the right answer"""

import inspect

import numpy as np
import pytest

from llmath import attention
from llmath.mistakes import EXERCISES

OF_THE_LIBRARY = [name for name in EXERCISES if hasattr(attention, name)]


def test_chapter_3_has_its_five():
    assert OF_THE_LIBRARY[:2] == ["softmax", "causal_mask"]
    assert len(OF_THE_LIBRARY) == 5


@pytest.mark.parametrize("name", OF_THE_LIBRARY)
def test_the_call_is_the_librarys(name):
    exercise = EXERCISES[name]
    named = exercise.call.removeprefix(f"{name}(").removesuffix(")").split(", ")
    parameters = list(inspect.signature(getattr(attention, name)).parameters)
    assert named == parameters[: len(named)]
    assert all(len(case) == len(named) for case in exercise.cases.values())


@pytest.mark.parametrize("name", EXERCISES)
def test_no_mistake_passes_for_right(name):
    """On one of the cases at least, each gives other numbers; none gives right ones."""
    exercise = EXERCISES[name]
    hints = 0
    for wrong, variant in exercise.variants():
        agrees = []
        for case in exercise.cases.values():
            expected = exercise.right(*case)
            case = [
                x.astype(np.float32) if x is not None and x.dtype == float else x
                for x in case
            ]
            try:
                with np.errstate(all="ignore"):
                    given = variant(*case)
            except ValueError:
                agrees.append(False)
                continue
            same_shape = given.shape == expected.shape
            agrees.append(same_shape and np.allclose(given, expected, 1e-4, 1e-4))
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
