"""tables ↔ disk: this library's JSON, written whole or not at all, and GPT-2's files"""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from llmath.runtime import replacing

_FORMAT = "llmath byte-level BPE, version 1"
_TABLES = {"tokens": str, "merges": str, "special": int}  # lists, and of what


def write(path: str | PathLike, tables: dict[str, Any]) -> None:
    """One JSON file; it replaces an older one in one step."""
    text = json.dumps({"format": _FORMAT, **tables}, ensure_ascii=False, indent=0)
    with replacing(path) as file:
        file.write(text.encode() + b"\n")


def read(path: str | PathLike) -> dict[str, Any]:
    """The tables of a file that `write` wrote; any other is refused (ValueError)."""
    found = read_json(path)
    kind = found.pop("format", None)
    if kind != _FORMAT:
        raise ValueError(f"{path} is of format {kind!r}, not {_FORMAT!r}")
    if found.keys() != {"pattern", *_TABLES}:
        raise ValueError(
            f"{path} should hold pattern, {', '.join(_TABLES)}; it has {sorted(found)}"
        )
    if not isinstance(found["pattern"], str):
        raise ValueError(f"{path}: pattern={found['pattern']!r:.80} is no name")
    for name, kind in _TABLES.items():
        table = found[name]
        if type(table) is not list or any(type(item) is not kind for item in table):
            raise ValueError(f"{path}: {name} should be a list of {kind.__name__}")
    return found


def read_gpt2(
    encoder_json: str | PathLike, vocab_bpe: str | PathLike
) -> tuple[list[str], list[str]]:
    """(tokens, merges) from the two files in which GPT-2's vocabulary was published:
    {token: id}, and one merge a line, in order, below a line with the version.

    Files that are not of this form raise a ValueError that names the line.
    """
    ids = read_json(encoder_json)
    tokens = in_order(ids, encoder_json)
    try:
        lines = Path(vocab_bpe).read_text("utf-8").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{vocab_bpe} is no UTF-8 text: {error}") from error
    first = 1 if lines[0].startswith("#version") else 0
    return tokens, lines[first:]


def in_order(ids: dict[str, Any], path: str | PathLike) -> list[str]:
    """The tokens by their ids, which are 0, 1, 2, … and each given once.

    A gap, or an id given twice, raises a ValueError.
    """
    if any(type(i) is not int for i in ids.values()):
        raise ValueError(f"{path} should give each token a whole number")
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError(
            f"{path}: the ids of {len(ids)} tokens should be 0 to "
            f"{len(ids) - 1}, each once"
        )
    return sorted(ids, key=ids.get)


def read_json(path: str | PathLike) -> dict[str, Any]:
    """The object of a JSON file.

    What is no JSON, or no object, raises a ValueError.
    """
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} should hold one JSON object")
    return found
