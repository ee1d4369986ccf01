"""EXERCISES: cases that tell every usual mistake from the right answer"""

import inspect
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmath import attention, embedding, loss, mlp, norm, rope
from llmath.exercise import plain
from llmath.mistakes import EXERCISES
from llmath.mistakes.lookup import LOOKUP
from llmath.mistakes.slips import parts
from llmath.mistakes.text import TEXT
from llmath.tokenizer import merging, training

FILES = (attention, embedding, loss, merging, mlp, norm, rope, training)
OF_THE_LIBRARY = {
    name: getattr(file, name)
    for name in EXERCISES
    for file in FILES
    if getattr(getattr(file, name, None), "__module__", "") == file.__name__
}

ARRAYS = [name for name, exercise in EXERCISES.items() if not exercise.plain]
PLAIN = [name for name, exercise in EXERCISES.items() if exercise.plain]


def test_the_formulas_that_readers_write():
    others = {"sharpen", "score_std", "kernel_weights", "softmax_jacobian"}
    assert set(LOOKUP) == others
    others |= {"softmax_backward", "attention_backward"}
    of_texts = {"encode_utf8", "split_number", "fewest_tokens", "types_drawn"}
    assert set(TEXT) == of_texts
    others |= of_texts | {"count_pairs"}
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


@pytest.mark.parametrize("name", ARRAYS)
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


@pytest.mark.parametrize("name", PLAIN)
def test_no_mistake_passes_for_right_where_things_are_plain(name):
    exercise = EXERCISES[name]
    for wrong, variant in exercise.variants():
        agrees = [
            plain.same((variant(*case),), exercise.expected(title))
            for title, case in exercise.cases.items()
        ]
        assert all(agrees) == (not wrong), wrong


@pytest.mark.parametrize("name", EXERCISES)
def test_the_fewest_mistakes_come_first(name):
    numbers = [len(wrong) for wrong, _ in EXERCISES[name].variants()]
    assert numbers == sorted(numbers)
    assert numbers[0] == 0


@pytest.mark.parametrize("name", ARRAYS)
def test_float32_holds_the_cases_exactly(name):
    for case in EXERCISES[name].cases.values():
        for x in case:
            assert x is None or (x.astype(np.float32) == x).all()


# What is right, against something independent

WORDS = st.dictionaries(
    st.lists(st.integers(0, 2), max_size=6).map(tuple), st.integers(1, 4), max_size=5
)


@given(WORDS, st.integers(0, 6))
def test_merges_learnt_plainly_are_the_librarys(words, n_merges):
    expected = training.learn_merges(words, n_merges, n_symbols=3)
    assert EXERCISES["learn_merges"].right(words, n_merges, 3) == expected


@given(WORDS, st.lists(st.integers(0, 2), max_size=9))
def test_merging_plainly_is_the_librarys(words, ids):
    pairs = training.learn_merges(words, 6, n_symbols=3)
    ranks, merged = {pair: i for i, pair in enumerate(pairs)}, [*range(3, 9)]
    expected = merging.merge(ids, ranks, merged)
    assert EXERCISES["merge"].right(ids, ranks, merged) == expected


def test_pairs_are_counted_by_hand():
    """Of aab three times and aaa once: aa 3 + 2, ab 3."""
    counts = EXERCISES["count_pairs"].right({(0, 0, 1): 3, (0, 0, 0): 1})
    assert counts == {(0, 0): 5, (0, 1): 3}


@given(st.characters(exclude_categories=["Cs"]))
def test_utf8_is_pythons(char):
    assert EXERCISES["encode_utf8"].right(ord(char)) == char.encode()


@given(st.text("0123456789", max_size=12))
def test_numbers_are_split_as_commas_do(digits):
    groups = EXERCISES["split_number"].right(digits)
    assert "".join(groups) == digits
    if digits.lstrip("0") == digits and digits:
        assert ",".join(groups) == f"{int(digits):,}"


@given(st.binary(max_size=7).map(lambda b: bytes(x % 2 for x in b)), st.data())
def test_the_fewest_tokens_are_fewest_of_all_spellings(data, draw):
    longer = st.sets(
        st.binary(min_size=1, max_size=3).map(lambda b: bytes(3 * [0]) + b)
    )
    vocabulary = {b"\0", b"\1", b"\0\1", b"\1\1\0"} | draw.draw(longer)
    n = len(data)
    spellings = [
        k + 1
        for k in range(n)
        for cuts in itertools.combinations(range(1, n), k)
        if all(data[i:j] in vocabulary for i, j in itertools.pairwise((0, *cuts, n)))
    ]
    assert EXERCISES["fewest_tokens"].right(data, vocabulary) == min(
        spellings, default=0
    )


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(0, 3))
def test_types_drawn_is_the_mean_over_all_samples(counts, n):
    tokens = [kind for kind, count in enumerate(counts) for _ in range(count)]
    samples = itertools.product(tokens, repeat=n)
    mean = np.mean([len(set(sample)) for sample in samples])
    p = [count / sum(counts) for count in counts]
    assert math.isclose(EXERCISES["types_drawn"].right(p, n), mean, abs_tol=1e-12)
