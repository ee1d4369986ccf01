"""How far a path is from the explicit one, and whether it compiles as one graph"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from llmath.model import Transformer
from llmath.runtime import can_compute, float_type

IMPLS = ("explicit", "online", "sdpa")
# Root mean square of the difference from float64's logits, as a part of theirs.
TOLERANCES = {"float64": 1e-12, "float32": 1e-5, "bfloat16": 0.05, "float16": 0.01}
# float16 ends at 65,504 and not every model stays below it: told, not demanded.
REQUIRED = ("float64", "float32", "bfloat16")

Row = dict[str, Any]


def compare(found: Tensor, expected: Tensor, tolerance: float) -> Row:
    """‖found − expected‖ / ‖expected‖, which must stay within; the worst one is told.

    One logit of millions may be far off in half precision; all together are not.
    """
    found, expected = found.double(), expected.double()
    difference = found - expected
    if not difference.isfinite().all():
        return {"holds": False, "failed": "logits are NaN or infinite"}
    error = float(difference.norm() / expected.norm())
    same = (found.argmax(-1) == expected.argmax(-1)).double().mean()
    return {
        "error": error,
        "tolerance": tolerance,
        "holds": error <= tolerance,
        "max_abs": float(difference.abs().max()),
        "max_rel": float(difference.abs().max() / expected.abs().max()),
        "same_next_id": float(same),
    }


def attempt(function: Callable[..., Row], *arguments: Any) -> Row:
    """Its row; or what it was refused with, which is a result as well."""
    row, why = tried(function, *arguments)
    return row if why is None else {"holds": False, "failed": why}


def tried(function: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """(what it gives, None); or (None, the name and first line of what went wrong)."""
    try:
        return function(*arguments), None
    except Exception as error:  # whatever it is: the others' answers are kept
        first = str(error).strip().partition("\n")[0]
        return None, f"{type(error).__name__}: {first[:300]}"


def differences(model: Transformer, ids: Tensor) -> list[Row]:
    """Every path and type against the explicit path in float64 (on Apple's float32)."""
    exact = "float64" if can_compute(ids.device, torch.float64) else "float32"
    expected = copy.deepcopy(model).to(float_type(exact))(ids)
    rows = []
    for dtype, tolerance in TOLERANCES.items():
        about = {"dtype": dtype, "required": dtype in REQUIRED}
        if not can_compute(ids.device, float_type(dtype)):
            rows.append(about | {"left_out": f"{ids.device} does not compute in it"})
            continue
        lowered = copy.deepcopy(model).to(float_type(dtype))
        for impl in IMPLS:
            found = attempt(one_difference, lowered, ids, impl, expected, tolerance)
            rows.append(about | {"impl": impl, "reference": exact} | found)
    return rows


def one_difference(
    model: Transformer, ids: Tensor, impl: str, expected: Tensor, tolerance: float
) -> Row:
    return compare(model(ids, impl=impl), expected, tolerance)


class Counted:
    """A compiler's backend that counts the graphs it is given."""

    def __init__(self, backend: str) -> None:
        self.graphs, self.compile = 0, torch._dynamo.lookup_backend(backend)

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable:
        self.graphs += 1
        return self.compile(graph, inputs)


def compiled(model: Transformer, ids: Tensor, backend: str) -> list[Row]:
    """Each path by torch.compile: `fullgraph=True` refuses a graph break."""
    about = {"dtype": "float32", "backend": backend, "fullgraph": True}
    return [
        about
        | {"impl": impl, "required": True}
        | attempt(one_graph, model, ids, impl, backend)
        for impl in IMPLS
    ]


def one_graph(model: Transformer, ids: Tensor, impl: str, backend: str) -> Row:
    """Compiled and eager give the same logits, and there was one graph to compile."""
    torch.compiler.reset()
    counted = Counted(backend)
    fast = torch.compile(model, fullgraph=True, backend=counted)
    row = compare(fast(ids, impl=impl), model(ids, impl=impl), TOLERANCES["float32"])
    holds = row["holds"] and counted.graphs == 1
    return row | {"graphs": counted.graphs, "holds": holds}
