"""Merging a piece: by hand, against the definition, and what follows from locality"""

from hypothesis import given
from hypothesis import strategies as st

from llmath.reference import tokenizer as reference
from llmath.tokenizer import learn_merges
from llmath.tokenizer.merging import merge

WORDS = st.dictionaries(
    st.lists(st.integers(0, 2), min_size=1, max_size=14).map(tuple),
    st.integers(1, 4),
    max_size=8,
)
PAIRS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    min_size=4,
    max_size=12,
    unique=True,
)


def tables(pairs, n_symbols=3):
    """Ranks and results of merges in this order."""
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    return ranks, [n_symbols + rank for rank in range(len(pairs))]


def test_the_lowest_rank_is_first_wherever_it_stands():
    """a b c: b c has rank 0, so a b (rank 1) finds no b any more."""
    ranks, merged = tables([(1, 2), (0, 1)])
    assert merge([0, 1, 2], ranks, merged) == [0, 3]
    assert merge([0, 1, 0, 1, 2], ranks, merged) == [4, 0, 3]


def test_of_equal_ranks_the_leftmost_is_first():
    """a a a a a → aa aa a; with aa aa a merge of its own → aaaa a."""
    assert merge([0] * 5, *tables([(0, 0)])) == [3, 3, 0]
    assert merge([0] * 5, *tables([(0, 0), (3, 3)])) == [4, 0]


def test_counts_see_overlaps_and_replacing_does_not():
    """aaaa holds aa three times, and gives two merges."""
    assert reference.pair_counts([([0] * 4, 5)]) == {(0, 0): 15}
    assert reference.replace([0] * 4, (0, 0), 7) == [7, 7]
    assert reference.replace([0, 1, 0, 1, 1], (0, 1), 7) == [7, 7, 1]


@given(st.lists(st.integers(0, 2), min_size=4, max_size=30), PAIRS)
def test_merge_is_its_definition(ids, pairs):
    """Any table, also one that no training gives: a part made by a later merge."""
    ranks, merged = tables(pairs)
    assert merge(ids, ranks, merged) == reference.merge(ids, ranks, merged)


@given(WORDS)
def test_every_token_is_encoded_as_itself(words):
    pairs = learn_merges(words, 100, n_symbols=3)
    spelt = [(0,), (1,), (2,)]
    for a, b in pairs:
        spelt.append(spelt[a] + spelt[b])
    for i, letters in enumerate(spelt):
        assert merge(letters, *tables(pairs)) == [i]


@given(WORDS, st.lists(st.integers(0, 2), max_size=30))
def test_between_two_cuts_nothing_is_known_of_the_rest(words, ids):
    """What stands between any two boundaries of the result is merged as if alone."""
    ranks, merged = tables(pairs := learn_merges(words, 100, n_symbols=3))
    spelt = [[0], [1], [2]]
    for a, b in pairs:
        spelt.append(spelt[a] + spelt[b])
    out = merge(ids, ranks, merged)
    for start in range(len(out)):
        for end in range(start + 1, len(out) + 1):
            inside = [letter for i in out[start:end] for letter in spelt[i]]
            assert merge(inside, ranks, merged) == out[start:end]
