"""positions → rotations of queries and keys"""

import numpy as np


def rope_frequencies(d_head, *, base):
    """θ_i = base^{−2i/E}"""
    return base ** (-2.0 * np.arange(d_head // 2) / d_head)


def slow_evenly(theta, *, factor):
    """θ' = θ / s"""
    return theta / factor


def slow_llama3(theta, *, factor, low, high, original_context):
    """pair by pair, in three cases of the turns that it makes in the old context"""
    slowed = []
    for frequency in theta:
        turns = original_context * frequency / (2 * np.pi)
        if turns > high:
            slowed.append(frequency)
        elif turns < low:
            slowed.append(frequency / factor)
        else:
            gamma = (turns - low) / (high - low)
            slowed.append((1 - gamma) * frequency / factor + gamma * frequency)
    return np.array(slowed)


def rope_angles(positions, d_head, *, base):
    """φ_{t,i} = t θ_i"""
    return np.multiply.outer(positions, rope_frequencies(d_head, base=base))


def rope_turns(positions, d_head, *, base):
    """cos φ_{t,i} + j sin φ_{t,i}"""
    angles = rope_angles(positions, d_head, base=base)
    return np.cos(angles) + 1j * np.sin(angles)


def rope(x, positions, *, base):
    """x_t ↦ R_t x_t, R_t made of 2 × 2 rotations along the diagonal"""
    if positions.ndim > 1:
        rows = zip(x, positions, strict=True)
        return np.stack([rope(row, places, base=base) for row, places in rows])
    E = x.shape[-1]
    turned = np.empty_like(x)
    for t, angles in enumerate(rope_angles(positions, E, base=base)):
        R = np.zeros((E, E))
        for i, angle in enumerate(angles):
            c, s = np.cos(angle), np.sin(angle)
            R[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[c, -s], [s, c]]
        turned[..., t, :] = x[..., t, :] @ R.T
    return turned
