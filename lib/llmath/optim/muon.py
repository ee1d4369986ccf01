"""Muon: the matrices inside of a model by its rule, everything else by AdamW's"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from llmath.border import count
from llmath.optim.base import Optimizer, State
from llmath.optim.optimizers import BETAS, adam_options, fused_adam
from llmath.optim.rules import adamw_update
from llmath.optim.spectral import SCALINGS, muon_update


class Muon(Optimizer):
    """Owns b of `muon_update`, or m and v of `adamw_update`, as a group's `rule` says.

    Muon is for the matrices inside of the model. Tables of embeddings, the head, and
    vectors go into a group with rule="adamw" and a rate of its own: `make_optimizer`
    tells them apart. `dtype` is that of the products in `orthogonalize`; bfloat16 is
    what a GPU is fast in. With impl="fused" matrices of one shape go through together,
    in fewer and larger calls: for a GPU; a processor is slower so.

    A muon group with what is no matrix, an unknown rule or scaling, rates that are not
    positive and other numbers out of range raise a ValueError.
    """

    def __init__(
        self,
        parameters: Iterable,
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        scaling: str = "spectral",
        steps: int = 5,
        betas: tuple[float, float] = BETAS,
        eps: float = 1e-8,
        dtype: torch.dtype | None = None,
        impl: str = "explicit",
    ) -> None:
        self.dtype = dtype
        defaults = {"rule": "muon", "lr": lr, "weight_decay": weight_decay}
        defaults |= {"momentum": momentum, "scaling": scaling, "steps": steps}
        defaults |= {"betas": betas, "eps": eps}
        super().__init__(parameters, defaults, impl=impl)

    def __getstate__(self) -> State:
        return {**super().__getstate__(), "dtype": self.dtype}

    def check(self, group: State) -> None:
        super().check(group)
        count(0, steps=group["steps"])
        if group["rule"] not in ("muon", "adamw"):
            raise ValueError(f"no rule {group['rule']!r} here; there is muon, adamw")
        if group["scaling"] not in SCALINGS:
            raise ValueError(
                f"no scaling {group['scaling']!r}; there is {', '.join(SCALINGS)}"
            )

    def check_tensors(self, parameters: list[Tensor], group: State) -> None:
        super().check_tensors(parameters, group)
        for p in parameters:
            if group["rule"] == "muon" and p.ndim != 2:
                raise ValueError(
                    f"Muon is for matrices, a parameter has shape {tuple(p.shape)}: "
                    f'put it into a group with rule="adamw"'
                )

    def remembers(self, group: State) -> tuple[str, ...]:
        return ("b",) if group["rule"] == "muon" else ("m", "v")

    def explicit(self, p: Tensor, state: State, group: State) -> None:
        if group["rule"] == "muon":
            muon_update(p, p.grad, state["b"], **self._options(group))
        else:
            options = adam_options(state, group)
            adamw_update(p, p.grad, state["m"], state["v"], **options)

    def fused(self, ps: list[Tensor], states: list[State], group: State) -> None:
        if group["rule"] == "adamw":
            fused_adam(adamw, ps, states, group)
            return
        alike = defaultdict(list)
        for p, state in zip(ps, states, strict=True):
            alike[p.shape, p.dtype].append((p, p.grad, state["b"]))
        for members in alike.values():
            theta, g, b = map(torch.stack, zip(*members, strict=True))
            muon_update(theta, g, b, **self._options(group))
            for (p, _, remembered), new, new_b in zip(members, theta, b, strict=True):
                p.copy_(new)
                remembered.copy_(new_b)

    def _options(self, group: State) -> State:
        names = ("lr", "weight_decay", "momentum", "scaling", "steps")
        return {"dtype": self.dtype} | {name: group[name] for name in names}
