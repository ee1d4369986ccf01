"""a file is written whole or not at all"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: str | PathLike) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the old one's place when all went well.

    Whoever reads meanwhile, or after a crash, finds the old file or the new one.
    """
    path = Path(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(draft, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # on the disk before the old file goes
        os.replace(draft, path)
        if os.name == "posix":  # the new name is on the disk with its folder alone
            _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: str | PathLike, value: Any) -> None:
    """Write a result, whole or not at all; NaN and ∞, which JSON lacks, are refused."""
    try:
        text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    except TypeError as error:
        raise ValueError(f"{path}: this is no JSON: {error}") from error
    with replacing(path) as file:
        file.write(text.encode() + b"\n")
