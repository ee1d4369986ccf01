"""a reader's function → a place in the running model

>>> with using(attention_weights=mine):          # every model now calls the reader's
...     model(ids)
>>> with using(merge=mine):                      # and so does every tokenizer
...     tokenizer.encode(text)
"""

import inspect
import operator
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from llmath import attention, embedding, mlp, norm, rope
from llmath.tokenizer import merging

Function = Callable[..., Any]


class Seat(NamedTuple):
    """A function of the model that can be swapped, and how the model calls it.

    `answer` gives the shape and the dtype that must come back, from the arguments;
    without it (None) the function is the tokenizer's, and ids must come back.
    """

    module: ModuleType
    arguments: tuple[str, ...]
    options: tuple[str, ...]
    answer: Callable[..., tuple[tuple[int, ...], torch.dtype]] | None


def _like_first(x: Tensor, *others: Any) -> tuple[tuple[int, ...], torch.dtype]:
    return tuple(x.shape), x.dtype


def _pattern(q: Tensor, k: Tensor, *mask: Any) -> tuple[tuple[int, ...], torch.dtype]:
    return (*q.shape[:3], k.shape[2]), q.dtype


def _mask(t: Tensor, s: Tensor) -> tuple[tuple[int, ...], torch.dtype]:
    return (*t.shape, s.shape[-1]), torch.bool


def _rows(ids: Tensor, table: Tensor) -> tuple[tuple[int, ...], torch.dtype]:
    return (*ids.shape, table.shape[1]), table.dtype


def _waves(positions: Tensor, d_model: int) -> tuple[tuple[int, ...], torch.dtype]:
    return (*positions.shape, d_model), torch.float32


SEATS = MappingProxyType(
    {
        "merge": Seat(merging, ("ids", "ranks", "merged"), (), None),
        "embed": Seat(embedding, ("ids", "table"), (), _rows),
        "learned_positions": Seat(embedding, ("positions", "table"), (), _rows),
        "sinusoidal_positions": Seat(embedding, ("positions", "d_model"), (), _waves),
        "rope": Seat(rope, ("x", "positions"), ("base",), _like_first),
        "rms_norm": Seat(norm, ("x", "gain"), ("eps",), _like_first),
        "layer_norm": Seat(norm, ("x", "gain", "bias"), ("eps",), _like_first),
        "softmax": Seat(attention, ("z",), (), _like_first),
        "causal_mask": Seat(attention, ("query_positions", "key_positions"), (), _mask),
        "attention_scores": Seat(attention, ("q", "k"), (), _pattern),
        "attention_weights": Seat(attention, ("q", "k", "mask"), (), _pattern),
        "attention": Seat(attention, ("q", "k", "v", "mask"), (), _like_first),
        "gelu": Seat(mlp, ("x",), (), _like_first),
        "gelu_tanh": Seat(mlp, ("x",), (), _like_first),
        "silu": Seat(mlp, ("x",), (), _like_first),
        "swiglu": Seat(mlp, ("gate", "up"), (), _like_first),
    }
)


@contextmanager
def using(**functions: Function) -> Iterator[None]:
    """Inside the block every model calls these functions instead of the library's.

    They are called with the arguments of their seat; keys and values come repeated, one
    for each query head. After the block, come what may, the library's own are back.
    """
    calls = dict.fromkeys(functions, 0)
    places: list[tuple[ModuleType | type, str, Function, Function]] = []
    for name, fn in functions.items():
        seat = _seat(name, fn)
        original = getattr(seat.module, name)
        make = _substitute if seat.answer else _substitute_merge
        substitute = make(name, fn, seat, calls)
        places += [(m, name, original, substitute) for m in _users(name, original)]
    if "merge" in functions:
        places.append(_forgetting())
    try:
        for module, name, _, substitute in places:
            setattr(module, name, substitute)
        yield
    finally:
        for module, name, original, _ in places:
            setattr(module, name, original)
    if unused := [name for name, n in calls.items() if not n]:
        warnings.warn(
            f"swapped in but never called: {', '.join(unused)}. Did a model run inside "
            f'the block (impl="sdpa" passes by the explicit formulas), or a tokenizer '
            f"encode?",
            stacklevel=3,
        )


def _forgetting() -> tuple[type, str, Function, Function]:
    """No tokenizer looks up what it worked out before, or keeps what it works out now:
    answers of the library's merge and of the reader's never mix.
    """
    memory = merging.Remembered

    def work_out(self: merging.Remembered, piece: str) -> list[int]:
        return self._encode(piece)

    return memory, "__getitem__", memory.__getitem__, work_out


def _users(name: str, original: Function) -> list[ModuleType]:
    """Every module of the library that knows the function by this name."""
    library = [m for n, m in sys.modules.items() if n.startswith("llmath.")]
    return [module for module in library if vars(module).get(name) is original]


def _seat(name: str, fn: Function) -> Seat:
    """The seat that `fn` is to take; refused here if it cannot be called as there."""
    if name not in SEATS:
        raise ValueError(f"{name!r} cannot be swapped; there is {', '.join(SEATS)}")
    if not callable(fn):
        raise ValueError(f"{name} must be a function; got a {type(fn).__name__}")
    seat = SEATS[name]
    try:
        signature = inspect.signature(fn)
    except ValueError:
        return seat  # a built-in that does not say: the call will show
    try:
        signature.bind(*seat.arguments, **dict.fromkeys(seat.options))
    except TypeError as error:
        options = "".join(f", {option}=…" for option in seat.options)
        raise ValueError(
            f"the model calls {name}({', '.join(seat.arguments)}{options}); "
            f"your function does not fit: {error}"
        ) from error
    return seat


def _substitute_merge(
    name: str, fn: Function, seat: Seat, calls: dict[str, int]
) -> Function:
    """Calls the reader's merge, with ranks that it cannot change; wants ids back."""

    def called(ids: Sequence[int], ranks: Mapping, merged: Sequence[int]) -> list[int]:
        calls[name] += 1
        result = fn(list(ids), MappingProxyType(ranks), merged)
        try:
            row = [operator.index(i) for i in result]
        except TypeError as error:
            raise ValueError(
                f"{name} returned {result!r:.40}; the tokenizer needs a row of ids"
            ) from error
        if not bool(ids) <= len(row) <= len(ids):
            raise ValueError(
                f"{name} returned {len(row)} ids for {len(ids)}; merging leaves at "
                f"least one and makes none more"
            )
        return row

    return called


def _substitute(name: str, fn: Function, seat: Seat, calls: dict[str, int]) -> Function:
    """Calls the reader's function as its seat promises, and looks at the answer."""

    def called(*args: Any, **kwargs: Any) -> Tensor:
        calls[name] += 1
        if kwargs.get("scaling") is not None:
            raise ValueError(
                f"this model scales its rotary frequencies, of which a function in the "
                f"place of {name} is not told; swap into a model without rope_scaling"
            )
        shape, dtype = seat.answer(*args)
        if "q" in seat.arguments:
            heads = args[0].shape[1]
            args = tuple(
                attention.repeat_heads(x, heads) if key in ("k", "v") else x
                for key, x in zip(seat.arguments, args, strict=False)
            )
        options = {key: kwargs[key] for key in seat.options if key in kwargs}
        result = fn(*args, **options)
        if not isinstance(result, Tensor):
            raise ValueError(
                f"{name} returned {result!r:.40}; the model needs a tensor"
            )
        if tuple(result.shape) != shape or result.dtype != dtype:
            raise ValueError(
                f"{name} returned {tuple(result.shape)} of {result.dtype}; "
                f"the model needs {shape} of {dtype}"
            )
        return result

    return called
