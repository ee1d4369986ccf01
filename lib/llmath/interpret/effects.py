"""(model, ids, sites) → what the prediction loses or regains

Ablation takes an activation away and asks what gets worse; patching puts one back, from
another text, and asks what gets better. Both measure causes inside this model on these
texts, and no more: a part whose loss others make up for shows little under ablation.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from llmath.border import of_kind, tensors
from llmath.embedding import check_ids
from llmath.interpret.sites import Site, check_sites, overwrite
from llmath.loss import surprisal
from llmath.model import Transformer
from llmath.probe import record, replace


@contextmanager
def ablated(
    model: Transformer, sites: Sequence[Site], *, mean_over: Tensor | None = None
) -> Iterator[None]:
    """x_site ← 0, or ← its mean over all tokens of `mean_over`   {eq:ablation}

    Zero is a value that the rest of the model may never have seen there, so that zero
    ablation tends to overstate; the mean over texts of the same kind keeps what does
    not depend on the text (Wang et al. 2023). Those means are taken in the
    model as it is when the block begins; token 0, the sink, counts among the tokens.

    Sites that the model does not have raise a ValueError.
    """
    check_sites(model, sites)
    if mean_over is None:
        changes = overwrite(sites, lambda name, x: torch.zeros_like(x))
    else:
        means = _means(model, sites, mean_over)
        changes = overwrite(sites, lambda name, x: means[name].expand_as(x))
    with replace(model, changes):
        yield


@torch.no_grad()
def ablate(
    model: Transformer,
    ids: Tensor,
    sites: Sequence[Site],
    *,
    mean_over: Tensor | None = None,
) -> Tensor:
    """Δ_t = −log p_ablated(id_{t+1}) + log p(id_{t+1})   {eq:ablation-effect}

    (B, T − 1), in nats. How much less the model expects each token of the text without
    the sites; positive is worse. `.mean()` is the change of the loss. For logits: `with
    ablated(…):`.

    A text of fewer than two tokens and sites that the model does not have raise a
    ValueError.
    """
    of_kind(Transformer, model=model)
    _check_text(ids)
    before = surprisal(model(ids)[:, :-1], ids[:, 1:])
    with ablated(model, sites, mean_over=mean_over):
        return surprisal(model(ids)[:, :-1], ids[:, 1:]) - before


@dataclass(frozen=True)
class Patched:
    """Logit differences, right − wrong: of either text, (B,), and per site, (n, B).

    `recovered` raises a ValueError where nothing was lost.
    """

    clean: Tensor
    corrupted: Tensor
    patched: Tensor

    def recovered(self) -> Tensor:
        """(d_patched − d_corrupted) / (d_clean − d_corrupted)   {eq:patching}

        Of the means; one number per site, (n,). 0: the site changes nothing; 1: it
        alone brings the clean answer back. Outside [0, 1] where it overshoots or does
        harm. A ratio of means over the batch, because single sentences with a small
        denominator would drown the others.
        """
        gap = (self.clean - self.corrupted).mean()
        if gap.abs() < 1e-6:
            raise ValueError(
                f"clean and corrupted texts have the same logit difference "
                f"({self.clean.mean():.6f}, {self.corrupted.mean():.6f}): nothing was "
                f"lost that could be recovered"
            )
        return (self.patched - self.corrupted).mean(-1) / gap


@torch.no_grad()
def patch(
    model: Transformer,
    clean: Tensor,
    corrupted: Tensor,
    places: Sequence[Site | Sequence[Site]],
    *,
    right: Tensor,
    wrong: Tensor,
    position: int = -1,
) -> Patched:
    """d_i = z_right − z_wrong, site i as in the clean text {eq:patching}

    Meng et al. 2022, §2.1; Wang et al. 2023. `clean` and `corrupted` are ids (B, T)
    that pair by row and token by token; `right` and `wrong` (B,) are the ids whose
    logits at `position` are compared. Each place, one site or several that are patched
    together, costs one forward pass of the whole batch: `head_sites`, `position_sites`.

    Texts that do not pair, and sites that the model does not have, raise a ValueError.
    """
    of_kind(Transformer, model=model)
    of_kind(Sequence, places=places)
    _check_pair(clean, corrupted, right, wrong, position)
    for ids in (right, wrong):
        check_ids(ids, model.config.vocab_size)
    together = [tuple(p) if isinstance(p, Sequence) else (p,) for p in places]
    for sites in together or [()]:
        check_sites(model, sites)
    names = dict.fromkeys(n for sites in together for s in sites for n in s.names())

    def difference(ids: Tensor) -> Tensor:
        z = model.unembed(model.residual(ids)[:, position])
        return (z.gather(1, right[:, None]) - z.gather(1, wrong[:, None]))[:, 0]

    with record(model, *names) as acts:
        d_clean = difference(clean)
    d_corrupted, patched = difference(corrupted), []
    for sites in together:
        with replace(model, overwrite(sites, lambda name, x: acts[name])):
            patched.append(difference(corrupted))
    return Patched(d_clean, d_corrupted, torch.stack(patched))


@torch.no_grad()
def _means(model: Transformer, sites: Sequence[Site], ids: Tensor) -> dict[str, Tensor]:
    """Of each activation, over sentences and tokens: (1, H, 1, E) or (1, 1, D)."""
    names = dict.fromkeys(name for site in sites for name in site.names())
    with record(model, *names) as acts:
        model.residual(ids)
    return {name: acts[name].mean((0, -2), keepdim=True) for name in names}


def _check_text(ids: Tensor) -> None:
    tensors(ids=ids)
    if ids.ndim != 2 or ids.shape[1] < 2:
        raise ValueError(
            f"a loss needs ids (batch, tokens) with a next token to predict; got "
            f"{tuple(ids.shape)}"
        )


def _check_pair(
    clean: Tensor, corrupted: Tensor, right: Tensor, wrong: Tensor, position: int
) -> None:
    tensors(clean=clean, corrupted=corrupted, right=right, wrong=wrong)
    of_kind(int, position=position)
    if clean.ndim != 2 or clean.shape != corrupted.shape:
        raise ValueError(
            f"clean and corrupted texts pair token by token, in one shape (batch, "
            f"tokens); got {tuple(clean.shape)} and {tuple(corrupted.shape)}. Choose "
            f"words of as many tokens"
        )
    B, T = clean.shape
    if right.shape != (B,) or wrong.shape != (B,) or not -T <= position < T:
        raise ValueError(
            f"{B} texts of {T} tokens need {B} right and {B} wrong ids and a position "
            f"in −{T} … {T - 1}; got {tuple(right.shape)}, {tuple(wrong.shape)} and "
            f"{position}"
        )
