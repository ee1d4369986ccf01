"""logits, targets → loss, in nats"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from llmath.border import floats, tensors
from llmath.embedding import check_ids


def surprisal(
    logits: Float[Tensor, "*batch V"], targets: Int[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """−log p(target) = log Σ_v e^{z_v} − z_target   {eq:surprisal}; Shannon 1948, §6

    One number per token, in nats: how unexpected the model found it.

    Targets of another shape than the logits' and ids outside 0 … V − 1 raise a
    ValueError.
    """
    floats(logits=logits)
    tensors(logits=logits, targets=targets)
    if not logits.ndim or logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"each target needs its own logits: targets have shape "
            f"{tuple(targets.shape)}, logits {tuple(logits.shape)}"
        )
    check_ids(targets, logits.shape[-1])
    chosen = logits.gather(-1, targets[..., None])[..., 0]
    return torch.logsumexp(logits, dim=-1) - chosen


def cross_entropy(
    logits: Float[Tensor, "*batch V"], targets: Int[Tensor, "*batch"]
) -> Float[Tensor, ""]:
    """ℒ = −(1/n) Σ log p(target)   {eq:cross-entropy}; the mean surprisal, Shannon 1948

    Targets are the ids moved by one: `cross_entropy(model(ids)[:, :-1], ids[:, 1:])`.

    No targets at all raise a ValueError, and what `surprisal` refuses.
    """
    each = surprisal(logits, targets)
    if not targets.numel():
        raise ValueError("the mean over no targets is not a number")
    return each.mean()
