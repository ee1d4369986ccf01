"""vectors → vectors, each token looking at the others"""

import numpy as np


def softmax(z, dim=-1):
    """softmax(z)_i = e^{z_i} / Σ_j e^{z_j}"""
    e = np.exp(z - z.max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


def causal_mask(query_positions, key_positions):
    """mask_{ts} = (position of s ≤ position of t)"""
    return ~np.less(query_positions[..., :, None], key_positions[..., None, :])


def sliding_window_mask(query_positions, key_positions, window):
    """mask_{ts} = (p_s is one of p_t, p_t − 1, …, p_t − w + 1)"""
    seen = query_positions[..., :, None] - np.arange(window)
    return (key_positions[..., None, :, None] == seen[..., :, None, :]).any(axis=-1)


def repeat_heads(x, n_heads):
    """x̃_h = x_g,  g = ⌊h / (H/G)⌋"""
    g = [h // (n_heads // x.shape[1]) for h in range(n_heads)]
    return x[:, g]


def attention_scores(q, k):
    """scores_{bhts} = Σ_e q_{bhte} k̃_{bhse} / √E"""
    H, E = q.shape[1], q.shape[3]
    return np.einsum("bhte,bhse->bhts", q, repeat_heads(k, H)) / np.sqrt(E)


def attention_weights(q, k, mask=None):
    """A = softmax(scores + M), M = 0 where the mask is True and −∞ elsewhere"""
    scores = attention_scores(q, k)
    return softmax(scores if mask is None else np.where(mask, scores, -np.inf))


def attention(q, k, v, mask=None):
    """z_{bhte} = Σ_s A_{bhts} ṽ_{bhse}"""
    A = attention_weights(q, k, mask)
    return np.einsum("bhts,bhse->bhte", A, repeat_heads(v, q.shape[1]))


def online_attention(q, k, v, mask=None, *, chunk=1):
    """O = A V, one key at a time, whatever the chunk"""
    scores, v = attention_scores(q, k), repeat_heads(v, q.shape[1])
    m, total, out = np.full(q.shape[:3], -np.inf), np.zeros(q.shape[:3]), 0 * q
    seen = np.broadcast_to(True if mask is None else mask, scores.shape)
    for b, h, t, s in np.ndindex(scores.shape):
        if seen[b, h, t, s]:
            row, m_old = (b, h, t), m[b, h, t]
            m[row] = max(m_old, scores[b, h, t, s])
            shrink, e = np.exp(m_old - m[row]), np.exp(scores[b, h, t, s] - m[row])
            total[row] = shrink * total[row] + e
            out[row] = shrink * out[row] + e * v[b, h, s]
    return out / total[..., None]
