"""blocks of bytes → float32: how a GGUF file stores numbers

The 4- and 8-bit encodings keep 32 numbers in one block, as small whole numbers q with a
float16 scale d (and, in Q4_1, an offset m) that the block shares.
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


class Encoding(NamedTuple):
    """How numbers lie in the file: `numbers` of them in blocks of `size` bytes."""

    name: str
    numbers: int
    size: int
    decode: Callable[[np.ndarray], np.ndarray]


ENCODINGS = MappingProxyType(
    {
        0: Encoding("F32", 1, 4, _f32),
        1: Encoding("F16", 1, 2, _f16),
        2: Encoding("Q4_0", 32, 18, _q4_0),
        3: Encoding("Q4_1", 32, 20, _q4_1),
        8: Encoding("Q8_0", 32, 34, _q8_0),
        30: Encoding("BF16", 1, 2, _bf16),
    }
)
