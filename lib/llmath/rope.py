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
from jaxtyping import Float, Int
from torch import Tensor


def rope_angles(
    positions: Int[Tensor, " T"],
    d_head: int,
    *,
    base: float,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "T pairs"]:
    """φ_{t,i} = t θ_i,  θ_i = base^{−2i/E}   {eq:rope-angles}; Su et al. 2021, eq. 15

    Never in half precision: at position 8,000 a bfloat16 angle is wrong by up to 16.
    """
    i = torch.arange(d_head // 2, device=positions.device, dtype=dtype)
    theta = base ** (-2 * i / d_head)
    return positions[:, None] * theta


def rope(
    x: Float[Tensor, "*batch T E"], positions: Int[Tensor, " T"], *, base: float
) -> Float[Tensor, "*batch T E"]:
    """(x_{2i} + j x_{2i+1}) ↦ (x_{2i} + j x_{2i+1}) e^{j t θ_i}   {eq:rope}

    Su et al. 2021, §3.2. Pairs are neighbouring coordinates, written as one complex
    number each.
    """
    if x.shape[-1] % 2:
        raise ValueError(f"rope turns pairs: the width must be even, got {x.shape[-1]}")
    if x.shape[-2] != len(positions):
        raise ValueError(
            f"x holds {x.shape[-2]} tokens, but there are {len(positions)} positions"
        )
    wide = torch.promote_types(x.dtype, torch.float32)
    angles = rope_angles(positions, x.shape[-1], base=base, dtype=wide)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)
    return turned.flatten(-2)
