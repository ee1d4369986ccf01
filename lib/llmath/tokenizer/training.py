"""pieces → merges: the pair that is met most often becomes a token, again and again

Byte-pair encoding (Gage 1994, for compression; Sennrich et al. 2016, for words): with
n(a, b) the number of neighbours a, b, over all pieces and as often as each occurs,

    (a, b)* = argmax n(a, b),  ties to the smallest pair of ids;   a b → ab everywhere.

Counting anew after every merge costs O(merges · text). But a merge changes the counts
of its own neighbours only: kept up to date there, with an index pair → places and a
queue of counts, all merges together cost about as much as the places they touch.

The rule, ties included, is that of `BpeTrainer` in Hugging Face's `tokenizers` (with
the bytes as initial alphabet and no least frequency): the tests find the same merges.
"""

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from llmath.tokenizer.pieces import (
    SPLITTERS,
    any_of,
    byte_alphabet,
    check_pattern,
    check_text,
)

Pair = tuple[int, int]

# A byte's id is its place in GPT-2's alphabet, where "!" comes first.
_BYTE_IDS = bytes(sorted(range(256), key=list(byte_alphabet().values()).__getitem__))


def count_words(
    texts: Iterable[str], *, pattern: str = "gpt2", special: Sequence[str] = ()
) -> dict[bytes, int]:
    """How often each piece occurs, written as ids below 256; markers are left out.

    >>> count_words(["a a"])  # "a" once, " a" once; ids of GPT-2: a = 64, space = 220
    {b'@': 1, b'\\xdc@': 1}

    What is no text raises a ValueError.
    """
    check_pattern(pattern)
    _check_markers(special)
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise ValueError(f"texts is a row of texts: [{texts!r:.40}]")
    split, counts = SPLITTERS[pattern], Counter()
    markers = any_of(special) if special else None
    for text in texts:
        check_text(text)
        for part in markers.split(text)[::2] if markers else [text]:
            counts.update(split(part))
    return {word.encode().translate(_BYTE_IDS): n for word, n in counts.items()}


def room_for_merges(vocab_size: int, special: Sequence[str]) -> int:
    """vocab_size − 256 bytes − special tokens, once these are found in order.

    A vocabulary that is too small for them raises a ValueError.
    """
    _check_markers(special)
    least = 256 + len(special)
    if not hasattr(vocab_size, "__index__") or vocab_size < least:
        raise ValueError(
            f"vocab_size={vocab_size} should be a whole number from {least}: 256 bytes "
            f"and {len(special)} special tokens"
        )
    return int(vocab_size) - least


def _check_markers(special: Sequence[str]) -> None:
    if isinstance(special, str):
        raise ValueError(f"special is a row of markers: [{special!r}]")
    row = isinstance(special, Sequence)
    if not row or not all(isinstance(marker, str) for marker in special):
        raise ValueError(f"special is a row of markers, got {special!r:.60}")
    if "" in special:
        raise ValueError("a special token cannot be the empty text")
    if len(set(special)) < len(special):
        raise ValueError(f"special tokens should differ from each other: {special}")


def learn_merges(
    words: Mapping[Sequence[int], int], n_merges: int, *, n_symbols: int = 256
) -> list[Pair]:
    """(a, b)* = argmax n(a, b), then (a, b)* merges; again   {eq:best-merge}

    with the counts n of {eq:pair-count}; Sennrich et al. 2016, Algorithm 1. Of equal
    counts the smallest pair wins. What comes back are the pairs in the order in which
    they merge: merge r makes the id n_symbols + r.

    `words` gives words as ids below n_symbols, and how often each occurs. There are
    fewer than `n_merges` if before that every word has become one token.

    >>> aab, b = (0, 0, 1), (1,)
    >>> learn_merges({aab: 3, b: 1}, 5, n_symbols=2)  # aa and ab tie: aa; then aa b
    [(0, 0), (2, 1)]

    Fewer than zero merges raise a ValueError.
    """
    _check_words(words, n_merges, n_symbols)
    chain = _Chain(words)
    counts = chain.counts
    queue = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < n_merges:
        n, pair = -queue[0][0], queue[0][1]
        if n > counts[pair]:  # it has lost neighbours since it was queued
            heapq.heapreplace(queue, (-counts[pair], pair))
            continue
        if n == 0:
            break
        heapq.heappop(queue)
        for born in chain.merge(pair, n_symbols + len(merges)):
            heapq.heappush(queue, (-counts[born], born))
        merges.append(pair)
    return merges


def _check_words(
    words: Mapping[Sequence[int], int], n_merges: int, n_symbols: int
) -> None:
    for name, n in {"n_merges": n_merges, "n_symbols": n_symbols}.items():
        if not hasattr(n, "__index__") or n < 0:
            raise ValueError(f"{name}={n!r} should be a whole number from 0")
    if not isinstance(words, Mapping):
        raise ValueError(f"words are counted, {{word: times}}; got {words!r:.60}")
    for word, n in words.items():
        row = isinstance(word, tuple) and all(isinstance(i, int) for i in word)
        if not row and not isinstance(word, bytes):
            raise ValueError(f"a word is a row of ids, got {word!r:.80}")
        if not hasattr(n, "__index__") or n < 1:
            raise ValueError(f"word {word!r:.80} should occur once or more, not {n!r}")
        if len(word) and not 0 <= min(word) <= max(word) < n_symbols:
            raise ValueError(f"word {word!r:.80} has ids outside 0 … {n_symbols - 1}")


class _Chain:
    """All words in one row of places, −1 between them; living places know their
    neighbours, so that a merge takes its right place out and leaves the rest alone.

    A pair is counted where it stands, overlaps too: aaa holds aa twice. Its count can
    only fall after the merge that makes its newer half, so `where` lists all the places
    where it may stand, from left to right, and the queue above needs no second entry.
    """

    def __init__(self, words: Mapping[Sequence[int], int]) -> None:
        self.ids, self.weight = [-1], [0]
        for word, n in words.items():
            self.ids += [*word, -1]
            self.weight += [n] * (len(word) + 1)
        self.left = list(range(-1, len(self.ids) - 1))
        self.right = list(range(1, len(self.ids) + 1))
        self.counts: dict[Pair, int] = defaultdict(int)
        self.where: dict[Pair, list[int]] = defaultdict(list)
        for i, (a, b) in enumerate(itertools.pairwise(self.ids)):
            if a >= 0 and b >= 0:
                self.counts[a, b] += self.weight[i]
                self.where[a, b].append(i)

    def merge(self, pair: Pair, new: int) -> Iterable[Pair]:
        """Replace the pair everywhere, leftmost first; returns the pairs this makes."""
        a, b = pair
        ids, left, right, counts = self.ids, self.left, self.right, self.counts
        born = defaultdict(list)
        for i in self.where.pop(pair):
            j = right[i]
            if ids[i] != a or ids[j] != b:
                continue  # one of the two has merged with someone else since
            h, k, n = left[i], right[j], self.weight[i]
            ids[i], ids[j] = new, -1
            right[i], left[k] = k, i
            if (before := ids[h]) >= 0:  # h a b → h ab
                counts[before, a] -= n
                counts[before, new] += n
                born[before, new].append(h)
            if (after := ids[k]) >= 0:  # a b k → ab k
                counts[b, after] -= n
                counts[new, after] += n
                born[new, after].append(i)
        self.where |= born
        return born.keys()
