"""text → ids: byte-level byte-pair encoding

A text is cut into pieces (about a word each), a piece into its UTF-8 bytes, and then
neighbours are merged for as long as the table of merges knows a pair, the pair that was
learnt first coming first. Bytes are 256, so no text is unknown; nothing is lost.
"""

import heapq
import itertools
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence

import regex

# GPT-2's pattern (Radford et al. 2019): contractions, then runs of letters, of digits,
# of anything else, each with the space before it; then whitespace.
_WORDS = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
_DIGITS_APART = regex.compile(r"\p{N}|\P{N}+")


def split_gpt2(text: str) -> list[str]:
    """The pieces within which GPT-2 merges: words with the space before them.

    >>> split_gpt2("It's 2024 now")
    ['It', "'s", ' 2024', ' now']
    """
    return _WORDS.findall(text)


def split_smollm(text: str) -> list[str]:
    """SmolLM2's pieces: every digit stands alone, then as GPT-2.

    >>> split_smollm("It's 2024 now")
    ['It', "'s", ' ', '2', '0', '2', '4', ' now']
    """
    return [w for part in _DIGITS_APART.findall(text) for w in _WORDS.findall(part)]


SPLITTERS = {"gpt2": split_gpt2, "smollm": split_smollm}


def byte_alphabet() -> dict[str, int]:
    """The 256 visible characters under which vocabulary files write the 256 bytes.

    Printable Latin-1 characters stand for themselves; the others move to U+0100 and up:
    a space is written Ġ, a line feed Ċ.
    """
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    moved = {chr(256 + i): byte for i, byte in enumerate(hidden)}
    return {chr(byte): byte for byte in visible} | moved


class Tokenizer:
    """A vocabulary and its merges.

    `tokens` and `merges` are written in the visible alphabet, as vocabulary files are;
    the place of a token is its id, the place of a merge its rank. `pattern` names the
    rule that cuts text into pieces; `special` lists the ids of markers such as
    <|im_end|>, which stand for themselves and never merge.

    >>> tokenizer = Tokenizer(["a", "b", "ab", "Ġ"], ["a b"], pattern="gpt2")
    >>> tokenizer.encode("ab ba")
    [2, 3, 1, 0]
    >>> tokenizer.tokens([2, 3, 1, 0])
    ['ab', ' ', 'b', 'a']
    """

    def __init__(
        self,
        tokens: Sequence[str],
        merges: Sequence[str],
        *,
        pattern: str,
        special: Collection[int] = (),
    ) -> None:
        if pattern not in SPLITTERS:
            raise ValueError(f"pattern={pattern!r} is none of {sorted(SPLITTERS)}")
        special = set(special)
        if outside := sorted(i for i in special if not 0 <= i < len(tokens)):
            raise ValueError(f"special ids {outside} are outside the vocabulary")
        self.pattern = pattern
        self.special = {tokens[i]: i for i in sorted(special)}
        self._split = SPLITTERS[pattern]
        self._markers = _any_of(self.special)
        self._bytes = [
            token.encode() if i in special else _to_bytes(token)
            for i, token in enumerate(tokens)
        ]
        ids = {token: i for i, token in enumerate(tokens) if i not in special}
        self._byte_ids = [ids.get(char) for char in _VISIBLE]
        self._ranks, self._merged = _index_merges(merges, ids)
        self._memo: dict[str, list[int]] = {}

    @property
    def vocab_size(self) -> int:
        """V, the number of tokens."""
        return len(self._bytes)

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """The ids of a text; `special=False` reads markers in it as plain text."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"character {error.start} of the text, {text[error.start]!r}, is half "
                f"of a surrogate pair and has no UTF-8 bytes"
            ) from error
        parts = self._markers.split(text) if special and self.special else [text]
        ids: list[int] = []
        for part in parts:
            if special and part in self.special:
                ids.append(self.special[part])
            else:
                for piece in self._split(part):
                    ids += self._encode_piece(piece)
        return ids

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of the tokens, one after the other."""
        return b"".join(self._bytes[i] for i in self._checked(ids))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the tokens; bytes that are no whole character become �."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Each token on its own, for people: real spaces, stray bytes as \\xe4."""
        return [
            self._bytes[i].decode("utf-8", errors="backslashreplace")
            for i in self._checked(ids)
        ]

    def merge(self, ids: Sequence[int]) -> list[int]:
        """Replace neighbours until no merge applies: lowest rank first, then leftmost.

        A queue of candidates and a chain of living tokens make it O(n log n).
        """
        ids, n, ranks = list(ids), len(ids), self._ranks
        left, right = list(range(-1, n - 1)), list(range(1, n + 1))
        pairs = enumerate(itertools.pairwise(ids))
        queue = [(ranks[pair], i) for i, pair in pairs if pair in ranks]
        heapq.heapify(queue)
        while queue:
            rank, i = heapq.heappop(queue)
            j = right[i]
            if j == n or ranks.get((ids[i], ids[j])) != rank:
                continue  # one of the two has merged with someone else since
            ids[i], ids[j] = self._merged[rank], None
            right[i] = right[j]
            if right[i] < n:
                left[right[i]] = i
            for start in (left[i], i):  # the new token has two new neighbours
                if start >= 0 and right[start] < n:
                    pair = ids[start], ids[right[start]]
                    if pair in ranks:
                        heapq.heappush(queue, (ranks[pair], start))
        return [i for i in ids if i is not None]

    def _encode_piece(self, piece: str) -> list[int]:
        if piece in self._memo:
            return self._memo[piece]
        raw = piece.encode("utf-8")
        ids = [self._byte_ids[byte] for byte in raw]
        if None in ids:
            raise ValueError(
                f"{piece!r} cannot be encoded: this vocabulary has no token for byte "
                f"0x{raw[ids.index(None)]:02X}"
            )
        merged = self.merge(ids)
        if len(piece) <= 32 and len(self._memo) < 100_000:
            self._memo[piece] = merged
        return merged

    def _checked(self, ids: Iterable[int]) -> list[int]:
        try:
            ids = [operator.index(i) for i in ids]
        except TypeError as error:
            raise ValueError(
                "ids must be one flat row of whole numbers; decode a batch row by row"
            ) from error
        if outside := [i for i in ids if not 0 <= i < self.vocab_size]:
            raise ValueError(
                f"token ids run from 0 to {self.vocab_size - 1}; got {outside[:5]}"
            )
        return ids


def _to_bytes(token: str) -> bytes:
    try:
        return token.translate(_TO_LATIN1).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"token {token!r} holds {token[error.start]!r}, which stands for no byte"
        ) from error


def _any_of(markers: Collection[str]) -> regex.Pattern:
    longest_first = sorted(markers, key=len, reverse=True)
    return regex.compile("(" + "|".join(map(regex.escape, longest_first)) + ")")


def _index_merges(
    merges: Sequence[str], ids: Mapping[str, int]
) -> tuple[dict[tuple[int, int], int], list[int]]:
    """The rank of each pair of ids, and the id that each rank makes."""
    ranks, merged = {}, []
    for rank, line in enumerate(merges):
        a, _, b = line.partition(" ")
        try:
            ranks[ids[a], ids[b]] = rank
            merged.append(ids[a + b])
        except KeyError as error:
            raise ValueError(
                f"merge {rank}, {line!r}, needs the token {error.args[0]!r}, which is "
                f"not in the vocabulary"
            ) from None
    return ranks, merged


_ALPHABET = byte_alphabet()
_VISIBLE = sorted(_ALPHABET, key=_ALPHABET.get)
_TO_LATIN1 = {ord(char): chr(byte) for char, byte in _ALPHABET.items()}
