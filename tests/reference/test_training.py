"""A transformer that learns with NumPy alone, step for step as it does in PyTorch

The language: two words, drawn from five, take turns, so that each word is the last but
one. The word before it says nothing about it. Whoever sees that word alone cannot
expect a loss below log 5, whatever the weights; whoever looks one word further back
cannot know the second word of a text, and every other one: log 5 / 8 for texts of 9.
"""

import math

import numpy as np
import pytest
import torch

from llmath.config import ModelConfig
from llmath.loss import cross_entropy
from llmath.model import Transformer
from llmath.reference.model import draw, gradients

SIZES = {"vocab_size": 5, "n_layers": 1, "d_model": 8, "d_ff": 16, "context_length": 8}
GPT2 = {"norm": "layer", "position": "learned", "mlp": "gelu_tanh", "bias": True}
FAMILIES = {
    "gpt2": ModelConfig(**SIZES, **GPT2, n_heads=2, n_kv_heads=2),
    "llama": ModelConfig(**SIZES, n_heads=2, n_kv_heads=1),
}
STEPS, RATE, MOMENTUM = 100, 0.1, 0.9
BLIND, SEEING = math.log(5), math.log(5) / 8


def texts(step):
    words = np.random.default_rng(step).integers(0, 5, (16, 2))
    text = np.tile(words, (1, 5))[:, :9]
    return text[:, :-1], text[:, 1:]


def in_numpy(config, theta):
    """Heavy-ball momentum: m ← μ m + g, θ ← θ − η m"""
    m = {name: np.zeros_like(w) for name, w in theta.items()}
    losses = []
    for step in range(STEPS):
        loss, g = gradients(config, theta, *texts(step))
        m = {name: MOMENTUM * m[name] + g[name] for name in theta}
        theta = {name: theta[name] - RATE * m[name] for name in theta}
        losses.append(loss)
    return losses


def in_torch(config, theta):
    model = Transformer(config).double()
    model.load_state_dict({name: torch.tensor(w) for name, w in theta.items()})
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    losses = []
    for step in range(STEPS):
        ids, targets = map(torch.tensor, texts(step))
        loss = cross_entropy(model(ids), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_train_a_transformer_from_random_weights(name):
    config = FAMILIES[name]
    theta = draw(config, np.random.default_rng(0), std=0.3)
    losses = in_numpy(config, theta)
    assert losses[0] > BLIND
    assert SEEING < np.mean(losses[-20:]) < BLIND / 2
    np.testing.assert_allclose(losses, in_torch(config, theta), rtol=1e-10)
