"""a number that is none → what is said about it, and what is left of the run"""

import torch

from llmath.border import NoNumber, number, of_kind
from llmath.gradient import NotFinite, global_norm


class Diverged(ValueError):
    """The loss or its gradient is no number any more; says when, and what is saved."""


def diverged(
    what: str,
    error: NoNumber,
    *,
    optimizer: torch.optim.Optimizer,
    scale: float = 1.0,
    before: float | None = None,
    kept: str = "no checkpoint was saved before",
) -> Diverged:
    """`what` happened and why, with the rate and the norm of the gradient.

    `scale` is that of the gradients which are there, as float16 needs it; where there
    are none, the norm is that of the step `before`.

    An error of another kind raises a ValueError.
    """
    of_kind(NoNumber, error=error)
    number(scale=scale)
    groups = optimizer.param_groups
    found = [p.grad for g in groups for p in g["params"] if p.grad is not None]
    norm = f"gradient norm of the step before {before}"
    if isinstance(error, NotFinite):
        norm = f"gradient norm {error.norm:.4g}"
    elif found:
        norm = f"gradient norm {global_norm(found).item() / scale:.4g}"
    return Diverged(
        f"{what}: {error} (learning rate {groups[0]['lr']:.4g}, {norm}). Choose a "
        f"smaller --lr or a longer --warmup for a new run; {kept}"
    )
