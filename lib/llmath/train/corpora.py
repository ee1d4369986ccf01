"""text → (tokenizer, ids to learn from, ids to be judged by)

The text is cut before anything is learnt from it: a BPE sees the training part alone,
and the validation part is the same text whatever the tokens are, so that bits per byte
can be compared.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from llmath.border import count, number, of_kind
from llmath.data import encode_to_file, fingerprint, load_ids, read_text, shakespeare
from llmath.tokenizer import Tokenizer, byte_alphabet

_PARTS = ("train", "validation")


@dataclass(frozen=True, eq=False)
class Corpus:
    """Ids in two parts, and what they are ids of.

    Without a tokenizer (a synthetic language) there are no samples, and losses are in
    nats alone.
    """

    train: Integer[np.ndarray, " n"]
    validation: Integer[np.ndarray, " m"]
    vocab_size: int
    tokenizer: Tokenizer | None = None

    @cached_property
    def predicted(self) -> tuple[int, int] | None:
        """Bytes and characters of the validation text behind its first token.

        That one is read but never predicted.
        """
        if self.tokenizer is None:
            return None
        data = self.tokenizer.decode_bytes(self.validation[1:].tolist())
        continued = sum(map(data.count, map(_byte, range(0x80, 0xC0))))
        return len(data), len(data) - continued

    @cached_property
    def marks(self) -> dict[str, int | str | None]:
        """What a checkpoint must have in common with the run that it is of."""
        tokenizer = self.tokenizer
        mark = None if tokenizer is None else fingerprint(tokenizer)
        return {"vocab_size": self.vocab_size, "tokenizer": mark}


def _byte(value: int) -> bytes:
    return bytes([value])


def character_tokenizer(text: str) -> Tokenizer:
    """A token for each character of the text, in the order of Unicode.

    A character of several bytes is merged from them, first to last. The bytes on the
    way need tokens too, which no text of these characters ever shows.

    An empty text raises a ValueError.
    """
    of_kind(str, text=text)
    if not text:
        raise ValueError("the text is empty, so there are no characters in it")
    letters = {byte: letter for letter, byte in byte_alphabet().items()}
    tokens, merges = {}, {}
    for character in sorted(set(text)):
        spelt = [letters[byte] for byte in character.encode()]
        tokens |= dict.fromkeys(spelt)
        for i in range(1, len(spelt)):
            merges["".join(spelt[:i]) + f" {spelt[i]}"] = None
            tokens["".join(spelt[: i + 1])] = None
    return Tokenizer(list(tokens), list(merges), pattern="gpt2")


def byte_tokenizer() -> Tokenizer:
    """The 256 bytes and no merges."""
    return Tokenizer(list(byte_alphabet()), [], pattern="gpt2")


def build_tokenizer(kind: str, text: str, train: str, vocab_size: int) -> Tokenizer:
    """The tokenizer of a run: characters of the whole text, bytes, or a BPE.

    The alphabet is no secret, so that a rare letter of the validation part has a token;
    merges are learnt from the part that is trained on.

    An unknown kind raises a ValueError.
    """
    if kind == "characters":
        return character_tokenizer(text)
    if kind == "bytes":
        return byte_tokenizer()
    if kind != "bpe":
        raise ValueError(f"no tokens {kind!r}; there is characters, bytes, bpe")
    return Tokenizer.train(train, vocab_size)


def read_source(data: str) -> str:
    """The text of this name, or of this path.

    What is neither raises a ValueError.
    """
    if data == "shakespeare":
        return shakespeare()
    if not Path(data).is_file():
        raise ValueError(
            f"data={data!r} is no text: it is neither shakespeare nor the path of a "
            f"file that is there"
        )
    return read_text(data)


def cut(text: str, validation: float) -> tuple[str, str]:
    """The text in two, the last `validation` of its characters kept back.

    A share that leaves one of the two empty raises a ValueError.
    """
    of_kind(str, text=text)
    number(validation=validation)
    at = len(text) - round(len(text) * validation)
    if not 0 < at < len(text):
        raise ValueError(
            f"validation={validation} of {len(text)} characters leaves {at} to learn "
            f"from and {len(text) - at} to be judged by: both parts need some"
        )
    return text[:at], text[at:]


def build_corpus(
    data: str,
    tokens: str,
    *,
    vocab_size: int,
    validation: float = 0.1,
    folder: Path | None = None,
) -> Corpus:
    """Read the text, learn its tokens, encode both parts.

    With a folder tokenizer.json and the ids are kept there, as files that are mapped
    into memory; `open_corpus` finds them again.

    Texts that are not there or too short for two parts raise a ValueError.
    """
    count(vocab_size=vocab_size)
    text = read_source(data)
    parts = cut(text, validation)
    tokenizer = build_tokenizer(tokens, text, parts[0], vocab_size)
    if folder is None:
        ids = [np.array(tokenizer.encode(part), np.uint32) for part in parts]
        return Corpus(*ids, tokenizer.vocab_size, tokenizer)
    tokenizer.save(folder / "tokenizer.json")
    for name, part in zip(_PARTS, parts, strict=True):
        encode_to_file(folder / f"{name}.ids", part, tokenizer)
    return open_corpus(folder)


def open_corpus(folder: Path) -> Corpus:
    """The corpus that `build_corpus` kept in a folder.

    Files that are damaged, or do not belong together, raise a ValueError.
    """
    of_kind(Path, folder=folder)
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    ids = [load_ids(folder / f"{name}.ids", tokenizer) for name in _PARTS]
    return Corpus(*ids, tokenizer.vocab_size, tokenizer)
