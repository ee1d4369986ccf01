"""GGUF's metadata and tensors ↔ (config, weights), in the words of `gguf_families`

A configuration that no family can say is refused when it is to be written, with the
fields that are in the way.
"""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from llmath.config import ModelConfig, RopeScaling
from llmath.pretrained.gguf import GGUFFile, TensorInfo
from llmath.pretrained.gguf_families import FAMILIES, HEAD, Family, entries, joined

Metadata = Mapping[str, Any]
# What a file may leave out.
_DEFAULTS = {"rope_base": 10_000.0}
# Widths of a head, which a file may state and no family here can choose.
_WIDTHS = ("rope.dimension_count", "attention.key_length", "attention.value_length")


def config(file: GGUFFile) -> ModelConfig:
    """The model's configuration; what the library cannot compute is refused."""
    found = described(file.metadata, file.tensors)
    _check_size(file.tensors, found)
    return found


def described(metadata: Metadata, tensors: Collection[str]) -> ModelConfig:
    """The configuration that the metadata, and which tensors there are, describe.

    A family or a setting that is not built raises a ValueError.
    """
    name = get(metadata, "general.architecture", str)
    if name not in FAMILIES:
        raise ValueError(
            f"the file holds a model of the family {name!r}; there is "
            f"{', '.join(FAMILIES)}"
        )
    family = FAMILIES[name]
    told = {
        field: _number(metadata, f"{name}.{key}", _DEFAULTS.get(field))
        for field, key in family.told.items()
        if field != "n_kv_heads"
    }
    key = f"{name}.attention.head_count_kv"
    told["n_kv_heads"] = get(metadata, key, default=told["n_heads"])
    told["bias"] = "blk.0.attn_output.bias" in tensors
    found = ModelConfig(
        **{**told, **family.implied},
        rope_scaling=_scaling(metadata, name),
        vocab_size=len(strings(metadata, "tokenizer.ggml.tokens")),
        tie_embeddings=HEAD not in tensors,
    )
    for key in _WIDTHS:
        width = get(metadata, f"{name}.{key}", default=found.d_head)
        if width != found.d_head:
            raise ValueError(f"{name}.{key}={width} differs from d_head={found.d_head}")
    return found


def metadata(config: ModelConfig) -> dict[str, Any]:
    """The metadata that describe a model; `described` reads the configuration back.

    Raises a ValueError with the fields that keep each family from saying what it is.
    """
    in_the_way = []
    for family in FAMILIES.values():
        made = _said(config, family)
        tensors = [entry.theirs for entry in entries(config, family)]
        vocabulary = {"tokenizer.ggml.tokens": [""] * config.vocab_size}
        try:
            read = described(made | vocabulary, tensors)
        except ValueError as error:  # as this family has it, there is no such model
            in_the_way.append(f"{family.name} refuses it: {error}")
            continue
        wrong = [
            f"{field.name}={getattr(config, field.name)!r}"
            for field in fields(config)
            if getattr(read, field.name) != getattr(config, field.name)
        ]
        if not wrong:
            return made
        in_the_way.append(f"{family.name} has no {', '.join(wrong)}")
    raise ValueError(f"GGUF cannot say what this model is: {'; '.join(in_the_way)}")


def parameters(
    file: GGUFFile, config: ModelConfig, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """Every parameter, decoded to float32; `shapes` are those that the model needs.

    All tensors are there and fit, and none is left over; else nothing is decoded.

    Tensors that are missing, left over or of another shape raise a ValueError.
    """
    table = list(entries(config, FAMILIES[file.metadata["general.architecture"]]))
    wanted, there = {entry.theirs for entry in table}, file.tensors.keys()
    if wanted != there:
        raise ValueError(
            f"the file has no tensors {sorted(wanted - there)}, and no use for "
            f"{sorted(there - wanted)}"
        )
    for theirs, ours in table:
        held, needed = file.tensors[theirs].shape, joined(shapes[name] for name in ours)
        if held != needed:
            raise ValueError(
                f"tensor {theirs!r} has shape {held}; {', '.join(ours)} "
                f"need{'s' if len(ours) == 1 else ''} {needed}"
            )
    weights: dict[str, np.ndarray] = {}
    for theirs, ours in table:
        ends = list(itertools.accumulate(shapes[name][0] for name in ours))
        weights |= zip(ours, np.split(file.read(theirs), ends[:-1]), strict=True)
    return weights


def get(fields: Metadata, key: str, kind: type = object, *, default: Any = None) -> Any:
    """The value of a key, of this type; one that is absent has its default.

    A key of another type, or one that is absent without a default, raises a ValueError.
    """
    value = fields.get(key, default)
    if value is None:
        raise ValueError(f"the file's metadata lack {key!r}")
    if not isinstance(value, kind):
        raise ValueError(f"{key} should be a {kind.__name__}, got {value!r:.80}")
    return value


def strings(fields: Metadata, key: str) -> list[str]:
    """The list of strings of a key.

    Anything else raises a ValueError.
    """
    values = get(fields, key, list)
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{key} should hold strings alone")
    return values


def _said(config: ModelConfig, family: Family) -> dict[str, Any]:
    said = {
        f"{family.name}.{key}": getattr(config, field)
        for field, key in family.told.items()
    }
    if config.position == "rope":
        said[f"{family.name}.rope.dimension_count"] = config.d_head
    if config.rope_scaling is not None and config.rope_scaling.kind == "linear":
        said[f"{family.name}.rope.scaling.type"] = "linear"
        said[f"{family.name}.rope.scaling.factor"] = config.rope_scaling.factor
    vocabulary = {f"{family.name}.vocab_size": config.vocab_size}
    return {"general.architecture": family.name} | said | vocabulary


def _scaling(fields: Metadata, name: str) -> RopeScaling | None:
    """Linear scaling; GGUF keeps that of Llama 3.1 as a tensor, which is not read."""
    kind = get(fields, f"{name}.rope.scaling.type", str, default="none")
    if kind == "none":
        return None
    if kind != "linear":
        raise ValueError(
            f"rotary scaling of type {kind!r} is not read from GGUF; linear is"
        )
    factor = _number(fields, f"{name}.rope.scaling.factor", None)
    return RopeScaling(kind=kind, factor=factor)


def _number(fields: Metadata, key: str, default: float | None) -> Any:
    """Files keep fractions in float32: the shortest decimal number that is stored so.

    1e-5 was meant where 9.99999974737875e-06 is read; as float32 the two are one.
    """
    value = get(fields, key, default=default)
    return float(str(np.float32(value))) if isinstance(value, float) else value


def _check_size(tensors: Mapping[str, TensorInfo], found: ModelConfig) -> None:
    """Compare the announced size with the tensors before anything is built from it."""
    D, F, V, L = found.d_model, found.d_ff, found.vocab_size, found.n_layers
    blocks = sum(name.endswith(".attn_norm.weight") for name in tensors)
    if blocks != L:
        raise ValueError(f"the file announces {L} blocks and holds {blocks}")
    shapes = {"token_embd": (V, D), "blk.0.ffn_up": (F, D)}
    if found.position == "learned":
        shapes["position_embd"] = (found.context_length, D)
    for name, shape in shapes.items():
        tensor = tensors.get(f"{name}.weight")
        if tensor is None or tensor.shape != shape:
            held = "is missing" if tensor is None else f"has shape {tensor.shape}"
            raise ValueError(f"tensor {name}.weight {held}; it should have {shape}")
