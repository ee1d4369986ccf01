"""vectors → vectors: two additions to the residual stream"""

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from llmath.attention import Attention
from llmath.cache import KVCache
from llmath.config import ModelConfig
from llmath.mlp import SwiGLU
from llmath.norm import RMSNorm
from llmath.probe import Probe


class Block(nn.Module):
    """x ← x + attn(norm(x)),  x ← x + mlp(norm(x)); pre-norm, Xiong et al. 2020

    Probes: the residual stream before (`resid_pre`), between (`resid_mid`) and after
    (`resid_post`), and the two vectors that are added to it, `attn_out` and `mlp_out`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_attn = RMSNorm(config.d_model, eps=config.norm_eps)
        self.attn = Attention(config)
        self.norm_mlp = RMSNorm(config.d_model, eps=config.norm_eps)
        self.mlp = SwiGLU(config)
        self.resid_pre, self.resid_mid, self.resid_post = Probe(), Probe(), Probe()
        self.attn_out, self.mlp_out = Probe(), Probe()

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        positions: Int[Tensor, " T"],
        mask: Bool[Tensor, "T S"],
        *,
        impl: str = "explicit",
        cache: KVCache | None = None,
        layer: int = 0,
    ) -> Float[Tensor, "B T D"]:
        x = self.resid_pre(x)
        update = self.attn(
            self.norm_attn(x), positions, mask, impl=impl, cache=cache, layer=layer
        )
        x = self.resid_mid(x + self.attn_out(update))
        x = x + self.mlp_out(self.mlp(self.norm_mlp(x)))
        return self.resid_post(x)
