"""vectors → vectors, each token by itself"""

import numpy as np


def silu(x):
    """silu(x) = x / (1 + e^{−x})"""
    return x / (1 + np.exp(-x))


def swiglu(gate, up):
    """h = silu(gate) ⊙ up"""
    return silu(gate) * up
