"""activations → measurements"""

import numpy as np


def offset_score(pattern, offset, *, start=1):
    """mean_t A_{t,t−d}, t = max(d, start), …"""
    queries = range(max(offset, start), pattern.shape[-1])
    return np.mean([pattern[..., t, t - offset] for t in queries], axis=0)


def previous_token_score(pattern, *, start=1):
    """mean_t A_{t,t−1}"""
    queries = range(start, pattern.shape[-1])
    return np.mean([pattern[..., t, t - 1] for t in queries], axis=0)


def sink_score(pattern, *, start=1):
    """mean_t A_{t,0}"""
    return np.mean(
        [pattern[..., t, 0] for t in range(start, pattern.shape[-1])], axis=0
    )


def duplicate_token_score(pattern, ids):
    """mean_t Σ_{s < t, id_s = id_t} A_{ts}"""
    return _per_sentence(pattern, ids, lambda x, t, s: s < t and x[s] == x[t])


def induction_score(pattern, ids):
    """mean_t Σ_{0 < s ≤ t, id_{s−1} = id_t} A_{ts}"""
    return _per_sentence(pattern, ids, lambda x, t, s: 0 < s <= t and x[s - 1] == x[t])


def role_weight(pattern, queries, targets):
    """Σ_{s ∈ target} A_{qs}"""
    by_sentence = [
        pattern[..., b, :, q, :][..., targets[b]].sum(-1) for b, q in enumerate(queries)
    ]
    return np.stack(by_sentence, axis=-2)


def role_wins(pattern, queries, targets, distractors):
    """target's weight > the weight of every distractor"""
    target = role_weight(pattern, queries, targets)
    K = distractors.shape[1]
    others = [role_weight(pattern, queries, distractors[:, k]) for k in range(K)]
    return np.all([target > other for other in others], axis=0)


def _per_sentence(pattern, ids, wanted):
    scores = []
    for b, x in enumerate(ids):
        T = range(len(x))
        keys = {t: [s for s in T if wanted(x, t, s)] for t in T}
        given = [pattern[..., b, :, t, :][..., s].sum(-1) for t, s in keys.items() if s]
        scores.append(np.mean(given, axis=0))
    return np.stack(scores, axis=-2)
