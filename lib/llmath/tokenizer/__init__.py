"""text → ids: byte-level byte-pair encoding

A text is cut into pieces (about a word each), a piece into its UTF-8 bytes, and then
neighbours are merged for as long as the table of merges knows a pair, the pair that was
learnt first coming first. Bytes are 256, so no text is unknown; nothing is lost.
Sennrich et al. 2016 brought pairs to text, Radford et al. 2019 (GPT-2) bytes.

pieces.py       text → pieces, and the letters that stand for bytes in files
merging.py      piece → ids: merges in the order in which they were learnt
training.py     pieces → merges
files.py        tables ↔ disk
published.py    folder of the hub → tables
"""

import itertools
import operator
from collections.abc import Collection, Iterable, Sequence
from os import PathLike

from llmath.tokenizer import files, published
from llmath.tokenizer.merging import (
    Remembered,
    check_tables,
    index_merges,
    index_tokens,
    merge,
)
from llmath.tokenizer.pieces import (
    SPLITTERS,
    VISIBLE,
    any_of,
    byte_alphabet,
    check_pattern,
    check_text,
    split_gpt2,
    split_smollm,
    to_bytes,
)
from llmath.tokenizer.training import count_words, learn_merges, room_for_merges

__all__ = [
    "SPLITTERS",
    "Tokenizer",
    "byte_alphabet",
    "count_words",
    "learn_merges",
    "split_gpt2",
    "split_smollm",
]


class Tokenizer:
    """A vocabulary and its merges.

    `tokens` and `merges` are written in the visible alphabet, as vocabulary files are;
    the place of a token is its id, the place of a merge its rank. `pattern` names the
    rule that cuts text into pieces; `special` lists the ids of markers such as
    <|im_end|>, which stand for themselves and never merge. A vocabulary can be learnt
    (`train`), read (`load`, `from_folder`, `from_gpt2_files`) or given.

    >>> tokenizer = Tokenizer(["a", "b", "ab", "Ġ"], ["a b"], pattern="gpt2")
    >>> tokenizer.encode("ab ba")
    [2, 3, 1, 0]
    >>> tokenizer.tokens([2, 3, 1, 0])
    ['ab', ' ', 'b', 'a']

    Tables that contradict each other raise a ValueError that names the token or merge.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        merges: Sequence[str],
        *,
        pattern: str,
        special: Collection[int] = (),
    ) -> None:
        check_pattern(pattern)
        check_tables(tokens, merges, special)
        special = set(special)
        if outside := sorted(i for i in special if not 0 <= i < len(tokens)):
            raise ValueError(f"special ids {outside} are outside the vocabulary")
        self.vocabulary, self.merges = tuple(tokens), tuple(merges)
        self.pattern = pattern
        self.special = {tokens[i]: i for i in sorted(special)}
        if "" in self.special or len(self.special) < len(special):
            texts = [tokens[i] for i in sorted(special)]
            raise ValueError(f"special tokens are some text, each its own: {texts}")
        self._split = SPLITTERS[pattern]
        self._markers = any_of(list(self.special))
        self._bytes = [
            token.encode() if i in special else to_bytes(token)
            for i, token in enumerate(tokens)
        ]
        ids = index_tokens(tokens, special)
        self._byte_ids = [ids.get(char) for char in VISIBLE]
        self._ranks, self._merged = index_merges(merges, ids)
        self._pieces = Remembered(self._encode_piece)

    @classmethod
    def train(
        cls,
        text: str | Iterable[str],
        vocab_size: int,
        *,
        pattern: str = "gpt2",
        special: Sequence[str] = (),
    ) -> "Tokenizer":
        """The 256 bytes, the merges that the text teaches, then the special tokens.

        `vocab_size` counts all three; ids of bytes are in GPT-2's order. Markers that
        occur in the text teach nothing. Of pairs that are equally frequent the one
        with the smaller ids merges first, so that a text has one tokenizer. A text
        that runs out of pairs before the vocabulary is full is refused.
        See `llmath.tokenizer.training` for the algorithm.

        >>> tokenizer = Tokenizer.train("low lower lowest", 258)
        >>> tokenizer.merges
        ('l o', 'lo w')
        """
        check_pattern(pattern)
        n_merges = room_for_merges(vocab_size, special)
        if not isinstance(text, Iterable):
            raise ValueError(f"text is a str or several, not {type(text).__name__}")
        texts = [text] if isinstance(text, str) else text
        words = count_words(texts, pattern=pattern, special=special)
        pairs = learn_merges(words, n_merges)
        if len(pairs) < n_merges:
            raise ValueError(
                f"vocab_size={vocab_size} asks for {n_merges} merges and the text has "
                f"only {len(pairs)} to give: choose at most "
                f"{vocab_size - n_merges + len(pairs)}, or a longer text"
            )
        tokens, merges = list(byte_alphabet()), []
        for a, b in pairs:
            merges.append(f"{tokens[a]} {tokens[b]}")
            tokens.append(tokens[a] + tokens[b])
        ids = range(len(tokens), vocab_size)
        return cls([*tokens, *special], merges, pattern=pattern, special=ids)

    @classmethod
    def from_gpt2_files(
        cls,
        encoder_json: str | PathLike,
        vocab_bpe: str | PathLike,
        *,
        special: Sequence[str] = ("<|endoftext|>",),
    ) -> "Tokenizer":
        """GPT-2's tokenizer, or one of its kind, from the two files of its publication.

        `llmath.pretrained.tokenizer("gpt2")` finds the files and checks them first.
        """
        tokens, merges = files.read_gpt2(encoder_json, vocab_bpe)
        if missing := [marker for marker in special if marker not in tokens]:
            raise ValueError(f"{encoder_json} has no special tokens {missing}")
        ids = [tokens.index(marker) for marker in special]
        return cls(tokens, merges, pattern="gpt2", special=ids)

    @classmethod
    def load(cls, path: str | PathLike) -> "Tokenizer":
        """The tokenizer that `save` wrote; a file that does not fit is refused."""
        tables = files.read(path)
        try:
            return cls(**tables)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_folder(cls, folder: str | PathLike) -> "Tokenizer":
        """The tokenizer of a folder of the hub: tokenizer.json, or GPT-2's two files.

        See `llmath.tokenizer.published` for what is read and what is refused.
        """
        tables = published.read_folder(folder)
        try:
            return cls(**tables)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error

    def save(self, path: str | PathLike) -> None:
        """One JSON file with everything; it replaces an older one in one step.

        What it holds: the tokens and merges, the special ids, the pattern's name.
        """
        tables = {
            "pattern": self.pattern,
            "special": list(self.special.values()),
            "merges": list(self.merges),
            "tokens": list(self.vocabulary),
        }
        files.write(path, tables)

    @property
    def vocab_size(self) -> int:
        """V, the number of tokens."""
        return len(self._bytes)

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """The ids of a text; `special=False` reads markers in it as plain text."""
        check_text(text)
        return self._encode(text, special)

    def encode_bytes(self, data: bytes, *, special: bool = True) -> list[int]:
        """The ids of any bytes, UTF-8 or not: decode_bytes(encode_bytes(x)) = x.

        Bytes that are text become the ids of that text. A byte that belongs to no
        character counts as a sign of its own kind, neither letter, digit nor space.
        """
        if not isinstance(data, bytes):
            raise ValueError(f"data is bytes, not {type(data).__name__}; text: encode")
        return self._encode(data.decode("utf-8", "surrogateescape"), special)

    def _encode(self, text: str, special: bool) -> list[int]:
        if not (special and self.special):
            return self._encode_plain(text)
        ids: list[int] = []
        for i, part in enumerate(self._markers.split(text)):
            ids += [self.special[part]] if i % 2 else self._encode_plain(part)
        return ids

    def _encode_plain(self, text: str) -> list[int]:
        pieces = map(self._pieces.__getitem__, self._split(text))
        return list(itertools.chain.from_iterable(pieces))

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of the tokens, one after the other."""
        return b"".join(map(self._bytes.__getitem__, self._checked(ids)))

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
        """Merge neighbours while a merge applies: lowest rank first, then leftmost."""
        return merge(self._checked(ids), self._ranks, self._merged)

    def _encode_piece(self, piece: str) -> list[int]:
        raw = piece.encode("utf-8", "surrogateescape")
        ids = [self._byte_ids[byte] for byte in raw]
        if None in ids:
            raise ValueError(
                f"{piece!r} cannot be encoded: this vocabulary has no token for byte "
                f"0x{raw[ids.index(None)]:02X}"
            )
        return merge(ids, self._ranks, self._merged)

    def _checked(self, ids: Iterable[int]) -> list[int]:
        try:
            ids = list(map(operator.index, ids))
        except TypeError as error:
            raise ValueError(
                "ids must be one flat row of whole numbers; decode a batch row by row"
            ) from error
        if ids and not 0 <= min(ids) <= max(ids) < self.vocab_size:
            outside = [i for i in ids if not 0 <= i < self.vocab_size]
            raise ValueError(
                f"token ids run from 0 to {self.vocab_size - 1}; got {outside[:5]}"
            )
        return ids
