"""ENCODINGS: by hand, and bit for bit as the gguf package decodes"""

import gguf
import numpy as np
import pytest

from llmath.pretrained.encodings import ENCODINGS


def half(x: float) -> list[int]:
    return list(np.float16(x).tobytes())


def decode(kind: str, block: list[int]) -> list[float]:
    encoding = next(e for e in ENCODINGS.values() if e.name == kind)
    assert len(block) == encoding.size
    return encoding.decode(np.array([block], np.uint8))[0].tolist()


def test_q8_0_by_hand():
    """w = d q with d = 1/2 and q = −128, 127, 3, then zeros."""
    block = [*half(0.5), 0x80, 0x7F, 3] + [0] * 29
    assert decode("Q8_0", block) == [-64.0, 63.5, 1.5] + [0.0] * 29


def test_q4_1_by_hand():
    """w = d q + m: the low half of byte i is number i, the high half number i + 16."""
    block = [*half(0.5), *half(-1.0), 0x2F] + [0] * 15
    expected = [-1.0] * 32
    expected[0], expected[16] = 0.5 * 15 - 1, 0.5 * 2 - 1
    assert decode("Q4_1", block) == expected


def test_q4_0_by_hand():
    """w = d (q − 8)."""
    block = [*half(2.0), 0x9F] + [0x88] * 15
    expected = [0.0] * 32
    expected[0], expected[16] = 14.0, 2.0
    assert decode("Q4_0", block) == expected


def test_plain_numbers_by_hand():
    assert decode("F32", list(np.float32(-1.5).tobytes())) == [-1.5]
    assert decode("F16", half(-1.5)) == [-1.5]
    assert decode("BF16", [0xC0, 0xBF]) == [-1.5]


@pytest.mark.parametrize("number", ENCODINGS)
def test_bit_for_bit_as_gguf_decodes_any_bytes(number):
    """Every pattern of bytes is a block; infinities and NaNs are among the scales."""
    encoding, theirs = ENCODINGS[number], gguf.GGMLQuantizationType(number)
    assert theirs.name == encoding.name
    assert gguf.GGML_QUANT_SIZES[theirs] == (encoding.numbers, encoding.size)
    rng = np.random.default_rng(number)
    blocks = rng.integers(0, 256, (2000, encoding.size), np.uint8)
    with np.errstate(invalid="ignore"):
        if encoding.numbers == 1:
            dtype = {"F32": np.float32, "F16": np.float16}.get(theirs.name)
            blocks = blocks if dtype is None else blocks.view(dtype)
        expected = gguf.dequantize(blocks, theirs).ravel()
        ours = encoding.decode(blocks.view(np.uint8)).ravel()
    assert ours.dtype == np.float32
    nan = np.isnan(expected)
    assert np.array_equal(np.isnan(ours), nan)
    assert np.array_equal(ours[~nan].view(np.uint32), expected[~nan].view(np.uint32))
