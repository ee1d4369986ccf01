"""orthogonalize and Muon's rule: singular values, vectors, sizes"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.optim import CUBIC, QUINTIC, muon_update, orthogonalize


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def with_singular_values(values, rows, columns):
    """U diag(values) Vᵀ for orthogonal U and V."""
    U, _ = torch.linalg.qr(drawn(rows, rows))
    V, _ = torch.linalg.qr(drawn(columns, columns, seed=1))
    k = len(values)
    sigma = torch.diag(torch.tensor(values, dtype=torch.float64))
    return U[:, :k] @ sigma @ V[:, :k].T, U[:, :k], V[:, :k]


def test_one_step_by_hand():
    """diag(3, 4) has the length 5: σ = 0.6 and 0.8, and each becomes 1.5 σ − 0.5 σ³."""
    g = torch.diag(torch.tensor([3.0, 4.0], dtype=torch.float64))
    X = orthogonalize(g, steps=1, coefficients=CUBIC, eps=1e-300)
    expected = torch.tensor([1.5 * 0.6 - 0.5 * 0.216, 1.5 * 0.8 - 0.5 * 0.512])
    torch.testing.assert_close(X.diagonal(), expected.double(), rtol=1e-7, atol=0)
    assert X[0, 1] == X[1, 0] == 0


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9)])
def test_singular_values_follow_the_polynomial(shape):
    """And U and V stay: UᵀXV is diagonal, with p(p(…p(σ/‖σ‖)))."""
    values = [5.0, 2.0, 1.0, 0.1]
    g, U, V = with_singular_values(values, *shape)
    X = orthogonalize(g)
    s = np.array(values) / np.linalg.norm(values)
    a, b, c = QUINTIC
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    expected = torch.diag(torch.from_numpy(s))
    torch.testing.assert_close(U.T @ X @ V, expected, rtol=1e-6, atol=1e-6)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 9))
def test_the_quintic_brings_singular_values_near_one(rows, columns, seed):
    g = drawn(rows, columns, seed=seed)
    U, before, Vh = torch.linalg.svd(g / g.norm(), full_matrices=False)
    after = (U.T @ orthogonalize(g) @ Vh.T).diagonal()
    far_enough = before > 0.01
    assert ((after > 0.68) & (after < 1.14))[far_enough].all()
    assert (after < 1.21).all()  # reached from 0.004


def test_where_the_quintic_sends_a_singular_value():
    """What the docstring says: from 0.01 on, between 0.68 and 1.13."""
    s = np.linspace(0.01, 1.0, 100_001)
    a, b, c = QUINTIC
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    assert 0.68 < s.min() < 0.69
    assert 1.13 < s.max() < 1.14


def test_the_cubic_is_exact_in_the_end():
    g = drawn(5, 3)
    X = orthogonalize(g, steps=40, coefficients=CUBIC)
    U, _, Vh = torch.linalg.svd(g, full_matrices=False)
    torch.testing.assert_close(X, U @ Vh, rtol=0, atol=1e-12)


@given(st.floats(1e-2, 1e6), st.integers(0, 9))
def test_the_size_of_the_gradient_does_not_matter(scale, seed):
    g = drawn(4, 6, seed=seed)
    torch.testing.assert_close(
        orthogonalize(scale * g, eps=1e-20), orthogonalize(g, eps=1e-20)
    )


def test_transposes_and_turns_go_through():
    g = drawn(5, 3)
    torch.testing.assert_close(orthogonalize(g.T), orthogonalize(g).T)
    Q, _ = torch.linalg.qr(drawn(5, 5, seed=2))
    torch.testing.assert_close(orthogonalize(Q @ g), Q @ orthogonalize(g))


def test_a_batch_is_its_matrices():
    g = drawn(2, 3, 4, 6)
    together = orthogonalize(g)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(together[i, j], orthogonalize(g[i, j]))


def test_zero_stays_zero():
    assert torch.equal(orthogonalize(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_products_are_taken_in_the_type_that_is_asked_for():
    g = drawn(8, 8).float()
    usual, half = orthogonalize(g), orthogonalize(g, dtype=torch.bfloat16)
    assert half.dtype == torch.float32
    assert not torch.equal(usual, half)
    assert (usual - half).norm() < 0.1 * usual.norm()
    double = orthogonalize(g.double())
    assert (usual - double).norm() < 1e-4 * double.norm()
    assert orthogonalize(g.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("shape", "scaling", "s"),
    [
        ((8, 2), "spectral", 2.0),
        ((2, 8), "spectral", 1.0),
        ((16, 4), "rms", 0.8),
        ((4, 16), "rms", 0.8),
    ],
)
def test_muon_by_hand(shape, scaling, s):
    """From b = 0: u is a multiple of g, and the step is η s orthogonalize(g)."""
    theta, g, b = torch.ones(shape).double(), drawn(*shape), torch.zeros(shape).double()
    options = {"lr": 0.5, "momentum": 0.9, "weight_decay": 0.2, "scaling": scaling}
    muon_update(theta, g, b, **options)
    torch.testing.assert_close(b, 0.1 * g)
    expected = 0.9 - 0.5 * s * orthogonalize(g)
    torch.testing.assert_close(theta, expected, rtol=1e-5, atol=1e-5)


def test_muons_momentum_is_nesterovs():
    """b = μ b + (1 − μ) g, and the step is that of (1 − μ) g + μ b."""
    b, g = drawn(3, 3), drawn(3, 3, seed=1)
    theta, remembered = torch.zeros(3, 3).double(), b.clone()
    muon_update(theta, g, remembered, lr=1.0, momentum=0.8)
    new = 0.8 * b + 0.2 * g
    torch.testing.assert_close(remembered, new)
    torch.testing.assert_close(theta, -orthogonalize(0.8 * new + 0.2 * g))


@pytest.mark.parametrize("shape", [(64, 64), (256, 64), (64, 256)])
def test_rms_scaling_makes_steps_as_large_as_adamws(shape):
    """Their entries' root mean square is about 0.2 η (Liu et al. 2025, §2.2)."""
    theta, b = torch.zeros(shape).double(), torch.zeros(shape).double()
    muon_update(theta, drawn(*shape), b, lr=1.0, scaling="rms")
    root_mean_square = theta.norm() / math.sqrt(theta.numel())
    assert 0.15 < root_mean_square < 0.23


@pytest.mark.usefixtures("untyped")
def test_refusals():
    with pytest.raises(ValueError, match=r"a matrix .* got shape \(3,\)"):
        orthogonalize(torch.zeros(3))
    with pytest.raises(ValueError, match=r"three coefficients .* \(1\.5, -0\.5\)"):
        orthogonalize(torch.zeros(3, 3), coefficients=(1.5, -0.5))
    with pytest.raises(ValueError, match=r"steps .* got -1"):
        orthogonalize(torch.zeros(3, 3), steps=-1)
    with pytest.raises(ValueError, match="eps should be positive, got 0"):
        orthogonalize(torch.zeros(3, 3), eps=0)
    with pytest.raises(ValueError, match=r"shape \(3,\): .*rule=\"adamw\""):
        muon_update(*(torch.zeros(3) for _ in range(3)), lr=0.1)
