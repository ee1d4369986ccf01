"""the checkpoints of a folder: the newest that is whole, and which stay"""

import re
import warnings
from collections.abc import Container
from os import PathLike
from pathlib import Path

import torch

from llmath.border import count
from llmath.checkpoint.file import DamagedCheckpoint
from llmath.checkpoint.states import Checkpoint, load_checkpoint
from llmath.model import Transformer

_NAME = re.compile(r"step-(\d{8,})\.safetensors")


def checkpoints(folder: str | PathLike) -> list[Path]:
    """The checkpoints of a folder, the oldest first; of no folder, none."""
    named = [p for p in Path(folder).glob("step-*") if _NAME.fullmatch(p.name)]
    return sorted((path for path in named if path.is_file()), key=_step)


def resume(
    folder: str | PathLike,
    *,
    model: Transformer,
    optimizer: torch.optim.Optimizer | None = None,
) -> Checkpoint | None:
    """Go on from the newest checkpoint that is whole; without any: None.

    Damaged ones that are newer are passed over with a warning and get another name,
    with `.damaged` behind it: nobody may take them for the newest again. When none is
    whole, and when the newest whole one does not fit, a ValueError is raised and none
    is renamed: to begin anew must be said.
    """
    paths, damaged = checkpoints(folder), {}
    for path in reversed(paths):
        try:
            found = load_checkpoint(path, model=model, optimizer=optimizer)
        except DamagedCheckpoint as damage:
            damaged[path] = damage
            continue
        for bad, damage in damaged.items():
            aside = bad.replace(bad.with_name(f"{bad.name}.damaged"))
            told = f"{damage}; it is {aside.name} now, and {path.name} is taken"
            warnings.warn(told, stacklevel=2)
        return found
    for damage in damaged.values():
        warnings.warn(str(damage), stacklevel=2)
    if paths:
        raise ValueError(
            f"none of the {len(paths)} checkpoints in {folder} is whole: move them "
            f"away to begin anew"
        )
    return None


def prune(folder: str | PathLike, keep: int, *, also: Container[int] = ()) -> None:
    """Remove all but the newest `keep`, those of the steps in `also`, and half ones.

    To keep none raises a ValueError.
    """
    count(keep=keep)
    for path in checkpoints(folder)[:-keep]:
        if _step(path) not in also:
            path.unlink()
    for draft in Path(folder).glob("step-*.part"):  # of a process that was killed
        draft.unlink()


def _step(path: Path) -> int:
    return int(_NAME.fullmatch(path.name)[1])
