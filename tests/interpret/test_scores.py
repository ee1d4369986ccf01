"""Scores of patterns: by hand, on heads that are perfect, and what they leave alone"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.interpret import (
    duplicate_token_score,
    induction_score,
    offset_score,
    previous_token_score,
    role_weight,
    role_wins,
    sink_score,
)
from llmath.probe import record

# Rows sum to one, nothing lies in the future. (B, H, T, T) = (1, 1, 4, 4)
HAND = torch.tensor(
    [
        [1.0, 0, 0, 0],
        [0.25, 0.75, 0, 0],
        [0.5, 0.125, 0.375, 0],
        [0.125, 0.25, 0.5, 0.125],
    ]
)[None, None]


def test_by_hand():
    ids = torch.tensor([[7, 3, 7, 7]])
    # 7 came before at queries 2 (place 0) and 3 (places 0, 2); it was followed by
    # place 1 at query 2, by places 1 and 3 (itself) at query 3
    by_hand = {
        previous_token_score(HAND): (0.25 + 0.125 + 0.5) / 3,
        previous_token_score(HAND, start=2): (0.125 + 0.5) / 2,
        sink_score(HAND): (0.25 + 0.5 + 0.125) / 3,
        sink_score(HAND, start=3): 0.125,
        offset_score(HAND, 0): (0.75 + 0.375 + 0.125) / 3,
        offset_score(HAND, 2): (0.5 + 0.25) / 2,
        duplicate_token_score(HAND, ids): (0.5 + (0.125 + 0.5)) / 2,
        induction_score(HAND, ids): (0.125 + (0.25 + 0.125)) / 2,
    }
    for score, expected in by_hand.items():
        assert score.item() == pytest.approx(expected, rel=1e-6)


def test_roles_by_hand():
    query = torch.tensor([3])
    on = lambda *at: torch.isin(torch.arange(4), torch.tensor(at))[None]  # noqa: E731
    assert role_weight(HAND, query, on(2)).item() == 0.5
    assert role_weight(HAND, query, on(0, 1)).item() == 0.375  # a word of two tokens

    def wins(target, *distractors):
        return role_wins(HAND, query, target, torch.stack(distractors, dim=1)).item()

    assert wins(on(2), on(1))
    assert wins(on(2), on(1), on(0))
    assert not wins(on(1), on(0), on(2))  # one of two is stronger
    assert wins(on(0, 1), on(1))
    assert not wins(on(0), on(3))  # a tie is lost


def test_each_sentence_has_its_own_query():
    pattern = torch.cat((HAND, HAND.flip(-1)))
    targets = torch.eye(4, dtype=torch.bool)[[0, 3]]
    weight = role_weight(pattern, torch.tensor([1, 2]), targets)
    assert weight.tolist() == [[0.25], [0.5]]


def test_perfect_heads_score_exactly_one(perfect, repeated):
    with record(perfect, "blocks.*.attn.pattern") as acts:
        perfect(repeated)
    pattern = acts.stack("blocks.*.attn.pattern")  # L B H T T
    table = {
        "previous": previous_token_score(pattern),
        "sink": sink_score(pattern),
        "induction": induction_score(pattern, repeated),
        "duplicate": duplicate_token_score(pattern, repeated),
    }
    head = {
        "previous": (0, 0),
        "sink": (0, 1),
        "induction": (1, 0),
        "duplicate": (1, 1),
    }
    for name, score in table.items():
        layer, h = head[name]
        assert score.shape == (2, 3, 2)
        assert (score[layer, :, h] == 1).all(), name
        score[layer, :, h] = 0
        assert (score < 0.5).all(), name  # and nobody else is mistaken for it


@given(st.integers(0, 10**6), st.integers(3, 9))
def test_renaming_the_tokens_changes_no_score(seed, T):
    g = torch.Generator().manual_seed(seed)
    pattern = torch.rand(2, 3, T, T, generator=g).tril().double()
    ids = torch.randint(0, 2, (2, T), generator=g)  # two names: some token comes twice
    names = torch.randperm(50, generator=g)
    for score in (duplicate_token_score, induction_score):
        assert torch.equal(score(pattern, ids), score(pattern, names[ids]))


@given(st.integers(0, 10**6))
def test_what_lies_behind_a_query_is_shared_between_offsets(seed):
    """Over all offsets, the last query's weights are its whole row: they sum to 1."""
    g = torch.Generator().manual_seed(seed)
    pattern = torch.rand(2, 6, 6, generator=g).double().tril()
    pattern = pattern / pattern.sum(-1, keepdim=True)
    total = sum(offset_score(pattern, d, start=5) for d in range(6))
    torch.testing.assert_close(total, torch.ones(2).double())


def test_stacked_layers_are_scored_as_single_ones():
    g = torch.Generator().manual_seed(0)
    pattern, ids = (
        torch.rand(3, 2, 4, 6, 6, generator=g),
        torch.tensor([[1, 2] * 3] * 2),
    )
    queries, on = torch.tensor([4, 5]), torch.rand(2, 3, 6, generator=g) < 0.4
    scores = [
        lambda p: induction_score(p, ids),
        lambda p: duplicate_token_score(p, ids),
        lambda p: role_weight(p, queries, on[:, 0]),
        lambda p: role_wins(p, queries, on[:, 0], on[:, 1:]),
        previous_token_score,
        sink_score,
    ]
    for score in scores:
        assert torch.equal(score(pattern), torch.stack([score(p) for p in pattern]))


def test_head_names_of_the_chapter(smollm2):
    """Random tokens said twice: 18.6, 17.3 and 17.4 look after the earlier copy."""
    g = torch.Generator().manual_seed(0)
    ids = torch.randint(1000, 49_000, (1, 20), generator=g).repeat(1, 2)
    with record(smollm2[0], "blocks.*.attn.pattern") as acts:
        smollm2[0].residual(ids)
    pattern = acts.stack("blocks.*.attn.pattern")
    score = induction_score(pattern, ids)[:, 0]
    best = {divmod(i, 9) for i in score.flatten().topk(3).indices.tolist()}
    assert best == {(18, 6), (17, 3), (17, 4)}
    assert score[18, 6] > 0.8
    assert sink_score(pattern)[18, 0, 8] > 0.95
    torch.testing.assert_close(score, offset_score(pattern, 19, start=20)[:, 0])


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sink_score(torch.rand(2, 3)), r"T queries by T keys; .*\(2, 3\)"),
        (lambda: sink_score(HAND, start=0), "one of 1 … 3, not 0"),
        (lambda: previous_token_score(HAND, start=4), "the last 3; got start=4"),
        (lambda: previous_token_score(HAND, start=0), "is 1, the last 3; got start=0"),
        (lambda: offset_score(HAND, 4), "4 tokens looks 4 places back.*0 … 3"),
        (lambda: offset_score(HAND, -1), "offset should .* at least 0, got -1"),
        (
            lambda: induction_score(HAND, torch.zeros(2, 4).long()),
            r"\(1, 1, 4, 4\) and \(2, 4\)",
        ),
        (
            lambda: induction_score(HAND, torch.arange(4)[None]),
            r"sentences \[0\] .* whose token occurred before",
        ),
        (
            lambda: role_weight(HAND, torch.tensor([4]), torch.ones(1, 4).bool()),
            r"queries \[4\] lie outside 0 … 3",
        ),
    ],
)
def test_what_has_no_score_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
