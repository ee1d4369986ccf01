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
