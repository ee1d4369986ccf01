"""config.json and tensors of the hub's Llama ↔ (config, weights)

The hub's safetensors store the rows of W_Q and W_K so that the pairs that rotary
positions turn are the halves of a head, i and i + E/2; `llmath.rope` and GGUF pair
neighbours instead: `to_interleaved` and `to_half_split` lead there and back.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from llmath.border import count, tensors
from llmath.config import ModelConfig, RopeScaling
from llmath.pretrained.described import Fields, get, only

MODEL_TYPE = "llama"
ARCHITECTURE = "LlamaForCausalLM"

# Field of ModelConfig → key of config.json.
_SIZES = {
    "vocab_size": "vocab_size",
    "n_layers": "num_hidden_layers",
    "d_model": "hidden_size",
    "n_heads": "num_attention_heads",
    "d_ff": "intermediate_size",
    "context_length": "max_position_embeddings",
}
# Field of RopeScaling → key of config.json.
_SCALING = {
    "factor": "factor",
    "low": "low_freq_factor",
    "high": "high_freq_factor",
    "original_context": "original_max_position_embeddings",
}
_MATRICES = {
    **{f"attn.w_{x}": f"self_attn.{x}_proj" for x in "qkvo"},
    **{f"mlp.w_{x}": f"mlp.{x}_proj" for x in ("gate", "up", "down")},
}
_NORMS = {"norm_attn": "input_layernorm", "norm_mlp": "post_attention_layernorm"}
_PREFIX = "model."
TABLE, HEAD = f"{_PREFIX}embed_tokens.weight", "lm_head.weight"


class _Entry(NamedTuple):
    """A tensor there, the parameter here; `heads` where the pairs lie otherwise."""

    theirs: str
    ours: str
    heads: int | None = None


def to_interleaved(w: Tensor, n_heads: int) -> Tensor:
    """Rows of W_Q or W_K (or a bias), within each head: i and i + E/2 ↦ 2i and 2i + 1

    >>> to_interleaved(torch.tensor([0, 1, 2, 10, 11, 12]), 1)
    tensor([ 0, 10,  1, 11,  2, 12])

    Rows that do not divide into heads of even width raise a ValueError.
    """
    _check_rows(w, n_heads)
    return w.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def to_half_split(w: Tensor, n_heads: int) -> Tensor:
    """The inverse: rows 2i and 2i + 1 of each head ↦ i and i + E/2

    Rows that do not divide into heads of even width raise a ValueError.
    """
    _check_rows(w, n_heads)
    return w.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def config_from_json(fields: Fields) -> ModelConfig:
    """The configuration that config.json describes; what is not built is refused."""
    only(fields, "hidden_act", "silu")
    bias = get(fields, "attention_bias", False)
    if get(fields, "mlp_bias", False) != bias:
        raise ValueError(
            f"config.json says attention_bias={bias!r} and the opposite for mlp_bias; "
            f"only both or neither is built"
        )
    sizes = {name: get(fields, key) for name, key in _SIZES.items()}
    found = ModelConfig(
        **sizes,
        n_kv_heads=get(fields, "num_key_value_heads", sizes["n_heads"]),
        bias=bias,
        tie_embeddings=get(fields, "tie_word_embeddings", False),
        norm_eps=get(fields, "rms_norm_eps", 1e-6),
        **_rope(fields),
    )
    only(fields, "head_dim", found.d_head)
    return found


def config_to_json(config: ModelConfig) -> dict[str, Any]:
    """config.json for a model of this family; `config_from_json` reads it back."""
    return {
        **{key: getattr(config, name) for name, key in _SIZES.items()},
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.d_head,
        "hidden_act": "silu",
        "attention_bias": config.bias,
        "mlp_bias": config.bias,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_base,
        "rope_scaling": _scaling_to_json(config.rope_scaling),
        "tie_word_embeddings": config.tie_embeddings,
    }


def to_hub(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Our parameters under their names, the rows of q and k in their order."""
    return {
        theirs: to_half_split(weights[ours], heads) if heads else weights[ours]
        for theirs, ours, heads in _table(config)
    }


def from_hub(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """The inverse of `to_hub`."""
    return {
        ours: to_interleaved(tensors[theirs], heads) if heads else tensors[theirs]
        for theirs, ours, heads in _table(config)
    }


def canonical(name: str) -> str | None:
    """A tensor's full name; None for the frequencies that old files carry along."""
    if name.endswith(".rotary_emb.inv_freq"):
        return None
    return name if name.startswith(_PREFIX) or name == HEAD else _PREFIX + name


def _table(config: ModelConfig) -> Iterator[_Entry]:
    """Every tensor of the family."""
    heads = {"attn.w_q": config.n_heads, "attn.w_k": config.n_kv_heads}
    yield _Entry(TABLE, "embedding.weight")
    yield _Entry(f"{_PREFIX}norm.weight", "norm.weight")
    for i in range(config.n_layers):
        here, there = f"blocks.{i}", f"{_PREFIX}layers.{i}"
        for our, their in _NORMS.items():
            yield _Entry(f"{there}.{their}.weight", f"{here}.{our}.weight")
        for our, their in _MATRICES.items():
            for kind in ("weight", "bias") if config.bias else ("weight",):
                names = f"{there}.{their}.{kind}", f"{here}.{our}.{kind}"
                yield _Entry(*names, heads.get(our))
    if not config.tie_embeddings:
        yield _Entry(HEAD, "unembedding.weight")


def _rope(fields: Fields) -> dict[str, Any]:
    """Base and scaling, where newer and where older files say them."""
    told = {}
    for key in ("rope_parameters", "rope_scaling"):
        part = get(fields, key, {})
        if not isinstance(part, dict):
            raise ValueError(f"config.json says {key}={part!r:.80}, which is no object")
        told |= part
    base = get(told, "rope_theta", get(fields, "rope_theta", 10_000.0))
    kind = get(told, "rope_type", get(told, "type", "default"))
    if kind == "default":
        return {"rope_base": base}
    names = _SCALING if kind == "llama3" else {"factor": "factor"}
    scaling = RopeScaling(kind=kind, **{n: told.get(key) for n, key in names.items()})
    return {"rope_base": base, "rope_scaling": scaling}


def _scaling_to_json(scaling: RopeScaling | None) -> dict[str, Any] | None:
    if scaling is None:
        return None
    told = {key: getattr(scaling, name) for name, key in _SCALING.items()}
    kept = {key: value for key, value in told.items() if value is not None}
    return {"rope_type": scaling.kind, **kept}


def _check_rows(w: Tensor, n_heads: int) -> None:
    tensors(w=w)
    count(n_heads=n_heads)
    if not w.ndim or not len(w) or w.shape[0] % (2 * n_heads):
        raise ValueError(
            f"{n_heads} heads of pairs need a multiple of {2 * n_heads} rows; "
            f"the shape is {tuple(w.shape)}"
        )
