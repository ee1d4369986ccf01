"""(model, ids) → what each layer would predict"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from llmath.border import count, of_kind
from llmath.model import Transformer
from llmath.probe import record


@torch.no_grad()
def logit_lens(
    model: Transformer, ids: Tensor, *, positions: Sequence[int] | None = None
) -> Tensor:
    """z_ℓ = norm(x_ℓ) W_U   {eq:logit-lens}; nostalgebraist 2020

    x_ℓ is the residual stream after ℓ blocks. (L + 1, B, P, V): entry 0 is the
    embedding's, entry L the model's own logits. P are the `positions` asked for, all T
    without: 31 × T × 49,152 numbers for SmolLM2, so ask for few. The last norm and W_U
    were trained for x_L alone: what they make of an earlier x_ℓ is a projection of it,
    and not all that the layer knows.
    """
    return torch.stack(list(_layers(model, ids, positions)))


@torch.no_grad()
def lens_top(model: Transformer, ids: Tensor, *, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k most probable next ids after each layer and their p   {eq:logit-lens}

    p = softmax(z_ℓ). Both (L + 1, B, T, k), best first; one layer's logits at a time.

    k outside 1 … V raises a ValueError.
    """
    of_kind(Transformer, model=model)
    count(k=k)
    if not 1 <= k <= model.config.vocab_size:
        raise ValueError(f"k lies in 1 … {model.config.vocab_size}, not {k}")
    tops = [z.softmax(-1).topk(k) for z in _layers(model, ids, None)]
    return torch.stack([t.indices for t in tops]), torch.stack([t.values for t in tops])


def _layers(
    model: Transformer, ids: Tensor, positions: Sequence[int] | None
) -> Iterator[Tensor]:
    """The logits after no block, after the first, …: one pass, unembedded in turn."""
    of_kind(Transformer, model=model)
    after = [f"blocks.{i}.resid_post" for i in range(model.config.n_layers)]
    with record(model, "blocks.0.resid_pre", *after) as acts:
        model.residual(ids)
    if positions is not None:
        _check_positions(positions, ids.shape[1])
    for name in acts:
        x = acts[name]
        yield model.unembed(x if positions is None else x[:, list(positions)])


def _check_positions(positions: Sequence[int], T: int) -> None:
    whole = isinstance(positions, Sequence) and all(type(p) is int for p in positions)
    if not whole or not all(-T <= p < T for p in positions):
        raise ValueError(
            f"positions {positions!r:.60} should be a list of whole numbers, each "
            f"inside a text of {T} tokens"
        )
