"""ids, positions → vectors: a row of a table for each token"""

import numpy as np


def embed(ids, table):
    """x_t = onehot(id_t) W_E"""
    return np.eye(len(table))[ids] @ table


def learned_positions(positions, table):
    """P_t = onehot(p_t) W_P"""
    return np.eye(len(table))[positions] @ table


def sinusoidal_positions(positions, d_model, *, base=10_000.0):
    """P_{t,2i} = sin(t θ_i),  P_{t,2i+1} = cos(t θ_i),  θ_i = base^{−2i/D}"""
    P = np.empty((*positions.shape, d_model))
    for t, position in np.ndenumerate(positions):
        for i in range(d_model // 2):
            angle = position / base ** (2 * i / d_model)
            P[*t, 2 * i], P[*t, 2 * i + 1] = np.sin(angle), np.cos(angle)
    return P
