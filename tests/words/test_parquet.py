"""One column of strings: Snappy, Thrift and pages, each by hand and by round trip"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmath.words.parquet import different_strings, snappy, struct, varint


def as_varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def literal(data: bytes) -> bytes:
    return bytes([61 << 2]) + (len(data) - 1).to_bytes(2, "little") + data


def stored(data: bytes) -> bytes:
    """What Snappy may do with data that it cannot make smaller."""
    return as_varint(len(data)) + (literal(data) if data else b"")


def field(number_step: int, value: int) -> bytes:
    return bytes([number_step << 4 | 5]) + as_varint(value << 1)


def page(kind: int, content: bytes, rows: int, encoding: int) -> bytes:
    """A page with its header: field 7 is of a dictionary, field 5 of a data page."""
    packed = stored(content)
    head = field(1, kind) + field(1, len(content)) + field(1, len(packed))
    head += bytes([(4 if kind == 2 else 2) << 4 | 12])
    return head + field(1, rows) + field(1, encoding) + b"\0\0" + packed


def strings(words: list[bytes]) -> bytes:
    return b"".join(len(w).to_bytes(4, "little") + w for w in words)


def file(first: list[bytes], rest: list[bytes]) -> bytes:
    """`first` in a dictionary and a page that points into it, `rest` in plain."""
    levels = (2).to_bytes(4, "little") + bytes([2 * len(rest), 1])
    pages = page(2, strings(first), len(first), 0)
    pages += page(0, b"whatever", len(first), 8)
    pages += page(0, levels + strings(rest), len(rest), 0) if rest else b""
    return b"PAR1" + pages + b"foot" + b"PAR1"


def test_snappy_by_hand():
    """'ab', then six bytes from two back, then 'c', then three from four back."""
    packed = bytes([12, 1 << 2]) + b"ab"
    packed += bytes([(6 - 4) << 2 | 1, 2]) + bytes([0]) + b"c"
    packed += bytes([(3 - 1) << 2 | 2, 4, 0])
    assert snappy(packed) == b"abababab" + b"c" + b"bab"


def test_snappys_wide_copies_and_far_ones():
    text = bytes(range(256)) * 3
    packed = as_varint(len(text) + 10) + literal(text)
    packed += bytes([(5 - 1) << 2 | 3]) + (700).to_bytes(4, "little")
    packed += bytes([(5 - 4) << 2 | 1 | (300 >> 8) << 5, 300 & 255])
    out = text + text[68:73]
    assert snappy(packed) == out + out[-300:-295]


@given(st.binary(max_size=300))
def test_what_was_stored_comes_out(data):
    assert snappy(stored(data)) == data


@given(st.integers(0, 2**70))
def test_varints_come_back(n):
    assert varint(b"?" + as_varint(n) + b"!", 1) == (n, 1 + len(as_varint(n)))


def test_a_struct_by_hand():
    """Fields 1 = −3, 3 = true, 4 = "hi", 5 = {1: 150}."""
    data = bytes([0x15, 5, 0x21, 0x18, 2]) + b"hi" + bytes([0x1C, 0x15])
    data += as_varint(300) + bytes([0, 0]) + b"rest"
    fields = {1: -3, 3: True, 4: b"hi", 5: {1: 150}}
    assert struct(data, 0) == (fields, len(data) - 4)


WORDS = st.lists(st.text(max_size=9), min_size=1, max_size=20, unique=True)


@given(WORDS, st.data())
def test_strings_come_back_in_their_order(words, draw):
    cut = draw.draw(st.integers(1, len(words)))
    coded = [word.encode() for word in words]
    assert different_strings(file(coded[:cut], coded[cut:]), len(words)) == words


@pytest.mark.parametrize(
    ("data", "n", "said"),
    [
        (b"PK\3\4 a zip", 1, "begins and ends with PAR1, not b'PK"),
        (file([b"a", b"b"], [b"a"]), 3, "3 rows and 2 different strings"),
        (file([b"a", b"b"], [b"c"]), 1, "2 rows and 2 different"),
        (b"PAR1" + page(3, b"", 1, 0) + b"PAR1", 1, "page of kind 3"),
        (b"PAR1\x07PAR1", 1, "far from the one before"),
        (b"PAR1\x19\x00PAR1", 1, "a field of kind 9"),
    ],
    ids=["zip", "twice", "fewer", "index page", "long field", "list"],
)
def test_other_files_are_refused(data, n, said):
    with pytest.raises(ValueError, match=said):
        different_strings(data, n)


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (bytes([5, 0]) + b"a", "5 bytes were promised, 1 came out"),
        (bytes([5, 0]) + b"a" + bytes([1, 2]), "from 2 bytes back, of 1 written"),
        (bytes([5, 0]) + b"a" + bytes([1, 0]), "from 0 bytes back, of 1 written"),
    ],
    ids=["short", "before the start", "nowhere"],
)
def test_broken_snappy_is_refused(packed, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        snappy(packed)
