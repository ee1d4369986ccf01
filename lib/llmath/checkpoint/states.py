"""weights, optimizer, chance and data position ↔ disk

A checkpoint is one safetensors file, `step-00000123.safetensors`: the tensors of the
model and of the optimizer, and in its header one line of JSON with all that is no
tensor and with the SHA-256 of the whole. It is written beside its place and moved there
when it is complete, so that a machine that stops at any moment leaves the old
checkpoint or the new one. Nothing is pickled.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from llmath.border import count, of_kind
from llmath.config import ModelConfig, RopeScaling
from llmath.model import Transformer
from llmath.runtime import replacing

_FORMAT = "llmath checkpoint, version 1"
_NAME = re.compile(r"step-(\d{8,})\.safetensors")
Tensors = dict[str, Tensor]


class DamagedCheckpoint(ValueError):
    """The file is not what was written: cut short, or changed afterwards."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds beside weights and optimizer."""

    path: Path
    step: int
    config: ModelConfig
    state: dict[str, Any]
    tensors: Tensors


def save_checkpoint(
    folder: str | PathLike,
    step: int,
    *,
    model: Transformer,
    optimizer: torch.optim.Optimizer | None = None,
    state: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write `folder/step-….safetensors`, whole or not at all; returns its path.

    `state` is whatever else must be known to go on, as JSON can say it: the position in
    the data, the best loss. `tensors` are such things as `torch.get_rng_state()`. The
    file needs its size once more in memory while it is written.

    A step below 0 and a state that JSON cannot say raise a ValueError.
    """
    count(0, step=step)
    of_kind(Transformer, model=model)
    held = _named("model", model.state_dict()) | _named("extra", dict(tensors or {}))
    about = {"format": _FORMAT, "step": step, "config": asdict(model.config)}
    about |= {"state": dict(state or {}), "optimizer": None}
    if optimizer is not None:
        about["optimizer"], moments = _taken_apart(optimizer.state_dict())
        held |= _named("optimizer", moments)
    try:
        text = json.dumps(about, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the state of a checkpoint is no JSON: {error}") from error
    header = {"checkpoint": text, "sha256": _digest(text, held)}
    path = Path(folder) / f"step-{step:08d}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(safetensors.torch.save(held, header))
    return path


def load_checkpoint(
    path: str | PathLike,
    *,
    model: Transformer | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> Checkpoint:
    """Read a checkpoint; a model and an optimizer that are given continue from it.

    Both stay where they are, on their device and in their type. They are touched only
    after everything fits: a refused checkpoint leaves them as they were.

    A file that is damaged raises a DamagedCheckpoint; one of a model of another shape,
    or of another optimizer, a ValueError that names what differs. Both are ValueErrors.
    """
    path = Path(path)
    about, held = _read(path)
    config = _config(about["config"])
    if model is not None:
        _check_model(path, config, model, held["model"])
    if optimizer is not None:
        _check_optimizer(path, about["optimizer"], optimizer)
        optimizer.load_state_dict(_put_together(about["optimizer"], held["optimizer"]))
    if model is not None:
        model.load_state_dict(held["model"])
    return Checkpoint(path, about["step"], config, about["state"], held["extra"])


def load_model(path: str | PathLike) -> Transformer:
    """The model of a checkpoint, ready to be read from: no gradients are kept.

    What `load_checkpoint` refuses raises a ValueError.
    """
    about, held = _read(Path(path))
    with torch.device("meta"):
        model = Transformer(_config(about["config"]))
    model.load_state_dict(held["model"], assign=True)
    return model.eval().requires_grad_(False)


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


def _config(fields: dict[str, Any]) -> ModelConfig:
    scaling = fields["rope_scaling"]
    scaling = None if scaling is None else RopeScaling(**scaling)
    return ModelConfig(**fields | {"rope_scaling": scaling})


def _step(path: Path) -> int:
    return int(_NAME.fullmatch(path.name)[1])


def _named(part: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors of one part under its name, as a file can hold them."""
    return {
        f"{part}/{n}": x.detach().to("cpu").contiguous() for n, x in tensors.items()
    }


def _taken_apart(state_dict: dict[str, Any]) -> tuple[dict[str, Any], Tensors]:
    """An optimizer's state, as JSON and tensors: {3: {"exp_avg": x}} → "3/exp_avg"."""
    numbers: dict[str, Any] = {}
    tensors: Tensors = {}
    for i, parameter in state_dict["state"].items():
        for name, x in parameter.items():
            (tensors if isinstance(x, Tensor) else numbers)[f"{i}/{name}"] = x
    return {"groups": state_dict["param_groups"], "numbers": numbers}, tensors


def _put_together(about: dict[str, Any], tensors: Tensors) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    for key, x in (about["numbers"] | tensors).items():
        i, name = key.split("/", 1)
        state.setdefault(int(i), {})[name] = x
    return {"state": state, "param_groups": about["groups"]}


def _digest(text: str, held: Tensors) -> str:
    """SHA-256 of all that a checkpoint says, tensor by tensor in the order of names."""
    found = hashlib.sha256(text.encode())
    for name in sorted(held):
        x = held[name]
        found.update(f"{name} {x.dtype} {tuple(x.shape)}".encode())
        found.update(x.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensors]]:
    """The JSON, and the tensors of each part, after the SHA-256 was found right."""
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


def _check_model(
    path: Path, config: ModelConfig, model: Transformer, weights: Tensors
) -> None:
    of_kind(Transformer, model=model)
    then, now = asdict(config), asdict(model.config)
    if other := [f"{n} {then[n]} → {now[n]}" for n in then if then[n] != now[n]]:
        raise ValueError(f"{path} is of another model: {'; '.join(other)}")
    held = {name: x.shape for name, x in model.state_dict().items()}
    if held != {name: x.shape for name, x in weights.items()}:
        raise ValueError(f"{path} holds other tensors than its configuration has")


def _check_optimizer(
    path: Path, about: dict[str, Any] | None, optimizer: torch.optim.Optimizer
) -> None:
    if about is None:
        raise ValueError(f"{path} was saved without an optimizer")
    then, now = about["groups"], optimizer.state_dict()["param_groups"]
    sizes = [[len(group["params"]) for group in groups] for groups in (then, now)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{path} is of an optimizer with {sizes[0]} parameters in its groups, this "
            f"one has {sizes[1]}"
        )
    for i, (old, new) in enumerate(zip(then, now, strict=True)):
        if old.keys() != new.keys():
            raise ValueError(
                f"{path} is of another optimizer: in group {i} only one of them knows "
                f"{sorted(old.keys() ^ new.keys())}"
            )
