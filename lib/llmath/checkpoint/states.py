"""a model and its optimizer ↔ JSON and tensors"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llmath.border import count, of_kind
from llmath.checkpoint.file import Tensors, read_file, write_file
from llmath.config import ModelConfig, RopeScaling
from llmath.model import Transformer


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
    about = {"step": step, "config": asdict(model.config)}
    about |= {"state": dict(state or {}), "optimizer": None}
    if optimizer is not None:
        about["optimizer"], moments = _taken_apart(optimizer.state_dict())
        held |= _named("optimizer", moments)
    path = Path(folder) / f"step-{step:08d}.safetensors"
    write_file(path, about, held)
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
    about, held = read_file(path)
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
    about, held = read_file(Path(path))
    with torch.device("meta"):
        model = Transformer(_config(about["config"]))
    model.load_state_dict(held["model"], assign=True)
    return model.eval().requires_grad_(False)


def _config(fields: dict[str, Any]) -> ModelConfig:
    scaling = fields["rope_scaling"]
    scaling = None if scaling is None else RopeScaling(**scaling)
    return ModelConfig(**fields | {"rope_scaling": scaling})


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
