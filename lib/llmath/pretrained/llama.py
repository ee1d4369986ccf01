"""GGUF, or config.json and tensors → (config, weights, tokenizer), the Llama family

GGUF files of this family store the rows of W_Q and W_K so that neighbouring coordinates
form the pairs that rotary positions turn, which is how `llmath.rope` has it: the rows
are used as they lie. The hub's safetensors store them so that the pairs are the halves
of a head, i and i + E/2: `to_interleaved` and `to_half_split` lead there and back.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from llmath.config import ModelConfig
from llmath.pretrained.described import Fields, get, only
from llmath.pretrained.gguf import GGUFFile
from llmath.tokenizer import Tokenizer

# Field of ModelConfig → key of the metadata, behind "llama.".
_FIELDS = {
    "n_layers": "block_count",
    "d_model": "embedding_length",
    "n_heads": "attention.head_count",
    "d_ff": "feed_forward_length",
    "context_length": "context_length",
    "norm_eps": "attention.layer_norm_rms_epsilon",
}

# Tensor of a block in GGUF → parameter of a block here.
_IN_BLOCK = {
    "attn_norm": "norm_attn",
    "attn_q": "attn.w_q",
    "attn_k": "attn.w_k",
    "attn_v": "attn.w_v",
    "attn_output": "attn.w_o",
    "ffn_norm": "norm_mlp",
    "ffn_gate": "mlp.w_gate",
    "ffn_up": "mlp.w_up",
    "ffn_down": "mlp.w_down",
}
_OUTSIDE = {
    "token_embd": "embedding",
    "output_norm": "norm",
    "output": "unembedding",
}

# GGUF's name of a pre-tokeniser → ours.
_PATTERNS = {"gpt-2": "gpt2", "smollm": "smollm"}
_TEXT, _CONTROL, _USER_DEFINED = 1, 3, 4

# Widths of a head, which a file may state and this family cannot choose.
_WIDTHS = ("rope.dimension_count", "attention.key_length", "attention.value_length")


def config(file: GGUFFile) -> ModelConfig:
    """The model's configuration; what the library cannot compute is refused."""
    family = _get(file, "general.architecture", str)
    if family != "llama":
        raise ValueError(f"the file holds a model of the family {family!r}, not llama")
    fields = {name: _get(file, f"llama.{key}") for name, key in _FIELDS.items()}
    found = ModelConfig(
        **fields,
        vocab_size=len(_strings(file, "tokenizer.ggml.tokens")),
        n_kv_heads=_get(
            file, "llama.attention.head_count_kv", default=fields["n_heads"]
        ),
        rope_base=_get(file, "llama.rope.freq_base", default=10_000.0),
        tie_embeddings="output.weight" not in file.tensors,
    )
    for key in _WIDTHS:
        width = _get(file, f"llama.{key}", default=found.d_head)
        if width != found.d_head:
            raise ValueError(f"llama.{key}={width} differs from d_head={found.d_head}")
    scaling = _get(file, "llama.rope.scaling.type", default="none")
    if scaling != "none":
        raise ValueError(f"rotary scaling of type {scaling!r} is not built")
    _check_size(file, found)
    return found


def parameters(file: GGUFFile) -> dict[str, str]:
    """Which tensor of the file fills which parameter: {parameter: tensor}.

    >>> parameters(file)["blocks.3.attn.w_q.weight"]
    'blk.3.attn_q.weight'
    """
    return {_parameter(tensor): tensor for tensor in file.tensors}


def tokenizer(file: GGUFFile) -> Tokenizer:
    """The tokenizer that the file carries."""
    kind = _get(file, "tokenizer.ggml.model", str)
    if kind != "gpt2":
        raise ValueError(
            f"the tokenizer is of kind {kind!r}; only byte-level BPE is built"
        )
    name = _get(file, "tokenizer.ggml.pre", default="gpt-2")
    if name not in _PATTERNS:
        raise ValueError(f"pre-tokeniser {name!r} is none of {sorted(_PATTERNS)}")
    tokens = _strings(file, "tokenizer.ggml.tokens")
    types = _get(file, "tokenizer.ggml.token_type", list, default=[_TEXT] * len(tokens))
    if len(types) != len(tokens) or not set(types) <= {_TEXT, _CONTROL, _USER_DEFINED}:
        raise ValueError(
            f"{len(tokens)} tokens need as many types from {_TEXT} (text), {_CONTROL} "
            f"(control), {_USER_DEFINED} (user-defined); the file has {len(types)}, "
            f"among them {sorted(set(map(str, types)))[:8]}"
        )
    return Tokenizer(
        tokens,
        _strings(file, "tokenizer.ggml.merges"),
        pattern=_PATTERNS[name],
        special=[i for i, kind in enumerate(types) if kind != _TEXT],
    )


# The hub's safetensors

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
    """
    _check_rows(w, n_heads)
    return w.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def to_half_split(w: Tensor, n_heads: int) -> Tensor:
    """The inverse: rows 2i and 2i + 1 of each head ↦ i and i + E/2"""
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
        rope_base=_rope_base(fields),
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


def _rope_base(fields: Fields) -> float:
    """Where newer and where older files say it; scaled frequencies are refused."""
    told = {}
    for key in ("rope_parameters", "rope_scaling"):
        part = get(fields, key, {})
        if not isinstance(part, dict):
            raise ValueError(f"config.json says {key}={part!r:.80}, which is no object")
        told |= part
    kind = get(told, "rope_type", get(told, "type", "default"))
    if kind != "default":
        raise ValueError(f"rotary scaling of type {kind!r} is not built")
    return get(told, "rope_theta", get(fields, "rope_theta", 10_000.0))


def _check_rows(w: Tensor, n_heads: int) -> None:
    if not w.ndim or n_heads < 1 or w.shape[0] % (2 * n_heads):
        raise ValueError(
            f"{n_heads} heads of pairs need a multiple of {2 * n_heads} rows; "
            f"the shape is {tuple(w.shape)}"
        )


# GGUF once more: looking into its header


def _parameter(tensor: str) -> str:
    match tensor.split("."):
        case [part, "weight"] if part in _OUTSIDE:
            return f"{_OUTSIDE[part]}.weight"
        case ["blk", i, part, "weight"] if part in _IN_BLOCK and i.isdecimal():
            return f"blocks.{int(i)}.{_IN_BLOCK[part]}.weight"
    raise ValueError(f"tensor {tensor!r} has no place in this model")


def _check_size(file: GGUFFile, found: ModelConfig) -> None:
    """Compare the announced size with the tensors before anything is built from it."""
    D, F, V, L = found.d_model, found.d_ff, found.vocab_size, found.n_layers
    blocks = sum(name.endswith(".attn_q.weight") for name in file.tensors)
    if blocks != L:
        raise ValueError(f"the file announces {L} blocks and holds {blocks}")
    for name, shape in {"token_embd": (V, D), "blk.0.ffn_gate": (F, D)}.items():
        tensor = file.tensors.get(f"{name}.weight")
        if tensor is None or tensor.shape != shape:
            held = "is missing" if tensor is None else f"has shape {tensor.shape}"
            raise ValueError(f"tensor {name}.weight {held}; it should have {shape}")


def _get(file: GGUFFile, key: str, kind: type = object, *, default: Any = None) -> Any:
    value = file.metadata.get(key, default)
    if value is None:
        raise ValueError(f"the file's metadata lack {key!r}")
    if not isinstance(value, kind):
        raise ValueError(f"{key} should be a {kind.__name__}, got {value!r:.80}")
    return value


def _strings(file: GGUFFile, key: str) -> list[str]:
    values = _get(file, key, list)
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{key} should hold strings alone")
    return values
