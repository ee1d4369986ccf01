"""quantize, dequantize: by hand, and byte for byte as the gguf package does it"""

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmath.pretrained.encodings import ENCODINGS, NUMBERS, dequantize, quantize

BLOCKS = ["Q8_0", "Q4_0", "Q4_1"]


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


# float32 → bytes


def packed(kind: str, numbers: list[float]) -> list[int]:
    w = np.zeros(32, np.float32)
    w[: len(numbers)] = numbers
    return quantize(w, kind).tolist()


def test_into_q8_0_by_hand():
    """The largest size is 254, so d = 2; q = w / 2, and halves go away from zero."""
    assert packed("Q8_0", [-254, 3, -3, 5]) == [*half(2), 129, 2, 254, 3] + [0] * 28


def test_into_q4_0_by_hand():
    """−16 is the largest: d = 2 and q = w / 2 + 8; 0 for it, 15 where 16 would be."""
    low = [0x80, 0x8F, 0x8A] + [0x88] * 13
    assert packed("Q4_0", [-16, 16, 4]) == [*half(2), *low]


def test_into_q4_1_by_hand():
    """From −1 to 6.5: d = 1/2, m = −1; zero is q = 2."""
    low = [0x20, 0x2F, 0x24] + [0x22] * 13
    assert packed("Q4_1", [-1, 6.5, 1]) == [*half(0.5), *half(-1), *low]


def test_into_bf16_by_hand():
    """1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷: to the even one; a little more, up."""
    w = np.array([1 + 2**-8, 1 + 2**-8 + 2**-20, 1 + 3 * 2**-8], np.float32)
    assert quantize(w, "BF16").view("<u2").tolist() == [0x3F80, 0x3F81, 0x3F82]


def theirs(w, kind: str) -> np.ndarray:
    return gguf.quantize(w, gguf.GGMLQuantizationType[kind]).view(np.uint8)


EDGES = {
    "zeros": np.zeros(64),
    "negative zeros": -np.zeros(64),
    "one value": np.full(64, -0.3),
    "one spike": np.eye(1, 64, 40)[0],
    "ties": np.arange(-32, 32) / 4,
    "subnormal in float16": np.arange(-32, 32) * 1e-8,
    "scales that round to zero": np.arange(-32, 32) * 1e-12,
    "as small as 1/d is finite": np.arange(-32, 32) * 1e-35,
    "large": np.arange(-32, 32) * 1000.0,
    "mixed sizes": 10.0 ** np.linspace(-30, 4, 64),
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("edge", EDGES)
def test_bytes_of_edges_equal_ggufs(kind, edge):
    w = EDGES[edge].astype(np.float32).reshape(2, 32)
    assert np.array_equal(quantize(w, kind), theirs(w, kind))


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("shape", [(32,), (7, 64), (2, 3, 4, 32), (3, 96 * 1024)])
def test_bytes_equal_ggufs(kind, shape):
    """The last shape is more than is encoded in one go."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal(shape) * 10.0 ** rng.uniform(-6, 3, shape)
    w = w.astype(np.float32)
    assert np.array_equal(quantize(w, kind), theirs(w, kind))


@given(st.lists(st.floats(-65504, 65504, width=16), min_size=32, max_size=32))
def test_bytes_of_any_block_equal_ggufs(numbers):
    w = np.array(numbers, np.float32)
    for kind in NUMBERS:
        assert np.array_equal(quantize(w, kind), theirs(w, kind)), kind


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("size", [1e-39, 1e-45])
def test_where_no_scale_can_be_inverted_all_is_zero(kind, size):
    """1/d overflows; ggml's bytes then depend on the machine, what they mean does not:
    m, or 0."""
    w = (np.arange(-16, 16) * np.float32(size)).astype(np.float32)
    assert not np.any(dequantize(quantize(w, kind), kind))


@pytest.mark.parametrize("kind", NUMBERS)
def test_what_was_decoded_is_encoded_as_it_was(kind):
    """Numbers that are multiples of a scale already lose nothing a second time."""
    w = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    once = dequantize(quantize(w, kind), kind)
    twice = dequantize(quantize(once, kind), kind)
    rounding = 1e-6 if kind == "Q4_1" else 0  # there, that of d q + m
    assert np.abs(twice - once).max() <= rounding


@given(st.integers(0, 2**31), st.floats(-4, 4))
def test_the_error_is_at_most_a_step(seed, exponent):
    """Half a step of the codes (in Q4_0 a whole one, at the end that has no 16), and
    the rounding of d and m to float16."""
    rng = np.random.default_rng(seed)
    w = (rng.standard_normal(32) * 10**exponent).astype(np.float32)
    size, span = np.abs(w).max(), w.max() - w.min()
    bounds = {"Q8_0": size / 254, "Q4_0": size / 8, "Q4_1": span / 30}
    for kind, bound in bounds.items():
        error = np.abs(dequantize(quantize(w, kind), kind) - w).max()
        assert error <= bound + size * 2**-9 + 128 * 2**-25, kind


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(kind, bad):
    w = np.zeros((2, 32), np.float32)
    w[1, 5] = bad
    with pytest.raises(
        ValueError, match=r"1 of 64 weights .* first at \(1, 5\): -?(na|in)"
    ):
        quantize(w, kind)


@pytest.mark.usefixtures("untyped")
def test_what_is_refused():
    big = np.full(32, 3e38, np.float32)
    big[0] = 0
    for kind in ("F16", "Q8_0", "Q4_0", "Q4_1"):
        with pytest.raises(ValueError, match=r"too large for 16 bits; store .* as F32"):
            quantize(big, kind)
    with pytest.raises(ValueError, match="too large"):
        quantize(np.full(1, 3.4e38, np.float32), "BF16")
    assert np.array_equal(dequantize(quantize(big, "F32"), "F32"), big)
    for kind in BLOCKS:
        for shape in [(33,), (4, 31), (), (0,), (0, 32)]:
            with pytest.raises(ValueError, match="do not fill whole blocks of 32"):
                quantize(np.zeros(shape, np.float32), kind)
    with pytest.raises(ValueError, match="1 of 1 weights are infinite"):
        quantize(np.array([1e300]), "F32")  # which float32 does not reach
    for w in ([1.0] * 32, np.array(["a"] * 32), None, np.zeros(32, complex)):
        with pytest.raises(ValueError, match="a NumPy array of numbers"):
            quantize(w, "F32")
    for function in (quantize, dequantize):
        with pytest.raises(ValueError, match="no encoding 'Q2_K'; there is F32, F16"):
            function(np.zeros(32, np.float32), "Q2_K")
    for data in (np.zeros(35, np.uint8), np.zeros(34, np.int8), np.uint8(3)[()]):
        with pytest.raises(ValueError, match="bytes in blocks of 34; got"):
            dequantize(np.asarray(data), "Q8_0")
