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
from dataclasses import fields
from os import PathLike
from pathlib import Path
from types import MappingProxyType, ModuleType

import torch
from safetensors.torch import save_file
from torch import Tensor

from llmath.border import of_kind
from llmath.config import ModelConfig
from llmath.model import Transformer
from llmath.pretrained import gpt2, llama
from llmath.pretrained.described import check_dtype
from llmath.pretrained.stored import DRAFT, WEIGHTS, Stored, read_json, some, stored_in

FAMILIES = MappingProxyType({family.MODEL_TYPE: family for family in (gpt2, llama)})
_CONFIG = "config.json"


def load_checkpoint(
    folder: str | PathLike, *, dtype: torch.dtype = torch.float32
) -> Transformer:
    """The model of a folder, ready to be read from: evaluation mode, no gradients kept.

    Of the families GPT-2 and Llama. All the tensors that the model needs must be there,
    in their shapes, and no others.

    A family or a setting that is not built, and tensors that do not fit it, raise a
    ValueError.
    """
    check_dtype(dtype)
    told = read_json(Path(folder) / _CONFIG)
    kind = told.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ValueError(
            f"config.json describes a model of the family {kind!r:.80}; "
            f"there is {', '.join(FAMILIES)}"
        )
    family = FAMILIES[kind]
    config = family.config_from_json(told)
    stored = _named(stored_in(Path(folder)), family)
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

    Both are written beside their places first: a failure on the way leaves what was
    there before. Then the old config.json is taken away, the weights move, and last of
    all the new config.json: a computer that stops in between leaves a folder without
    one, which `load_checkpoint` refuses. Never do new weights lie under an old
    description, or old ones under a new.
    """
    of_kind(Transformer, model=model)
    if model.embedding.weight.is_meta:
        raise ValueError("the weights are on the device meta: they hold no numbers")
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
    with tempfile.TemporaryDirectory(dir=folder, prefix=DRAFT) as beside:
        new = Path(beside)
        contiguous = {name: w.contiguous() for name, w in tensors.items()}
        save_file(contiguous, new / WEIGHTS, metadata={"format": "pt"})
        (new / _CONFIG).write_text(json.dumps(described, indent=2) + "\n", "utf-8")
        for name in (WEIGHTS, _CONFIG):
            with open(new / name, "rb+") as file:
                os.fsync(file.fileno())
        _put(new, folder)


def _put(new: Path, folder: Path) -> None:
    """Move both files to their places; config.json says that the weights are whole."""
    old = new / "old.json"
    if (folder / _CONFIG).exists():
        os.replace(folder / _CONFIG, old)
        _to_disk(folder)
    try:
        os.replace(new / WEIGHTS, folder / WEIGHTS)
    except OSError:
        if old.exists():
            os.replace(old, folder / _CONFIG)  # the old weights are still in place
        raise
    _to_disk(folder)
    os.replace(new / _CONFIG, folder / _CONFIG)
    _to_disk(folder)


def _to_disk(folder: Path) -> None:
    """What was moved stays moved, and in this order, when the power fails."""
    if os.name == "nt":
        return  # which cannot open a folder
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _family(config: ModelConfig) -> ModuleType:
    """The family whose config.json says all that the configuration does."""
    in_the_way = []
    for name, family in FAMILIES.items():
        try:
            read = family.config_from_json(family.config_to_json(config))
        except ValueError as error:  # as this family has it, there is no such model
            in_the_way.append(f"{name} refuses it: {error}")
            continue
        wrong = [
            f"{field.name}={getattr(config, field.name)!r}"
            for field in fields(config)
            if getattr(read, field.name) != getattr(config, field.name)
        ]
        if not wrong:
            return family
        in_the_way.append(f"{name} has no {', '.join(wrong)}")
    raise ValueError(
        f"config.json cannot say what this model is: {'; '.join(in_the_way)}"
    )


def _named(stored: Mapping[str, Stored], family: ModuleType) -> dict[str, Stored]:
    """By the names that the family gives them, without what is no weight."""
    found: dict[str, Stored] = {}
    for name, tensor in stored.items():
        full = family.canonical(name)
        if full in found:
            raise ValueError(f"the folder holds tensor {full!r} twice")
        if full is not None:
            found[full] = tensor
    return found


def _check_size(config: ModelConfig, stored: Mapping[str, Stored]) -> None:
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


def _check(stored: Mapping[str, Stored], wanted: Mapping[str, Tensor]) -> None:
    """All tensors are there, in their shapes, and none is left over."""
    missing, extra = wanted.keys() - stored.keys(), stored.keys() - wanted.keys()
    if missing or extra:
        raise ValueError(
            f"the folder has no tensors {some(missing)}, and no use for {some(extra)}"
        )
    wrong = [
        f"{name} has {stored[name].shape} instead of {tuple(w.shape)}"
        for name, w in wanted.items()
        if stored[name].shape != tuple(w.shape)
    ]
    if wrong:
        raise ValueError(f"tensors have the wrong shape: {some(wrong)}")
