"""vectors → vectors, each token by itself"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from llmath.border import floats, of_kind
from llmath.config import ModelConfig
from llmath.probe import Probe


def silu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """silu(x) = x σ(x) = x / (1 + e^{−x})   {eq:silu}; Elfwing et al. 2018, eq. 3

    What is no tensor of floating-point numbers raises a ValueError.
    """
    floats(x=x)
    return x * torch.sigmoid(x)


def swiglu(
    gate: Float[Tensor, "*batch F"], up: Float[Tensor, "*batch F"]
) -> Float[Tensor, "*batch F"]:
    """h = silu(x W_gate) ⊙ (x W_up)   {eq:swiglu}; Shazeer 2020, eq. 6

    Takes the two products, x W_gate and x W_up.

    Tensors of different shapes or devices raise a ValueError.
    """
    floats(gate=gate, up=up)
    if gate.shape != up.shape:
        raise ValueError(
            f"gate and up are multiplied number by number; their shapes are "
            f"{tuple(gate.shape)} and {tuple(up.shape)}"
        )
    return silu(gate) * up


def gelu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """gelu(x) = x Φ(x) = x (1 + erf(x/√2)) / 2   {eq:gelu}; Hendrycks & Gimpel 2016

    Φ(x) is the chance that a standard normal number lies below x.

    What is no tensor of floating-point numbers raises a ValueError.
    """
    floats(x=x)
    phi = (1 + torch.erf(x / math.sqrt(2))) / 2  # first: 2x may not fit into float16
    return x * phi


def gelu_tanh(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """gelu(x) ≈ x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2   {eq:gelu-tanh}

    Hendrycks & Gimpel 2016, §2; what GPT-2 was trained with. It differs from `gelu` by
    less than 0.0005 everywhere.

    What is no tensor of floating-point numbers raises a ValueError.
    """
    floats(x=x)
    phi = (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    return x * phi


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


class GeluMLP(nn.Module):
    """y = gelu(x W_up) W_down   {eq:gelu-mlp}; Vaswani et al. 2017, §3.3

    There with ReLU. The probe `hidden` sees gelu(x W_up). The configuration says which
    of the two gelus.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d, f, bias = config.d_model, config.d_ff, config.bias
        self.w_up = nn.Linear(d, f, bias=bias)
        self.w_down = nn.Linear(f, d, bias=bias)
        self.exact = config.mlp == "gelu"
        self.hidden = Probe()

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        up = self.w_up(x)
        return self.w_down(self.hidden(gelu(up) if self.exact else gelu_tanh(up)))


def build_mlp(config: ModelConfig) -> nn.Module:
    """The feed-forward layer that the configuration asks for.

    What is no ModelConfig raises a ValueError.
    """
    of_kind(ModelConfig, config=config)
    return SwiGLU(config) if config.mlp == "swiglu" else GeluMLP(config)
