"""ids, positions → vectors: a row of a table for each token"""

import numpy as np


def embed(ids, table):
    """x_t = onehot(id_t) W_E"""
    return (ids[..., None] == np.arange(len(table))) @ table


def embed_backward(dx, ids, table):
    """∂W_E = Σ_t onehot(id_t) ∂x_tᵀ   {eq:embedding-backward}; Bengio et al. 2003, §3

    dx (…, T, D), ids (…, T) → the gradient of the table (V, D); ids have none.

    x_t is linear in the table: δx_t is row id_t of δW_E, so that ∂x_tᵀ δx_t puts ∂x_t
    before that row and nothing before the others. A row that is read at several places
    gets the sum; `table[ids] += dx` would keep only the last of them.
    """
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dx)
    return dtable


def learned_positions(positions, table):
    """P_t = onehot(p_t) W_P"""
    return (positions[..., None] == np.arange(len(table))) @ table


def learned_positions_backward(dP, positions, table):
    """∂W_P = Σ_t onehot(p_t) ∂P_tᵀ   {eq:embedding-backward}; Gehring et al. 2017, §3.1

    dP (…, T, D), positions (…, T) → the gradient of the table (S, D).

    Row s of W_P is P_t wherever p_t = s, and nothing else in the model: of δℒ = Σ_t
    ∂P_tᵀ δP_t the terms with p_t = s are (Σ ∂P_t)ᵀ δW_s. One row of positions for a
    whole batch is read by every text of it: sum over those texts first. Rows behind the
    longest text get nothing.
    """
    rows = [dP[positions == s].sum(axis=0) for s in range(len(table))]
    return np.stack(rows)


def sinusoidal_positions(positions, d_model, *, base=10_000.0):
    """P_{t,2i} = sin(t θ_i),  P_{t,2i+1} = cos(t θ_i),  θ_i = base^{−2i/D}"""
    P = np.empty((*positions.shape, d_model))
    for t, position in np.ndenumerate(positions):
        for i in range(d_model // 2):
            angle = position / base ** (2 * i / d_model)
            P[*t, 2 * i], P[*t, 2 * i + 1] = np.sin(angle), np.cos(angle)
    return P
