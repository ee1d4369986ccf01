"""the one file format that these words come in → strings

Of Apache Parquet as much as one column of different strings needs: pages one after
the other, compressed by Snappy. The first page is a dictionary. The pages that point
into it are passed over: the strings are all different, so the dictionary, in the order
of its making, is what they say. What no longer fitted into it stands in plain pages
behind.
"""

from typing import Any

PLAIN, DICTIONARY_PAGE, DATA_PAGE = 0, 2, 0


def different_strings(data: bytes, n: int) -> list[str]:
    """The n different strings of a file's only column; others raise a ValueError."""
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        raise ValueError(f"a Parquet file begins and ends with PAR1, not {data[:4]!r}")
    at, found, rows = 4, [], 0
    while rows < n:
        header, at = struct(data, at)
        page = data[at : at + header[3]]
        at += header[3]
        if header[1] == DICTIONARY_PAGE:
            found += byte_arrays(snappy(page))
            continue
        if header[1] != DATA_PAGE:
            raise ValueError(f"page of kind {header[1]} at byte {at}: 0 and 2 are read")
        rows += header[5][1]
        if header[5][2] == PLAIN:
            values = snappy(page)
            levels = int.from_bytes(values[:4], "little")  # all ones: none is missing
            found += byte_arrays(values[4 + levels :])
    if not len(found) == len(set(found)) == rows == n:
        raise ValueError(
            f"{n} different strings were expected; there are {rows} rows and "
            f"{len(set(found))} different strings"
        )
    return [text.decode() for text in found]


def byte_arrays(data: bytes) -> list[bytes]:
    """Each string has its length before it, in four bytes, the lowest first."""
    at, found = 0, []
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "little")
        found.append(data[start:at])
    return found


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Seven bits a byte, the lowest first, until a byte below 128; and what follows."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """Thrift's compact protocol: the fields of a page's header by number.

    Kinds of fields that no such header has raise a ValueError.
    """
    fields: dict[int, Any] = {}
    number = 0
    while kind := data[at]:
        at, step, kind = at + 1, kind >> 4, kind & 15
        if not step:
            raise ValueError(f"a field far from the one before, at byte {at}: not read")
        number += step
        if kind in (1, 2):  # true, false
            fields[number] = kind == 1
        elif kind in (5, 6):  # whole numbers, the sign in the lowest bit
            value, at = varint(data, at)
            fields[number] = value >> 1 ^ -(value & 1)
        elif kind == 8:  # bytes
            size, at = varint(data, at)
            fields[number], at = data[at : at + size], at + size
        elif kind == 12:
            fields[number], at = struct(data, at)
        else:
            raise ValueError(f"a field of kind {kind} at byte {at}: not read")
    return fields, at + 1


def snappy(data: bytes) -> bytes:
    """Snappy's raw format: literals, and copies of what has been written before.

    A copy from before the beginning, and another length than promised, raise a
    ValueError.
    """
    size, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        kind, high = tag & 3, tag >> 2
        if kind == 0:  # the next bytes, as they stand
            if high >= 60:
                more = high - 59
                high, at = int.from_bytes(data[at : at + more], "little"), at + more
            out += data[at : at + high + 1]
            at += high + 1
            continue
        if kind == 1:
            length, back = (high & 7) + 4, high >> 3 << 8 | data[at]
            at += 1
        else:
            wide = 2 * (kind - 1)
            length, back = high + 1, int.from_bytes(data[at : at + wide], "little")
            at += wide
        start = len(out) - back
        if back == 0 or start < 0:
            raise ValueError(f"a copy from {back} bytes back, of {len(out)} written")
        piece = out[start : start + length]  # shorter where the copy overlaps itself
        out += (piece * (-(-length // len(piece))))[:length]
    if len(out) != size:
        raise ValueError(f"{size} bytes were promised, {len(out)} came out")
    return bytes(out)
