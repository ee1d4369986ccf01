"""file → metadata and tensors: a reader of GGUF in NumPy

GGUF is one file: a header of named values, a list of tensors, then their data, often
quantised in blocks of 32 numbers that share a scale. The file is mapped, not read;
a tensor is decoded when it is asked for. Nothing in a file is trusted: every length and
every offset is compared with the size of the file before it is used.

Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np

from llmath.pretrained.encodings import ENCODINGS, Encoding, dequantize

# The scalar types of metadata, by their number in the file.
SCALARS = {
    0: np.uint8, 1: np.int8, 2: np.uint16, 3: np.int16, 4: np.uint32, 5: np.int32,
    6: np.float32, 7: np.bool_, 10: np.uint64, 11: np.int64, 12: np.float64,
}  # fmt: skip
STRING, ARRAY = 8, 9
Kind = tuple[int, ...]  # (type,), or (ARRAY, type of the elements)
_MAX_AXES = 4
_VERSIONS = (2, 3)


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies; `shape` as NumPy writes it, the fastest axis last."""

    name: str
    shape: tuple[int, ...]
    encoding: Encoding
    start: int

    @property
    def n_bytes(self) -> int:
        """Its length in the file."""
        return math.prod(self.shape) // self.encoding.numbers * self.encoding.size


class GGUFFile:
    """An open file: `metadata` by key, `tensors` by name, `read(name)` as float32.

    `kinds` says in which types the metadata are stored, for `write_gguf` to keep them.

    A file that is no GGUF, is cut off or contradicts itself raises a ValueError before
    anything large is read.
    """

    def __init__(self, path: str | PathLike) -> None:
        with open(path, "rb") as file:
            if not file.seek(0, 2):
                raise ValueError(f"{path} is empty")
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.metadata, self.kinds, self.tensors = _parse(self._bytes)

    def read(self, name: str) -> np.ndarray:
        """The tensor of this name, decoded to float32."""
        return dequantize(self.stored(name), self.tensors[name].encoding.name)

    def stored(self, name: str) -> np.ndarray:
        """The tensor of this name as its bytes; the last axis counts bytes."""
        if name not in self.tensors:
            raise ValueError(f"the file holds no tensor {name!r}")
        tensor = self.tensors[name]
        raw = np.frombuffer(self._bytes, np.uint8, tensor.n_bytes, tensor.start)
        return raw.reshape(*tensor.shape[:-1], -1)


class _Cursor:
    """Reads a header front to back and never past the end of the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.place, self.end = data, 0, len(data)

    def take(self, n: int, what: str) -> bytes:
        if n > self.end - self.place:
            raise ValueError(
                f"the file is cut short or damaged: {what} at byte {self.place} needs "
                f"{n} bytes, {self.end - self.place} are left"
            )
        self.place += n
        return self.data[self.place - n : self.place]

    def u32(self, what: str) -> int:
        return struct.unpack("<I", self.take(4, what))[0]

    def u64(self, what: str) -> int:
        return struct.unpack("<Q", self.take(8, what))[0]

    def count(self, what: str, *, at_least: int) -> int:
        """How many follow; each takes `at_least` so many bytes, so not too many do."""
        n = self.u64(what)
        if n * at_least > self.end - self.place:
            raise ValueError(
                f"the file is damaged: it announces {n} {what}, which do not fit into "
                f"the {self.end - self.place} bytes that are left"
            )
        return n

    def string(self, what: str) -> str:
        return self.strings(1, what)[0]

    def strings(self, n: int, what: str) -> list[str]:
        """One loop for all of them: a vocabulary and its merges are 100,000 strings."""
        data, place, end, strings = self.data, self.place, self.end, []
        for _ in range(n):
            start = place + 8
            place = start + int.from_bytes(data[place:start], "little")
            if place > end:
                self.take(place - self.place, what)  # raises, with the numbers
            try:
                strings.append(data[start:place].decode("utf-8"))
            except UnicodeDecodeError as error:
                raise ValueError(f"{what} at byte {start} is not UTF-8") from error
        self.place = place
        return strings


def _parse(
    data: mmap.mmap,
) -> tuple[dict[str, Any], dict[str, Kind], dict[str, TensorInfo]]:
    cursor = _Cursor(data)
    if cursor.take(4, "the file's mark") != b"GGUF":
        raise ValueError("this is no GGUF file: it does not begin with the mark GGUF")
    version = cursor.u32("the version")
    if version not in _VERSIONS:
        raise ValueError(
            f"GGUF version {version} cannot be read, only {_VERSIONS} "
            f"in little-endian order"
        )
    n_tensors = cursor.count("tensors", at_least=8 + 4 + 8 + 4 + 8)
    n_values = cursor.count("metadata values", at_least=8 + 4 + 1)
    metadata: dict[str, Any] = {}
    kinds: dict[str, Kind] = {}
    for _ in range(n_values):
        key = cursor.string("a metadata key")
        if key in metadata:
            raise ValueError(f"the metadata hold {key!r} twice")
        kinds[key], metadata[key] = _value(cursor, key)
    listed = [_tensor(cursor) for _ in range(n_tensors)]
    alignment = alignment_of(metadata)
    origin = -(-cursor.place // alignment) * alignment
    return metadata, kinds, _place(listed, origin, alignment, len(data))


def _value(cursor: _Cursor, key: str) -> tuple[Kind, Any]:
    kind = cursor.u32(key)
    if kind == STRING:
        return (kind,), cursor.string(key)
    if kind != ARRAY:
        return (kind,), _numbers(cursor, kind, 1, key)[0]
    kind = cursor.u32(key)
    if kind == STRING:
        n = cursor.count(f"strings of {key}", at_least=8)
        return (ARRAY, kind), cursor.strings(n, key)
    n = cursor.count(f"elements of {key}", at_least=1)
    return (ARRAY, kind), _numbers(cursor, kind, n, key)


def _numbers(cursor: _Cursor, kind: int, n: int, key: str) -> list:
    if kind not in SCALARS:
        raise ValueError(f"{key} has the unknown type {kind}")
    dtype = np.dtype(SCALARS[kind]).newbyteorder("<")
    return np.frombuffer(cursor.take(n * dtype.itemsize, key), dtype).tolist()


def _tensor(cursor: _Cursor) -> TensorInfo:
    """One line of the list of tensors; its start is still relative to the data."""
    name = cursor.string("a tensor's name")
    n_axes = cursor.u32(name)
    if not 1 <= n_axes <= _MAX_AXES:
        raise ValueError(f"tensor {name!r} claims {n_axes} axes")
    shape = tuple(cursor.u64(name) for _ in range(n_axes))[::-1]
    kind, start = cursor.u32(name), cursor.u64(name)
    if kind not in ENCODINGS:
        known = ", ".join(f"{e.name} ({i})" for i, e in ENCODINGS.items())
        raise ValueError(
            f"tensor {name!r} is stored in type {kind}, which this reader does not "
            f"decode; it knows {known}"
        )
    encoding = ENCODINGS[kind]
    if not all(shape) or shape[-1] % encoding.numbers:
        raise ValueError(
            f"tensor {name!r} of shape {shape} does not fill whole blocks of "
            f"{encoding.numbers} numbers, as {encoding.name} needs"
        )
    return TensorInfo(name, shape, encoding, start)


def alignment_of(metadata: Mapping[str, Any]) -> int:
    """Every tensor begins at a multiple of this many bytes.

    What is no power of two raises a ValueError.
    """
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise ValueError(f"general.alignment={alignment!r} is not a power of two")
    return alignment


def _place(
    listed: list[TensorInfo], origin: int, alignment: int, end: int
) -> dict[str, TensorInfo]:
    """Move starts behind the header; refuse data outside the file, or shared."""
    tensors: dict[str, TensorInfo] = {}
    free = origin
    for tensor in sorted(listed, key=lambda tensor: tensor.start):
        start = origin + tensor.start
        if tensor.name in tensors:
            raise ValueError(f"the file lists tensor {tensor.name!r} twice")
        if tensor.start % alignment or start < free:
            raise ValueError(
                f"tensor {tensor.name!r} begins at byte {start}, inside another tensor "
                f"or off the alignment of {alignment}"
            )
        free = start + tensor.n_bytes
        if free > end:
            raise ValueError(
                f"the file is cut short: tensor {tensor.name!r} ends at byte {free}, "
                f"the file at {end}"
            )
        tensors[tensor.name] = replace(tensor, start=start)
    return tensors
