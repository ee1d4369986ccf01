"""which numbers and tensors a rule can work with"""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from llmath.border import count, floats, number

BELOW_ONE = ("momentum", "dampening", "beta1", "beta2")
POSITIVE = ("eps",)
NOT_NEGATIVE = ("lr", "weight_decay")  # a schedule may end at a rate of 0


def check_numbers(**given: Any) -> None:
    """Each within the range of its name; a ValueError says which is not."""
    for name, value in given.items():
        if name == "step":
            count(1, step=value)
            continue
        if type(value) is not float:  # the usual case, in every step of every tensor
            number(**{name: value})
        if name in BELOW_ONE and not 0 <= value < 1:
            raise ValueError(f"{name} should be at least 0 and below 1, got {value}")
        if name in NOT_NEGATIVE and not 0 <= value < float("inf"):
            raise ValueError(f"{name} should be 0 or more, and finite, got {value}")
        if name in POSITIVE and not 0 < value < float("inf"):
            raise ValueError(f"{name} should be positive, got {value}")


def check_tensors(**given: Tensor) -> None:
    """All floating-point, of one shape, on one device, none sparse; or a ValueError."""
    floats(**given)
    (first, x), *others = given.items()
    for name, y in others:
        if y.is_sparse:
            raise ValueError(
                f"{name} is sparse: these rules need it dense, .to_dense()"
            )
        if y.shape != x.shape:
            raise ValueError(
                f"{first} has shape {tuple(x.shape)}, but {name} {tuple(y.shape)}"
            )


def check_gradients(parameters: Iterable[Tensor]) -> None:
    """A ValueError for gradients that no rule here is written for."""
    for p in parameters:
        if p.grad.is_sparse:
            raise ValueError(
                f"the gradient of a parameter of shape {tuple(p.shape)} is sparse; "
                f"these rules need it dense: nn.Embedding(..., sparse=False)"
            )


def check_parameters(parameters: Iterable[Any]) -> None:
    """A ValueError for what is no tensor of real floating-point numbers."""
    for p in parameters:
        if isinstance(p, Tensor) and not p.is_floating_point():
            raise ValueError(
                f"a parameter of shape {tuple(p.shape)} is {p.dtype}; these rules are "
                f"for real floating-point numbers (complex: torch.view_as_real)"
            )
