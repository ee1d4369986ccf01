"""a matrix → its nearest orthogonal one; Muon's rule"""

import math
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor

from llmath.border import count, floats
from llmath.optim.checks import check_numbers, check_tensors

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: fast, to within about 0.3
CUBIC = (1.5, -0.5, 0.0)  # slow, and exact in the end

# How large an orthogonal step is for a matrix of so many rows and columns.
SCALINGS = MappingProxyType(
    {
        "spectral": lambda rows, columns: math.sqrt(max(1, rows / columns)),
        "rms": lambda rows, columns: 0.2 * math.sqrt(max(rows, columns)),
    }
)


def orthogonalize(
    g: Float[Tensor, "*batch rows columns"],
    *,
    steps: int = 5,
    eps: float = 1e-7,
    coefficients: tuple[float, float, float] = QUINTIC,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "*batch rows columns"]:
    """X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X   {eq:newton-schulz}; Jordan et al. 2024

    From X = g / (‖g‖ + ε), so that every singular value starts within 0 … 1. A step
    maps each of them by σ ← a σ + b σ³ + c σ⁵ and leaves the singular vectors alone:
    g = U Σ Vᵀ comes out near U Vᵀ. With the five steps of the standard coefficients
    the values end between about 0.68 and 1.13, if they started above 0.01 or so.

    The products are taken in `dtype`, if none is given in float32 at least. Several
    matrices of one shape go through together. What has no rows and columns, and
    numbers out of range, raise a ValueError.
    """
    floats(g=g)
    count(0, steps=steps)
    check_numbers(eps=eps)
    if g.ndim < 2 or len(coefficients) != 3:
        raise ValueError(
            f"a matrix and three coefficients are needed, got shape {tuple(g.shape)} "
            f"and {coefficients}"
        )
    a, b, c = coefficients
    X = g.to(dtype or torch.promote_types(g.dtype, torch.float32))
    tall = X.shape[-2] > X.shape[-1]
    X = X.mT if tall else X  # so that X Xᵀ is the smaller of the two products
    X = X / (X.norm(dim=(-2, -1), keepdim=True) + eps)
    for _ in range(steps):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A) @ X
    return (X.mT if tall else X).to(g.dtype)


@torch.no_grad()
def muon_update(
    theta: Float[Tensor, "*batch rows columns"],
    g: Float[Tensor, "*batch rows columns"],
    b: Float[Tensor, "*batch rows columns"],
    *,
    lr: float,
    momentum: float = 0.95,
    weight_decay: float = 0.0,
    scaling: str = "spectral",
    steps: int = 5,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "*batch rows columns"]:
    """θ_t = (1 − η λ) θ_{t−1} − η s · orthogonalize(u_t)   {eq:muon}

    Jordan et al. 2024. Of the gradient's momentum (Nesterov's) only the directions
    stay: every singular value becomes about 1. The factor s is √max(1, rows/columns)
    with `scaling="spectral"`; with "rms" it is 0.2 √max(rows, columns), which makes the
    entries of a step about as large as AdamW's (Liu et al. 2025, §2.2).

    What is no matrix, tensors that differ in shape, an unknown scaling and numbers out
    of range raise a ValueError.
    """
    check_tensors(theta=theta, g=g, b=b)
    check_numbers(lr=lr, momentum=momentum, weight_decay=weight_decay)
    count(0, steps=steps)  # before b is changed
    s = step_scale(theta, scaling)
    b.lerp_(g, 1 - momentum)  # b_t = μ b_{t−1} + (1 − μ) g_t
    u = torch.lerp(g, b, momentum)  # u_t = (1 − μ) g_t + μ b_t
    O = orthogonalize(u, steps=steps, dtype=dtype)  # noqa: E741  # O_t ≈ U Vᵀ
    theta.mul_(1 - lr * weight_decay)  # θ ← (1 − η λ) θ_{t−1}
    return theta.sub_(O, alpha=lr * s)  # θ_t = θ − η s O_t


def step_scale(theta: Tensor, scaling: str) -> float:
    """s for this matrix; what is no matrix and unknown names raise a ValueError."""
    if scaling not in SCALINGS:
        raise ValueError(f"no scaling {scaling!r}; there is {', '.join(SCALINGS)}")
    if theta.ndim < 2:
        raise ValueError(
            f"Muon is for matrices, this has shape {tuple(theta.shape)}: put it into a "
            f'group with rule="adamw"'
        )
    return SCALINGS[scaling](*theta.shape[-2:])
