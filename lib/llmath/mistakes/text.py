"""text → what goes wrong in exercises about its bytes and its tokens

Four things that the library has no use for: UTF-8 by hand, digits in threes, the fewest
tokens that spell a text, and how many types a sample shows.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

from llmath.mistakes.slips import Exercise, Function, Slips, combine

# A code point → how many bytes follow the first.
FOLLOWERS: Slips = {
    None: lambda c: (c > 0x7F) + (c > 0x7FF) + (c > 0xFFFF),
    "A boundary is off by one: U+0080 needs two bytes, U+0800 three, U+10000 four.": (
        lambda c: (c > 0x80) + (c > 0x800) + (c > 0x10000)
    ),
    "One byte holds code points below 128 only; one byte up to U+00FF is Latin-1.": (
        lambda c: (c > 0xFF) + (c > 0x7FF) + (c > 0xFFFF)
    ),
}
# The number of bytes that follow → the mark of the first.
LEADS: Slips = {
    None: lambda n: (0x00, 0xC0, 0xE0, 0xF0)[n],
    "The first byte does not say how many follow: 110, 1110 or 11110 in front.": (
        lambda n: 0x00
    ),
    "The ones in front of the first byte count *all* the bytes, itself included.": (
        lambda n: (0x00, 0x80, 0xC0, 0xE0)[n]
    ),
}
# Six bits → a byte that follows.
TAILS: Slips = {
    None: lambda six: 0x80 | six,
    "The bytes that follow lack their mark, 10 in front of six bits.": lambda six: six,
}
# The bytes that follow, lowest bits first → in their order.
ORDERS: Slips = {
    None: lambda tail: tail[::-1],
    "The lowest six bits stand in the last byte, not in the second.": lambda tail: tail,
}


def _utf8(
    follow: Function, lead: Function, tail: Function, order: Function
) -> Function:
    def encode_utf8(code_point: int) -> bytes:
        n = follow(code_point)
        rest = [tail(code_point >> 6 * i & 0x3F) for i in range(n)]
        return bytes([(lead(n) | code_point >> 6 * n) & 0xFF, *order(rest)])

    return encode_utf8


# Digits → groups.
GROUPS: Slips = {
    None: lambda s: [s[max(0, i - 3) : i] for i in range(len(s), 0, -3)][::-1],
    "The groups are cut from the left; units, thousands and millions are found from "
    "the right.": lambda s: [s[i : i + 3] for i in range(0, len(s), 3)],
    "The groups are right and their order is reversed: the number is to be read from "
    "left to right.": lambda s: [s[max(0, i - 3) : i] for i in range(len(s), 0, -3)],
    "Digits are a text, not a number: zeros in front are part of it.": (
        lambda s: f"{int(s):,}".split(",") if s else []
    ),
    "The first group has what is left over; filling it up with zeros changes the "
    "text.": lambda s: [
        s.zfill(-(-len(s) // 3) * 3)[i : i + 3] for i in range(0, len(s), 3)
    ],
}


# A text and the tokens there are → the least number of them that spells it.
def _fewest(data: bytes, vocabulary: set[bytes]) -> int:
    """Dynamic programming over where the last token begins."""
    least = [0]
    for end in range(1, len(data) + 1):
        starts = [i for i in range(end) if data[i:end] in vocabulary]
        least.append(1 + min(least[i] for i in starts))
    return least[-1]


def _longest_first(data: bytes, vocabulary: set[bytes]) -> int:
    n = 0
    while data:
        fits = [token for token in vocabulary if token and data.startswith(token)]
        data, n = data[len(max(fits, key=len)) :], n + 1
    return n


def _longest_last(data: bytes, vocabulary: set[bytes]) -> int:
    mirrored = {token[::-1] for token in vocabulary}
    return _longest_first(data[::-1], mirrored)


SPELLINGS: Slips = {
    None: _fewest,
    "That takes the longest token that fits, again and again; a shorter first token "
    "can leave a better rest.": _longest_first,
    "That takes the longest token from the end, again and again; that too can miss the "
    "best.": _longest_last,
    "These are the cuts between the tokens; tokens are one more.": (
        lambda data, vocabulary: max(0, _fewest(data, vocabulary) - 1)
    ),
}

# (share of a type, number of draws) → the chance that it is never drawn.
UNSEEN: Slips = {
    None: lambda p, n: (1 - p) ** n,
    "e^(−np) is Poisson's approximation; a type is missed by n draws with chance "
    "(1 − p)ⁿ exactly.": lambda p, n: math.exp(-n * p),
    "1 − np is (1 − p)ⁿ only as long as np is small.": lambda p, n: 1 - n * p,
}
WANTED: Slips = {
    None: lambda unseen: math.fsum(1 - u for u in unseen),
    "These are the types that do *not* appear.": lambda unseen: math.fsum(unseen),
    "This is the share of types; their number is asked for.": (
        lambda unseen: math.fsum(1 - u for u in unseen) / len(unseen)
    ),
}


def _types(unseen: Function, wanted: Function) -> Function:
    return lambda p, n: wanted([unseen(share, n) for share in p])


_LETTERS = {b"a", b"b", b"c", b"d", b"e"}

TEXT: Mapping[str, Exercise] = MappingProxyType(
    {
        "encode_utf8": Exercise(
            call="encode_utf8(code_point)",
            right=_utf8(FOLLOWERS[None], LEADS[None], TAILS[None], ORDERS[None]),
            cases={
                f"U+{c:04X}": (c,)
                for c in (0x41, 0x7F, 0x80, 0xE9, 0x800, 0x20AC, 0x10000, 0x1F431)
            },
            variants=combine(_utf8, FOLLOWERS, LEADS, TAILS, ORDERS),
            plain=True,
        ),
        "split_number": Exercise(
            call="split_number(digits)",
            right=GROUPS[None],
            cases={
                repr(digits): (digits,)
                for digits in ("1234567", "127", "40", "0012", "007042", "")
            },
            variants=combine(lambda groups: groups, GROUPS),
            plain=True,
        ),
        "fewest_tokens": Exercise(
            call="fewest_tokens(data, vocabulary)",
            right=SPELLINGS[None],
            cases={
                "abcde with abc, ab, cde": (
                    b"abcde",
                    _LETTERS | {b"abc", b"ab", b"cde"},
                ),
                "edcba with cba, ba, edc": (
                    b"edcba",
                    _LETTERS | {b"cba", b"ba", b"edc"},
                ),
                "abcabc with letters alone": (b"abcabc", _LETTERS),
                "nothing at all": (b"", _LETTERS),
            },
            variants=combine(lambda spelling: spelling, SPELLINGS),
            plain=True,
        ),
        "types_drawn": Exercise(
            call="types_drawn(p, n)",
            right=_types(UNSEEN[None], WANTED[None]),
            cases={
                "p = (1/2, 1/4, 1/4), 3 draws": ([0.5, 0.25, 0.25], 3),
                "p = (1/2, 1/4, 1/8, 1/8), 1 draw": ([0.5, 0.25, 0.125, 0.125], 1),
                "p = (3/4, 1/4), 4 draws": ([0.75, 0.25], 4),
            },
            variants=combine(_types, UNSEEN, WANTED),
            plain=True,
        ),
    }
)
