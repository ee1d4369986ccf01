"""arguments → nothing, or a ValueError that says what is needed

Annotations are checked in the tests alone. These lines stand where a reader's own
arguments come in, so that a list in the place of a tensor, a tensor on another device
or a text in the place of a number is told from a mistake in the mathematics.
"""

from numbers import Integral, Real
from typing import Any


class NoNumber(ValueError):
    """What was computed is infinite, or no number at all: NaN."""


def tensors(**given: Any) -> None:
    """Each is a tensor, and all are on one device."""
    _check_tensors(given)


def floats(**given: Any) -> None:
    """Each is a tensor of floating-point numbers, and all are on one device."""
    _check_tensors(given)
    for name, x in given.items():
        if not x.is_floating_point():
            raise ValueError(f"{name} needs floating-point numbers, got {x.dtype}")


def wholes(**given: Any) -> None:
    """Each is a tensor of int32 or int64, and all are on one device."""
    import torch

    _check_tensors(given)
    for name, x in given.items():
        if x.dtype not in (torch.int64, torch.int32):
            raise ValueError(
                f"{name} needs whole numbers, int64 or int32, got {x.dtype}"
            )


def _check_tensors(given: dict[str, Any]) -> None:
    import torch

    first = None
    for name, x in given.items():
        if not isinstance(x, torch.Tensor):
            raise ValueError(f"{name} should be a tensor, got {described(x)}")
        if first is None:
            first, device = name, x.device
        elif x.device != device:
            raise ValueError(
                f"{first} is on {device} but {name} is on {x.device}: move one of them "
                f"with .to(…)"
            )


def count(least: int = 1, **given: Any) -> None:
    """Each is one whole number from `least` on."""
    for name, n in given.items():
        whole = isinstance(n, (int, Integral)) and not isinstance(n, bool)
        if not whole or n < least:
            raise ValueError(
                f"{name} should be a whole number of at least {least}, got "
                f"{described(n)}"
            )


def number(**given: Any) -> None:
    """Each is one number, whichever."""
    for name, x in given.items():
        if not isinstance(x, Real) or isinstance(x, bool):
            raise ValueError(f"{name} should be a number, got {described(x)}")


def positive(**given: Any) -> None:
    """Each is one number above 0, and not infinite."""
    number(**given)
    for name, x in given.items():
        if not 0 < x < float("inf"):
            raise ValueError(f"{name} should be positive, got {x}")


def of_kind(kind: type, **given: Any) -> None:
    """Each is a `kind`."""
    for name, x in given.items():
        if not isinstance(x, kind):
            raise ValueError(f"{name} should be a {kind.__name__}, got {described(x)}")


def described(x: Any) -> str:
    """What was given, short enough for a message."""
    if x is None or isinstance(x, (str, bytes, bool, Real)):
        return f"{x!r:.60}"
    return f"a {type(x).__name__}"
