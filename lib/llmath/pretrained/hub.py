"""folder ↔ model: config.json and safetensors, as the Hugging Face hub keeps them

>>> model = load_checkpoint("SmolLM2-360M")      # a folder that was downloaded
>>> save_checkpoint(model, "copy")               # transformers reads it, and so do we

Only safetensors is read, which is numbers and nothing else; pickled weights (*.bin,
*.pt) can run code when they are opened, and are never touched. What a folder announces
is compared with what it holds before anything is built from it.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from llmath.config import ModelConfig
from llmath.model import Transformer
from llmath.pretrained import gpt2, llama

FAMILIES = MappingProxyType({family.MODEL_TYPE: family for family in (gpt2, llama)})
_CONFIG, _WEIGHTS, _INDEX = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
)
_FLOATS = ("F64", "F32", "F16", "BF16")


class _Stored(NamedTuple):
    """A tensor in an open file, not read yet."""

    file: Any
    name: str
    shape: tuple[int, ...]

    def read(self) -> Tensor:
        return self.file.get_tensor(self.name)


def load_checkpoint(
    folder: str | PathLike, *, dtype: torch.dtype = torch.float32
) -> Transformer:
    """The model of a folder, ready to be read from: evaluation mode, no gradients kept.

    Of the families GPT-2 and Llama. All the tensors that the model needs must be there,
    in their shapes, and no others.
    """
    if not dtype.is_floating_point:
        raise ValueError(f"weights are floating-point numbers, not {dtype}")
    fields = _json(Path(folder) / _CONFIG)
    kind = fields.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ValueError(
            f"config.json describes a model of the family {kind!r:.80}; "
            f"there is {', '.join(FAMILIES)}"
        )
    family = FAMILIES[kind]
    config = family.config_from_json(fields)
    stored = _named(_stored(Path(folder)), family)
    head = stored.pop(family.HEAD, None) if config.tie_embeddings else None
    _check_size(config, stored)
    with torch.device("meta"):  # shapes alone: the weights come from the files
        model = Transformer(config)
    _check(stored, family.to_hub(model.state_dict(), config))
    if head and not torch.equal(head.read(), stored[family.TABLE].read()):
        raise ValueError(
            f"config.json ties the head to the embedding, but {family.HEAD} is not "
            f"{family.TABLE}"
        )
    tensors = {name: tensor.read() for name, tensor in stored.items()}
    weights = {
        name: w.to(dtype, copy=True, memory_format=torch.contiguous_format)
        for name, w in family.from_hub(tensors, config).items()
    }
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False)


def save_checkpoint(model: Transformer, folder: str | PathLike) -> None:
    """Write config.json and model.safetensors, for `load_checkpoint` and transformers.

    Both are written beside their places first and then moved there: a failure on the
    way leaves what was there before.
    """
    family = _family(model.config)
    weights = {name: w.detach().cpu() for name, w in model.state_dict().items()}
    tensors = family.to_hub(weights, model.config)
    described = {
        "model_type": family.MODEL_TYPE,
        "architectures": [family.ARCHITECTURE],
        **family.config_to_json(model.config),
        "bos_token_id": None,  # tokens belong to the tokenizer, not to the weights
        "eos_token_id": None,
        "torch_dtype": str(model.embedding.weight.dtype).removeprefix("torch."),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as beside:
        new = Path(beside)
        contiguous = {name: w.contiguous() for name, w in tensors.items()}
        save_file(contiguous, new / _WEIGHTS, metadata={"format": "pt"})
        (new / _CONFIG).write_text(json.dumps(described, indent=2) + "\n", "utf-8")
        for name in (_WEIGHTS, _CONFIG):
            with open(new / name, "rb+") as file:
                os.fsync(file.fileno())
        for name in (_WEIGHTS, _CONFIG):
            os.replace(new / name, folder / name)


def _family(config: ModelConfig) -> ModuleType:
    """The family whose config.json says all that the configuration does."""
    for family in FAMILIES.values():
        try:
            if family.config_from_json(family.config_to_json(config)) == config:
                return family
        except ValueError:
            continue  # as this family has it, there is no such model
    raise ValueError(
        f"neither of the formats {', '.join(FAMILIES)} can say what this model is: "
        f"{config}"
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:  # no JSON, or no UTF-8
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} should hold one JSON object")
    return found


def _stored(folder: Path) -> dict[str, _Stored]:
    """Every tensor of the folder: of one file, or of the shards that an index lists."""
    if (folder / _WEIGHTS).is_file():
        return _opened(folder / _WEIGHTS)
    if not (folder / _INDEX).is_file():
        pickled = sorted(p.name for p in folder.glob("*.bin"))
        note = f" {pickled[0]} is pickled and never opened." if pickled else ""
        raise FileNotFoundError(f"{folder} has no {_WEIGHTS} and no {_INDEX}.{note}")
    places = _json(folder / _INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(map(_is_plain, places.values())):
        raise ValueError(f"{_INDEX}: weight_map should name files of this folder")
    shards = {shard: _opened(folder / shard) for shard in sorted({*places.values()})}
    lost = [name for name, shard in places.items() if name not in shards[shard]]
    if lost:
        raise ValueError(
            f"{_INDEX} promises tensors that its shards lack: {_some(lost)}"
        )
    return {name: shards[shard][name] for name, shard in places.items()}


def _is_plain(name: Any) -> bool:
    """The name of a file in the folder itself, leading nowhere else."""
    return (
        isinstance(name, str)
        and name.endswith(".safetensors")
        and name == Path(name).name
        and "\\" not in name
    )


def _opened(path: Path) -> dict[str, _Stored]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        file = safe_open(path, framework="pt")
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error
    found = {}
    for name in file.keys():  # noqa: SIM118 – an open file, not a dictionary
        part = file.get_slice(name)
        if part.get_dtype() not in _FLOATS:
            raise ValueError(
                f"tensor {name!r} is stored as {part.get_dtype()}; weights are read "
                f"from {', '.join(_FLOATS)}"
            )
        found[name] = _Stored(file, name, tuple(part.get_shape()))
    return found


def _named(stored: Mapping[str, _Stored], family: ModuleType) -> dict[str, _Stored]:
    """By the names that the family gives them, without what is no weight."""
    found: dict[str, _Stored] = {}
    for name, tensor in stored.items():
        full = family.canonical(name)
        if full in found:
            raise ValueError(f"the folder holds tensor {full!r} twice")
        if full is not None:
            found[full] = tensor
    return found


def _check_size(config: ModelConfig, stored: Mapping[str, _Stored]) -> None:
    """No size beyond what is held: a wrong one would take forever to build."""
    held = sum(torch.Size(tensor.shape).numel() for tensor in stored.values())
    limits = {"n_layers": len(stored)}
    limits |= dict.fromkeys(("vocab_size", "d_model", "d_ff"), held)
    if config.position == "learned":
        limits["context_length"] = held
    for name, limit in limits.items():
        if getattr(config, name) > limit:
            raise ValueError(
                f"config.json announces {name}={getattr(config, name)}, which does not "
                f"fit into the {len(stored)} tensors of {held} numbers that there are"
            )


def _check(stored: Mapping[str, _Stored], wanted: Mapping[str, Tensor]) -> None:
    """All tensors are there, in their shapes, and none is left over."""
    missing, extra = wanted.keys() - stored.keys(), stored.keys() - wanted.keys()
    if missing or extra:
        raise ValueError(
            f"the folder has no tensors {_some(missing)}, and no use for {_some(extra)}"
        )
    wrong = [
        f"{name} has {stored[name].shape} instead of {tuple(w.shape)}"
        for name, w in wanted.items()
        if stored[name].shape != tuple(w.shape)
    ]
    if wrong:
        raise ValueError(f"tensors have the wrong shape: {_some(wrong)}")


def _some(names: Any) -> str:
    """A readable list: the first few, and how many more."""
    listed = sorted(names)
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    return "; ".join(listed[:6]) + more if listed else "(none)"
