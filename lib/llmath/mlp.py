"""vectors → vectors, each token by itself"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from llmath.config import ModelConfig
from llmath.probe import Probe


def silu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """silu(x) = x σ(x) = x / (1 + e^{−x}); Elfwing et al. 2018, eq. 3"""
    return x * torch.sigmoid(x)


def swiglu(
    gate: Float[Tensor, "*batch F"], up: Float[Tensor, "*batch F"]
) -> Float[Tensor, "*batch F"]:
    """h = silu(x W_gate) ⊙ (x W_up); Shazeer 2020, eq. 6

    Takes the two products, x W_gate and x W_up.
    """
    return silu(gate) * up


class SwiGLU(nn.Module):
    """y = h W_down with h = swiglu(x W_gate, x W_up), which the probe `hidden` sees."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d, f, bias = config.d_model, config.d_ff, config.bias
        self.w_gate = nn.Linear(d, f, bias=bias)
        self.w_up = nn.Linear(d, f, bias=bias)
        self.w_down = nn.Linear(f, d, bias=bias)
        self.hidden = Probe()

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        return self.w_down(self.hidden(swiglu(self.w_gate(x), self.w_up(x))))
