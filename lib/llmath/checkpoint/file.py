"""JSON and tensors ↔ one file, which is whole or refused"""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from llmath.runtime import replacing

_FORMAT = "llmath checkpoint, version 1"
Tensors = dict[str, Tensor]


class DamagedCheckpoint(ValueError):
    """The file is not what was written: cut short, or changed afterwards."""


def write_file(path: Path, about: dict[str, Any], held: Tensors) -> None:
    """Write them, whole or not at all.

    What JSON cannot say raises a ValueError.
    """
    try:
        text = json.dumps({"format": _FORMAT, **about}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the state of a checkpoint is no JSON: {error}") from error
    header = {"checkpoint": text, "sha256": _digest(text, held)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(safetensors.torch.save(held, header))


def read_file(path: Path) -> tuple[dict[str, Any], dict[str, Tensors]]:
    """The JSON, and the tensors of each part, after the SHA-256 was found right.

    Another SHA-256, and what is no checkpoint, raise a DamagedCheckpoint; one of
    another version a ValueError.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            held = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedCheckpoint(f"{path} is damaged: {error}") from error
    if not {"checkpoint", "sha256"} <= header.keys():
        raise DamagedCheckpoint(f"{path} is no checkpoint: its header lacks the state")
    text = header["checkpoint"]
    if _digest(text, held) != header["sha256"]:
        raise DamagedCheckpoint(f"{path} is damaged: its SHA-256 is another one")
    about = json.loads(text)
    if about["format"] != _FORMAT:
        raise ValueError(f"{path} is a {about['format']!r}; this reads {_FORMAT!r}")
    parts: dict[str, Tensors] = {"model": {}, "optimizer": {}, "extra": {}}
    for key, x in held.items():
        part, name = key.split("/", 1)
        parts[part][name] = x
    return about, parts


def _digest(text: str, held: Tensors) -> str:
    """SHA-256 of all that a checkpoint says, tensor by tensor in the order of names."""
    found = hashlib.sha256(text.encode())
    for name in sorted(held):
        x = held[name]
        found.update(f"{name} {x.dtype} {tuple(x.shape)}".encode())
        found.update(x.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()
