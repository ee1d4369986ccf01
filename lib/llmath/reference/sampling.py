"""logits → chances → the next id"""

import numpy as np


def top_k(logits, k):
    """z_i where fewer than k logits are larger, −∞ elsewhere"""
    larger = (logits[..., None, :] > logits[..., :, None]).sum(axis=-1)
    return np.where(larger < k, logits, -np.inf)


def top_p(logits, p):
    """Token by token, the likeliest first, until their probabilities add up to p"""
    cut = np.full_like(logits, -np.inf)
    for row in np.ndindex(logits.shape[:-1]):
        z, total = logits[row], 0.0
        for i in np.argsort(-z, kind="stable"):
            if total >= p:
                break
            cut[row][i] = z[i]
            total += np.exp(z[i]) / np.exp(z).sum()
    return cut


def min_p(logits, p):
    """z_i where p_i ≥ p max_j p_j, −∞ elsewhere"""
    e = np.exp(logits)
    chances = e / e.sum(axis=-1, keepdims=True)
    kept = chances >= p * chances.max(axis=-1, keepdims=True)
    return np.where(kept, logits, -np.inf)


def repetition_penalty(logits, ids, penalty):
    """z_i / θ where z_i > 0, θ z_i where z_i < 0, for each i of ids, once"""
    z = logits.copy()
    for row in np.ndindex(logits.shape[:-1]):
        for i in set(ids[row].tolist()):
            z[row][i] *= 1 / penalty if z[row][i] > 0 else penalty
    return z
