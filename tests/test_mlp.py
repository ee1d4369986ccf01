"""silu, swiglu, gelu and the feed-forward layers around them"""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from llmath.config import ModelConfig, preset
from llmath.mlp import GeluMLP, SwiGLU, build_mlp, gelu, gelu_tanh, silu, swiglu


def test_silu_by_hand():
    """σ(ln 3) = 3/4 and σ(−ln 3) = 1/4."""
    x = torch.tensor([0.0, math.log(3), -math.log(3)], dtype=torch.float64)
    expected = torch.tensor([0.0, 0.75, -0.25], dtype=torch.float64)
    expected[1:] *= math.log(3)
    torch.testing.assert_close(silu(x), expected)


def test_silu_equals_pytorch_far_out_as_well():
    x = torch.tensor([-1e4, -100.0, -1.0, 0.5, 100.0, 1e4])
    torch.testing.assert_close(silu(x), nn.functional.silu(x))


def test_swiglu_by_hand():
    gate, up = torch.tensor([[math.log(3)]]), torch.tensor([[8.0]])
    assert math.isclose(swiglu(gate, up).item(), 6 * math.log(3), rel_tol=1e-6)


def test_gradient():
    gate, up = (torch.randn(3, 4).double().requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(swiglu, (gate, up))


def test_layer_is_three_products():
    config = ModelConfig(
        vocab_size=9,
        n_layers=1,
        d_model=8,
        n_heads=2,
        n_kv_heads=2,
        d_ff=20,
        context_length=16,
        bias=True,
    )
    mlp = SwiGLU(config)
    x = torch.randn(2, 3, 8)
    hidden = []
    mlp.hidden.register_forward_hook(lambda module, args, output: hidden.append(output))
    y = mlp(x)
    gate = nn.functional.silu(x @ mlp.w_gate.weight.T + mlp.w_gate.bias)
    h = gate * (x @ mlp.w_up.weight.T + mlp.w_up.bias)
    torch.testing.assert_close(hidden[0], h)
    torch.testing.assert_close(y, h @ mlp.w_down.weight.T + mlp.w_down.bias)


# GELU

EXACT = {gelu: "none", gelu_tanh: "tanh"}
BOTH = pytest.mark.parametrize("function", EXACT)


def test_gelu_by_hand():
    """Φ(0) = 1/2; Φ(1) = 0.841345 and Φ(−2) = 0.022750, from any table."""
    x = torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 0.841345, -0.045500], dtype=torch.float64)
    torch.testing.assert_close(gelu(x), expected, atol=1e-6, rtol=0)


@BOTH
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-14), (torch.float32, 1e-6), (torch.bfloat16, 3e-2)],
    ids=str,
)
def test_gelu_equals_pytorch_far_out_as_well(function, dtype, tolerance):
    x = torch.cat((torch.linspace(-6, 6, 301), torch.tensor([-1e4, -90.0, 90.0, 1e4])))
    x = x.to(dtype)
    theirs = nn.functional.gelu(x, approximate=EXACT[function])
    torch.testing.assert_close(function(x), theirs, atol=tolerance, rtol=tolerance)


def test_the_two_gelus_differ_by_less_than_half_a_thousandth():
    x = torch.linspace(-8, 8, 100_001, dtype=torch.float64)
    assert 4e-4 < (gelu(x) - gelu_tanh(x)).abs().max() < 5e-4


@BOTH
def test_gelu_of_x_and_of_minus_x_differ_by_x(function):
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    torch.testing.assert_close(function(x) - function(-x), x)


@BOTH
def test_gelu_does_not_overflow_in_float16(function):
    x = torch.tensor([-60_000.0, -50.0, 50.0, 60_000.0], dtype=torch.float16)
    assert function(x).tolist() == [0, 0, 50, 60_000]


@BOTH
def test_gelu_gradient(function):
    x = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (x,))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("mlp", ["gelu", "gelu_tanh"])
def test_gelu_layer_is_two_products(mlp, bias):
    layer = build_mlp(preset("tiny", mlp=mlp, bias=bias))
    assert isinstance(layer, GeluMLP)
    x = torch.randn(2, 3, 64)
    hidden = []
    layer.hidden.register_forward_hook(lambda m, args, output: hidden.append(output))
    approximate = {"gelu": "none", "gelu_tanh": "tanh"}[mlp]
    h = nn.functional.gelu(layer.w_up(x), approximate=approximate)
    torch.testing.assert_close(layer(x), layer.w_down(h))
    torch.testing.assert_close(hidden[0], h)
    assert (layer.w_up.bias is not None) == bias


def test_the_configuration_chooses_the_layer():
    config = preset("smollm2-135m", d_model=18, d_ff=20)
    assert isinstance(build_mlp(config), SwiGLU)
    assert isinstance(build_mlp(replace(config, mlp="gelu")), GeluMLP)
