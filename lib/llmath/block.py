"""vectors → vectors: two additions to the residual stream"""

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from llmath.attention import Attention, Mask
from llmath.config import ModelConfig
from llmath.mlp import build_mlp
from llmath.norm import build_norm
from llmath.probe import Probe


class Block(nn.Module):
    """x ← x + attn(norm(x)),  x ← x + mlp(norm(x))   {eq:block}; Xiong et al. 2020

    That is pre-norm. By the configuration also post-norm, x ← norm(x + attn(x)), as
    Vaswani et al. 2017 had it; without a norm, x ← x + attn(x); and without a residual
    stream, where the "x +" is left out.

    Probes: the residual stream before (`resid_pre`), between (`resid_mid`) and after
    (`resid_post`), and the two vectors that are added to it, `attn_out` and `mlp_out`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_position, self.residual = config.norm_position, config.residual
        self.norm_attn = build_norm(config)
        self.attn = Attention(config)
        self.norm_mlp = build_norm(config)
        self.mlp = build_mlp(config)
        self.resid_pre, self.resid_mid, self.resid_post = Probe(), Probe(), Probe()
        self.attn_out, self.mlp_out = Probe(), Probe()

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        positions: Int[Tensor, "*rows T"],
        mask: Mask,
        **given: Any,
    ) -> Float[Tensor, "B T D"]:
        """`given` goes to `Attention.forward`: `impl`, `cache`, `layer` and more."""
        x = self.resid_pre(x)
        y = self._read(x, self.norm_attn)
        update = self.attn(y, positions, mask, **given)
        x = self.resid_mid(self._write(x, self.attn_out(update), self.norm_attn))
        update = self.mlp(self._read(x, self.norm_mlp))
        return self.resid_post(self._write(x, self.mlp_out(update), self.norm_mlp))

    def _read(self, x: Tensor, norm: nn.Module) -> Tensor:
        return norm(x) if self.norm_position == "pre" else x

    def _write(self, x: Tensor, update: Tensor, norm: nn.Module) -> Tensor:
        x = x + update if self.residual else update
        return norm(x) if self.norm_position == "post" else x
