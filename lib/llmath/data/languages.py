"""rules → sources: three languages whose entropy is known exactly"""

import itertools
import math
import string
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from llmath.border import count, number, of_kind
from llmath.data.sources import Source

NOUNS = (("cat", "cats"), ("dog", "dogs"), ("bird", "birds"), ("child", "children"))
CHASING = (("chases", "chase"), ("sees", "see"), ("hears", "hear"))
RUNNING = (("runs", "run"), ("sleeps", "sleep"), ("sings", "sing"))
Forms = Sequence[tuple[str, str]]


def stationary(transition: Float[np.ndarray, "V V"]) -> np.ndarray:
    """π = π P, Σ_v π_v = 1   {eq:stationary}; Norris 1997, §1.7

    Unique when every symbol can be reached from every other. Solved as linear
    equations, of which one is the sum.

    A matrix that is no table of chances, and one with several solutions, raise a
    ValueError.
    """
    chances = _table(transition)
    V = len(chances)
    equations = np.vstack([chances.T - np.eye(V), np.ones(V)])
    if np.linalg.matrix_rank(equations) < V:
        raise ValueError("several distributions are stationary: the chain falls apart")
    right = np.append(np.zeros(V), 1.0)
    return np.linalg.lstsq(equations, right, rcond=None)[0].clip(min=0)


def markov_chain(
    transition: Float[np.ndarray, "V V"],
    *,
    initial: Float[np.ndarray, " V"] | None = None,
    symbols: Sequence[str] | None = None,
) -> Source:
    """p(x_1) = π_{x_1},  p(x_t | x_{t−1}) = P_{x_{t−1} x_t}   {eq:markov-chain}

    Markov 1913. The state is the last symbol; V is the state before the first. Without
    `initial`, the chain begins as it goes on: with its stationary distribution.

    A transition that is no square table of chances, and an initial that is no row of
    them, raise a ValueError.
    """
    chances = _table(transition)
    V = len(chances)
    first = stationary(chances) if initial is None else np.asarray(initial, float)
    if first.shape != (V,):
        raise ValueError(f"initial has shape {first.shape}, of {V} symbols")
    if not (first >= 0).all() or not np.isclose(first.sum(), 1, rtol=0, atol=1e-9):
        raise ValueError(
            f"initial is at least 0 and adds up to 1; there is a {first.min():g}, and "
            f"it adds up to {first.sum():g}"
        )
    names = tuple(map(str, range(V))) if symbols is None else tuple(symbols)
    leads_to = np.tile(np.arange(V), (V + 1, 1))
    return Source(names, np.vstack([chances, first / first.sum()]), leads_to, V)


def zipf_facts(
    *,
    n_letters: int = 26,
    key_length: int = 3,
    a: float = 0.75,
    noise: float = 0.2,
    generator: np.random.Generator,
) -> Source:
    """p(key of rank k) ∝ k^{−(1 + a)}   {eq:zipf-facts}; after Zipf 1949

    A text is facts, one after the other: the letters of a key, then one letter that is
    the key's value with probability 1 − ε + ε/A, and any other with ε/A each, where A
    is the number of letters and ε the noise. Which key has which rank, and which value,
    is drawn once: there is nothing to it but remembering. Of A^length facts the common
    ones are worth more, so what a model loses tells how many it holds.

    Letters are a … z, A … Z, and then every letter of Unicode that is printable.

    Fewer than 2 letters, a negative a, one so large that the chance of the rarest fact
    is no number above 0 any more, noise outside [0, 1] and a table of more than 2²⁵
    chances, A for each fact, raise a ValueError.
    """
    count(2, n_letters=n_letters)
    count(key_length=key_length)
    number(a=a, noise=noise)
    of_kind(np.random.Generator, generator=generator)
    A, K = n_letters, n_letters**key_length
    if not 0 <= a < float("inf") or not 0 <= noise <= 1 or A * K > 2**25:
        raise ValueError(
            f"zipf_facts needs a ≥ 0, noise in [0, 1] and a table of at most {2**25} "
            f"chances; got a={a}, noise={noise} and {A}^{key_length} × {A} chances"
        )
    of_rank = np.arange(1, K + 1) ** -(1.0 + a)
    if of_rank[-1] < np.finfo(float).tiny:
        most = -math.log(np.finfo(float).tiny) / math.log(K) - 1
        raise ValueError(
            f"with a={a} the rarest of {K} facts has the chance {K}^-{1 + a:g}, which "
            f"is 0 in float64: choose an a of at most {math.floor(most)}"
        )
    chance = generator.permutation(of_rank / of_rank.sum())  # by the key's spelling
    value = generator.integers(0, A, K)
    rows, leads_to, first = [], [], 0
    for j in range(key_length):  # the states are the beginnings of keys, A^j of them
        mass = chance.reshape(A**j, A, -1).sum(axis=2)
        rows.append(mass / mass.sum(axis=1, keepdims=True))
        leads_to.append(first + A**j + np.arange(A ** (j + 1)).reshape(A**j, A))
        first += A**j
    told = np.full((K, A), noise / A)
    told[np.arange(K), value] += 1 - noise
    names = tuple(itertools.islice(_letters(), A))
    back = np.zeros((K, A), np.int64)
    return Source(names, np.vstack([*rows, told]), np.vstack([*leads_to, back]))


def centre_embedding(
    *,
    clause: float = 0.3,
    depth: int = 3,
    nouns: Forms = NOUNS,
    chasing: Forms = CHASING,
    running: Forms = RUNNING,
) -> Source:
    """S → NP_n VI_n .   NP_n → the N_n | the N_n that NP_m VT_m   {eq:centre-embedding}

    "the cat that the dogs chase runs .": n and m are singular or plural, and each verb
    agrees with its own noun, across all that stands between (Chomsky & Miller 1963). A
    noun gets a relative clause with probability `clause`, until `depth` nouns wait for
    their verbs; number and words are equally likely. No sentence can be read in two
    ways: the state is how far it has come, and which numbers still wait.

    A clause outside [0, 1], a depth outside 1 … 10, and words that occur twice raise a
    ValueError.
    """
    number(clause=clause)
    count(depth=depth)
    if not 0 <= clause <= 1 or depth > 10:
        raise ValueError(
            f"clause is a probability and depth at most 10; got {clause}, {depth}"
        )
    forms = [
        word for kind in (nouns, chasing, running) for pair in kind for word in pair
    ]
    words = ("the", "that", ".", *forms)
    if len(set(words)) < len(words) or not (nouns and chasing and running):
        raise ValueError(f"each word occurs once, and each kind has some: {words}")
    moves = _moves(clause, depth, nouns, chasing, running)
    number_of = {state: i for i, state in enumerate(moves)}
    emission = np.zeros((len(moves), len(words)))
    leads_to = np.zeros((len(moves), len(words)), np.int64)
    for state, ways in moves.items():
        for word, (chance, then) in ways.items():
            emission[number_of[state], words.index(word)] = chance
            leads_to[number_of[state], words.index(word)] = number_of[then]
    return Source(words, emission, leads_to)


def _letters() -> Iterator[str]:
    """Symbols that can be seen and told apart: a … z, A … Z, and other letters."""
    yield from string.ascii_letters
    yield from (c for c in map(chr, range(128, sys.maxunicode + 1)) if c.isalpha())


State = tuple[str, tuple[int, ...]]  # what comes next; 0 or 1 for each noun that waits


def _moves(
    clause: float, depth: int, nouns: Forms, chasing: Forms, running: Forms
) -> dict[State, dict[str, tuple[float, State]]]:
    """Each state that can be reached, the first one first, and what it may say."""

    def verbs(waiting: tuple[int, ...], chance: float) -> dict:
        *others, n = waiting
        then = ("verb", tuple(others)) if others else ("end", ())
        kind = chasing if others else running
        return {pair[n]: (chance / len(kind), then) for pair in kind}

    def ways(state: State) -> dict[str, tuple[float, State]]:
        what, waiting = state
        if what == "the":
            return {"the": (1.0, ("noun", waiting))}
        if what == "noun":
            each = 1 / (2 * len(nouns))
            return {
                pair[n]: (each, ("rest", (*waiting, n)))
                for pair in nouns
                for n in (0, 1)
            }
        if what == "end":
            return {".": (1.0, ("the", ()))}
        q = clause if what == "rest" and len(waiting) < depth else 0.0
        return (
            {"that": (q, ("the", waiting))} | verbs(waiting, 1 - q)
            if q
            else verbs(waiting, 1.0)
        )

    moves, waiting = {}, [("the", ())]
    while waiting:
        state = waiting.pop()
        if state not in moves:
            moves[state] = ways(state)
            waiting += [then for chance, then in moves[state].values() if chance > 0]
    return moves


def _table(transition: Float[np.ndarray, "V V"]) -> Float[np.ndarray, "V V"]:
    chances = np.asarray(transition, dtype=float)
    if chances.ndim != 2 or chances.shape[0] != chances.shape[1] or not chances.size:
        raise ValueError(
            f"a transition has a row and a column for each symbol; got shape "
            f"{chances.shape}"
        )
    if not (chances >= 0).all() or not np.allclose(
        chances.sum(1), 1, rtol=0, atol=1e-9
    ):
        raise ValueError(
            f"each row of a transition is at least 0 and adds up to 1; rows add up to "
            f"{chances.sum(1)}"
        )
    return chances
