"""loss → gradient"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmath.border import NoNumber, floats, number, positive


class NotFinite(NoNumber):
    """A gradient is infinite or no number at all.

    `norm` is that of all gradients; `where` lists which parameters, counted from 0 in
    the order that they were given in, have such a gradient, so that whoever knows the
    step, the rate and the names can tell them.
    """

    def __init__(self, norm: float, where: list[int]) -> None:
        self.norm, self.where = norm, where
        shown = ", ".join(map(str, where[:8])) + ", …" * (len(where) > 8)
        super().__init__(
            f"the gradient's norm is {norm}: parameters {shown or 'none'} have numbers "
            f"that are not finite; lower the learning rate, or look at the loss that "
            f"this step had"
        )


@torch.no_grad()
def global_norm(tensors: Iterable[Tensor]) -> Tensor:
    """‖g‖ = √(Σ_i ‖g_i‖²)   {eq:global-norm}; Pascanu et al. 2013, §3.2

    The length of all tensors as one vector: one number, in float32 at least. No tensors
    at all, and tensors on different devices, raise a ValueError.
    """
    tensors = list(tensors)
    if not tensors:
        raise ValueError("the norm of no tensors was asked for: is there a gradient?")
    floats(**{f"tensor {i}": g for i, g in enumerate(tensors)})
    wide = [torch.promote_types(g.dtype, torch.float32) for g in tensors]
    each = [
        torch.linalg.vector_norm(g, dtype=d) for g, d in zip(tensors, wide, strict=True)
    ]
    return torch.linalg.vector_norm(torch.stack(each))


@torch.no_grad()
def clip_by_global_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """g ← g min(1, c / ‖g‖)   {eq:gradient-clipping}; Pascanu et al. 2013, algorithm 1

    In place on `.grad`; gives the norm before clipping. A gradient that is not longer
    than `max_norm` is left alone bit for bit, and max_norm=∞ only measures. Parameters
    without a gradient are passed over.

    A norm that is infinite or NaN raises `NotFinite`, a ValueError that holds the norm
    and the numbers of the parameters; no gradients at all, and a max_norm that is not
    positive, raise a ValueError too.
    """
    number(max_norm=max_norm)
    if not max_norm > 0:
        raise ValueError(f"max_norm should be positive, got {max_norm}")
    parameters = list(parameters)
    found = {i: p.grad for i, p in enumerate(parameters) if p.grad is not None}
    norm = global_norm(found.values()).item()
    if not math.isfinite(norm):
        where = [i for i, g in found.items() if not g.isfinite().all()]
        raise NotFinite(norm, where)
    if norm > max_norm:
        for g in found.values():
            g.mul_(max_norm / norm)
    return norm


@torch.no_grad()
def finite_difference(
    f: Callable[[Tensor], Tensor | float], x: Tensor, *, step: float = 6e-6
) -> Tensor:
    """∂f/∂x_i ≈ (f(x + h e_i) − f(x − h e_i)) / 2h   {eq:central-difference}

    Nocedal & Wright 2006, §8.1. The error is of the order h², and rounding adds some
    10⁻¹⁶/h: for numbers of size 1 both are least near h = 6·10⁻⁶, the cube root of
    float64's precision. Two calls of f for each entry of x: a check for small things.

    What is not float64, a step that is not positive, and an f that does not give one
    number raise a ValueError.
    """
    slopes = _slopes(lambda y: _one_number(f(y)), x, step)
    return torch.tensor(slopes, dtype=x.dtype, device=x.device).view(x.shape)


@torch.no_grad()
def finite_difference_jacobian(
    f: Callable[[Tensor], Tensor], x: Tensor, *, step: float = 6e-6
) -> Tensor:
    """J_ij ≈ (f_i(x + h e_j) − f_i(x − h e_j)) / 2h   {eq:difference-jacobian}

    Nocedal & Wright 2006, §8.1: `finite_difference` of every entry of f at once, in two
    calls for each entry of x. Its shape is that of f(x) and then that of x, as with
    `torch.autograd.functional.jacobian`.

    What is not float64, an empty x, a step that is not positive, and an f that gives no
    tensor in float64, or one of another shape elsewhere, raise a ValueError.
    """
    shape = _values(f(x), x).shape
    columns = _slopes(lambda y: _values(f(y), x, shape), x, step)
    return torch.stack(columns, dim=-1).reshape((*shape, *x.shape))


def gradient_error(
    f: Callable[[Tensor], Tensor], x: Tensor, *, step: float = 6e-6
) -> float:
    """‖∇f − δf‖ / max(‖∇f‖, ‖δf‖): autograd's gradient beside `finite_difference`'s.

    Below 10⁻⁷ for a right gradient of numbers of size 1; a wrong sign gives 2, and 0
    stands for two gradients that are both zero. An f that is not differentiable, and
    what `finite_difference` refuses, raise a ValueError.
    """
    by_differences = finite_difference(f, x, step=step)
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        value = f(leaf)
        if not isinstance(value, Tensor) or not value.requires_grad:
            raise ValueError(
                "f(x) does not depend on x through PyTorch's operations: it has no "
                "gradient to check"
            )
        (by_autograd,) = torch.autograd.grad(value, leaf)
    scale = max(by_autograd.norm().item(), by_differences.norm().item())
    return (by_autograd - by_differences).norm().item() / scale if scale else 0.0


def check_jacobian(
    f: Callable[[Tensor], Tensor],
    x: Tensor,
    jacobian: Tensor | None = None,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    step: float = 6e-6,
) -> float:
    """max_ij |J_ij − δJ_ij|: a Jacobian beside `finite_difference_jacobian`'s.

    `jacobian` is one that was derived by hand, in the shape of f(x) and then that of x;
    without it autograd's is checked. The difference of two right ones is below
    atol + rtol |δJ_ij|, if the numbers are of size 1.

    Where it is larger, or no number, a ValueError says at which entry it is worst, and
    both numbers. So does another shape, and what `finite_difference_jacobian`
    refuses.
    """
    found = finite_difference_jacobian(f, x, step=step)
    if jacobian is None:
        with torch.enable_grad():
            jacobian = torch.autograd.functional.jacobian(f, x.detach())
    floats(jacobian=jacobian, x=x)
    if jacobian.shape != found.shape:
        raise ValueError(
            f"the Jacobian has shape {tuple(jacobian.shape)}, but f(x) and x "
            f"{tuple(found.shape)}"
        )
    error = (jacobian - found).abs()
    excess = (error - rtol * found.abs()).nan_to_num(math.inf)
    worst = int(excess.argmax())
    if not excess.view(-1)[worst] <= atol:
        raise ValueError(_entry(worst, found, jacobian, x.ndim))
    return error.max().item()


def _entry(worst: int, found: Tensor, jacobian: Tensor, ndim: int) -> str:
    """∂f[1]/∂x[0, 2]: where two Jacobians differ most, and by how much."""
    at = [int(i) for i in np.unravel_index(worst, found.shape)]
    i, j = at[: len(at) - ndim], at[len(at) - ndim :]
    given, slope = (J.reshape(-1)[worst].item() for J in (jacobian, found))
    return (
        f"∂f{i or ''}/∂x{j or ''} is {given:.9g} in the Jacobian and {slope:.9g} by "
        f"central differences"
    )


def _slopes(f: Callable[[Tensor], Any], x: Tensor, step: float) -> list[Any]:
    """(f(x + h e_j) − f(x − h e_j)) / 2h for every entry j of x."""
    floats(x=x)
    positive(step=step)
    if x.dtype != torch.float64:
        raise ValueError(
            f"differences of close numbers need float64, got {x.dtype}: x.double()"
        )
    slopes = []
    for j in range(x.numel()):
        moved = []
        for sign in (1, -1):
            y = x.detach().clone(memory_format=torch.contiguous_format)
            y.view(-1)[j] += sign * step
            moved.append(f(y))
        slopes.append((moved[0] - moved[1]) / (2 * step))
    return slopes


def _values(value: Tensor, x: Tensor, shape: torch.Size | None = None) -> Tensor:
    floats(**{"f(x)": value, "x": x})
    if value.dtype != torch.float64 or not value.numel() * x.numel():
        raise ValueError(
            f"a Jacobian needs entries in float64 of f(x) and of x, got {value.dtype} "
            f"of shape {tuple(value.shape)} and {tuple(x.shape)}"
        )
    if shape is not None and value.shape != shape:
        raise ValueError(
            f"f gives shape {tuple(shape)} at x and {tuple(value.shape)} beside it"
        )
    return value.clone()  # f may give the same tensor every time


def _one_number(value: Tensor | float) -> float:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(
            f"f should give one number, got shape {tuple(value.shape)}: sum it, or "
            f"take one entry"
        )
    return float(value)
