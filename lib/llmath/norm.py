"""vectors → vectors of one length"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def rms_norm(
    x: Float[Tensor, "*batch D"], gain: Float[Tensor, " D"], *, eps: float = 1e-5
) -> Float[Tensor, "*batch D"]:
    """y = g ⊙ x / √(mean(x²) + ε); Zhang & Sennrich 2019, eq. 4

    The mean square is taken in float32 at least: the square of a large float16 number
    overflows, and a bfloat16 mean keeps three digits.
    """
    if gain.shape != x.shape[-1:]:
        raise ValueError(
            f"x has vectors of width {x.shape[-1]}, the gain has {tuple(gain.shape)}"
        )
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    rms = (wide.square().mean(dim=-1, keepdim=True) + eps).sqrt()
    return (wide / rms).to(x.dtype) * gain


class RMSNorm(nn.Module):
    """Owns the gain g of `rms_norm`, which starts at 1."""

    def __init__(self, d_model: int, *, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))
        self.eps = eps

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        return rms_norm(x, self.weight, eps=self.eps)
