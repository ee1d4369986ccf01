"""rms_norm, layer_norm: lengths, what they ignore, and float16's edge"""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from llmath.config import preset
from llmath.norm import LayerNorm, RMSNorm, build_norm, layer_norm, rms_norm


def vectors(seed, *shape):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


def test_by_hand():
    """(3, 4): the mean square is 12.5; with ε = 12.5 the root is 5."""
    x, gain = torch.tensor([3.0, 4.0]), torch.tensor([1.0, 10.0])
    close(rms_norm(x, gain, eps=12.5), torch.tensor([0.6, 8.0]), 1e-6)


def test_equals_pytorch():
    x, gain = vectors(0, 3, 5, 16), vectors(1, 16)
    theirs = nn.functional.rms_norm(x, (16,), gain, eps=1e-5)
    close(rms_norm(x, gain, eps=1e-5), theirs)


@given(st.integers(0, 2**31), st.floats(1e-3, 1e3))
def test_a_positive_factor_changes_nothing(seed, factor):
    x, gain = vectors(seed, 4, 16), vectors(seed + 1, 16)
    close(rms_norm(factor * x, gain, eps=0.0), rms_norm(x, gain, eps=0.0))


def test_the_mean_square_becomes_one():
    y = rms_norm(vectors(0, 4, 16), torch.ones(16).double(), eps=0.0)
    close(y.square().mean(-1), torch.ones(4).double())


def test_gradient():
    x, gain = vectors(0, 2, 5).requires_grad_(), vectors(1, 5).requires_grad_()
    assert torch.autograd.gradcheck(rms_norm, (x, gain))


def test_squares_beyond_float16_do_not_overflow():
    x = torch.full((1, 8), 22_552.0, dtype=torch.float16)
    y = rms_norm(x, torch.ones(8, dtype=torch.float16))
    assert torch.equal(y, torch.ones(1, 8, dtype=torch.float16))


def test_zero_stays_zero():
    assert torch.equal(rms_norm(torch.zeros(2, 4), torch.ones(4)), torch.zeros(2, 4))


def test_module_begins_with_gain_one():
    norm = RMSNorm(16, eps=1e-3)
    x = vectors(0, 2, 16).float()
    assert torch.equal(norm(x), rms_norm(x, torch.ones(16), eps=1e-3))


@pytest.mark.usefixtures("untyped")
def test_a_gain_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match=r"width 16, the gain has \(8,\)"):
        rms_norm(torch.ones(2, 16), torch.ones(8))


# LayerNorm


def test_layer_norm_by_hand():
    """(1, 3, 5, 7): mean 4, variance 20/4 and not 20/3; with ε = 20 the root is 5."""
    x, gain = torch.tensor([1.0, 3.0, 5.0, 7.0]), torch.tensor([5.0, 5.0, 5.0, 50.0])
    bias = torch.tensor([0.0, 0.0, 0.0, 1.0])
    expected = torch.tensor([-3.0, -1.0, 1.0, 31.0])
    close(layer_norm(x, gain, bias, eps=20.0), expected, 1e-6)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 3e-2)],
    ids=str,
)
@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_layer_norm_equals_pytorch(dtype, tolerance, shift):
    x, gain, bias = vectors(0, 3, 5, 16) + shift, vectors(1, 16), vectors(2, 16)
    x, gain, bias = (w.to(dtype) for w in (x, gain, bias))
    for b in (bias, None):
        theirs = nn.functional.layer_norm(x, (16,), gain, b, eps=1e-5)
        tolerance_here = tolerance * (1 + shift)  # x itself is that much coarser
        close(layer_norm(x, gain, b, eps=1e-5), theirs, tolerance_here)


@given(st.integers(0, 2**31), st.floats(1e-2, 1e2), st.floats(-10, 10))
def test_layer_norm_sees_neither_shift_nor_positive_factor(seed, factor, shift):
    x, gain, bias = vectors(seed, 4, 16), vectors(seed + 1, 16), vectors(seed + 2, 16)
    moved = layer_norm(factor * x + shift, gain, bias, eps=1e-30)
    close(moved, layer_norm(x, gain, bias, eps=1e-30), 1e-9)


def test_layer_norm_is_rms_norm_of_what_is_centred():
    x, gain = vectors(0, 4, 16), vectors(1, 16)
    centred = x - x.mean(-1, keepdim=True)
    close(layer_norm(x, gain, eps=0.1), rms_norm(centred, gain, eps=0.1))


def test_layer_norm_gradient():
    x, *others = (vectors(i, 2, 5).requires_grad_() for i in range(3))
    gain, bias = (w[0].detach().requires_grad_() for w in others)
    assert torch.autograd.gradcheck(layer_norm, (x, gain, bias))


def test_layer_norm_beyond_float16():
    x = torch.tensor([[22_552.0, -22_552.0] * 4], dtype=torch.float16)
    y = layer_norm(x, torch.ones(8, dtype=torch.float16))
    assert torch.equal(y, torch.tensor([[1.0, -1.0] * 4], dtype=torch.float16))


def test_layer_norm_of_a_constant_is_its_bias():
    bias = torch.arange(4.0)
    assert torch.equal(layer_norm(torch.full((4,), 7.0), torch.ones(4), bias), bias)


def test_layer_norm_module_begins_with_gain_one_and_bias_zero():
    x = vectors(0, 2, 16).float()
    expected = nn.LayerNorm(16, eps=1e-3)(x)
    close(LayerNorm(16, eps=1e-3)(x), expected, 1e-6)
    assert LayerNorm(16, eps=1e-3, bias=False).bias is None
    close(LayerNorm(16, eps=1e-3, bias=False)(x), expected, 1e-6)


@pytest.mark.usefixtures("untyped")
def test_layer_norm_refuses_widths_that_differ():
    with pytest.raises(ValueError, match=r"width 16, the gain has \(8,\)"):
        layer_norm(torch.ones(2, 16), torch.ones(8))
    with pytest.raises(ValueError, match=r"width 16, the bias has \(1,\)"):
        layer_norm(torch.ones(2, 16), torch.ones(16), torch.ones(1))


def test_the_configuration_chooses_the_norm():
    config = preset("tiny")
    assert isinstance(build_norm(config), LayerNorm)
    assert build_norm(replace(config, bias=False)).bias is None
    assert isinstance(build_norm(replace(config, norm="rms")), RMSNorm)
    assert isinstance(build_norm(replace(config, norm_position="none")), nn.Identity)
