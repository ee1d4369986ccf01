"""silu, swiglu and the feed-forward layer around them"""

import math

import torch
from torch import nn

from llmath.config import ModelConfig
from llmath.mlp import SwiGLU, silu, swiglu


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
