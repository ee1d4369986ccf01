"""text → pieces: the cuts within which pairs merge, and how files spell the bytes"""

import regex

# GPT-2's pattern (Radford et al. 2019): contractions, then runs of letters, of digits,
# of anything else, each with the space before it; then whitespace.
GPT2_PATTERN = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
_WORDS = regex.compile(GPT2_PATTERN)
_DIGITS_APART = regex.compile(r"\p{N}|\P{N}+")


def split_gpt2(text: str) -> list[str]:
    """The pieces within which GPT-2 merges: words with the space before them.

    >>> split_gpt2("It's 2024 now")
    ['It', "'s", ' 2024', ' now']

    What is no text raises a ValueError.
    """
    _check_str(text)
    return _WORDS.findall(text)


def split_smollm(text: str) -> list[str]:
    """SmolLM2's pieces: every digit stands alone, then as GPT-2.

    >>> split_smollm("It's 2024 now")
    ['It', "'s", ' ', '2', '0', '2', '4', ' now']

    What is no text raises a ValueError.
    """
    _check_str(text)
    return [w for part in _DIGITS_APART.findall(text) for w in _WORDS.findall(part)]


SPLITTERS = {"gpt2": split_gpt2, "smollm": split_smollm}


def byte_alphabet() -> dict[str, int]:
    """The 256 visible characters under which vocabulary files write the 256 bytes.

    Printable Latin-1 characters stand for themselves; the others move to U+0100 and up:
    a space is written Ġ, a line feed Ċ. The order is that of GPT-2's first 256 ids.
    """
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    moved = {chr(256 + i): byte for i, byte in enumerate(hidden)}
    return {chr(byte): byte for byte in visible} | moved


def to_bytes(token: str) -> bytes:
    """The bytes that a token of a vocabulary file stands for.

    >>> to_bytes("Ġcaf")
    b' caf'

    A letter that stands for no byte raises a ValueError.
    """
    try:
        return token.translate(_TO_LATIN1).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"token {token!r} holds {token[error.start]!r}, which stands for no byte"
        ) from error


def check_pattern(pattern: str) -> None:
    """Refuse the name of a rule of splitting that there is not."""
    if not isinstance(pattern, str) or pattern not in SPLITTERS:
        raise ValueError(f"pattern={pattern!r} is none of {sorted(SPLITTERS)}")


def check_text(text: str) -> None:
    """Refuse what has no UTF-8 bytes: other types, halves of surrogate pairs."""
    _check_str(text)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} of the text, {text[error.start]!r}, is half "
            f"of a surrogate pair and has no UTF-8 bytes"
        ) from error


def _check_str(text: str) -> None:
    if not isinstance(text, str):
        raise ValueError(
            f"text is a str, not {type(text).__name__}; bytes go to encode_bytes"
        )


def any_of(markers: list[str]) -> regex.Pattern:
    """Finds markers; where one begins like another, the longer."""
    longest_first = sorted(markers, key=len, reverse=True)
    return regex.compile("(" + "|".join(map(regex.escape, longest_first)) + ")")


_ALPHABET = byte_alphabet()
VISIBLE = sorted(_ALPHABET, key=_ALPHABET.get)  # byte → its character
_TO_LATIN1 = dict.fromkeys(range(256), "\N{REPLACEMENT CHARACTER}") | {
    ord(char): chr(byte) for char, byte in _ALPHABET.items()
}
