"""Norms, clipping and checks of gradients"""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.gradient import (
    NotFinite,
    check_jacobian,
    clip_by_global_norm,
    finite_difference,
    finite_difference_jacobian,
    global_norm,
    gradient_error,
)

SHAPES = ((3, 4), (5,), (), (2, 2, 2))


def with_gradients(*, scale=1.0, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    parameters = [torch.nn.Parameter(torch.zeros(s, dtype=dtype)) for s in SHAPES]
    for p in parameters:
        p.grad = scale * torch.randn(p.shape, generator=generator, dtype=dtype)
    return parameters


def test_norm_by_hand():
    """√(3² + 4² + 12²) = 13"""
    norm = global_norm([torch.tensor([3.0, 4.0]), torch.tensor([[12.0]])])
    assert norm.item() == 13.0


@given(st.integers(0, 99), st.floats(1e-3, 1e3))
def test_norm_is_numpys(seed, scale):
    gradients = [p.grad for p in with_gradients(seed=seed, scale=scale)]
    whole = np.concatenate([g.numpy().ravel() for g in gradients])
    expected = np.linalg.norm(whole)
    assert math.isclose(global_norm(gradients).item(), expected, rel_tol=1e-14)


def test_short_types_are_added_in_float32():
    """In float16 the square of 300 is infinite; bfloat16 counts ones up to 256."""
    assert global_norm([torch.full((4,), 300.0).half()]).item() == 600.0
    ones = torch.ones(4096, dtype=torch.bfloat16)
    assert global_norm([ones]).item() == 64.0
    assert global_norm([ones]).dtype == torch.float32
    assert global_norm([ones, ones.double()]).item() == pytest.approx(math.sqrt(8192))


@given(st.integers(0, 99), st.floats(0.01, 100.0))
def test_clipping_is_pytorchs(seed, scale):
    """Which divides by ‖g‖ + 10⁻⁶: with that undone, to the last digits."""
    ours, theirs = (with_gradients(seed=seed, scale=scale) for _ in range(2))
    norm = clip_by_global_norm(ours, 1.0)
    their_norm = torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    assert math.isclose(norm, their_norm.item(), rel_tol=1e-14)
    clipped = norm + 1e-6 > 1.0
    undone = (norm + 1e-6) / norm if clipped else 1.0
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p.grad, q.grad * undone, rtol=1e-12, atol=0)


def test_a_long_gradient_gets_the_length_and_keeps_the_direction():
    parameters = with_gradients(scale=50.0)
    before = [p.grad.clone() for p in parameters]
    norm = clip_by_global_norm(parameters, 2.0)
    after = [p.grad for p in parameters]
    assert math.isclose(global_norm(after).item(), 2.0, rel_tol=1e-14)
    for g, old in zip(after, before, strict=True):
        torch.testing.assert_close(g * (norm / 2.0), old, rtol=1e-13, atol=0)


@pytest.mark.parametrize("of_norm", [100.0, math.inf, 1.0005, 1.0])
def test_a_short_gradient_is_left_alone_bit_for_bit(of_norm):
    parameters = with_gradients(dtype=torch.float32)
    before = [copy.copy(p.grad.clone()) for p in parameters]
    norm = global_norm(before).item()
    assert clip_by_global_norm(parameters, of_norm * norm) == norm
    for p, old in zip(parameters, before, strict=True):
        assert torch.equal(p.grad, old)


def test_parameters_without_a_gradient_are_passed_over():
    parameters = with_gradients()
    expected = global_norm([p.grad for p in parameters[1:]]).item()
    parameters[0].grad = None
    assert clip_by_global_norm(iter(parameters), 1.0) == expected
    assert parameters[0].grad is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_told_and_nothing_is_changed(bad):
    parameters = with_gradients()
    parameters[0].grad = None
    parameters[3].grad[1, 0, 1] = bad
    before = [p.grad.clone() for p in parameters[1:]]
    with pytest.raises(NotFinite, match=r"norm is (nan|inf): parameters 3 ") as raised:
        clip_by_global_norm(parameters, 1.0)
    assert raised.value.where == [3]
    assert not math.isfinite(raised.value.norm)
    for p, old in zip(parameters[1:], before, strict=True):
        torch.testing.assert_close(p.grad, old, rtol=0, atol=0, equal_nan=True)


def test_a_norm_that_overflows_is_told():
    parameters = with_gradients(dtype=torch.float32)
    parameters[1].grad.fill_(3e38)
    with pytest.raises(NotFinite, match="norm is inf: parameters none") as raised:
        clip_by_global_norm(parameters, 1.0)
    assert raised.value.where == []


def test_differences_by_hand():
    """f = x² y: ∂x = 2xy = 12, ∂y = x² = 4; exact for a square, whatever the step."""
    x = torch.tensor([2.0, 3.0], dtype=torch.float64)
    slope = finite_difference(lambda z: z[0] ** 2 * z[1], x, step=0.5)
    torch.testing.assert_close(slope, torch.tensor([12.0, 4.0]).double())
    assert torch.equal(x, torch.tensor([2.0, 3.0], dtype=torch.float64))


def test_the_error_falls_with_the_square_of_the_step():
    """sin x: the error is h²/6 cos x."""
    x = torch.tensor([0.7], dtype=torch.float64)
    for h in (1e-1, 1e-2, 1e-3):
        error = math.cos(0.7) - finite_difference(lambda z: z.sin(), x, step=h).item()
        assert error == pytest.approx(h**2 / 6 * math.cos(0.7), rel=1e-2)


def test_differences_of_what_is_not_contiguous():
    x = torch.arange(6, dtype=torch.float64).reshape(2, 3).T
    weights = torch.arange(6, dtype=torch.float64).reshape(3, 2)
    slope = finite_difference(lambda z: (z * weights).sum(), x)
    torch.testing.assert_close(slope, weights, rtol=1e-9, atol=1e-9)


class WrongSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return -2 * g


def test_right_and_wrong_gradients_are_told_apart():
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)
    assert gradient_error(lambda z: (z.tanh() ** 2).sum(), x) < 1e-7
    assert gradient_error(lambda z: WrongSign.apply(z).sum(), x) == pytest.approx(2.0)
    half = lambda z: (z.detach() * z).sum()  # noqa: E731  # half of 2z is lost
    assert gradient_error(half, x) == pytest.approx(0.5, rel=1e-6)
    assert gradient_error(lambda z: (0 * z).sum(), x) == 0.0
    assert not x.requires_grad


def test_the_library_s_loss_has_the_right_gradient():
    from llmath.loss import cross_entropy

    targets = torch.tensor([0, 3])
    logits = torch.linspace(-2, 2, 8, dtype=torch.float64).reshape(2, 4)
    assert gradient_error(lambda z: cross_entropy(z, targets), logits) < 1e-8


# Jacobians


def product(z):
    """(x² y, y, x + y²): at (2, 3) the rows (12, 4), (0, 1) and (1, 6)."""
    x, y = z
    return torch.stack([x * x * y, y, x + y * y])


AT = torch.tensor([2.0, 3.0], dtype=torch.float64)
BY_HAND = torch.tensor([[12.0, 4.0], [0.0, 1.0], [1.0, 6.0]], dtype=torch.float64)


def test_a_jacobian_by_hand():
    """Exact for squares, whatever the step."""
    found = finite_difference_jacobian(product, AT, step=0.5)
    torch.testing.assert_close(found, BY_HAND, rtol=1e-14, atol=1e-14)
    assert torch.equal(AT, torch.tensor([2.0, 3.0], dtype=torch.float64))


@given(st.integers(0, 99))
def test_the_jacobian_of_a_softmax(seed):
    """diag(p) − p pᵀ; and by the differences of each entry alone."""
    rng = np.random.default_rng(seed)
    z = torch.from_numpy(rng.normal(size=5))
    p = z.softmax(0)
    expected = p.diag() - p.outer(p)
    found = finite_difference_jacobian(lambda y: y.softmax(0), z)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    for i in range(5):
        row = finite_difference(lambda y, i=i: y.softmax(0)[i], z)
        assert torch.equal(found[i], row)
    assert check_jacobian(lambda y: y.softmax(0), z, expected) < 1e-10


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_its_shape_is_pytorchs(shape):
    """And its numbers, of a function with every kind of shape."""
    x = torch.linspace(-1, 1, math.prod(shape), dtype=torch.float64).reshape(shape)
    weights = torch.linspace(0.5, 2, 4, dtype=torch.float64).reshape(4, 1)
    functions = [
        lambda z: z.sin().sum(),
        lambda z: z.flatten().flip(0).exp(),
        torch.square,
    ]
    functions.append(lambda z: (weights * z.reshape(1, -1)).tanh())
    for f in functions:
        found = finite_difference_jacobian(f, x)
        theirs = torch.autograd.functional.jacobian(f, x)
        torch.testing.assert_close(found, theirs, rtol=1e-8, atol=1e-9)
        assert check_jacobian(f, x) == (theirs - found).abs().max().item()


def test_a_function_that_writes_into_one_place():
    """The same tensor every time: its numbers are taken before the next call."""
    place = torch.empty(2, dtype=torch.float64)
    found = finite_difference_jacobian(lambda z: torch.mul(z, 3, out=place), AT)
    torch.testing.assert_close(found, 3 * torch.eye(2).double())


def test_a_wrong_entry_is_named_with_both_numbers():
    def told(f, x, jacobian=None, **how):
        with pytest.raises(ValueError, match="by central differences") as caught:
            check_jacobian(f, x, jacobian, **how)
        return str(caught.value)

    wrong = BY_HAND.clone()
    wrong[2, 1] = 6.5
    wrong[0, 0] = 12.001  # wrong too, and by less
    said = told(product, AT, wrong)
    assert said.startswith("∂f[2]/∂x[1] is 6.5 in the Jacobian and 6")
    assert float(said.split(" and ")[1].split()[0]) == pytest.approx(6, abs=1e-8)
    transposed = lambda z: WrongSign.apply(z).T  # noqa: E731
    x = torch.ones(2, 3, dtype=torch.float64)
    assert told(transposed, x).startswith("∂f[0, 0]/∂x[0, 0] is -2 in the Jacobian a")
    assert told(lambda z: z.detach().sum(), AT).startswith("∂f/∂x[0] is 0 in the ")
    missing = BY_HAND.clone()
    missing[1, 0] = math.nan
    assert told(product, AT, missing).startswith("∂f[1]/∂x[0] is nan in the Jacobian")
    assert check_jacobian(product, AT, wrong, atol=0.6) == pytest.approx(0.5)
    assert check_jacobian(product, AT, BY_HAND * (1 + 1e-4), rtol=1e-3) > 1e-4
    told(product, AT, BY_HAND * (1 + 1e-4), rtol=1e-5)


def test_the_checks_pass_nothing_on():
    """No gradients are recorded, and autograd can be off around them."""
    x = AT.clone().requires_grad_()
    with torch.no_grad():
        assert check_jacobian(product, x) < 1e-8
    found = finite_difference_jacobian(product, x)
    assert not found.requires_grad
    assert x.grad is None


@pytest.mark.usefixtures("untyped")
def test_what_has_no_jacobian():
    with pytest.raises(ValueError, match=r"float64 of f.* got torch\.float32 of shape"):
        finite_difference_jacobian(lambda z: z.float(), AT)
    with pytest.raises(ValueError, match=r"need float64, got torch\.float32"):
        finite_difference_jacobian(lambda z: z.double(), torch.ones(2))
    with pytest.raises(ValueError, match=r"got torch\.float64 of shape \(0,\) and"):
        finite_difference_jacobian(lambda z: z, torch.ones(0).double())
    with pytest.raises(ValueError, match=r"f\(x\) should be a tensor, got 3\.0"):
        finite_difference_jacobian(lambda z: 3.0, AT)
    with pytest.raises(ValueError, match=r"shape \(1,\) at x and \(2,\) beside it"):
        finite_difference_jacobian(lambda z: z[z >= 2], AT - 1e-7)
    with pytest.raises(
        ValueError, match=r"has shape \(2, 3\), but f\(x\) and x \(3, 2"
    ):
        check_jacobian(product, AT, BY_HAND.T)
    with pytest.raises(ValueError, match="step should be positive, got 0"):
        check_jacobian(product, AT, step=0)


@pytest.mark.usefixtures("untyped")
def test_refusals():
    parameters = with_gradients()
    for wrong in (0, -1.0, math.nan):
        with pytest.raises(
            ValueError, match=f"max_norm should be positive, got {wrong}"
        ):
            clip_by_global_norm(parameters, wrong)
    with pytest.raises(ValueError, match="max_norm should be a number, got None"):
        clip_by_global_norm(parameters, None)
    with pytest.raises(ValueError, match=r"no tensors .* is there a gradient"):
        clip_by_global_norm([torch.nn.Parameter(torch.ones(2))], 1.0)
    with pytest.raises(ValueError, match="tensor 1 needs floating-point numbers"):
        global_norm([torch.ones(2), torch.ones(2, dtype=torch.long)])
    with pytest.raises(ValueError, match="tensor 0 is on cpu but tensor 1 is on meta"):
        global_norm([torch.ones(2), torch.ones(2, device="meta")])
    with pytest.raises(ValueError, match=r"need float64, got torch\.float32"):
        finite_difference(torch.sum, torch.ones(2))
    with pytest.raises(ValueError, match=r"one number, got shape \(2,\): sum it"):
        finite_difference(lambda z: z, torch.ones(2).double())
    with pytest.raises(ValueError, match="step should be positive, got 0"):
        finite_difference(torch.sum, torch.ones(2).double(), step=0)
    with pytest.raises(ValueError, match="no gradient to check"):
        gradient_error(lambda z: 3.0, torch.ones(2).double())
