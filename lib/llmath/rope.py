"""positions → rotations of queries and keys

A token at position t turns the i-th pair of coordinates of its queries and keys by the
angle t θ_i. The dot product of two turned vectors then depends on the *difference* of
their positions alone.

**Which coordinates form a pair.** Here neighbours do, (0, 1), (2, 3), …, as in the
paper and in GGUF files. Hugging Face's Llama pairs i with i + E/2 instead and stores
the rows of its projections in the matching order; the two differ by a fixed permutation
within each head, which leaves every attention score as it was. Mixing them up still
gives fluent short answers and ruins long texts.
"""

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

Turns = Complex[Tensor, "*rows T pairs"]


def rope_angles(
    positions: Int[Tensor, "*rows T"],
    d_head: int,
    *,
    base: float,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "*rows T pairs"]:
    """φ_{t,i} = t θ_i,  θ_i = base^{−2i/E}   {eq:rope-angles}; Su et al. 2021, eq. 15

    Never in half precision: at position 8,000 a bfloat16 angle is wrong by up to 16.
    """
    i = torch.arange(d_head // 2, device=positions.device, dtype=dtype)
    theta = base ** (-2 * i / d_head)
    return positions[..., None] * theta


def rope_turns(
    positions: Int[Tensor, "*rows T"],
    d_head: int,
    *,
    base: float,
    dtype: torch.dtype = torch.float32,
) -> Turns:
    """e^{j t θ_i}, all that `rope` needs to know of positions   {eq:rope}

    They serve the queries and keys of every layer, so a model computes them once.
    """
    angles = rope_angles(positions, d_head, base=base, dtype=dtype)
    return torch.polar(torch.ones_like(angles), angles)


def rope(
    x: Float[Tensor, "*batch T E"],
    positions: Int[Tensor, "*rows T"],
    *,
    base: float,
    turns: Turns | None = None,
) -> Float[Tensor, "*batch T E"]:
    """(x_{2i} + j x_{2i+1}) ↦ (x_{2i} + j x_{2i+1}) e^{j t θ_i}   {eq:rope}

    Su et al. 2021, §3.2. Pairs are neighbouring coordinates, written as one complex
    number each. Positions (T) are those of every row of the batch; (B, T) gives each
    row its own. `turns` are the `rope_turns` of these positions, if they are at hand.
    """
    _check(x, positions)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    if turns is None:
        turns = rope_turns(positions, x.shape[-1], base=base, dtype=wide.dtype)
    if positions.ndim > 1:  # the same for all that lies between the axes B and T
        turns = turns[(slice(None), *[None] * (x.ndim - 3))]
    turned = torch.complex(wide[..., 0::2], wide[..., 1::2]) * turns
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)


def _check(x: Tensor, positions: Tensor) -> None:
    if x.shape[-1] % 2:
        raise ValueError(f"rope turns pairs: the width must be even, got {x.shape[-1]}")
    if x.shape[-2] != positions.shape[-1]:
        raise ValueError(
            f"x holds {x.shape[-2]} tokens, but there are {positions.shape[-1]} "
            f"positions"
        )
    if positions.ndim > 1 and (x.ndim < 3 or positions.shape[:-1] != x.shape[:1]):
        raise ValueError(
            f"positions by row need one row for each of the batch: x has the shape "
            f"{tuple(x.shape)}, the positions have {tuple(positions.shape)}"
        )
