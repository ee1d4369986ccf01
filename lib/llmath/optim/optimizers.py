"""SGD, Adam, AdamW, Muon"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from llmath.border import count
from llmath.optim.base import Optimizer, State
from llmath.optim.rules import (
    adam_update,
    adamw_update,
    momentum_update,
    nesterov_update,
    sgd_update,
)
from llmath.optim.spectral import SCALINGS, muon_update

BETAS = (0.9, 0.999)


class SGD(Optimizer):
    """Owns b of `momentum_update` or `nesterov_update`; without momentum, nothing.

    A rate that is not positive, a momentum or dampening outside [0, 1), and Nesterov's
    step without momentum or with dampening raise a ValueError.
    """

    def __init__(
        self,
        parameters: Iterable,
        *,
        lr: float,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        impl: str = "explicit",
    ) -> None:
        defaults = {"rule": "sgd", "lr": lr, "weight_decay": weight_decay}
        defaults |= {"momentum": momentum, "dampening": dampening, "nesterov": nesterov}
        super().__init__(parameters, defaults, impl=impl)

    def check(self, group: State) -> None:
        super().check(group)
        momentum, dampening = group["momentum"], group["dampening"]
        if group["nesterov"] and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"Nesterov's step needs a momentum and no dampening, got "
                f"{momentum=}, {dampening=}"
            )

    def remembers(self, group: State) -> tuple[str, ...]:
        return ("b",) if group["momentum"] else ()

    def explicit(self, p: Tensor, state: State, group: State) -> None:
        options = {name: group[name] for name in ("lr", "weight_decay")}
        if not group["momentum"]:
            sgd_update(p, p.grad, **options)
            return
        options["momentum"] = group["momentum"]
        if group["nesterov"]:
            nesterov_update(p, p.grad, state["b"], **options)
            return
        options |= {"step": state["step"], "dampening": group["dampening"]}
        momentum_update(p, p.grad, state["b"], **options)

    def fused(self, ps: list[Tensor], states: list[State], group: State) -> None:
        first = states[0]["step"] == 1  # b₁ = g₁: from b₀ = 0, without dampening
        names = ("lr", "weight_decay", "momentum", "nesterov")
        sgd(
            ps,
            [p.grad for p in ps],
            [state.get("b") for state in states],
            fused=True,
            maximize=False,
            dampening=0.0 if first else group["dampening"],
            **{name: group[name] for name in names},
        )


class Adam(Optimizer):
    """Owns m and v of `adam_update`, and with `amsgrad` the largest v so far.

    A rate or ε that is not positive, betas outside [0, 1) and a negative decay raise a
    ValueError.
    """

    def __init__(
        self,
        parameters: Iterable,
        *,
        lr: float,
        betas: tuple[float, float] = BETAS,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        impl: str = "explicit",
    ) -> None:
        defaults = {"rule": "adam", "lr": lr, "betas": betas, "eps": eps}
        defaults |= {"weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(parameters, defaults, impl=impl)

    def remembers(self, group: State) -> tuple[str, ...]:
        return ("m", "v", "v_max") if group["amsgrad"] else ("m", "v")

    def explicit(self, p: Tensor, state: State, group: State) -> None:
        remembered = state["m"], state["v"], state.get("v_max")
        adam_update(p, p.grad, *remembered, **adam_options(state, group))

    def fused(self, ps: list[Tensor], states: list[State], group: State) -> None:
        fused_adam(adam, ps, states, group)


class AdamW(Optimizer):
    """Owns m and v of `adamw_update`.

    A rate or ε that is not positive, betas outside [0, 1) and a negative decay raise a
    ValueError.
    """

    def __init__(
        self,
        parameters: Iterable,
        *,
        lr: float,
        betas: tuple[float, float] = BETAS,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        impl: str = "explicit",
    ) -> None:
        defaults = {"rule": "adamw", "lr": lr, "betas": betas, "eps": eps}
        super().__init__(
            parameters, defaults | {"weight_decay": weight_decay}, impl=impl
        )

    def remembers(self, group: State) -> tuple[str, ...]:
        return "m", "v"

    def explicit(self, p: Tensor, state: State, group: State) -> None:
        options = adam_options(state, group)
        adamw_update(p, p.grad, state["m"], state["v"], **options)

    def fused(self, ps: list[Tensor], states: list[State], group: State) -> None:
        fused_adam(adamw, ps, states, group)


def adam_options(state: State, group: State) -> dict[str, float]:
    """The numbers of Adam's rules, as a group and a state hold them."""
    beta1, beta2 = group["betas"]
    options = {name: group[name] for name in ("lr", "eps", "weight_decay")}
    return options | {"step": state["step"], "beta1": beta1, "beta2": beta2}


def fused_adam(rule, ps: list[Tensor], states: list[State], group: State) -> None:
    """PyTorch's `adam` or `adamw` in one kernel; it counts the step itself."""
    options = adam_options(states[0], group)
    before = float(options.pop("step") - 1)
    steps = torch.full((len(ps),), before, device=ps[0].device)
    amsgrad = group.get("amsgrad", False)
    rule(
        ps,
        [p.grad for p in ps],
        [state["m"] for state in states],
        [state["v"] for state in states],
        [state["v_max"] for state in states] if amsgrad else [],
        list(steps.unbind()),
        fused=True,
        amsgrad=amsgrad,
        maximize=False,
        **options,
    )


class Muon(Optimizer):
    """Owns b of `muon_update`, or m and v of `adamw_update`, as a group's `rule` says.

    Muon is for the matrices inside of the model. Tables of embeddings, the head, and
    vectors go into a group with rule="adamw" and a rate of its own: `make_optimizer`
    tells them apart. `dtype` is that of the products in `orthogonalize`; bfloat16 is
    what a GPU is fast in. With impl="fused" matrices of one shape go through together.

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
