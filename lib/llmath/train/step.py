"""batch → gradient, in parts, in other types, or with less memory

The gradient is the same in every case: what differs is the order in which it is added
up, and how much has to be kept meanwhile.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from llmath.border import count, of_kind
from llmath.loss import surprisal
from llmath.swap import using

Batch = tuple[Tensor, Tensor]
Forward = Callable[[Tensor], Tensor]


def accumulate(
    forward: Forward,
    parts: Sequence[Batch],
    *,
    n: int | None = None,
    scale: Callable[[Tensor], Tensor] = lambda loss: loss,
    within: Callable[[int], AbstractContextManager] = lambda part: nullcontext(),
) -> Tensor:
    """∇ℒ = Σ_a (n_a / n) ∇ℒ_a   {eq:accumulated-gradient}

    Adds the gradient of the mean surprisal over all tokens to `.grad`, one part of the
    batch after the other, and returns that mean. A part weighs as much as it has
    tokens. `n` is the number of tokens where other processes have parts of the same
    batch; `scale` is what the loss is multiplied by before it is differentiated, and
    part a is computed inside `within(a)`.

    No parts at all raise a ValueError.
    """
    if not parts:
        raise ValueError("a batch has one part or more, and these are none")
    n = sum(y.numel() for _, y in parts) if n is None else n
    count(n=n)
    total = None
    for a, (x, y) in enumerate(parts):
        with within(a):
            logits = forward(x)
            wide = torch.promote_types(logits.dtype, torch.float32)
            loss = surprisal(logits.to(wide), y).sum() / n
            scale(loss).backward()
        total = loss.detach() if total is None else total + loss.detach()
    return total


def in_parts(batch: Batch, parts: int) -> list[Batch]:
    """The rows of a batch in `parts` parts of nearly one size.

    More parts than rows raise a ValueError.
    """
    x, y = batch
    count(parts=parts)
    if parts > len(x):
        raise ValueError(
            f"a batch of {len(x)} windows does not come in {parts} parts, one or more "
            f"windows each: choose a larger batch_size"
        )
    return list(zip(x.tensor_split(parts), y.tensor_split(parts), strict=True))


class _Recomputing(AbstractContextManager):
    """What each block computes instead, made once, so that entering costs nothing."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        again = [partial(checkpoint, b.forward, use_reentrant=False) for b in blocks]
        self.pairs = list(zip(blocks, again, strict=True))

    def __enter__(self) -> None:
        for block, again in self.pairs:
            block.forward = again

    def __exit__(self, *error: object) -> None:
        for block, _ in self.pairs:
            del block.forward


def recomputing(blocks: Iterable[nn.Module]) -> AbstractContextManager[None]:
    """Within: a block keeps its input alone, and computes the rest again for gradients.

    Activation checkpointing, Chen et al. 2016. The formulas run as they stand, the same
    twice, so that the gradient is the same; what autograd keeps shrinks to one
    (B, T, D) for each block. A compiled model is compiled for one such context: make it
    once, and enter it at every step.

    What is no module raises a ValueError.
    """
    blocks = list(blocks)
    for i, block in enumerate(blocks):
        of_kind(nn.Module, **{f"blocks[{i}]": block})
    return _Recomputing(blocks)


def _layer_norm(x: Tensor, gain: Tensor, bias: Tensor | None = None, *, eps: float):
    return F.layer_norm(x, gain.shape, gain, bias, eps)


def _rms_norm(x: Tensor, gain: Tensor, *, eps: float):
    return F.rms_norm(x, gain.shape, gain, eps)


@contextmanager
def fused_kernels(norm: str | None, mlp: str) -> Iterator[None]:
    """Within: the norm and the activation of these names by PyTorch's own kernels.

    `norm` and `mlp` as in a ModelConfig; None where there is no norm.

    Other names raise a ValueError.
    """
    norms = {"layer": {"layer_norm": _layer_norm}, "rms": {"rms_norm": _rms_norm}}
    activations = {
        "gelu": {"gelu": F.gelu},
        "gelu_tanh": {"gelu_tanh": partial(F.gelu, approximate="tanh")},
        "swiglu": {"silu": F.silu},
    }
    if norm not in (None, *norms) or mlp not in activations:
        raise ValueError(
            f"norm={norm!r}, mlp={mlp!r}: there is {', '.join(norms)}, None and "
            f"{', '.join(activations)}"
        )
    with using(**norms.get(norm, {}), **activations[mlp]):
        yield
