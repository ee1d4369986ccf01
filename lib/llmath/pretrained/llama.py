"""GGUF → (config, weights, tokenizer) for the Llama family

GGUF files of this family store the rows of W_Q and W_K so that neighbouring coordinates
form the pairs that rotary positions turn, which is how `llmath.rope` has it: the rows
are used as they lie.
"""

from typing import Any

from llmath.config import ModelConfig
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
