"""float32 ↔ blocks of bytes: how a GGUF file stores numbers

The 4- and 8-bit encodings keep 32 numbers in one block, as small whole numbers q with a
float16 scale d (and, in Q4_1, an offset m) that the block shares. The codes q belong to
d as it is in float32; only then is d rounded. Layouts and rounding are those of ggml's
`quantize_row_*_ref`, byte for byte.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

import numpy as np


def _scale(blocks: np.ndarray, start: int) -> np.ndarray:
    """The float16 at byte `start` of every block, as a column of float32."""
    column = np.ascontiguousarray(blocks[:, start : start + 2])
    return column.view("<f2").astype(np.float32)


def _nibbles(packed: np.ndarray) -> np.ndarray:
    """Sixteen bytes hold 32 codes: the low halves first, then the high halves."""
    codes = np.empty((len(packed), 32), np.float32)
    np.bitwise_and(packed, 15, out=codes[:, :16], casting="unsafe")
    np.right_shift(packed, 4, out=codes[:, 16:], casting="unsafe")
    return codes


def _f32(blocks: np.ndarray) -> np.ndarray:
    return blocks.view("<f4").astype(np.float32)


def _f16(blocks: np.ndarray) -> np.ndarray:
    return blocks.view("<f2").astype(np.float32)


def _bf16(blocks: np.ndarray) -> np.ndarray:
    """A bfloat16 is the upper half of a float32."""
    return (blocks.view("<u2").astype(np.uint32) << 16).view(np.float32)


def _q8_0(blocks: np.ndarray) -> np.ndarray:
    """w = d q, with q in −128 … 127"""
    return _scale(blocks, 0) * blocks[:, 2:].view(np.int8)


def _q4_0(blocks: np.ndarray) -> np.ndarray:
    """w = d (q − 8), with q in 0 … 15"""
    w = _nibbles(blocks[:, 2:])
    w -= 8
    w *= _scale(blocks, 0)
    return w


def _q4_1(blocks: np.ndarray) -> np.ndarray:
    """w = d q + m, with q in 0 … 15"""
    w = _nibbles(blocks[:, 4:])
    w *= _scale(blocks, 0)
    w += _scale(blocks, 2)
    return w


def _in_f32(w: np.ndarray) -> np.ndarray:
    return w.astype("<f4").view(np.uint8)


def _in_f16(w: np.ndarray) -> np.ndarray:
    return _halves(w)


def _in_bf16(w: np.ndarray) -> np.ndarray:
    """The upper half of a float32, rounded to the nearest, ties to the even one."""
    bits = w.view(np.uint32).astype(np.uint64)
    _refuse_infinite(rounded := (bits + 0x7FFF + (bits >> 16 & 1)) >> 16, 0x7F80, w)
    return rounded.astype("<u2").view(np.uint8)


def _in_q8_0(w: np.ndarray) -> np.ndarray:
    """d = max |w| / 127,  q = w / d to the nearest, halves away from zero"""
    d = np.abs(w).max(1, keepdims=True) / np.float32(127)
    scaled = w * _inverse(d)
    size = np.floor(np.abs(scaled))
    q = np.sign(scaled) * (size + np.floor(2 * (np.abs(scaled) - size)))
    return np.concatenate([_halves(d), q.astype(np.int8).view(np.uint8)], axis=1)


def _in_q4_0(w: np.ndarray) -> np.ndarray:
    """d = −w* / 8 with w* the number of largest size;  q = ⌊w / d + 8.5⌋, at most 15"""
    largest = np.take_along_axis(w, np.abs(w).argmax(1)[:, None], axis=1)
    d = largest / np.float32(-8)
    q = w * _inverse(d) + np.float32(8.5)
    return np.concatenate([_halves(d), _packed(q)], axis=1)


def _in_q4_1(w: np.ndarray) -> np.ndarray:
    """m = min w,  d = (max w − m) / 15,  q = ⌊(w − m) / d + 0.5⌋, at most 15"""
    m = w.min(1, keepdims=True)
    d = (w.max(1, keepdims=True) - m) / np.float32(15)
    q = (w - m) * _inverse(d) + np.float32(0.5)
    return np.concatenate([_halves(d), _halves(m), _packed(q)], axis=1)


def _inverse(d: np.ndarray) -> np.ndarray:
    """1/d; 0 where d is 0, or so small that 1/d overflows: float16 has 0 for both."""
    with np.errstate(divide="ignore", over="ignore"):
        inverse = np.float32(1) / d
    return np.where(np.isfinite(inverse), inverse, np.float32(0))


def _halves(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = x.astype("<f2")
    _refuse_infinite(half.view("<u2"), 0x7C00, x)
    return half.view(np.uint8)


def _refuse_infinite(bits: np.ndarray, infinity: int, x: np.ndarray) -> None:
    """Finite numbers that would be read back as infinite are too large to store."""
    if ((bits & infinity) == infinity).any():
        raise ValueError(
            f"{np.abs(x).max():.5g}, a weight or the scale of a block, is too large "
            f"for 16 bits; store these weights as F32"
        )


def _packed(q: np.ndarray) -> np.ndarray:
    """The inverse of `_nibbles`, of numbers that are cut to whole ones from 0 to 15."""
    q = np.minimum(q, 15).astype(np.uint8)
    return q[:, :16] | q[:, 16:] << 4


class Encoding(NamedTuple):
    """How numbers lie in the file: `numbers` of them in blocks of `size` bytes."""

    name: str
    numbers: int
    size: int
    decode: Callable[[np.ndarray], np.ndarray]
    encode: Callable[[np.ndarray], np.ndarray]


# By the number that stands for the encoding in a file.
ENCODINGS = MappingProxyType(
    {
        0: Encoding("F32", 1, 4, _f32, _in_f32),
        1: Encoding("F16", 1, 2, _f16, _in_f16),
        2: Encoding("Q4_0", 32, 18, _q4_0, _in_q4_0),
        3: Encoding("Q4_1", 32, 20, _q4_1, _in_q4_1),
        8: Encoding("Q8_0", 32, 34, _q8_0, _in_q8_0),
        30: Encoding("BF16", 1, 2, _bf16, _in_bf16),
    }
)
NUMBERS = MappingProxyType({encoding.name: i for i, encoding in ENCODINGS.items()})

_AT_ONCE = 2**18  # numbers in one go: what lies between stays in the CPU's cache


def quantize(w: np.ndarray, encoding: str) -> np.ndarray:
    """w ↦ bytes of (d, q), w ≈ d q, d (q − 8) or d q + m   {eq:quantization}; ggml

    `encoding` is F32, F16, BF16, Q8_0, Q4_0 or Q4_1. The bytes take the last axis,
    which has to fill whole blocks. Infinite weights and NaN are refused, and weights
    too large for the encoding.
    """
    kind = named(encoding)
    if not isinstance(w, np.ndarray) or w.dtype.kind not in "fiu":
        raise ValueError(f"weights are a NumPy array of numbers, got {w!r:.80}")
    _check_fits(w.shape, kind)
    with np.errstate(over="ignore"):
        w = np.ascontiguousarray(w, np.float32)
    finite = np.isfinite(w)
    if not finite.all():
        at = tuple(map(int, np.argwhere(~finite)[0]))
        raise ValueError(
            f"{int((~finite).sum())} of {w.size} weights are infinite or NaN, the "
            f"first at {at}: {w[at]}; {encoding} stores finite numbers"
        )
    blocks = w.reshape(-1, kind.numbers)
    made = np.empty((len(blocks), kind.size), np.uint8)
    _in_parts(kind.encode, blocks, made, _AT_ONCE // kind.numbers)
    return made.reshape(*w.shape[:-1], -1)


def dequantize(data: np.ndarray, encoding: str) -> np.ndarray:
    """(d, q) ↦ d q, d (q − 8) or d q + m   {eq:dequantization}; ggml

    In float32; the inverse up to rounding. `data` are bytes, in whole blocks along the
    last axis, as `quantize` gives them.

    Bytes that do not fill whole blocks raise a ValueError.
    """
    kind = named(encoding)
    if not isinstance(data, np.ndarray):
        raise ValueError(f"{encoding} is read from a NumPy array, not {data!r:.60}")
    if data.dtype != np.uint8 or not data.ndim or data.shape[-1] % kind.size:
        raise ValueError(
            f"{encoding} is read from bytes in blocks of {kind.size}; got "
            f"{data.dtype} of shape {data.shape}"
        )
    blocks = np.ascontiguousarray(data).reshape(-1, kind.size)
    numbers = np.empty((len(blocks), kind.numbers), np.float32)
    _in_parts(kind.decode, blocks, numbers, _AT_ONCE // kind.numbers)
    return numbers.reshape(*data.shape[:-1], -1)


def named(encoding: str) -> Encoding:
    """The encoding of this name.

    An unknown name raises a ValueError that lists the known ones.
    """
    if not isinstance(encoding, str) or encoding not in NUMBERS:
        raise ValueError(f"no encoding {encoding!r}; there is {', '.join(NUMBERS)}")
    return ENCODINGS[NUMBERS[encoding]]


def _in_parts(
    change: Callable[[np.ndarray], np.ndarray],
    given: np.ndarray,
    made: np.ndarray,
    step: int,
) -> None:
    for i in range(0, len(given), step):
        part = change(given[i : i + step])
        made[i : i + step] = part.reshape(-1, made.shape[1])


def _check_fits(shape: tuple[int, ...], kind: Encoding) -> None:
    if not shape or not all(shape) or shape[-1] % kind.numbers:
        raise ValueError(
            f"numbers of shape {tuple(shape)} do not fill whole blocks of "
            f"{kind.numbers}, as {kind.name} needs; F32, F16 and BF16 take any shape"
        )
