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


def softmax_backward(dA, A, dim=-1):
    """∂ℒ/∂z_i = A_i (∂ℒ/∂A_i − Σ_j A_j ∂ℒ/∂A_j)   {eq:softmax-backward}; Bridle 1990

    From ∂A_j/∂z_i = A_j (δ_ij − A_i): multiply by dA = ∂ℒ/∂A and sum over j. A is the
    softmax itself, of any shape; where it is 0, masked or underflown, nothing flows.
    """
    return A * (dA - (A * dA).sum(axis=dim, keepdims=True))


def attention_backward(dO, q, k, v, mask=None):
    """∂V = Aᵀ∂O, ∂A = ∂O Vᵀ, ∂Q = ∂Z K/√E, ∂K = ∂ZᵀQ/√E   {eq:attention-backward}

    Dao et al. 2022, appendix B.2; ∂ is short for ∂ℒ/∂. dO (B, H, T, E) → gradients in
    the shapes of q (B, H, T, E), k and v (B, G, S, E). O = A V is linear in either
    factor; ∂Z comes from ∂A by `softmax_backward`, and a constant mask adds nothing; Z
    is linear in Q and in K. A key that H/G query heads share gets the sum of what they
    send.
    """
    A = attention_weights(q, k, mask)
    k_of, v_of = (repeat_heads(x, q.shape[1]) for x in (k, v))
    dA = np.einsum("bhte,bhse->bhts", dO, v_of)
    dZ = softmax_backward(dA, A) / np.sqrt(q.shape[3])
    dq = np.einsum("bhts,bhse->bhte", dZ, k_of)
    dk = np.einsum("bhts,bhte->bhse", dZ, q)
    dv = np.einsum("bhts,bhte->bhse", A, dO)
    return dq, _shared(dk, k.shape[1]), _shared(dv, v.shape[1])


def _shared(dx, n_kv_heads):
    """Σ over the query heads that share a head: the backward pass of `repeat_heads`"""
    B, H, S, E = dx.shape
    return dx.reshape(B, n_kv_heads, H // n_kv_heads, S, E).sum(axis=2)
