"""what every optimizer does: the step, its state, what it refuses"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from llmath.border import number
from llmath.optim.checks import check_gradients, check_numbers, check_parameters

IMPLS = ("explicit", "fused")
FUSED_DEVICES = ("cpu", "cuda", "mps")  # those that PyTorch has fused kernels for
NUMBERS = ("weight_decay", "momentum", "dampening", "eps")
State = dict[str, Any]


class Optimizer(torch.optim.Optimizer):
    """Calls a rule for every parameter that has a gradient.

    Every group keeps the rate that it was made with as `initial_lr`: a schedule sets
    group["lr"] = group["initial_lr"] * factor. `rule` says whose group it is, so that a
    state is not loaded by another optimizer.

    impl="explicit" is the definition, tensor by tensor; "fused" gives all tensors to
    PyTorch's fused kernels at once.

    Rates that are not positive, other numbers out of range, complex parameters and
    sparse gradients raise a ValueError.
    """

    def __init__(self, parameters: Iterable, defaults: State, *, impl: str) -> None:
        if impl not in IMPLS:
            raise ValueError(f"impl={impl!r} is not built; there is {', '.join(IMPLS)}")
        self.impl = impl
        super().__init__(parameters, defaults)

    def __getstate__(self) -> State:
        return {**super().__getstate__(), "impl": self.impl}

    def remembers(self, group: State) -> tuple[str, ...]:
        """The names of what is remembered of a parameter, in tensors of its shape."""
        raise NotImplementedError

    def explicit(self, p: Tensor, state: State, group: State) -> None:
        """One step of one parameter."""
        raise NotImplementedError

    def fused(self, ps: list[Tensor], states: list[State], group: State) -> None:
        """One step of parameters that are on one device and equally many steps old."""
        raise NotImplementedError

    def check(self, group: State) -> None:
        """A ValueError for the numbers of a group, before it is added."""
        rate = group["lr"]
        number(lr=rate)
        if not 0 < rate < float("inf"):
            raise ValueError(f"lr should be positive, got {rate}")
        check_numbers(**{name: group[name] for name in NUMBERS if name in group})
        if "betas" in group:
            beta1, beta2 = group["betas"]
            check_numbers(beta1=beta1, beta2=beta2)

    def add_param_group(self, param_group: State) -> None:
        """Adds a group once its numbers and parameters are seen to be usable."""
        group = {**self.defaults, **param_group}
        self.check(group)
        super().add_param_group({"initial_lr": group["lr"], **param_group})
        added = self.param_groups[-1]["params"]
        try:
            self.check_tensors(added, self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    def check_tensors(self, parameters: list[Tensor], group: State) -> None:
        """A ValueError for parameters that the group's rule is not for."""
        check_parameters(parameters)
        kinds = {p.device.type for p in parameters} - set(FUSED_DEVICES)
        if self.impl == "fused" and kinds:
            raise ValueError(
                f"there are fused kernels for {', '.join(FUSED_DEVICES)}, not for "
                f"{', '.join(sorted(kinds))}: use impl='explicit'"
            )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure`, if there is one, computes the loss and its gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moving = [
            (group, [p for p in group["params"] if p.grad is not None])
            for group in self.param_groups
        ]
        for group, parameters in moving:  # all are looked at before one is changed
            check_numbers(lr=group["lr"])
            check_gradients(parameters)
        for group, parameters in moving:
            for p in parameters:
                self._count(p, group)
            self._update(parameters, group)
        return loss

    def _count(self, p: Tensor, group: State) -> None:
        """One step more; before the first, what is remembered is zero."""
        state = self.state[p]
        if not state:
            zeros = {name: torch.zeros_like(p) for name in self.remembers(group)}
            state.update({"step": 0, **zeros})
        state["step"] += 1

    def _update(self, parameters: list[Tensor], group: State) -> None:
        if self.impl == "explicit":
            for p in parameters:
                self.explicit(p, self.state[p], group)
            return
        alike = defaultdict(list)
        for p in parameters:
            alike[self.state[p]["step"], p.device].append(p)
        for members in alike.values():
            self.fused(members, [self.state[p] for p in members], group)

    def load_state_dict(self, state_dict: State) -> None:
        """Takes a state that the same optimizer gave for the same parameters.

        Another rule's state, or one of tensors of other shapes, raises a ValueError.
        """
        ours, theirs = self.param_groups, state_dict["param_groups"]
        for group, saved in zip(ours, theirs, strict=False):  # PyTorch counts them
            if group["rule"] != saved.get("rule"):
                raise ValueError(
                    f"this is a state of {saved.get('rule')!r}, the group's rule is "
                    f"{group['rule']!r}"
                )
            for p, name in zip(group["params"], saved["params"], strict=False):
                _check_state(p, state_dict["state"].get(name, {}))
        super().load_state_dict(state_dict)


def _check_state(p: Tensor, state: State) -> None:
    for name, value in state.items():
        if isinstance(value, Tensor) and value.shape != p.shape:
            raise ValueError(
                f"{name} has shape {tuple(value.shape)}, its parameter "
                f"{tuple(p.shape)}: this is the state of another model"
            )
