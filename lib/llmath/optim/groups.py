"""model → groups of parameters → optimizer, by name"""

from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from llmath.border import of_kind
from llmath.optim.base import Optimizer
from llmath.optim.muon import Muon
from llmath.optim.optimizers import SGD, Adam, AdamW

# What each name adds to its class; "momentum" stands for the number that is given.
OPTIMIZERS = MappingProxyType(
    {
        "sgd": (SGD, {}),
        "momentum": (SGD, {}),
        "nesterov": (SGD, {"nesterov": True}),
        "adam": (Adam, {}),
        "amsgrad": (Adam, {"amsgrad": True}),
        "adamw": (AdamW, {}),
        "muon": (Muon, {}),
    }
)
_ADAM = ("betas", "eps")
# What each name looks at beside lr and weight_decay.
OPTIONS = MappingProxyType(
    {
        "sgd": (),
        "momentum": ("momentum",),
        "nesterov": ("momentum",),
        "adam": _ADAM,
        "amsgrad": _ADAM,
        "adamw": _ADAM,
        "muon": ("momentum", *_ADAM, "scaling", "adamw_lr", "dtype"),
    }
)
HIDDEN = "blocks"  # the part of a model whose matrices Muon is for


def parameter_groups(
    model: nn.Module, *, weight_decay: float, lr: float
) -> list[dict[str, Any]]:
    """Two groups: matrices, which decay, and vectors, which do not.

    Decay draws towards zero, which is where a matrix does nothing; a gain does nothing
    at 1. Every parameter that is trained is in one group, and a table that two layers
    share is there once. A model without parameters to train raises a ValueError.
    """
    matrices, vectors = _split(_trained(model))
    both = ((matrices, weight_decay), (vectors, 0.0))
    return [
        {"params": list(params.values()), "weight_decay": decay, "lr": lr}
        for params, decay in both
        if params
    ]


def make_optimizer(
    model: nn.Module,
    name: str,
    *,
    lr: float,
    weight_decay: float = 0.0,
    betas: tuple[float, float] | None = None,
    eps: float | None = None,
    momentum: float | None = None,
    scaling: str | None = None,
    adamw_lr: float | None = None,
    dtype: torch.dtype | None = None,
    impl: str = "explicit",
) -> Optimizer:
    """The optimizer of this name for a model's `parameter_groups`.

    `OPTIMIZERS` lists the names, and `OPTIONS` what each looks at. `betas` (0.9, 0.999)
    and `eps` (10⁻⁸) are Adam's, and of what Muon leaves to AdamW; `momentum` belongs to
    momentum and nesterov (0.9) and to muon (0.95); `scaling` ("spectral"), `dtype`
    (float32 at least) and `adamw_lr` (3·10⁻⁴), the rate of the parameters outside of
    the blocks, to muon alone. In parentheses stands what None means.

    An unknown name, an option that this optimizer does not look at, numbers out of
    range, and for muon a model that has no `blocks` raise a ValueError.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"no optimizer {name!r}; there is {', '.join(OPTIMIZERS)}")
    asked = {"betas": betas, "eps": eps, "momentum": momentum, "scaling": scaling}
    asked |= {"adamw_lr": adamw_lr, "dtype": dtype}
    given = {option: value for option, value in asked.items() if value is not None}
    check_options(name, given)
    kind, options = OPTIMIZERS[name]
    groups = parameter_groups(model, weight_decay=weight_decay, lr=lr)
    if kind is Muon:
        groups = _muon_groups(model, lr, given.pop("adamw_lr", 3e-4), weight_decay)
    elif "momentum" in OPTIONS[name]:
        given.setdefault("momentum", 0.9)
    return kind(groups, **options, lr=lr, impl=impl, **given)


def check_options(name: str, given: dict[str, Any]) -> None:
    """A ValueError for options that the optimizer of this name does not look at."""
    unused = [option for option in given if option not in OPTIONS[name]]
    if unused:
        told = ", ".join(f"{option}={given[option]!r}" for option in unused)
        own = ", ".join(("lr", "weight_decay", *OPTIONS[name]))
        raise ValueError(
            f"{name} does not look at {told}, but at {own}: leave it out, or choose "
            f"another optimizer"
        )


def _trained(model: nn.Module) -> dict[str, Tensor]:
    of_kind(nn.Module, model=model)
    found = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if not found:
        raise ValueError("the model has no parameters that require a gradient")
    return found


def _split(parameters: dict[str, Tensor]) -> tuple[dict, dict]:
    """Matrices (and what has more axes), and the rest."""
    matrices = {n: p for n, p in parameters.items() if p.ndim >= 2}
    return matrices, {n: p for n, p in parameters.items() if p.ndim < 2}


def _muon_groups(
    model: nn.Module, lr: float, adamw_lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    matrices, vectors = _split(_trained(model))
    hidden = {n: p for n, p in matrices.items() if HIDDEN in n.split(".")}
    if not hidden:
        raise ValueError(
            f"Muon is for the matrices under `{HIDDEN}`, and this model has none "
            f"there: give Muon groups of your own, each with its rule"
        )
    outer = {n: p for n, p in matrices.items() if n not in hidden}
    three = (
        (hidden, "muon", lr, weight_decay),
        (outer, "adamw", adamw_lr, weight_decay),
        (vectors, "adamw", adamw_lr, 0.0),
    )
    names = ("params", "rule", "lr", "weight_decay")
    return [
        dict(zip(names, (list(params.values()), *rest), strict=True))
        for params, *rest in three
        if params
    ]
