"""config.json and tensors of the hub's GPT-2 ↔ (config, weights)

GPT-2 was written with `Conv1D`, which keeps a matrix the other way round, (in, out),
and computes q, k and v in one product: their matrices lie side by side in `c_attn`.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from llmath.config import ModelConfig
from llmath.pretrained.described import Fields, choose, get, only

MODEL_TYPE = "gpt2"
ARCHITECTURE = "GPT2LMHeadModel"

# Field of ModelConfig → key of config.json.
_SIZES = {
    "vocab_size": "vocab_size",
    "n_layers": "n_layer",
    "d_model": "n_embd",
    "n_heads": "n_head",
    "context_length": "n_positions",
}
_ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}
_ACTIVATIONS |= {"gelu": "gelu"}

# What the family may say and this library does not compute otherwise.
_AS_BUILT = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}

# Here → there, of a block and outside of the blocks.
_NORMS = {"norm_attn": "ln_1", "norm_mlp": "ln_2"}
_MATRICES = MappingProxyType(
    {
        ("attn.w_q", "attn.w_k", "attn.w_v"): "attn.c_attn",
        ("attn.w_o",): "attn.c_proj",
        ("mlp.w_up",): "mlp.c_fc",
        ("mlp.w_down",): "mlp.c_proj",
    }
)
_PREFIX = "transformer."
TABLE, HEAD = f"{_PREFIX}wte.weight", "lm_head.weight"
_BUFFERS = (".attn.bias", ".attn.masked_bias")  # masks, which old files carry along


class _Entry(NamedTuple):
    """One tensor there, the parameters here that it holds, and whether it is turned."""

    theirs: str
    ours: tuple[str, ...]
    turned: bool = False


def config_from_json(fields: Fields) -> ModelConfig:
    """The configuration that config.json describes; what is not built is refused."""
    for key, built in _AS_BUILT.items():
        only(fields, key, built)
    sizes = {name: get(fields, key) for name, key in _SIZES.items()}
    d_model = sizes["d_model"]
    four = 4 * d_model if isinstance(d_model, int) else None
    return ModelConfig(
        **sizes,
        n_kv_heads=sizes["n_heads"],
        d_ff=get(fields, "n_inner", four),
        norm="layer",
        position="learned",
        mlp=choose(fields, "activation_function", _ACTIVATIONS, "gelu_new"),
        bias=True,
        tie_embeddings=get(fields, "tie_word_embeddings", True),
        norm_eps=get(fields, "layer_norm_epsilon", 1e-5),
    )


def config_to_json(config: ModelConfig) -> dict[str, Any]:
    """config.json for a model of this family; `config_from_json` reads it back."""
    return {
        **{key: getattr(config, name) for name, key in _SIZES.items()},
        "n_inner": config.d_ff,
        "activation_function": "gelu" if config.mlp == "gelu" else "gelu_new",
        "layer_norm_epsilon": config.norm_eps,
        "tie_word_embeddings": config.tie_embeddings,
    }


def to_hub(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Our parameters under their names, turned and joined as they have them."""
    made = {}
    for theirs, ours, turned in _table(config):
        joined = torch.cat([weights[name] for name in ours])
        made[theirs] = joined.T if turned else joined
    return made


def from_hub(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """The inverse of `to_hub`."""
    made = {}
    for theirs, ours, turned in _table(config):
        joined = tensors[theirs].T if turned else tensors[theirs]
        made |= zip(ours, joined.chunk(len(ours)), strict=True)
    return made


def canonical(name: str) -> str | None:
    """A tensor's full name (the hub's gpt2 leaves out the prefix); None for a mask."""
    if name.endswith(_BUFFERS):
        return None
    return name if name.startswith(_PREFIX) or name == HEAD else _PREFIX + name


def _table(config: ModelConfig) -> Iterator[_Entry]:
    """Every tensor of the family."""
    yield _Entry(TABLE, ("embedding.weight",))
    yield _Entry(f"{_PREFIX}wpe.weight", ("position_embedding.weight",))
    for kind in ("weight", "bias"):
        yield _Entry(f"{_PREFIX}ln_f.{kind}", (f"norm.{kind}",))
        for i in range(config.n_layers):
            here, there = f"blocks.{i}", f"{_PREFIX}h.{i}"
            for our, their in _NORMS.items():
                yield _Entry(f"{there}.{their}.{kind}", (f"{here}.{our}.{kind}",))
            for ours, their in _MATRICES.items():
                names = tuple(f"{here}.{our}.{kind}" for our in ours)
                yield _Entry(f"{there}.{their}.{kind}", names, kind == "weight")
    if not config.tie_embeddings:
        yield _Entry(HEAD, ("unembedding.weight",))
