"""Languages: what they say, how often, and what nobody can predict

The oracle knows no states. It writes down every text of a small language with its
probability, from the rules as they are spelled, and adds up −p log p.
"""

import itertools
import math
import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmath.data import Source, centre_embedding, markov_chain, stationary, zipf_facts

P = np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25], [0.0, 0.9, 0.1]])
PI = stationary(P)
WORDS = {
    "nouns": (("cat", "cats"), ("dog", "dogs")),
    "chasing": (("sees", "see"),),
    "running": (("runs", "run"),),
}


def chance(seed=0):
    return np.random.default_rng(seed)


def facts(**changes):
    options = {"n_letters": 3, "key_length": 2, "a": 0.5, "noise": 0.3}
    return zipf_facts(**options | changes, generator=chance(4))


SOURCES = {
    "Markov chain": markov_chain(P),
    "facts": facts(),
    "grammar": centre_embedding(clause=0.4, depth=2, **WORDS),
}


# Every text of T symbols with its probability, without states


def chains(T):
    return {
        x: PI[x[0]] * math.prod(P[i, j] for i, j in itertools.pairwise(x))
        for x in itertools.product(range(3), repeat=T)
    }


def sentences(clause=0.4, depth=2):
    """Every sentence of the grammar, rule by rule as it is written down."""

    def phrases(n, left):
        for pair in WORDS["nouns"]:
            noun, each = ("the", pair[n]), 1 / len(WORDS["nouns"])
            yield noun, each * (1 - clause if left > 1 else 1)
            for m in (0, 1) if left > 1 else ():
                verb = WORDS["chasing"][0][m]
                for inner, p in phrases(m, left - 1):
                    yield (*noun, "that", *inner, verb), each * clause * p / 2

    for n in (0, 1):
        for phrase, p in phrases(n, depth):
            yield (*phrase, WORDS["running"][0][n], "."), p / 2


def streams(units, T):
    """Texts of T symbols from units, independent and one after the other."""
    found, open_ = Counter(), {(): 1.0}
    while open_:
        longer = Counter()
        for text, p in open_.items():
            for unit, q in units:
                longer[(*text, *unit)] += p * q
        for text, p in longer.items():
            if len(text) >= T:
                found[text[:T]] += p
        open_ = {x: p for x, p in longer.items() if len(x) < T}
    return found


def fact_units():
    """Each fact with its probability: the same draws, and no beginnings of keys."""
    rng, A, K = chance(4), 3, 9
    p = np.arange(1, K + 1) ** -1.5
    p, value = rng.permutation(p / p.sum()), rng.integers(0, A, K)
    for key, letter in itertools.product(range(K), range(A)):
        right = 0.7 * (letter == value[key])
        yield (*divmod(key, A), letter), p[key] * (right + 0.3 / A)


def texts(name, T):
    if name == "Markov chain":
        return chains(T)
    if name == "facts":
        return streams(list(fact_units()), T)
    symbols = SOURCES[name].symbols
    spelled = streams(list(sentences()), T)
    return {tuple(map(symbols.index, text)): p for text, p in spelled.items()}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("T", [1, 2, 3, 5, 7])
def test_block_entropy_is_that_of_all_texts(name, T):
    all_of_them = texts(name, T)
    assert math.fsum(all_of_them.values()) == pytest.approx(1, abs=1e-12)
    expected = -math.fsum(p * math.log(p) for p in all_of_them.values() if p > 0)
    assert SOURCES[name].block_entropy(T) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", SOURCES)
def test_surprisal_is_minus_log_p(name):
    all_of_them = texts(name, 5)
    possible = {x: p for x, p in all_of_them.items() if p > 0}
    lost = SOURCES[name].surprisal(np.array(list(possible))).sum(axis=1)
    np.testing.assert_allclose(np.exp(-lost), list(possible.values()), rtol=1e-12)


@pytest.mark.parametrize("name", SOURCES)
def test_mean_surprisal_of_samples_is_the_entropy(name):
    source, T = SOURCES[name], 24
    lost = source.surprisal(source.sample(T, 4000, generator=chance())).sum(axis=1)
    sigma = lost.std(ddof=1) / math.sqrt(len(lost))
    assert sigma > 0
    assert abs(lost.mean() - source.block_entropy(T)) <= 5 * sigma


@pytest.mark.parametrize("name", SOURCES)
def test_samples_occur_as_often_as_they_should(name):
    n, expected = 20_000, texts(name, 3)
    ids = SOURCES[name].sample(3, n, generator=chance(1))
    seen = Counter(map(tuple, ids.tolist()))
    assert set(seen) <= {x for x, p in expected.items() if p > 0}
    for text, p in expected.items():
        sigma = math.sqrt(n * p * (1 - p))
        assert abs(seen[text] - n * p) <= 5 * sigma + 1e-9


def test_no_sentence_is_read_in_two_ways():
    found = Counter(text for text, _ in sentences(depth=3))
    assert max(found.values()) == 1
    assert ("the", "cat", "that", "the", "dogs", "see", "runs", ".") in found


def test_the_books_sentence_and_its_mistakes():
    source = centre_embedding()
    told = ["the", "cat", "that", "the", "dogs", "chase", "runs", "."]
    right = np.array([[source.symbols.index(w) for w in told]])
    assert np.isfinite(source.surprisal(right)).all()
    for place, wrong in ((6, "run"), (5, "chases"), (7, "that"), (0, "that")):
        ids = right.copy()
        ids[0, place] = source.symbols.index(wrong)
        lost = source.surprisal(ids)[0]
        assert np.isinf(lost[place])
        assert (lost[place + 1 :] == 0).all()


def test_by_hand():
    """A fair coin; a chain that alternates; one state with four symbols."""
    coin = markov_chain(np.full((2, 2), 0.5))
    assert coin.block_entropy(10) == pytest.approx(10 * math.log(2), abs=1e-13)
    turns = markov_chain(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert turns.block_entropy(10) == pytest.approx(math.log(2), abs=1e-13)
    fixed = markov_chain(P, initial=np.array([1.0, 0, 0]))
    h = -sum(p * math.log(p) for p in (0.1, 0.6, 0.3))
    np.testing.assert_allclose(fixed.conditional_entropies(2), [0, h], atol=1e-14)
    assert fixed.text(np.array([0, 1, 2]), " ") == "0 1 2"


def test_the_value_letter_of_thirty_two():
    """ℍ of 0.8 + 0.2/32 for one letter and 0.2/32 for each of the other 31"""
    source = zipf_facts(n_letters=32, generator=chance())
    right, other = 0.8 + 0.2 / 32, 0.2 / 32
    expected = -right * math.log(right) - 31 * other * math.log(other)
    last = source.conditional_entropies(8)[[3, 7]]
    np.testing.assert_allclose(last, expected, rtol=1e-12)
    assert expected == pytest.approx(1.15695, abs=5e-6)
    rank = np.arange(1, 32**3 + 1) ** -1.75
    p = rank / rank.sum()
    keys = -(p * np.log(p)).sum()
    assert source.block_entropy(3) == pytest.approx(keys, rel=1e-12)
    assert source.block_entropy(8) == pytest.approx(2 * (keys + expected), rel=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_stationary_stays(seed, V):
    transition = chance(seed).dirichlet(np.ones(V), V)
    pi = stationary(transition)
    np.testing.assert_allclose(pi @ transition, pi, atol=1e-12)
    assert pi.sum() == pytest.approx(1, abs=1e-12)
    many = np.linalg.matrix_power(transition, 10_000)
    np.testing.assert_allclose(many, np.tile(pi, (V, 1)), atol=1e-9)


def test_the_same_seed_says_the_same():
    a, b = facts(), facts()
    assert np.array_equal(a.emission, b.emission)
    one, two = (s.sample(9, 5, generator=chance(7)) for s in (a, b))
    assert np.array_equal(one, two)


def test_facts_are_spelled_in_letters():
    symbols = facts(n_letters=200, key_length=1).symbols
    assert "".join(symbols[:52]) == string.ascii_lowercase + string.ascii_uppercase
    assert len(set(symbols)) == 200
    assert all(len(c) == 1 and c.isalpha() and c.isprintable() for c in symbols)


def test_the_largest_a():
    """9^-(1 + a) is a number of full precision up to a = 321, and no longer at 322."""
    source = facts(a=321.0)
    assert source.block_entropy(6) > 0
    with pytest.raises(ValueError, match="a=322"):
        facts(a=322.0)


REFUSED = {
    "no square": (lambda: markov_chain(P[:2]), "a row and a column"),
    "rows of no chances": (lambda: markov_chain(P * 2), "adds up to 1"),
    "two chains in one": (lambda: stationary(np.eye(2)), "falls apart"),
    "an initial too long": (lambda: markov_chain(P, initial=np.ones(4)), "shape"),
    "an initial of twos": (
        lambda: markov_chain(P[:2, :2] / P[:2, :2].sum(1)[:, None], initial=[2, 2]),
        "initial .* adds up to 4",
    ),
    "an initial below 0": (
        lambda: markov_chain(P, initial=[1.5, -0.5, 0]),
        "there is a -0.5",
    ),
    "a beyond all numbers": (
        lambda: facts(a=400.0),
        "a=400.0 the rarest of 9 facts .* at most 321",
    ),
    "one letter": (lambda: facts(n_letters=1), "at least 2, got 1"),
    "noise above 1": (lambda: facts(noise=1.5), "noise=1.5"),
    "a below 0": (lambda: facts(a=-0.1), "a=-0.1"),
    "too many facts": (lambda: facts(n_letters=100, key_length=4), "100^4"),
    "clause above 1": (lambda: centre_embedding(clause=1.1), "got 1.1, 3"),
    "depth 11": (lambda: centre_embedding(depth=11), "got 0.3, 11"),
    "a word twice": (
        lambda: centre_embedding(running=(("run", "run"),)),
        "each word occurs once",
    ),
    "no such symbol": (
        lambda: SOURCES["facts"].surprisal(np.array([[3]])),
        "from 0 to 2, got 3",
    ),
    "one text in no row": (
        lambda: SOURCES["facts"].surprisal(np.array([0, 1])),
        r"got shape \(2,\) in int64: one text is ids\[None\]",
    ),
    "ids with a point": (
        lambda: SOURCES["facts"].surprisal(np.array([[0.0, 1.0]])),
        r"got shape \(1, 2\) in float64",
    ),
    "ids in a list": (
        lambda: SOURCES["facts"].surprisal([[0, 1]]),
        "ids should be a ndarray, got a list",
    ),
    "states with a point": (
        lambda: Source(("a",), np.ones((1, 1)), np.zeros((1, 1))),
        "whole numbers, got float64",
    ),
    "a start in no state": (
        lambda: Source(("a",), np.ones((1, 1)), np.zeros((1, 1), int), 0.0),
        "start should be a whole number",
    ),
    "no such state": (
        lambda: Source(("a",), np.ones((1, 1)), np.ones((1, 1), int)),
        "leads to 1",
    ),
    "other shapes": (
        lambda: Source(("a", "b"), np.ones((1, 1)), np.zeros((1, 1), int)),
        "2 symbols",
    ),
    "no length": (lambda: SOURCES["facts"].block_entropy(0), "at least 1, got 0"),
}


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    call, words = REFUSED[case]
    with pytest.raises(ValueError, match=words.replace("^", r"\^")):
        call()
