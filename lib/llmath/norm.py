"""vectors → vectors of one length"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from llmath.border import count, floats, number, of_kind
from llmath.config import ModelConfig


def rms_norm(
    x: Float[Tensor, "*batch D"], gain: Float[Tensor, " D"], *, eps: float = 1e-5
) -> Float[Tensor, "*batch D"]:
    """y = g ⊙ x / √(mean(x²) + ε)   {eq:rms-norm}; Zhang & Sennrich 2019, eq. 4

    The mean square is taken in float32 at least: the square of a large float16 number
    overflows, and a bfloat16 mean keeps three digits.

    A gain of another width than x, and an ε that is negative or NaN, raise a
    ValueError.
    """
    _check(x, eps, gain=gain)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    inverse_rms = (wide.square().mean(dim=-1, keepdim=True) + eps).rsqrt()
    return (wide * inverse_rms).to(x.dtype) * gain


def layer_norm(
    x: Float[Tensor, "*batch D"],
    gain: Float[Tensor, " D"],
    bias: Float[Tensor, " D"] | None = None,
    *,
    eps: float = 1e-5,
) -> Float[Tensor, "*batch D"]:
    """y = g ⊙ (x − μ) / √(σ² + ε) + b   {eq:layer-norm}; Ba et al. 2016, eq. 4

    μ is the mean of x and σ² = mean((x − μ)²), over D and not D − 1. Both are taken in
    float32 at least, as in `rms_norm`.

    A gain or a bias of another width than x, and an ε that is negative or NaN, raise a
    ValueError.
    """
    _check(x, eps, gain=gain, **({} if bias is None else {"bias": bias}))
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    centred = wide - wide.mean(dim=-1, keepdim=True)
    inverse_deviation = (centred.square().mean(dim=-1, keepdim=True) + eps).rsqrt()
    y = (centred * inverse_deviation).to(x.dtype) * gain
    return y if bias is None else y + bias


def _check(x: Tensor, eps: float, **given: Tensor) -> None:
    floats(x=x, **given)
    number(eps=eps)
    if not 0 <= eps < float("inf"):
        raise ValueError(f"eps is 0 or more, got {eps}")
    for name, vector in given.items():
        if not x.ndim or not x.shape[-1] or vector.shape != x.shape[-1:]:
            raise ValueError(
                f"x has vectors of width {x.shape[-1] if x.ndim else 0}, the {name} "
                f"has {tuple(vector.shape)}"
            )


class RMSNorm(nn.Module):
    """Owns the gain g of `rms_norm`, which starts at 1.

    A width below 1 raises a ValueError.
    """

    def __init__(self, d_model: int, *, eps: float) -> None:
        super().__init__()
        count(d_model=d_model)
        self.weight = nn.Parameter(torch.ones(d_model))
        self.eps = eps

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        return rms_norm(x, self.weight, eps=self.eps)


class LayerNorm(nn.Module):
    """Owns the gain g and the bias b of `layer_norm`, which start at 1 and at 0.

    A width below 1 raises a ValueError.
    """

    def __init__(self, d_model: int, *, eps: float, bias: bool = True) -> None:
        super().__init__()
        count(d_model=d_model)
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model)) if bias else None
        self.eps = eps

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        return layer_norm(x, self.weight, self.bias, eps=self.eps)


def build_norm(config: ModelConfig) -> nn.Module:
    """The norm that the configuration asks for; without one, the identity.

    What is no ModelConfig raises a ValueError.
    """
    of_kind(ModelConfig, config=config)
    if config.norm_position == "none":
        return nn.Identity()
    if config.norm == "layer":
        return LayerNorm(config.d_model, eps=config.norm_eps, bias=config.bias)
    return RMSNorm(config.d_model, eps=config.norm_eps)
