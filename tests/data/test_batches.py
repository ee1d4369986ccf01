"""Batches: y is x one later, every id once or all equally often, resumed exactly"""

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmath.data import Batches, encode_to_file, load_ids, random_batch, split, windows
from llmath.tokenizer import Tokenizer, byte_alphabet

sizes = st.integers(1, 12)


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def same(a, b) -> bool:
    return all(map(torch.equal, a, b))


# Two parts


def test_the_last_part_is_kept_back():
    ids = np.arange(10, dtype=np.uint16)
    train, validation = split(ids, 0.25)  # round(2.5) = 2
    assert train.tolist() == [*range(8)]
    assert validation.tolist() == [8, 9]
    assert np.shares_memory(train, ids)


@pytest.mark.parametrize("part", [0, 1, -0.1, 1.5, float("nan")])
@pytest.mark.usefixtures("untyped")
def test_parts_lie_between_nothing_and_all(part):
    with pytest.raises(ValueError, match="between 0 and 1, not"):
        split(np.arange(10), part)


def test_both_parts_need_ids():
    with pytest.raises(ValueError, match=r"0\.1 of 4 ids leaves 4 .* and 0 to be"):
        split(np.arange(4), 0.1)


# At random


@given(sizes, sizes, st.integers(0, 20), st.integers(0, 2**31))
def test_y_is_x_one_later(T, B, more, seed):
    ids = chance(seed).integers(0, 2**16, T + 1 + more).astype(np.uint16)
    x, y = random_batch(ids, T, B, generator=chance(seed))
    assert x.shape == y.shape == (B, T)
    assert x.dtype == y.dtype == torch.int64
    assert torch.equal(x[:, 1:], y[:, :-1])
    found = {tuple(w) for w in torch.cat((x, y[:, -1:]), dim=1).tolist()}
    there = {tuple(ids[s : s + T + 1].tolist()) for s in range(len(ids) - T)}
    assert found <= there


def test_every_start_is_equally_likely():
    """Of 10 ids, windows of 3 + 1 begin at 0 … 6; χ² over 70,000 draws."""
    x, _ = random_batch(np.arange(10), 3, 70_000, generator=chance())
    counts = np.bincount(x[:, 0].numpy())
    assert len(counts) == 7
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_batch_is_a_copy():
    ids = np.arange(10)
    x, _ = random_batch(ids, 3, 2, generator=chance())
    x += 100
    assert ids.tolist() == [*range(10)]


def test_from_the_disk(tmp_path):
    """A mapped file gives the batches that the same ids in memory do."""
    tokenizer = Tokenizer(list(byte_alphabet()), [], pattern="gpt2")
    path = encode_to_file(tmp_path / "a.ids", "to be or not to be", tokenizer)
    mapped, ids = load_ids(path, tokenizer), tokenizer.encode("to be or not to be")
    one, other = (Batches(i, 5, 3, seed=1) for i in (mapped, np.array(ids)))
    assert same(next(one), next(other))


# All in order


def test_windows_by_hand():
    batches = [(x.tolist(), y.tolist()) for x, y in windows(np.arange(9), 3, 2)]
    assert batches == [
        ([[0, 1, 2], [3, 4, 5]], [[1, 2, 3], [4, 5, 6]]),
        ([[6, 7]], [[7, 8]]),
    ]


@given(sizes, sizes, st.integers(0, 40))
def test_every_id_but_the_first_is_a_target_once(T, B, more):
    n = T + 1 + more
    batches = list(windows(np.arange(n), T, B))
    targets = torch.cat([y.flatten() for _, y in batches])
    assert targets.tolist() == [*range(1, n)]
    assert all(torch.equal(x + 1, y) for x, y in batches)
    assert all(y.shape[0] <= B and y.shape[1] <= T for _, y in batches)


# Resumed


@given(st.integers(0, 2**62), st.integers(0, 20), st.integers(0, 20))
def test_resumed_is_uninterrupted(seed, before, after):
    ids = np.arange(50)
    whole = Batches(ids, 4, 3, seed=seed)
    first = Batches(ids, 4, 3, seed=seed)
    for _ in range(before):
        assert same(next(first), next(whole))
    state = json.loads(json.dumps(first.state()))
    resumed = Batches(ids, 4, 3, seed=seed)
    resumed.restore(state)
    for a, b in itertools.islice(zip(resumed, whole, strict=True), after):
        assert same(a, b)
    assert resumed.state() == whole.state() == state | {"step": before + after}


def test_each_batch_follows_from_its_number():
    batches = Batches(np.arange(1000), 8, 4, seed=0)
    first = [next(batches) for _ in range(5)]
    assert all(same(batches[i], batch) for i, batch in enumerate(first))
    assert not same(first[0], first[1])
    assert not same(Batches(np.arange(1000), 8, 4, seed=1)[0], first[0])
    assert batches.step == 5, "looking at a batch moves nothing"


def test_a_seed_and_a_step_do_not_run_into_each_other():
    """Seed s + 2³² k at step 0 is not seed s at step k."""
    ids = np.arange(1000)
    assert not same(Batches(ids, 8, 4, seed=2**32)[0], Batches(ids, 8, 4, seed=0)[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"T": 5}, "{'T': 5}, these have {'T': 4}"),
        ({"n_ids": 51}, "{'n_ids': 51}, these have {'n_ids': 50}"),
        ({"seed": 1, "B": 2}, "{'B': 2, 'seed': 1}, these have {'B': 3, 'seed': 0}"),
        ({"extra": 1}, r"a state has \['B', 'T', 'n_ids', 'seed', 'step'\], not"),
    ],
)
def test_a_state_of_other_batches_is_refused(change, words):
    batches = Batches(np.arange(50), 4, 3, seed=0)
    with pytest.raises(ValueError, match=words):
        batches.restore(batches.state() | change)


# What is refused


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("ids", "T", "B", "words"),
    [
        (np.arange(8), 8, 1, r"8 ids .* T=8, which needs 9 .* choose T ≤ 7"),
        ([1, 2, 3], 1, 1, r"got list; of a list: np\.array"),
        (np.ones(9), 1, 1, r"got float64 of shape \(9,\)"),
        (np.ones((3, 3), int), 1, 1, r"got int64 of shape \(3, 3\)"),
        (np.arange(8), 0, 1, "got T=0, B=1"),
        (np.arange(8), 1, 0, "got T=1, B=0"),
    ],
)
def test_batches_that_make_no_sense(ids, T, B, words):
    for make in (
        lambda: random_batch(ids, T, B, generator=chance()),
        lambda: windows(ids, T, B),  # already here, not at the first batch
        lambda: Batches(ids, T, B, seed=0),
    ):
        with pytest.raises(ValueError, match=words):
            make()


@pytest.mark.usefixtures("untyped")
def test_numbers_of_batches():
    with pytest.raises(ValueError, match="from 0 on, got -1"):
        Batches(np.arange(8), 2, 2, seed=-1)
    with pytest.raises(ValueError, match="have no end; got -1"):
        Batches(np.arange(8), 2, 2, seed=0)[-1]
