"""vectors → vectors of one length"""

import numpy as np


def rms_norm(x, gain, *, eps=1e-5):
    """y = g ⊙ x / √(mean(x²) + ε)"""
    return gain * x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)


def layer_norm(x, gain, bias=0.0, *, eps=1e-5):
    """y = g ⊙ (x − μ) / √(σ² + ε) + b"""
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return gain * (x - mean) / np.sqrt(variance + eps) + bias
