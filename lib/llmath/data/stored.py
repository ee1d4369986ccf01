"""text → ids on disk, mapped into memory when they are read

One file: a line of JSON that says what follows, filled up with spaces to 512 bytes,
then the ids, two bytes each for vocabularies up to 65,536 and else four, lowest byte
first. Mapped, a corpus larger than memory is one array of which the pages that are
looked at come from the disk.
"""

import hashlib
import json
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from llmath.border import described, of_kind
from llmath.runtime import replacing
from llmath.tokenizer import Tokenizer

_FORMAT = "llmath ids, version 1"
_FIELDS = {"dtype": str, "count": int, "vocab_size": int, "tokenizer": str}
_FIELDS |= {"sha256": str}
_HEADER = 512
_ANEW = "Encode the text anew: encode_to_file"


def fingerprint(tokenizer: Tokenizer) -> str:
    """SHA-256 of all that decides which ids a text becomes.

    What is no tokenizer raises a ValueError.
    """
    of_kind(Tokenizer, tokenizer=tokenizer)
    decides = [
        tokenizer.pattern,
        tokenizer.special,
        tokenizer.merges,
        tokenizer.vocabulary,
    ]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()


def encode_to_file(
    path: str | PathLike, text: str | Iterable[str], tokenizer: Tokenizer
) -> Path:
    """Write the ids of a text, or of several one after the other; returns the path.

    Texts are encoded one by one, so that they need not fit into memory together. The
    file replaces an older one in one step, and `load_ids` reads it.

    What is no text, and an empty one, raises a ValueError.
    """
    of_kind(Tokenizer, tokenizer=tokenizer)
    if not isinstance(text, Iterable) or isinstance(text, bytes):
        raise ValueError(f"text is a str or several, got {described(text)}")
    path, count, digest = Path(path), 0, hashlib.sha256()
    dtype = np.dtype("<u2" if tokenizer.vocab_size <= 2**16 else "<u4")
    with replacing(path) as file:
        file.write(bytes(_HEADER))
        for part in [text] if isinstance(text, str) else text:
            ids = np.array(tokenizer.encode(part), dtype)
            file.write(ids.data)
            digest.update(ids.data)
            count += len(ids)
        if not count:
            raise ValueError(f"{path}: the text is empty, so there are no ids to write")
        header = {
            "format": _FORMAT,
            "dtype": dtype.str,
            "count": count,
            "vocab_size": tokenizer.vocab_size,
            "tokenizer": fingerprint(tokenizer),
            "sha256": digest.hexdigest(),
        }
        file.seek(0)
        file.write(json.dumps(header).encode().ljust(_HEADER - 1) + b"\n")
    return path


def load_ids(
    path: str | PathLike, tokenizer: Tokenizer, *, verify: bool = True
) -> Integer[np.ndarray, " n"]:
    """The ids of a file that `encode_to_file` wrote, mapped and not to be written to.

    Refused: ids of another tokenizer, a file that was cut short, and one whose SHA-256
    is not what it says. The last costs a reading of the whole file, about 0.7 s for
    each gigabyte; `verify=False` leaves it out.
    """
    path = Path(path)
    header = _header(path)
    dtype, count = np.dtype(header["dtype"]), header["count"]
    held, wanted = path.stat().st_size - _HEADER, count * dtype.itemsize
    if held != wanted:
        raise ValueError(
            f"{path} should hold {count} ids in {wanted} bytes and holds {held} bytes: "
            f"it was cut short or added to. {_ANEW}"
        )
    if header["tokenizer"] != fingerprint(tokenizer):
        raise ValueError(
            f"{path} holds ids of another tokenizer, one of {header['vocab_size']} "
            f"tokens ({header['tokenizer'][:12]}…); this one has "
            f"{tokenizer.vocab_size} ({fingerprint(tokenizer)[:12]}…). {_ANEW}"
        )
    ids = np.memmap(path, dtype, "r", offset=_HEADER, shape=(count,))
    if verify and (found := hashlib.sha256(ids.data).hexdigest()) != header["sha256"]:
        raise ValueError(
            f"{path} was changed since it was written: the SHA-256 of its ids is "
            f"{found}, not {header['sha256']}. {_ANEW}"
        )
    return ids


def _header(path: Path) -> dict[str, Any]:
    """What the first line says; anything but a header of ours is refused."""
    with open(path, "rb") as file:
        line = file.read(_HEADER)
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no ids: no line of JSON begins it") from error
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise ValueError(f"{path} is not of the format {_FORMAT!r}")
    wrong = [n for n, kind in _FIELDS.items() if type(found.get(n)) is not kind]
    if wrong or found["dtype"] not in ("<u2", "<u4") or found["count"] < 1:
        raise ValueError(f"{path}: its first line is damaged ({line[:200]!r}). {_ANEW}")
    return found
