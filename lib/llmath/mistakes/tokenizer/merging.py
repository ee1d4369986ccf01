"""merging → what goes wrong in applying merges, each in the plainest way"""

import itertools
from collections.abc import Mapping
from types import MappingProxyType

from llmath.mistakes.slips import Exercise, Function, Slips, combine

Pair = tuple[int, int]

# The pairs that may merge, as (rank, place) → the one that does.
FIRST: Slips = {
    None: min,
    "The merge that was learnt first goes first, wherever it stands; here the leftmost "
    "went first.": lambda found: min(found, key=lambda pair: pair[1]),
    "The lowest rank was learnt first and goes first; here the highest does.": (
        lambda found: min(found, key=lambda pair: (-pair[0], pair[1]))
    ),
    "Of the same pair, the leftmost merges first: aaa becomes aa a.": (
        lambda found: min(found, key=lambda pair: (pair[0], -pair[1]))
    ),
}
# A row, the place of the pair → where the new token is put.
PLACES: Slips = {
    None: lambda ids, i: i,
    "The new token stands where the *pair* stood; its first id may stand elsewhere, "
    "too.": lambda ids, i: ids.index(ids[i]),
}
# merged, rank → the id of the new token.
NAMES: Slips = {
    None: lambda merged, rank: merged[rank],
    "A rank is not an id: the new token is merged[rank].": lambda merged, rank: rank,
    "256 + rank is the id only where the 256 bytes come first and the merges next, in "
    "order; in general it is merged[rank].": lambda merged, rank: 256 + rank,
}
# Whether to look again after a merge.
REPEATS: Slips = {
    None: lambda: True,
    "One merge is not the end: go on while any pair has a rank.": lambda: False,
}


def _by_rank(
    first: Function, place: Function, name: Function, repeat: Function
) -> Function:
    def merge(ids: list[int], ranks: dict[Pair, int], merged: list[int]) -> list[int]:
        ids, going = list(ids), True
        while going:
            pairs = enumerate(itertools.pairwise(ids))
            found = [(ranks[pair], i) for i, pair in pairs if pair in ranks]
            if not found:
                break
            rank, i = first(found)
            i = place(ids, i)
            ids[i : i + 2] = [name(merged, rank)]
            going = repeat()
        return ids

    return merge


def _one_pass(*steps: Function) -> Function:
    name = steps[2]

    def merge(ids: list[int], ranks: dict[Pair, int], merged: list[int]) -> list[int]:
        row: list[int] = []
        for i in ids:
            if (pair := (*row[-1:], i)) in ranks:
                row[-1] = name(merged, ranks[pair])
            else:
                row.append(i)
        return row

    return merge


# The steps → a merge.
WAYS: Slips = {
    None: _by_rank,
    "One pass from left to right merges what comes first; but the rank decides, "
    "wherever the pair stands.": _one_pass,
}


def _merge(way: Function, *steps: Function) -> Function:
    return way(*steps)


MERGING: Mapping[str, Exercise] = MappingProxyType(
    {
        "merge": Exercise(
            call="merge(ids, ranks, merged)",
            right=_by_rank(FIRST[None], PLACES[None], NAMES[None], REPEATS[None]),
            cases={
                "aaa": ([0, 0, 0], {(0, 0): 0}, [7]),
                "two merges that overlap": (
                    [0, 1, 2],
                    {(1, 2): 0, (0, 1): 1},
                    [4, 3],
                ),
                "a merge of merges": (
                    [0, 1, 0, 1, 2, 0],
                    {(0, 1): 0, (3, 3): 1, (5, 2): 2},
                    [3, 5, 4],
                ),
                "a pair whose first id stands elsewhere": (
                    [0, 2, 0, 1],
                    {(0, 1): 0},
                    [7],
                ),
                "nothing to merge": ([2, 1, 0], {(0, 1): 0}, [3]),
                "nothing at all": ([], {(0, 1): 0}, [3]),
            },
            variants=combine(_merge, WAYS, FIRST, PLACES, NAMES, REPEATS),
            plain=True,
        ),
    }
)
