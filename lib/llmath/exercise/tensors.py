"""numbers ↔ tensors of float32, and how two of them differ"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmath.exercise.unusable import Unusable

_TOLERANCE = 1e-4
INSTEAD = "make new tensors, with `x = x / 2` rather than `x /= 2`"


def given(x: np.ndarray | None) -> Tensor | None:
    """What the reader's function is called with."""
    if x is None:
        return None
    return torch.from_numpy(x.astype(np.float32) if x.dtype == float else x.copy())


def as_received(x: np.ndarray | None) -> np.ndarray | None:
    """The same for a formula in NumPy: in float32, so as to overflow alike."""
    return x.astype(np.float32) if x is not None and x.dtype == float else x


def number(x: Tensor) -> float | int:
    return x.item()


def described(arguments: list[Tensor | None]) -> str:
    shapes = ("None" if x is None else str(tuple(x.shape)) for x in arguments)
    return f"shapes {', '.join(shapes)}"


def unchanged(before: Tensor | None, after: Tensor | None) -> bool:
    return before is None or torch.equal(before, after)


def read(result: Any, expected: np.ndarray) -> np.ndarray:
    """The returned tensor in NumPy; refused if it is none, or of the wrong kind."""
    if result is None:
        raise Unusable("it returns None. Is there a `return` at its end?")
    if not isinstance(result, Tensor):
        kind = type(result).__name__
        raise Unusable(f"it returns a {kind}; return one torch.Tensor.")
    boolean = expected.dtype == bool
    if boolean and result.dtype != torch.bool:
        raise Unusable(
            f"it returns {result.dtype}; return booleans, True where a look is allowed."
        )
    if not boolean and result.dtype not in (torch.float32, torch.float64):
        raise Unusable(f"it returns {result.dtype}; keep the float32 it is given.")
    try:
        return result.detach().cpu().numpy()
    except (RuntimeError, TypeError) as error:  # sparse, nested, without data …
        raise Unusable(
            f"it returns a tensor that NumPy cannot read: {error}"
        ) from error


def same(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...]) -> bool:
    return all(
        x.shape == y.shape and np.allclose(x, y, _TOLERANCE, _TOLERANCE, equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


def difference(result: np.ndarray, expected: np.ndarray, what: str, inside: str) -> str:
    """How a wrong answer differs, to go after the title of its case."""
    if result.shape != expected.shape:
        return f" it returns the shape {result.shape}; {what} has {expected.shape}."
    wrong = np.argwhere(~np.isclose(result, expected, _TOLERANCE, _TOLERANCE))
    place = tuple(int(i) for i in wrong[0])
    text = (
        f", {len(wrong)} of {result.size} numbers{inside} differ; at {list(place)} it "
        f"has {result[place]:.4g}, the reference {expected[place]:.4g}."
    )
    sums_to_one = expected.ndim > 0 and np.allclose(expected.sum(-1), 1)
    if sums_to_one and not np.allclose(result.sum(-1), 1, atol=1e-3):
        text += " Its rows do not sum to 1."
    return text
