"""piece → ids: merges applied in the order in which they were learnt"""

import heapq
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence


def merge(
    ids: Sequence[int], ranks: Mapping[tuple[int, int], int], merged: Sequence[int]
) -> list[int]:
    """i* = argmin rank(x_i, x_{i+1}), the leftmost; x_{i*} x_{i*+1} merge; again

    {eq:merge-rank}; Sennrich et al. 2016. It ends when no neighbours have a rank.

    `ranks` gives each pair of ids its rank, `merged` each rank its new id. A queue of
    candidates and a chain of living tokens make it O(n log n).

    >>> merge([0, 0, 0], {(0, 0): 0}, [7])
    [7, 0]
    """
    ids, n = list(ids), len(ids)
    left, right = list(range(-1, n - 1)), list(range(1, n + 1))
    pairs = enumerate(itertools.pairwise(ids))
    queue = [(ranks[pair], i) for i, pair in pairs if pair in ranks]
    heapq.heapify(queue)
    while queue:
        rank, i = heapq.heappop(queue)
        j = right[i]
        if j == n or ranks.get((ids[i], ids[j])) != rank:
            continue  # one of the two has merged with someone else since
        ids[i], ids[j] = merged[rank], None
        right[i] = right[j]
        if right[i] < n:
            left[right[i]] = i
        for start in (left[i], i):  # the new token has two new neighbours
            if start >= 0 and right[start] < n:
                pair = ids[start], ids[right[start]]
                if pair in ranks:
                    heapq.heappush(queue, (ranks[pair], start))
    return [i for i in ids if i is not None]


def check_tables(
    tokens: Sequence[str], merges: Sequence[str], special: Collection[int]
) -> None:
    """Refuse tables that hold anything else than text, and ids that are no numbers."""
    kinds = {
        "tokens": (tokens, str),
        "merges": (merges, str),
        "special": (special, int),
    }
    for name, (table, kind) in kinds.items():
        if not isinstance(table, Collection) or isinstance(table, (str, bytes)):
            raise ValueError(f"{name} should be a row, got {table!r:.80}")
        if any(not isinstance(x, kind) for x in table):
            raise ValueError(
                f"{name} should be a row of {kind.__name__}: {table!r:.80}"
            )


def index_tokens(tokens: Sequence[str], special: Collection[int]) -> dict[str, int]:
    """The id of each token that is no marker.

    A token that stands twice raises a ValueError.
    """
    ids: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if i not in special and ids.setdefault(token, i) != i:
            raise ValueError(f"tokens {ids[token]} and {i} are both {token!r}")
    return ids


def index_merges(
    merges: Sequence[str], ids: Mapping[str, int]
) -> tuple[dict[tuple[int, int], int], list[int]]:
    """The rank of each pair of ids, and the id that each rank makes.

    A merge whose parts or result are no tokens raises a ValueError.
    """
    ranks, merged = {}, []
    for rank, line in enumerate(merges):
        a, _, b = line.partition(" ")
        try:
            first = ranks.setdefault((ids[a], ids[b]), rank)
            merged.append(ids[a + b])
        except KeyError as error:
            raise ValueError(
                f"merge {rank}, {line!r}, needs the token {error.args[0]!r}, which is "
                f"not in the vocabulary"
            ) from None
        if first != rank:
            raise ValueError(f"merges {first} and {rank} are both {line!r}")
    return ranks, merged


class Remembered(dict):
    """piece → ids, worked out once: texts say the same words again and again"""

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        self._encode = encode

    def __missing__(self, piece: str) -> list[int]:
        ids = self._encode(piece)
        if len(piece) <= 32 and len(self) < 100_000:
            self[piece] = ids
        return ids
