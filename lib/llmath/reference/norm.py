"""vectors → vectors of one length"""

import numpy as np


def rms_norm(x, gain, *, eps=1e-5):
    """y = g ⊙ x / √(mean(x²) + ε)"""
    return gain * x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
