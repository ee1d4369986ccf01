"""vectors → vectors, each token by itself"""

import math

import numpy as np


def silu(x):
    """silu(x) = x / (1 + e^{−x})"""
    return x / (1 + np.exp(-x))


def swiglu(gate, up):
    """h = silu(gate) ⊙ up"""
    return silu(gate) * up


def gelu(x):
    """gelu(x) = x Φ(x), Φ(x) = (1 + erf(x/√2)) / 2"""
    return x * (1 + np.vectorize(math.erf)(x / np.sqrt(2))) / 2


def gelu_tanh(x):
    """gelu(x) ≈ x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2"""
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def silu_backward(dy, x):
    """∂x = ∂y σ(x) (1 + x (1 − σ(x)))   {eq:silu-backward}; Elfwing et al. 2018

    silu = x σ, and σ = 1 / (1 + e^{−x}) has the derivative e^{−x} σ² = σ (1 − σ). By
    the product rule silu' = σ + x σ (1 − σ).
    """
    sigma = 1 / (1 + np.exp(-x))
    return dy * sigma * (1 + x * (1 - sigma))


def swiglu_backward(dh, gate, up):
    """∂gate = ∂h ⊙ up ⊙ silu'(gate),  ∂up = ∂h ⊙ silu(gate)   {eq:swiglu-backward}

    After Shazeer 2020, eq. 6. dh, gate and up (…, F) → dgate and dup (…, F).

    A product of two numbers passes to each factor the gradient times the other one. A
    gate that is shut lets no gradient through to `up` either.
    """
    return silu_backward(dh * up, gate), dh * silu(gate)


def gelu_backward(dy, x):
    """∂x = ∂y (Φ(x) + x φ(x))   {eq:gelu-backward}; Hendrycks & Gimpel 2016

    The product rule for x Φ(x); Φ' = φ is the density of the normal distribution,
    e^{−x²/2} / √2π.
    """
    Phi = (1 + np.vectorize(math.erf)(x / np.sqrt(2))) / 2
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return dy * (Phi + x * density)


def gelu_tanh_backward(dy, x):
    """∂x = ∂y (1 + h + x (1 − h²) u') / 2,  h = tanh u   {eq:gelu-tanh-backward}

    Hendrycks & Gimpel 2016, §2. u = √(2/π) (x + 0.044715 x³).

    gelu = x (1 + h) / 2. The product rule gives (1 + h)/2 + x h'/2, the chain rule
    h' = (1 − h²) u', and u' = √(2/π) (1 + 3 · 0.044715 x²).
    """
    h = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    return dy * (1 + h + x * (1 - h**2) * slope) / 2
