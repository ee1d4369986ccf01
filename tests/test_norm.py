"""rms_norm: its length, what it ignores, and float16's edge"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from llmath.norm import RMSNorm, rms_norm


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
