"""positions → rotations of queries and keys"""

import numpy as np


def rope_frequencies(d_head, *, base, scaling=None):
    """θ_i = base^{−2i/E}, slowed as `scaling` says"""
    theta = base ** (-2.0 * np.arange(d_head // 2) / d_head)
    if scaling is None:
        return theta
    if scaling.kind == "linear":
        return slow_evenly(theta, factor=scaling.factor)
    names = ("factor", "low", "high", "original_context")
    return slow_llama3(theta, **{name: getattr(scaling, name) for name in names})


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


def rope_angles(positions, d_head, *, base, scaling=None):
    """φ_{t,i} = t θ_i"""
    theta = rope_frequencies(d_head, base=base, scaling=scaling)
    return np.multiply.outer(positions, theta)


def rope_turns(positions, d_head, *, base, scaling=None):
    """cos φ_{t,i} + j sin φ_{t,i}"""
    angles = rope_angles(positions, d_head, base=base, scaling=scaling)
    return np.cos(angles) + 1j * np.sin(angles)


def rope(x, positions, *, base, scaling=None):
    """x_t ↦ R_t x_t, R_t made of 2 × 2 rotations along the diagonal"""
    how = {"base": base, "scaling": scaling}
    if positions.ndim > 1:
        rows = zip(x, positions, strict=True)
        return np.stack([rope(row, places, **how) for row, places in rows])
    E = x.shape[-1]
    turned = np.empty_like(x)
    for t, angles in enumerate(rope_angles(positions, E, **how)):
        R = np.zeros((E, E))
        for i, angle in enumerate(angles):
            c, s = np.cos(angle), np.sin(angle)
            R[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[c, -s], [s, c]]
        turned[..., t, :] = x[..., t, :] @ R.T
    return turned


def rope_backward(dy, positions, *, base, scaling=None):
    """∂x_t = R_tᵀ ∂y_t = R_{−t} ∂y_t   {eq:rope-backward}; Su et al. 2021, §3.2

    dy (…, T, E) → dx (…, T, E); positions have no gradient.

    y_t = R_t x_t is linear, so the gradient passes the transpose. Transposing a
    rotation changes the sign of its sine, which is to turn by the opposite angle: what
    was turned forwards is turned back, and keeps its length.
    """
    return rope(dy, -positions, base=base, scaling=scaling)
