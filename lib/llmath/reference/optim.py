"""gradient → update"""

import numpy as np

QUINTIC = (3.4445, -4.7750, 2.0315)


def sgd_update(theta, g, *, lr, weight_decay=0.0):
    """θ_t = θ_{t−1} − η (g_t + λ θ_{t−1})"""
    theta -= lr * (g + weight_decay * theta)
    return theta


def momentum_update(
    theta, g, b, *, step, lr, momentum=0.9, dampening=0.0, weight_decay=0.0
):
    """b_t = μ b_{t−1} + (1 − δ) g_t, b_1 = g_1;  θ_t = θ_{t−1} − η b_t"""
    g = g + weight_decay * theta
    b[...] = momentum * b + (g if step == 1 else (1 - dampening) * g)
    theta -= lr * b
    return theta


def nesterov_update(theta, g, b, *, lr, momentum=0.9, weight_decay=0.0):
    """b_t = μ b_{t−1} + g_t;  θ_t = θ_{t−1} − η (g_t + μ b_t)"""
    g = g + weight_decay * theta
    b[...] = momentum * b + g
    theta -= lr * (g + momentum * b)
    return theta


def adam_update(
    theta,
    g,
    m,
    v,
    v_max=None,
    *,
    step,
    lr,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
):
    """θ_t = θ_{t−1} − η m̂_t / (√v̂_t + ε)"""
    g = g + weight_decay * theta
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g**2
    if v_max is not None:
        v_max[...] = np.maximum(v_max, v)
        v = v_max
    m_hat, v_hat = m / (1 - beta1**step), v / (1 - beta2**step)
    theta -= lr * m_hat / (np.sqrt(v_hat) + eps)
    return theta


def adamw_update(
    theta, g, m, v, *, step, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0
):
    """θ_t = (1 − η λ) θ_{t−1} − η m̂_t / (√v̂_t + ε)"""
    theta *= 1 - lr * weight_decay
    options = {"beta1": beta1, "beta2": beta2, "eps": eps}
    return adam_update(theta, g, m, v, step=step, lr=lr, **options)


def orthogonalize(g, *, steps=5, eps=1e-7, coefficients=QUINTIC):
    """X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X, from X = g / (‖g‖ + ε)

    By its singular values: a step maps σ to a σ + b σ³ + c σ⁵.
    """
    a, b, c = coefficients
    U, s, Vh = np.linalg.svd(g, full_matrices=False)
    s = s / (np.sqrt((s**2).sum(axis=-1, keepdims=True)) + eps)
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    return U * s[..., None, :] @ Vh


def muon_update(
    theta,
    g,
    b,
    *,
    lr,
    momentum=0.95,
    weight_decay=0.0,
    scaling="spectral",
    steps=5,
):
    """θ_t = (1 − η λ) θ_{t−1} − η s O_t"""
    rows, columns = theta.shape[-2:]
    factors = {
        "spectral": np.sqrt(max(1, rows / columns)),
        "rms": 0.2 * np.sqrt(max(rows, columns)),
    }
    b[...] = momentum * b + (1 - momentum) * g
    u = momentum * b + (1 - momentum) * g
    theta *= 1 - lr * weight_decay
    theta -= lr * factors[scaling] * orthogonalize(u, steps=steps)
    return theta
