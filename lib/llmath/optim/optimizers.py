"""SGD, Adam, AdamW"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from llmath.optim.base import Optimizer, State
from llmath.optim.rules import (
    adam_update,
    adamw_update,
    momentum_update,
    nesterov_update,
    sgd_update,
)

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
