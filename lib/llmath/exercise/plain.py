"""rows, tables, bytes and numbers of Python, and how two of them differ"""

import copy
import math
import operator
from collections.abc import Mapping
from typing import Any

from llmath.exercise.unusable import Unusable

_TOLERANCE = 1e-4
INSTEAD = "work on a copy, as `ids = list(ids)` makes one"
# What the reference returns → what is accepted, and how to say what is wanted.
_KINDS = {
    dict: "a dict of whole numbers",
    list: "a list of whole numbers, pairs or strings",
    bytes: "bytes: `bytes([…])` makes them of numbers",
    int: "a whole number",
    float: "a number",
}


def given(x: Any) -> Any:
    """What the reader's function is called with: its own copy."""
    return copy.deepcopy(x)


as_received = given


def number(x: Any) -> Any:
    return x


def described(arguments: list[Any]) -> str:
    return _cut(f"with {', '.join(_short(x) for x in arguments)}", 160)


def unchanged(before: Any, after: Any) -> bool:
    return before == after


def read(result: Any, expected: Any) -> Any:
    """The result as the reference has it; refused if it is of another kind."""
    if result is None:
        raise Unusable("it returns None. Is there a `return` at its end?")
    try:
        return _read(result, type(expected))
    except (TypeError, ValueError, OverflowError):
        kind = type(result).__name__
        raise Unusable(
            f"it returns a {kind}; return {_KINDS[type(expected)]}."
        ) from None


def _read(result: Any, kind: type) -> Any:
    """The result as this kind; a TypeError or ValueError if it cannot be one."""
    if kind is int:
        return operator.index(result)
    if kind is float:
        return float(result)
    if kind is bytes:
        if not isinstance(result, bytes | bytearray):
            raise TypeError
        return bytes(result)
    result = result.tolist() if hasattr(result, "tolist") else result
    if kind is dict:
        if not isinstance(result, Mapping):
            raise TypeError
        return {_plain(key): _plain(n) for key, n in result.items() if n}
    if not isinstance(result, list | tuple):
        raise TypeError
    return [_plain(x) for x in result]


def _plain(x: Any) -> Any:
    """Rows as tuples, whole numbers of NumPy and torch as Python's."""
    if isinstance(x, str | bytes | float):
        return x
    if isinstance(x, list | tuple):
        return tuple(map(_plain, x))
    return operator.index(x)


def same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return all(
        math.isclose(x, y, rel_tol=_TOLERANCE) if isinstance(y, float) else x == y
        for x, y in zip(a, b, strict=True)
    )


def difference(result: Any, expected: Any, what: str, inside: str) -> str:
    """How a wrong answer differs, to go after the title of its case."""
    if isinstance(expected, dict):
        keys = [key for key in {**expected, **result} if _differ(key, result, expected)]
        key = keys[0]
        return (
            f", {len(keys)} of its entries differ; for {key} it has "
            f"{result.get(key, 0)}, the reference {expected.get(key, 0)}."
        )
    return f" it returns {_short(result)}, the reference {_short(expected)}."


def _differ(key: Any, result: dict, expected: dict) -> bool:
    return result.get(key, 0) != expected.get(key, 0)


def _short(x: Any) -> str:
    text = f"{x:.6g}" if isinstance(x, float) else repr(x)
    return _cut(text, 100)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
