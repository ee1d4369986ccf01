"""The families llama and gpt2 in GGUF's words: keys of metadata, names of tensors

What a family always is stands in `implied`, what a file says of it in `told`; the names
of its tensors in `outside` (of the blocks) and `inside`. GGUF stores the rows of
Llama's W_Q and W_K so that neighbouring coordinates form the pairs that rotary
positions turn, which is how `llmath.rope` has it: the rows are used as they lie. Its
gpt2 keeps q, k and v one above the other in one tensor.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from llmath.config import ModelConfig

HEAD = "output.weight"


@dataclass(frozen=True)
class Family:
    """A family of models in GGUF's words, `told` and names of tensors in ours first."""

    name: str
    implied: Mapping[str, Any]
    told: Mapping[str, str]
    outside: Mapping[str, str]
    inside: Mapping[tuple[str, ...], str]
    norms: tuple[str, ...] = ("norm", "norm_attn", "norm_mlp")


class Entry(NamedTuple):
    """A tensor of the file, and the parameters here that lie in it, row below row."""

    theirs: str
    ours: tuple[str, ...]


_TOLD = {
    "n_layers": "block_count",
    "d_model": "embedding_length",
    "n_heads": "attention.head_count",
    "d_ff": "feed_forward_length",
    "context_length": "context_length",
}
_BOTH = {
    ("norm_attn",): "attn_norm",
    ("attn.w_o",): "attn_output",
    ("norm_mlp",): "ffn_norm",
    ("mlp.w_up",): "ffn_up",
    ("mlp.w_down",): "ffn_down",
}
_OUTSIDE = {"embedding": "token_embd", "norm": "output_norm"}
LLAMA = Family(
    name="llama",
    implied={"norm": "rms", "position": "rope", "mlp": "swiglu"},
    told={
        **_TOLD,
        "n_kv_heads": "attention.head_count_kv",
        "norm_eps": "attention.layer_norm_rms_epsilon",
        "rope_base": "rope.freq_base",
    },
    outside=_OUTSIDE,
    inside={
        **_BOTH,
        **{(f"attn.w_{x}",): f"attn_{x}" for x in "qkv"},
        ("mlp.w_gate",): "ffn_gate",
    },
)
GPT2 = Family(
    name="gpt2",
    implied={"norm": "layer", "position": "learned", "mlp": "gelu_tanh", "bias": True},
    told={**_TOLD, "norm_eps": "attention.layer_norm_epsilon"},
    outside={**_OUTSIDE, "position_embedding": "position_embd"},
    inside={**_BOTH, ("attn.w_q", "attn.w_k", "attn.w_v"): "attn_qkv"},
)
FAMILIES = MappingProxyType({family.name: family for family in (LLAMA, GPT2)})


def entries(config: ModelConfig, family: Family) -> Iterator[Entry]:
    """Every tensor of a model of the family."""
    biased = ("weight", "bias") if config.bias else ("weight",)
    normed = biased if config.norm == "layer" else ("weight",)
    for ours, theirs in family.outside.items():
        for kind in normed if ours in family.norms else ("weight",):
            yield Entry(f"{theirs}.{kind}", (f"{ours}.{kind}",))
    for i in range(config.n_layers):
        for ours, theirs in family.inside.items():
            for kind in normed if ours[0] in family.norms else biased:
                names = tuple(f"blocks.{i}.{name}.{kind}" for name in ours)
                yield Entry(f"blk.{i}.{theirs}.{kind}", names)
    if not config.tie_embeddings:
        yield Entry(HEAD, ("unembedding.weight",))


def joined(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of tensors of these shapes, one below the other."""
    first, *rest = shapes
    return (first[0] + sum(shape[0] for shape in rest), *first[1:])
