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
    found = _read_json(path)
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
    """
    ids = _read_json(encoder_json)
    if any(type(i) is not int for i in ids.values()):
        raise ValueError(f"{encoder_json} should give each token a whole number")
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError(
            f"{encoder_json}: the ids of {len(ids)} tokens should be 0 to "
            f"{len(ids) - 1}, each once"
        )
    try:
        lines = Path(vocab_bpe).read_text("utf-8").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{vocab_bpe} is no UTF-8 text: {error}") from error
    first = 1 if lines[0].startswith("#version") else 0
    return sorted(ids, key=ids.get), lines[first:]


def _read_json(path: str | PathLike) -> dict[str, Any]:
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} should hold one JSON object")
    return found
