"""Backward rules in NumPy: by hand, against autograd, against finite differences"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath import attention
from llmath.reference import attention as reference

SHAPES = {  # (H, G, T, S)
    "one head": (1, 1, 4, 4),
    "many heads": (3, 3, 4, 4),
    "shared keys": (6, 2, 4, 4),
    "one key head": (4, 1, 3, 5),
}


def drawn(H, G, T, S, *, E=8, seed=0):
    rng = np.random.default_rng(seed)
    sizes = [(2, H, T, E), (2, H, T, E), (2, G, S, E), (2, G, S, E)]
    return [rng.standard_normal(size) for size in sizes]  # dO, q, k, v


def by_autograd(dO, q, k, v, mask):
    leaves = [torch.tensor(x, requires_grad=True) for x in (q, k, v)]
    seen = None if mask is None else torch.tensor(mask)
    attention.attention(*leaves, seen).backward(torch.tensor(dO))
    return [x.grad.numpy() for x in leaves]


def far(a, b):
    """‖a − b‖ / ‖b‖"""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("name", SHAPES)
def test_attention_backward_is_autograds(name, masked):
    H, G, T, S = SHAPES[name]
    mask = np.tri(T, S, S - T, dtype=bool) if masked else None
    given_ = drawn(H, G, T, S)
    mine = reference.attention_backward(*given_, mask)
    for gradient, x, expected in zip(
        mine, given_[1:], by_autograd(*given_, mask), strict=True
    ):
        assert gradient.shape == x.shape
        assert far(gradient, expected) <= 1e-10


@pytest.mark.parametrize("dim", [-1, -2, 0])
def test_softmax_backward_is_autograds(dim):
    rng = np.random.default_rng(1)
    z, dA = 3 * rng.standard_normal((2, 4, 5, 6))
    leaf = torch.tensor(z, requires_grad=True)
    attention.softmax(leaf, dim).backward(torch.tensor(dA))
    mine = reference.softmax_backward(dA, reference.softmax(z, dim), dim)
    assert far(mine, leaf.grad.numpy()) <= 1e-10


def test_softmax_backward_by_hand():
    """A = (5, 2, 1)/8, dA = (8, 0, 8): their mean is 6, so dZ = (10, −12, 2)/8."""
    A, dA = np.array([5, 2, 1]) / 8, np.array([8.0, 0, 8])
    np.testing.assert_allclose(
        reference.softmax_backward(dA, A), np.array([10, -12, 2]) / 8
    )


def test_attention_backward_by_hand():
    """Two keys, scores 0 and 0, E = 4: A = (½, ½), dA = (2, 0), dZ = (½, −½) / 2."""
    q = np.array([2.0, 0, 0, 0]).reshape(1, 1, 1, 4)
    k = np.array([[0, 1.0, 0, 0], [0, 0, 1, 0]]).reshape(1, 1, 2, 4)
    v = np.array([[2.0, 0, 0, 0], [0, 2, 0, 0]]).reshape(1, 1, 2, 4)
    dO = np.array([1.0, 0, 0, 0]).reshape(1, 1, 1, 4)
    dq, dk, dv = (x[0, 0] for x in reference.attention_backward(dO, q, k, v))
    np.testing.assert_allclose(dq, [[0, 0.25, -0.25, 0]])
    np.testing.assert_allclose(dk, [[0.5, 0, 0, 0], [-0.5, 0, 0, 0]])
    np.testing.assert_allclose(dv, [[0.5, 0, 0, 0], [0.5, 0, 0, 0]])


@given(st.sampled_from(sorted(SHAPES)), st.integers(0, 2**32 - 1))
def test_what_attention_ignores_has_no_gradient(name, seed):
    """Moving along it would change the loss, which adding it to all keys cannot."""
    H, G, T, S = SHAPES[name]
    _, dk, _ = reference.attention_backward(*drawn(H, G, T, S, seed=seed))
    np.testing.assert_allclose(dk.sum(axis=2), 0, atol=1e-12)  # K + 1cᵀ: same A
    dA = np.random.default_rng(seed).standard_normal((H, T, S))
    A = reference.softmax(dA)
    rows = reference.softmax_backward(dA, A).sum(axis=-1)  # z + c: same A
    np.testing.assert_allclose(rows, 0, atol=1e-12)


def test_hidden_keys_get_no_gradient():
    mask = np.array([[True, True, True, False]] * 4)
    _, dk, dv = reference.attention_backward(*drawn(2, 1, 4, 4), mask)
    assert not dk[:, :, 3].any()
    assert not dv[:, :, 3].any()
    assert dk[:, :, :3].all()


def test_central_differences_agree():
    dO, *values = drawn(4, 2, 3, 3, E=4)
    mask = np.tri(3, dtype=bool)
    gradients = reference.attention_backward(dO, *values, mask)
    for place, gradient in enumerate(gradients):
        direction = np.random.default_rng(place).standard_normal(gradient.shape)
        losses = []
        for h in (1e-5, -1e-5):
            moved = list(values)
            moved[place] = values[place] + h * direction
            losses.append((dO * reference.attention(*moved, mask)).sum())
        slope = (losses[0] - losses[1]) / 2e-5
        assert slope == pytest.approx((gradient * direction).sum(), rel=1e-7)
