"""top_k, top_p, min_p, repetition_penalty, Sampling, next_id"""

import math

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmath.attention import softmax
from llmath.sampling import (
    Sampling,
    min_p,
    next_id,
    repetition_penalty,
    top_k,
    top_p,
)

INF = math.inf
seeds = st.integers(0, 2**31)
HALVES = torch.tensor([1 / 8, 1 / 2, 1 / 8, 1 / 4], dtype=torch.float64).log()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some_logits(seed, *shape):
    return 3 * torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def kept(logits):
    return (logits > -INF).nonzero().flatten().tolist()


# Worked by hand


def test_top_k_by_hand():
    z = torch.tensor([[1.0, 3.0, 2.0, 0.0], [5.0, 5.0, 5.0, 4.0]])
    assert top_k(z, 2).tolist() == [[-INF, 3, 2, -INF], [5, 5, 5, -INF]]
    assert torch.equal(top_k(z, 4), z)
    assert torch.equal(top_k(z, 100), z)


def test_top_p_by_hand():
    """The chances are 1/2, 1/4, 1/8, 1/8; a sum that is reached exactly suffices."""
    for p, expected in (
        (1e-9, [1]),
        (0.5, [1]),
        (0.51, [1, 3]),
        (0.75, [1, 3]),
        (0.76, [0, 1, 3]),
        (0.9, [0, 1, 2, 3]),
        (1.0, [0, 1, 2, 3]),
    ):
        assert kept(top_p(HALVES, p)) == expected, p


def test_min_p_by_hand():
    """The smallest chance is a quarter of the largest, the one between them a half."""
    z = HALVES
    assert kept(min_p(z, 0.24)) == [0, 1, 2, 3]
    assert kept(min_p(z, 0.26)) == [1, 3]
    assert kept(min_p(z, 0.51)) == [1]
    assert kept(min_p(z, 1.0)) == [1]
    assert min_p(z, 0.0) is z


def test_repetition_penalty_by_hand():
    z = torch.tensor([[4.0, -4.0, 0.0, 4.0]])
    ids = torch.tensor([[0, 1, 2, 0, 0]])  # however often, it is punished once
    assert repetition_penalty(z, ids, 2.0).tolist() == [[2, -8, 0, 4]]
    assert torch.equal(repetition_penalty(z, ids[:, :0], 2.0), z)


# Against transformers


@given(seeds, st.integers(1, 30), st.floats(0.01, 1.0), st.floats(0.0, 1.0))
def test_each_rule_equals_transformers(seed, k, p, least):
    z = some_logits(seed, 3, 20)
    ids = torch.randint(0, 20, (3, 9), generator=seeded(seed))
    warpers = (
        (top_k(z, k), transformers.TopKLogitsWarper(k)),
        (top_p(z, p), transformers.TopPLogitsWarper(p)),
        (min_p(z, least), transformers.MinPLogitsWarper(least)),
        (
            repetition_penalty(z, ids, 1 + p),
            transformers.RepetitionPenaltyLogitsProcessor(1 + p),
        ),
    )
    for ours, theirs in warpers:
        torch.testing.assert_close(ours, theirs(ids, z.clone()), rtol=1e-13, atol=0)


@given(seeds)
def test_all_rules_together_come_in_the_order_of_transformers(seed):
    z = some_logits(seed, 2, 40)
    ids = torch.randint(0, 40, (2, 30), generator=seeded(seed))
    sampling = Sampling(
        temperature=1.5, top_k=12, top_p=0.8, min_p=0.1, repetition_penalty=1.3
    )
    theirs = transformers.LogitsProcessorList(
        [
            transformers.RepetitionPenaltyLogitsProcessor(1.3),
            transformers.TemperatureLogitsWarper(1.5),
            transformers.TopKLogitsWarper(12),
            transformers.TopPLogitsWarper(0.8),
            transformers.MinPLogitsWarper(0.1),
        ]
    )
    torch.testing.assert_close(sampling.logits(z, ids), theirs(ids, z.clone()))


# The draws, against the exact distribution


def p_value(z, chances, draws=8000, **rules):
    """Of a χ² test that the draws come from `chances`; where that is 0, none may."""
    sampling, generator = Sampling(**rules), seeded(7)
    ids = [sampling.draw(z, None, generator) for _ in range(draws)]
    counts = torch.bincount(torch.tensor(ids), minlength=len(z))
    assert not counts[chances == 0].any()
    there = chances > 0
    expected = (chances[there] / chances.sum() * draws).numpy()
    return stats.chisquare(counts[there].numpy(), expected).pvalue


Z = torch.tensor([0.0, 2.0, 1.0, 1.5, -1.0, 0.5], dtype=torch.float64)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("rules", "stay"),
    [
        ({"temperature": 1.0}, [0, 1, 2, 3, 4, 5]),
        ({"temperature": 2.0}, [0, 1, 2, 3, 4, 5]),
        ({"temperature": 1.0, "top_k": 3}, [1, 2, 3]),
        ({"temperature": 0.5, "top_p": 0.9}, [1, 2, 3]),
        ({"temperature": 1.0, "min_p": 0.2}, [1, 2, 3, 5]),
    ],
    ids=str,
)
def test_frequencies_are_those_of_the_formula(rules, stay):
    chances = torch.zeros(6, dtype=torch.float64)
    chances[stay] = (Z[stay] / rules["temperature"]).exp()
    assert p_value(Z, chances, **rules) > 0.01


@pytest.mark.usefixtures("untyped")
def test_the_draws_would_tell_a_temperature_that_is_a_little_wrong():
    assert p_value(Z, (Z / 1.1).exp(), temperature=1.0) < 1e-3


# Invariants


@given(seeds, st.floats(0.01, 1.0), st.floats(-50, 50))
def test_cuts_do_not_see_a_shift_and_keep_the_likeliest(seed, p, shift):
    z = some_logits(seed, 15)
    for cut in (top_k(z, 3), top_p(z, p), min_p(z, p)):
        assert int(z.argmax()) in kept(cut)
        assert torch.equal(cut[kept(cut)], z[kept(cut)])
    assert kept(top_k(z + shift, 3)) == kept(top_k(z, 3))
    assert set(kept(top_p(z, p))) <= set(kept(top_p(z, min(1.0, 1.01 * p))))


@given(seeds, st.floats(0.01, 0.999))
def test_the_nucleus_is_large_enough_and_no_larger(seed, p):
    z = some_logits(seed, 15)
    inside = softmax(z)[kept(top_p(z, p))]
    assert inside.sum() >= p - 1e-12
    assert inside.sum() - inside.min() < p


def test_half_precision_sums_in_float32():
    """1,000 equal chances in bfloat16: a running sum would stick at 1/4."""
    z = torch.zeros(1000, dtype=torch.bfloat16)
    assert len(kept(top_p(z, 0.5))) == pytest.approx(500, abs=1)
    assert top_p(z, 0.5).dtype == torch.bfloat16


def test_without_a_temperature_only_the_penalty_counts():
    z = torch.tensor([1.0, 3.0, 2.5])
    ids = torch.tensor([1])
    assert next_id(z, ids=ids, top_k=1, top_p=0.1, min_p=1.0) == 1
    assert next_id(z, ids=ids, repetition_penalty=1.5) == 2
    assert next_id(z, repetition_penalty=1.5) == 1


# What is refused


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"top_k": 0}, "at least 1 token, got 0"),
        ({"top_k": 2.0}, r"at least 1 token, got 2\.0"),
        ({"top_k": True}, "got True"),
        ({"top_p": 0.0}, "above 0 and at most 1, got 0"),
        ({"top_p": 1.1}, "above 0 and at most 1, got 1.1"),
        ({"top_p": math.nan}, "got nan"),
        ({"min_p": -0.1}, r"0 … 1; got -0\.1"),
        ({"min_p": 2.0}, r"0 … 1; got 2\.0"),
        ({"repetition_penalty": 0.0}, "positive, got 0"),
        ({"repetition_penalty": INF}, "positive, got inf"),
        ({"temperature": -1.0}, "0 or more"),
    ],
    ids=str,
)
def test_numbers_that_make_no_sense(rules, words):
    with pytest.raises(ValueError, match=words):
        next_id(torch.zeros(5), **rules)


@pytest.mark.parametrize("bad", [math.nan, INF])
def test_logits_from_which_nothing_can_be_chosen(bad):
    for rules in ({}, {"temperature": 1.0, "top_k": 2, "generator": seeded()}):
        with pytest.raises(ValueError, match=f"largest of 4 logits is {bad}"):
            next_id(torch.tensor([0.0, bad, 1.0, -INF]), **rules)
    with pytest.raises(ValueError, match="largest of 3 logits is -inf"):
        next_id(torch.full((3,), -INF))
