"""metadata and tensors → file: GGUF, written whole or not at all

The layout is told in `gguf.py`. What is written by this file is read by that one, by
llama.cpp and by the gguf package; a file that is read and written again, in the types
that it had, is the same to the byte.
"""

import struct
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from llmath.pretrained.encodings import NUMBERS, named
from llmath.pretrained.gguf import ARRAY, SCALARS, STRING, GGUFFile, Kind, alignment_of
from llmath.runtime import replacing

_U32, _I32, _F32, _BOOL, _U64, _I64 = 4, 5, 6, 7, 10, 11
_MAX_NAME = 63  # ggml keeps names in 64 bytes, the last of them zero


class Planned(NamedTuple):
    """A tensor to be written; its bytes are asked for when their turn comes."""

    shape: tuple[int, ...]
    encoding: str
    data: Callable[[], np.ndarray]


def write_gguf(
    path: str | PathLike,
    metadata: Mapping[str, Any],
    tensors: Mapping[str, Planned],
    *,
    kinds: Mapping[str, Kind] | None = None,
) -> None:
    """One GGUF file, version 3; it replaces an older one in one step.

    Metadata are str, bool, int, float or a list of one of these. `kinds` gives the
    types in which they are stored. What it leaves open is stored as llama.cpp wants it:
    floats as float32, whole numbers as uint32, in lists as int32; larger ones in 64
    bits; an empty list as one of strings.

    Metadata and tensors that GGUF has no form for raise a ValueError, and nothing is
    written.
    """
    for what, given in {"metadata": metadata, "tensors": tensors}.items():
        if not isinstance(given, Mapping) or not all(isinstance(k, str) for k in given):
            raise ValueError(f"{what} are found by their names, got {given!r:.60}")
    if wrong := [name for name, t in tensors.items() if not isinstance(t, Planned)]:
        raise ValueError(f"tensors {wrong[:5]} are not Planned")
    kinds = dict(kinds or {})
    for key in metadata.keys() - kinds.keys():
        kinds[key] = _kind(key, metadata[key])
    alignment = alignment_of(metadata)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(
        _string(key, key) + _value(key, value, kinds[key])
        for key, value in metadata.items()
    )
    start = 0
    for name, tensor in tensors.items():
        head += _line(name, tensor, start)
        start += _up(_size(tensor), alignment)
    with replacing(path) as file:
        file.write(head.ljust(_up(len(head), alignment), b"\0"))
        for name, tensor in tensors.items():
            data = tensor.data()
            if data.nbytes != _size(tensor):
                raise ValueError(
                    f"tensor {name!r} of shape {tensor.shape} is {_size(tensor)} bytes "
                    f"in {tensor.encoding}; got {data.nbytes}"
                )
            file.write(data.tobytes().ljust(_up(data.nbytes, alignment), b"\0"))


def as_stored(file: GGUFFile) -> dict[str, Planned]:
    """The tensors of an open file in the bytes that they have there."""
    return {
        name: Planned(tensor.shape, tensor.encoding.name, lambda n=name: file.stored(n))
        for name, tensor in file.tensors.items()
    }


def _line(name: str, tensor: Planned, start: int) -> bytes:
    """What the list of tensors says of one: name, axes (fastest first), type, place."""
    named(tensor.encoding)  # refused if there is none
    raw = _string(name, "a tensor's name")
    if len(raw) - 8 > _MAX_NAME or not 1 <= len(tensor.shape) <= 4:
        raise ValueError(
            f"tensor {name!r} of shape {tensor.shape}: GGUF has names of up to "
            f"{_MAX_NAME} bytes, and 1 to 4 axes"
        )
    n = len(tensor.shape)
    axes = struct.pack(f"<I{n}Q", n, *tensor.shape[::-1])
    return raw + axes + struct.pack("<IQ", NUMBERS[tensor.encoding], start)


def _size(tensor: Planned) -> int:
    kind, numbers = named(tensor.encoding), int(np.prod(tensor.shape, dtype=object))
    if not numbers or tensor.shape[-1] % kind.numbers:
        raise ValueError(
            f"shape {tensor.shape} does not fill whole blocks of {kind.numbers} "
            f"numbers, as {kind.name} needs"
        )
    return numbers // kind.numbers * kind.size


def _up(n: int, alignment: int) -> int:
    return -(-n // alignment) * alignment


def _kind(key: str, value: Any) -> Kind:
    """The type in which a value is stored where nothing else is asked for."""
    if not isinstance(value, list):
        return (_scalar_kind(key, value, _U32),)
    found = {_scalar_kind(key, item, _I32) for item in value}
    if found in ({_I32, _I64}, {_I64}):
        found = {_I64}
    if len(found) > 1:
        raise ValueError(f"{key} should be a list of one kind: {value!r:.80}")
    return ARRAY, *(found or {STRING})


def _scalar_kind(key: str, value: Any, usual: int) -> int:
    match value:
        case str():
            return STRING
        case bool():
            return _BOOL
        case float():
            return _F32
        case int() if _holds(usual, value):
            return usual
        case int() if _holds(_I64, value):
            return _I64
        case int() if _holds(_U64, value):
            return _U64
    raise ValueError(f"{key}={value!r:.80} cannot be stored as metadata")


def _holds(kind: int, value: int) -> bool:
    limits = np.iinfo(SCALARS[kind])
    return limits.min <= value <= limits.max


def _value(key: str, value: Any, kind: Kind) -> bytes:
    listed = isinstance(value, list)
    if len(kind) != 1 + listed or (kind[0] == ARRAY) != listed:
        raise ValueError(f"{key}={value!r:.60} does not have the type {kind}")
    head = struct.pack(f"<{len(kind)}I", *kind)
    if kind[0] != ARRAY:
        return head + _items(key, [value], kind[0])
    return head + struct.pack("<Q", len(value)) + _items(key, value, kind[1])


def _items(key: str, values: list, kind: int) -> bytes:
    if kind == STRING:
        return b"".join(_string(value, key) for value in values)
    if kind not in SCALARS:
        raise ValueError(f"{key} has the unknown type {kind}")
    dtype = np.dtype(SCALARS[kind]).newbyteorder("<")
    try:
        with np.errstate(over="ignore"):
            made = np.array(values, dtype)
    except (OverflowError, ValueError, TypeError) as error:
        raise ValueError(
            f"{key}={values!r:.60} does not fit into {dtype.name}: {error}"
        ) from error
    if made.dtype.kind == "f" and not np.isfinite(made).all():
        raise ValueError(f"{key}={values!r:.80} is not finite as {dtype.name}")
    return made.tobytes()


def _string(text: str, what: str) -> bytes:
    if not isinstance(text, str):
        raise ValueError(f"{what} is stored as text, and is {text!r:.60}")
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} has no UTF-8 bytes: {text!r:.80}") from error
    return struct.pack("<Q", len(raw)) + raw
