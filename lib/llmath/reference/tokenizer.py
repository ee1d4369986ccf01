"""text → ids: byte-pair encoding as it is defined, and as slow

No heap, no index, no chain: every step looks at everything again. These are whole
numbers and lists, so there is nothing to round, and a twin agrees exactly or is wrong.
"""

import itertools


def pair_counts(words):
    """n(a, b) = Σ_w n_w · #{i : w_i = a, w_{i+1} = b}; words are (ids, how often)"""
    counts = {}
    for ids, n in words:
        for pair in itertools.pairwise(ids):
            counts[pair] = counts.get(pair, 0) + n
    return counts


def replace(ids, pair, new):
    """a b → new, from left to right, each place used once"""
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == tuple(pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def learn_merges(words, n_merges, *, n_symbols=256):
    """(a, b)* = argmax n(a, b), the smallest of equals, replaced everywhere; again"""
    now = [(list(word), n) for word, n in words.items()]
    merges = []
    while len(merges) < n_merges and (counts := pair_counts(now)):
        most = max(counts.values())
        best = min(pair for pair, n in counts.items() if n == most)
        now = [(replace(ids, best, n_symbols + len(merges)), n) for ids, n in now]
        merges.append(best)
    return merges


def merge(ids, ranks, merged):
    """i* = argmin rank(x_i, x_{i+1}), the leftmost of equals, merges; again"""
    ids = list(ids)
    while True:
        found = [
            (ranks[pair], i)
            for i, pair in enumerate(itertools.pairwise(ids))
            if pair in ranks
        ]
        if not found:
            return ids
        rank, i = min(found)
        ids[i : i + 2] = [merged[rank]]
