"""vectors → vectors of one length"""

import numpy as np


def rms_norm(x, gain, *, eps=1e-5):
    """y = g ⊙ x / √(mean(x²) + ε)"""
    return gain * x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)


def layer_norm(x, gain, bias=0.0, *, eps=1e-5):
    """y = g ⊙ (x − μ) / √(σ² + ε) + b"""
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return gain * (x - mean) / np.sqrt(variance + eps) + bias


def rms_norm_backward(dy, x, gain, *, eps=1e-5):
    """∂x = (∂n − n mean(n ⊙ ∂n)) / r   {eq:rms-norm-backward}

    After Zhang & Sennrich 2019, §4. Here ∂n = g ⊙ ∂y. dy and x (…, D) → dx (…, D) and
    dg = Σ_t n_t ⊙ ∂y_t (D).

    y = g ⊙ n with n = x / r and r² = mean(x²) + ε. From 2r δr = 2 mean(x ⊙ δx) comes
    δr = mean(n ⊙ δx), and δn = δx/r − x δr/r² = (δx − n mean(n ⊙ δx)) / r. That is a
    symmetric matrix, (I − n nᵀ/D) / r, so it takes ∂n to ∂x as it takes δx to δn. Where
    ε = 0, ∂x stands at a right angle to x: making x longer changes nothing.
    """
    r = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    n, dn = x / r, gain * dy
    dx = (dn - n * np.mean(n * dn, axis=-1, keepdims=True)) / r
    return dx, _over_vectors(n * dy)


def layer_norm_backward(dy, x, gain, *, eps=1e-5):
    """∂x = (∂n − mean(∂n) − n mean(n ⊙ ∂n)) / s   {eq:layer-norm-backward}

    After Ba et al. 2016, §3. Here ∂n = g ⊙ ∂y. dy and x (…, D) → dx (…, D),
    dg = Σ_t n_t ⊙ ∂y_t and db = Σ_t ∂y_t, both (D).

    y = g ⊙ n + b with n = (x − μ) / s and s² = σ² + ε. δμ = mean(δx). In 2s δs = δσ² =
    2 mean((x − μ) ⊙ (δx − δμ)) the δμ drops out, since the x − μ sum to 0, and
    δs = mean(n ⊙ δx). So δn = (δx − mean(δx) − n mean(n ⊙ δx)) / s, once more by a
    symmetric matrix. ∂x sums to 0, because adding a number to all of x changes nothing.
    """
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    s = np.sqrt(variance + eps)
    n, dn = (x - mean) / s, gain * dy
    along = n * np.mean(n * dn, axis=-1, keepdims=True)
    dx = (dn - dn.mean(axis=-1, keepdims=True) - along) / s
    return dx, _over_vectors(n * dy), _over_vectors(dy)


def _over_vectors(x):
    """Σ over every axis but the last: gain and bias serve all vectors alike"""
    return x.reshape(-1, x.shape[-1]).sum(axis=0)
