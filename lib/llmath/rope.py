"""positions → rotations of queries and keys

A token at position t turns the i-th pair of coordinates of its queries and keys by the
angle t θ_i. The dot product of two turned vectors then depends on the *difference* of
their positions alone.

**Which coordinates form a pair.** Here neighbours do, (0, 1), (2, 3), …, as in the
paper and in GGUF files. Hugging Face's Llama pairs i with i + E/2 instead and stores
the rows of its projections in the matching order; the two differ by a fixed permutation
within each head, which leaves every attention score as it was. Mixing them up raises no
error and costs a model a good part of what it can do; the page on positions measures
it. `pairs="half-split"` turns vectors that come in their order.

**Beyond the positions of training** the angles of the slow pairs are new to the model.
Three remedies slow the turning instead: all pairs alike (`slow_evenly`), a larger base
(`ntk_base`), or the slow pairs alone (`slow_llama3`).
"""

import math

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from llmath.border import count, floats, number, of_kind, positive, tensors, wholes
from llmath.config import RopeScaling

PAIRS = ("interleaved", "half-split")
Turns = Complex[Tensor, "*rows T pairs"]


def rope_frequencies(
    d_head: int,
    *,
    base: float,
    scaling: RopeScaling | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, " pairs"]:
    """θ_i = base^{−2i/E}   {eq:rope-angles}; Su et al. 2021, §3.2.2

    Slowed as `scaling` says. Radians from one position to the next, for i = 0 … E/2 −
    1.

    An odd width and a base that is not positive raise a ValueError.
    """
    count(d_head=d_head)
    positive(base=base)
    if d_head % 2 or dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"pairs need an even width, and angles float32 or float64; got "
            f"d_head={d_head} and {dtype}"
        )
    i = torch.arange(d_head // 2, device=device, dtype=dtype)
    theta = base ** (-2 * i / d_head)
    if scaling is None:
        return theta
    of_kind(RopeScaling, scaling=scaling)
    if scaling.kind == "linear":
        return slow_evenly(theta, factor=scaling.factor)
    return slow_llama3(
        theta,
        factor=scaling.factor,
        low=scaling.low,
        high=scaling.high,
        original_context=scaling.original_context,
    )


def slow_evenly(
    theta: Float[Tensor, " pairs"], *, factor: float
) -> Float[Tensor, " pairs"]:
    """θ'_i = θ_i / s   {eq:slow-evenly}; Chen et al. 2023, eq. 4

    A factor that is not positive raises a ValueError.
    """
    floats(theta=theta)
    positive(factor=factor)
    return theta / factor


def slow_llama3(
    theta: Float[Tensor, " pairs"],
    *,
    factor: float,
    low: float,
    high: float,
    original_context: int,
) -> Float[Tensor, " pairs"]:
    """θ'_i = (1 − γ_i) θ_i / s + γ_i θ_i   {eq:slow-llama3}; Grattafiori et al. 2024

    As in Llama 3.1. γ_i = (r_i − low) / (high − low), kept within 0 … 1, with r_i = C
    θ_i / 2π the turns that a pair makes in the original context of C positions: those
    of more than `high` turns stay as they are, those of fewer than `low` are slowed by
    the whole factor s.

    A factor that is not positive, and limits that are not in order, raise a ValueError.
    """
    floats(theta=theta)
    positive(factor=factor, low=low, high=high, original_context=original_context)
    if not low < high:
        raise ValueError(f"low={low} must be less than high={high}")
    turns = original_context * theta / (2 * math.pi)
    gamma = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - gamma) * theta / factor + gamma * theta


def ntk_base(base: float, *, d_head: int, factor: float) -> float:
    """base' = base · s^{E/(E−2)}   {eq:ntk-base}; bloc97 2023, "NTK-aware" scaling

    The first pair turns as before, the last one s times slower, the others in between.
    A model scaled so is one with another `rope_base`.

    A width below 4 or odd, and a base or a factor that is not positive, raise a
    ValueError.
    """
    count(d_head=d_head)
    positive(base=base)
    number(factor=factor)
    if d_head < 4 or d_head % 2 or not 0 < factor < math.inf:
        raise ValueError(
            f"an even width of at least 4 and a positive factor are needed, got "
            f"d_head={d_head} and factor={factor}"
        )
    return base * factor ** (d_head / (d_head - 2))


def rope_angles(
    positions: Int[Tensor, "*rows T"],
    d_head: int,
    *,
    base: float,
    scaling: RopeScaling | None = None,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "*rows T pairs"]:
    """φ_{t,i} = t θ_i,  θ_i = base^{−2i/E}   {eq:rope-angles}; Su et al. 2021, eq. 15

    Never in half precision: at position 8,000 a bfloat16 angle is wrong by up to 16.

    Positions that are not whole numbers and an odd width raise a ValueError.
    """
    wholes(positions=positions)
    theta = rope_frequencies(
        d_head, base=base, scaling=scaling, dtype=dtype, device=positions.device
    )
    return positions[..., None] * theta


def rope_turns(
    positions: Int[Tensor, "*rows T"],
    d_head: int,
    *,
    base: float,
    scaling: RopeScaling | None = None,
    dtype: torch.dtype = torch.float32,
) -> Turns:
    """e^{j t θ_i}, all that `rope` needs to know of positions   {eq:rope}

    They serve the queries and keys of every layer, so a model computes them once.
    """
    angles = rope_angles(positions, d_head, base=base, scaling=scaling, dtype=dtype)
    return torch.polar(torch.ones_like(angles), angles)


def rope(
    x: Float[Tensor, "*batch T E"],
    positions: Int[Tensor, "*rows T"],
    *,
    base: float,
    pairs: str = "interleaved",
    scaling: RopeScaling | None = None,
    turns: Turns | None = None,
) -> Float[Tensor, "*batch T E"]:
    """(x_{2i} + j x_{2i+1}) ↦ (x_{2i} + j x_{2i+1}) e^{j t θ_i}   {eq:rope}

    Su et al. 2021, §3.2. Pairs are neighbouring coordinates, written as one complex
    number each; with `pairs="half-split"`, i and i + E/2. `scaling` slows the turning:
    see the functions above. Positions (T) are those of every row of the batch; (B, T)
    gives each row its own. `turns` are the `rope_turns` of these positions, if they are
    at hand.

    Anything else raises a ValueError, as do unknown `pairs`.
    """
    if pairs not in PAIRS:
        raise ValueError(f"pairs={pairs!r} is not built; there is {', '.join(PAIRS)}")
    _check(x, positions, turns)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    if turns is None:
        how = {"base": base, "scaling": scaling, "dtype": wide.dtype}
        turns = rope_turns(positions, x.shape[-1], **how)
    if positions.ndim > 1:  # the same for all that lies between the axes B and T
        turns = turns[(slice(None), *[None] * (x.ndim - 3))]
    if pairs == "half-split":
        turned = torch.complex(*wide.chunk(2, dim=-1)) * turns
        return torch.cat((turned.real, turned.imag), dim=-1).to(x.dtype)
    turned = torch.complex(wide[..., 0::2], wide[..., 1::2]) * turns
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)


def _check(x: Tensor, positions: Tensor, turns: Tensor | None) -> None:
    floats(x=x)
    wholes(positions=positions)
    tensors(x=x, positions=positions, **({} if turns is None else {"turns": turns}))
    if x.ndim < 2 or not positions.ndim:
        raise ValueError(
            f"x needs the axes tokens and width, and positions one number for each "
            f"token; got the shapes {tuple(x.shape)} and {tuple(positions.shape)}"
        )
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
    pairs = (*positions.shape, x.shape[-1] // 2)
    if turns is not None and (turns.shape != pairs or not turns.is_complex()):
        raise ValueError(
            f"turns are the complex numbers of `rope_turns`, here {pairs}; got "
            f"{turns.dtype} of shape {tuple(turns.shape)}"
        )
