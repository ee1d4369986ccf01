"""A layer's backward pass against autograd of the module, and what follows from zero"""

from itertools import product

import numpy as np
import pytest
import torch

from llmath.attention import Attention, causal_mask, sliding_window_mask
from llmath.block import Block
from llmath.config import RopeScaling, preset
from llmath.mlp import build_mlp
from llmath.norm import build_norm
from llmath.reference import block as reference
from llmath.reference.model import flat, nested

SMALL = {"d_model": 16, "d_ff": 24, "n_heads": 4}
LLAMA = {"n_kv_heads": 2, "norm": "rms", "position": "rope", "mlp": "swiglu"}
SLOWED = RopeScaling(kind="linear", factor=2.0)
CONFIGS = {
    "gpt2": preset("tiny", **SMALL),
    "llama": preset("tiny", **SMALL, **LLAMA, bias=False),
    "post-norm": preset("tiny", **SMALL, norm_position="post", mlp="gelu"),
    "no norm": preset("tiny", **SMALL, **LLAMA, norm_position="none"),
    "no residual": preset("tiny", **SMALL, residual=False),
    "neither": preset("tiny", **SMALL, residual=False, norm_position="post"),
    "window": preset("tiny", **SMALL, **LLAMA, window=3, rope_scaling=SLOWED),
}
LAYERS = {
    "norm": (build_norm, reference.norm_layer, reference.norm_layer_backward),
    "attn": (Attention, reference.attention_layer, reference.attention_layer_backward),
    "mlp": (build_mlp, reference.mlp_layer, reference.mlp_layer_backward),
    "block": (Block, reference.block, reference.block_backward),
}
PLACES = np.arange(6)


def far(a, b):
    """‖a − b‖ / ‖b‖"""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def drawn(module, seed=0):
    """Its parameters with numbers of a size at which every one of them matters."""
    module.double()
    rng = np.random.default_rng(seed)
    for parameter in module.parameters():
        parameter.data = torch.tensor(0.4 * rng.standard_normal(parameter.shape))
    return nested({name: w.detach().numpy() for name, w in module.named_parameters()})


def arrays(seed=1):
    return np.random.default_rng(seed).standard_normal((2, 2, len(PLACES), 16))


def mask(config):
    places = torch.tensor(PLACES)
    if config.window is None:
        return causal_mask(places, places)
    return sliding_window_mask(places, places, config.window)


@pytest.mark.parametrize(
    ("family", "name"),
    sorted({*product(CONFIGS, LAYERS)} - {("no norm", "norm")}),
)
def test_layer_and_its_backward_pass_are_the_modules(family, name):
    config, (build, layer, layer_backward) = CONFIGS[family], LAYERS[name]
    module, (x, dy), looks = build(config), arrays(), name in ("attn", "block")
    W = drawn(module)
    leaf = torch.tensor(x, requires_grad=True)
    y = module(leaf, *((torch.tensor(PLACES), mask(config)) if looks else ()))
    y.backward(torch.tensor(dy))
    given = (x, W, config, PLACES) if looks else (x, W, config)
    assert far(layer(*given), y.detach().numpy()) <= 1e-12

    dx, dW = layer_backward(dy, *given)
    assert far(dx, leaf.grad.numpy()) <= 1e-10
    theirs = {n: w.grad.numpy() for n, w in module.named_parameters()}
    mine = flat(dW)
    assert mine.keys() == theirs.keys()
    for n, gradient in theirs.items():
        if n.endswith("w_k.bias") and config.position != "rope":
            continue  # zero: test_model.py
        assert far(mine[n], gradient) <= 1e-10, n


@pytest.mark.parametrize("part", ["attn", "mlp"])
@pytest.mark.parametrize("family", CONFIGS)
def test_central_differences_agree(family, part):
    config, (x, dy) = CONFIGS[family], arrays()
    W, direction = drawn(Block(config)), arrays(seed=2)[0]
    dx, _ = reference.addition_backward(dy, x, part, W, config, PLACES)
    after, before = (
        (dy * reference.addition(x + h * direction, part, W, config, PLACES)).sum()
        for h in (1e-5, -1e-5)
    )
    assert (after - before) / 2e-5 == pytest.approx((dx * direction).sum(), rel=1e-7)


@pytest.mark.parametrize("family", ["gpt2", "llama", "no norm", "window"])
def test_a_block_that_adds_nothing_hands_the_gradient_on(family):
    """The stream is a road of its own: without W_O and W_down nothing else is left."""
    config, (x, dy) = CONFIGS[family], arrays()
    W = drawn(Block(config))
    for layer in (W["attn"]["w_o"], W["mlp"]["w_down"]):
        layer["weight"] *= 0
    dx, dW = reference.block_backward(dy, x, W, config, PLACES)
    np.testing.assert_array_equal(dx, dy)
    assert not any(w.any() for w in flat(dW["attn"]["w_v"]).values())
    assert dW["attn"]["w_o"]["weight"].any()


def test_what_a_token_reads_gets_a_gradient_and_nothing_else():
    """dy at token 3 alone: tokens 4 and 5 come later, token 0 is out of the window."""
    config, (x, dy) = CONFIGS["window"], arrays()
    dy[:, [0, 1, 2, 4, 5]] = 0
    W = drawn(Block(config))
    dx, _ = reference.block_backward(dy, x, W, config, PLACES)
    assert dx.any(axis=-1)[0].tolist() == [False, True, True, True, False, False]
