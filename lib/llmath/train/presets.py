"""whole recipes by their names, and settings ↔ JSON"""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from types import MappingProxyType
from typing import Any

from llmath.config import ModelConfig, RopeScaling
from llmath.config import preset as shape
from llmath.train.settings import TrainConfig

# About a million parameters in the manner of Llama; GGUF can say what it is.
_BOOK = replace(
    TrainConfig().model,
    vocab_size=1024,
    d_ff=352,
    context_length=256,
    norm="rms",
    position="rope",
    mlp="swiglu",
    tie_embeddings=False,
)

# What files that were stored before call a field.
_OLDER = MappingProxyType(
    {
        "rule": "optimizer_impl",
        "recompute": "activation_checkpointing",
        "floor": "min_lr_ratio",
    }
)

PRESETS: Mapping[str, TrainConfig] = MappingProxyType(
    {
        "baseline": TrainConfig(),
        "book": TrainConfig(  # about ten minutes on two cores
            tokens="bpe",
            model=_BOOK,
            steps=3000,
            batch_size=8,
            optimizer="muon",
            optimizer_impl="explicit",
            lr=0.02,
            adamw_lr=1e-2,
            momentum=0.85,
            schedule="linear",
            warmup=20,
            min_lr_ratio=0.0,
            clip=None,
        ),
        "tiny": TrainConfig(
            tokens="bytes",
            model=shape("tiny"),
            steps=200,
            warmup=20,
            evaluate_every=100,
        ),
    }
)


def preset(name: str, **changes: Any) -> TrainConfig:
    """A recipe by its name, or a variant of it: `preset("baseline", steps=500)`.

    Unknown names and fields raise a ValueError that lists the known ones.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"no preset {name!r}; there is {', '.join(PRESETS)}")
    known = [field.name for field in fields(TrainConfig)]
    if unknown := changes.keys() - set(known):
        raise ValueError(
            f"a training run has no {', '.join(sorted(unknown))}; it has "
            f"{', '.join(known)}"
        )
    return replace(PRESETS[name], **changes)


def as_json(config: TrainConfig) -> dict[str, Any]:
    """The configuration as JSON keeps it; `from_json` reads it back."""
    return asdict(config) | {
        f.name: list(getattr(config, f.name))
        for f in fields(config)
        if isinstance(getattr(config, f.name), tuple)
    }


def from_json(found: Any) -> TrainConfig:
    """The configuration that `as_json` wrote; the older names of fields are understood.

    Fields that are missing or unknown raise a ValueError that names them.
    """
    for older, name in _OLDER.items():
        if isinstance(found, dict) and older in found and name not in found:
            found = {name if n == older else n: v for n, v in found.items()}
    _check_fields("training run", TrainConfig, found)
    model = _model(found["model"])
    rows = {n: tuple(v) for n, v in found.items() if isinstance(v, list)}
    return TrainConfig(**{**found, **rows, "model": model})


def _model(found: Any) -> ModelConfig:
    """The shape of a model, and within it how its rotary positions are scaled."""
    _check_fields("model", ModelConfig, found)
    scaling = found["rope_scaling"]
    if scaling is not None:
        _check_fields("rotary scaling", RopeScaling, scaling)
        scaling = RopeScaling(**scaling)
    return ModelConfig(**found | {"rope_scaling": scaling})


def _check_fields(what: str, kind: type, found: Any) -> None:
    names = {f.name for f in fields(kind)}
    there = set(found) if isinstance(found, dict) else set()
    if not isinstance(found, dict) or there != names:
        raise ValueError(
            f"this describes no {what}: it lacks {sorted(names - there)} and has no "
            f"use for {sorted(there - names)}"
        )


def changed(before: TrainConfig, now: TrainConfig) -> list[str]:
    """What of a run that goes on would be learnt otherwise: `field: before, now`."""
    told = []
    for f in fields(TrainConfig):
        old, new = getattr(before, f.name), getattr(now, f.name)
        if f.metadata["later"] or old == new:
            continue
        if f.name != "model":
            told.append(f"{f.name} was {old!r} and is now {new!r}")
            continue
        told += [
            f"model.{g.name} was {getattr(old, g.name)!r} and is now "
            f"{getattr(new, g.name)!r}"
            for g in fields(ModelConfig)
            if getattr(old, g.name) != getattr(new, g.name)
        ]
    return told
