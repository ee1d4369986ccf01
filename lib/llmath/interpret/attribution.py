"""logits → what each part of the model adds to them directly"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from llmath.border import of_kind, tensors
from llmath.embedding import check_ids
from llmath.model import Transformer
from llmath.norm import LayerNorm, RMSNorm
from llmath.probe import record


@dataclass(frozen=True)
class Attribution:
    """Parts of the logit difference z_right − z_wrong, which is their sum.

    `embedding` (B,), `heads` (L, H, B), `mlps` (L, B); `bias` (B,) collects what no
    part computes: the biases of W_O and of the last norm.
    """

    embedding: Tensor
    heads: Tensor
    mlps: Tensor
    bias: Tensor

    def total(self) -> Tensor:
        """The logit difference, (B,)."""
        return self.embedding + self.heads.sum((0, 1)) + self.mlps.sum(0) + self.bias


@torch.no_grad()
def logit_attribution(
    model: Transformer,
    ids: Tensor,
    *,
    right: Tensor,
    wrong: Tensor,
    position: int = -1,
) -> Attribution:
    """z_right − z_wrong = Σ_c c · d   {eq:logit-attribution}

    With d = g ⊙ (u_right − u_wrong) / rms(x_L), after Elhage et al. 2021: the paths
    that go straight to the logits. The residual stream x_L is a sum of contributions c,
    and the logits are linear in it once the length that the last norm divides by is
    taken as given (for LayerNorm, d is centred). One forward pass. Direct means direct:
    what a head does through later heads is counted as theirs, and the length is
    everybody's. `patch` and `ablate` measure the whole effect.

    A model whose logits are no such sum and a position outside the text raise a
    ValueError.
    """
    of_kind(Transformer, model=model)
    of_kind(int, position=position)
    tensors(ids=ids, right=right, wrong=wrong)
    _check_stream(model)
    if ids.ndim != 2:
        raise ValueError(f"ids need the shape (batch, tokens); got {tuple(ids.shape)}")
    if not -ids.shape[-1] <= position < ids.shape[-1]:
        raise ValueError(f"position {position} is outside a text of {ids.shape[-1]}")
    names = ("blocks.*.attn.z", "blocks.*.mlp_out", "blocks.0.resid_pre")
    with record(model, *names) as acts:
        x = model.residual(ids)[:, position]
    direction, constant = _direction(model, x, right, wrong)
    z = acts.stack("blocks.*.attn.z")[..., position, :]  # L B H E
    heads = [
        torch.einsum("bhe,dhe,bd->hb", z_l, _by_head(model, block), direction)
        for z_l, block in zip(z, model.blocks, strict=True)
    ]
    mlps = acts.stack("blocks.*.mlp_out")[:, :, position]  # L B D
    for block in model.blocks:
        if block.attn.w_o.bias is not None:
            constant = constant + direction @ block.attn.w_o.bias
    embedding = acts["blocks.0.resid_pre"][:, position]
    return Attribution(
        embedding=(embedding * direction).sum(-1),
        heads=torch.stack(heads),
        mlps=(mlps * direction).sum(-1),
        bias=constant,
    )


def _by_head(model: Transformer, block: nn.Module) -> Tensor:
    """W_O, a slice for each head: (D, H, E)."""
    weight = block.attn.w_o.weight
    return weight.view(weight.shape[0], model.config.n_heads, model.config.d_head)


def _direction(
    model: Transformer, x: Tensor, right: Tensor, wrong: Tensor
) -> tuple[Tensor, Tensor]:
    """The d and the constant with z_right − z_wrong = x · d + constant, for these x."""
    for ids in (right, wrong):
        check_ids(ids, model.config.vocab_size)
        if ids.shape != x.shape[:1]:
            raise ValueError(
                f"{len(x)} texts need {len(x)} right and wrong ids; got "
                f"{tuple(ids.shape)}"
            )
    table = model.embedding if model.config.tie_embeddings else model.unembedding
    u, norm = table.weight[right] - table.weight[wrong], model.norm
    constant = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    if isinstance(norm, RMSNorm):
        length = (x.square().mean(-1, keepdim=True) + norm.eps).sqrt()
        return norm.weight * u / length, constant
    if isinstance(norm, LayerNorm):
        length = (x.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
        if norm.bias is not None:
            constant = u @ norm.bias
        u = norm.weight * u
        return (u - u.mean(-1, keepdim=True)) / length, constant
    return u, constant


def _check_stream(model: Transformer) -> None:
    config = model.config
    if config.norm_position == "post" or not config.residual:
        raise ValueError(
            f"only a residual stream that nothing rescales is a sum of its parts; this "
            f"model has norm_position={config.norm_position!r}, "
            f"residual={config.residual}"
        )
