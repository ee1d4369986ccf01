"""training → what goes wrong in learning merges

Pairs are counted and merges learnt, each in the plainest way.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmath.mistakes.slips import Exercise, Function, Slips, combine

Pair = tuple[int, int]

# A word and how often it occurs → how often it is counted.
TIMES: Slips = {
    None: lambda n: n,
    "A word counts as often as it occurs: n times, not once.": lambda n: 1,
}
# The words, each as often as it counts → the rows whose neighbours are pairs.
ROWS: Slips = {
    None: lambda words: words,
    "No pair reaches across the end of a word; here the words were joined first.": (
        lambda words: [list(itertools.chain(*words))]
    ),
}


def _apart(row: Sequence[int]) -> list[Pair]:
    """Neighbours that share no token with an equal pair before them."""
    pairs, last = [], {}
    for i, pair in enumerate(itertools.pairwise(row)):
        if last.get(pair) != i - 1 or pair[0] != pair[1]:
            pairs.append(pair)
            last[pair] = i
    return pairs


# A row → its pairs.
NEIGHBOURS: Slips = {
    None: lambda row: list(itertools.pairwise(row)),
    "Every place counts, overlaps too: aaa holds the pair aa twice.": _apart,
    "A pair has an order: ab and ba are two.": lambda row: [
        (min(pair), max(pair)) for pair in itertools.pairwise(row)
    ],
}


def _count(times: Function, rows: Function, neighbours: Function) -> Function:
    def count_pairs(words: Mapping[tuple[int, ...], int]) -> dict[Pair, int]:
        repeated = [word for word, n in words.items() for _ in range(times(n))]
        return dict(Counter(p for row in rows(repeated) for p in neighbours(row)))

    return count_pairs


# The counts → the pair that merges.
BEST: Slips = {
    None: lambda counts: min(counts, key=lambda pair: (-counts[pair], pair)),
    "Equally frequent pairs: the one with the smaller ids merges, not the one that was "
    "met first.": lambda counts: max(counts, key=counts.get),
    "Equally frequent pairs: the one with the smaller ids merges, not the larger.": (
        lambda counts: max(counts, key=lambda pair: (counts[pair], pair))
    ),
    "Equally frequent pairs with the same first id: the smaller second id merges, not "
    "the pair that was met first.": (
        lambda counts: min(counts, key=lambda pair: (-counts[pair], pair[0]))
    ),
}
# n_symbols, and how many merges there were → the id of the new token.
NEW_IDS: Slips = {
    None: lambda n_symbols, r: n_symbols + r,
    "The first new id is n_symbols; it is 256 only for bytes.": (
        lambda n_symbols, r: 256 + r
    ),
}
# Whether counts are taken anew after a merge.
RECOUNTS: Slips = {
    None: lambda words, merged: merged,
    "A merge changes its neighbours' counts, and its token makes new pairs: count anew "
    "after each.": lambda words, merged: words,
}


def _join(row: tuple[int, ...], pair: Pair, new: int) -> tuple[int, ...]:
    """Replace the pair in a row, leftmost first."""
    joined: list[int] = []
    i = 0
    while i < len(row):
        found = row[i : i + 2] == pair
        joined.append(new if found else row[i])
        i += 2 if found else 1
    return tuple(joined)


def _join_from_the_right(row: tuple[int, ...], pair: Pair, new: int) -> tuple[int, ...]:
    return _join(row[::-1], pair[::-1], new)[::-1]


def _join_once(row: tuple[int, ...], pair: Pair, new: int) -> tuple[int, ...]:
    places = [i for i, p in enumerate(itertools.pairwise(row)) if p == pair]
    return (*row[: places[0]], new, *row[places[0] + 2 :]) if places else tuple(row)


# A row, a pair, its new id → the row with the pair replaced.
JOINS: Slips = {
    None: _join,
    "Every place of the pair in a word is replaced, not the first alone.": _join_once,
    "Pairs are replaced from left to right: aaa becomes aa a, not a aa.": (
        _join_from_the_right
    ),
}


def _learn(
    times: Function,
    neighbours: Function,
    best: Function,
    new: Function,
    join: Function,
    again: Function,
) -> Function:
    count = _count(times, ROWS[None], neighbours)

    def learn_merges(words: Any, n_merges: int, n_symbols: int) -> list[Pair]:
        merges: list[Pair] = []
        for r in range(n_merges):
            counts = count(words)
            left = {pair: n for pair, n in counts.items() if pair not in merges}
            if not left:
                break
            merges.append(pair := best(left))
            token = new(n_symbols, r)
            merged: Counter[tuple[int, ...]] = Counter()
            for word, n in words.items():
                merged[join(word, pair, token)] += n
            words = again(words, merged)
        return merges

    return learn_merges


_LOWER = {(0, 1, 2): 5, (0, 1, 2, 3): 2, (1, 3): 2, (3, 2, 2): 4}
_RUNS = {(0, 0, 0): 2, (0, 0, 0, 0): 1, (1, 0): 6, (1,): 7}
_TIES = {
    **{(3, 2): 2, (1, 3): 2, (1, 2): 2},
    **{(2, 1): 1, (0, 3): 1, (0, 0, 3): 1},
}

TRAINING: Mapping[str, Exercise] = MappingProxyType(
    {
        "count_pairs": Exercise(
            call="count_pairs(words)",
            right=_count(TIMES[None], ROWS[None], NEIGHBOURS[None]),
            cases={
                "words that share pairs": (_LOWER,),
                "runs of one letter": (_RUNS,),
                "no words": ({},),
            },
            variants=combine(_count, TIMES, ROWS, NEIGHBOURS),
            plain=True,
        ),
        "learn_merges": Exercise(
            call="learn_merges(words, n_merges, n_symbols=n_symbols)",
            right=_learn(
                *(TIMES[None], NEIGHBOURS[None], BEST[None]),
                *(NEW_IDS[None], JOINS[None], RECOUNTS[None]),
            ),
            cases={
                "words that share pairs": (_LOWER, 3, 4),
                "runs of one letter": (_RUNS, 3, 2),
                "a pair twice in a word": ({(0, 1, 0, 1): 2}, 2, 2),
                "pairs that tie": (_TIES, 3, 4),
                "more merges than there are": ({(0, 1, 2): 1}, 9, 3),
            },
            variants=combine(_learn, TIMES, NEIGHBOURS, BEST, NEW_IDS, JOINS, RECOUNTS),
            options=("n_symbols",),
            plain=True,
        ),
    }
)
