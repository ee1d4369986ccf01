"""GGUF files for the tests: the real one, and small ones written by the gguf package"""

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from llmath.config import ModelConfig
from llmath.model import Transformer
from llmath.pretrained import find
from llmath.pretrained.gguf import GGUFFile
from llmath.tokenizer import byte_alphabet

F32 = gguf.GGMLQuantizationType.F32
F16 = gguf.GGMLQuantizationType.F16


@pytest.fixture(scope="session")
def path() -> Path:
    """Where SmolLM2's file lies."""
    return find("smollm2-135m")


@pytest.fixture(scope="session")
def file(path) -> GGUFFile:
    """SmolLM2's file, opened once."""
    return GGUFFile(path)


@pytest.fixture(scope="session")
def config() -> ModelConfig:
    return ModelConfig(
        vocab_size=300,
        n_layers=2,
        d_model=64,
        n_heads=4,
        n_kv_heads=2,
        d_ff=96,
        context_length=128,
        norm_eps=2e-5,
        rope_base=5000.0,
    )


@pytest.fixture(scope="session")
def write(tmp_path_factory) -> Callable[..., Path]:
    """write(model): its GGUF file. `change(writer)` may add to the metadata."""
    folder = tmp_path_factory.mktemp("gguf")

    def written(model: Transformer, *, kind=F32, change=None) -> Path:
        path = folder / f"{len(list(folder.iterdir()))}.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        add_metadata(writer, model.config)
        if change:
            change(writer)
        for name, parameter in model.state_dict().items():
            add_tensor(writer, gguf_name(name), parameter.float().numpy(), kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return written


def gguf_name(parameter: str) -> str:
    """The name of a parameter in llama.cpp, spelt out here a second time."""
    for ours, theirs in {
        **{"unembedding": "output", "embedding": "token_embd", "blocks": "blk"},
        **{"norm_attn": "attn_norm", "norm_mlp": "ffn_norm", "attn.w_o": "attn_output"},
        **{f"attn.w_{x}": f"attn_{x}" for x in "qkv"},
        **{f"mlp.w_{x}": f"ffn_{x}" for x in ("gate", "up", "down")},
    }.items():
        parameter = parameter.replace(ours, theirs)
    return "output_norm.weight" if parameter == "norm.weight" else parameter


def add_metadata(writer: gguf.GGUFWriter, config: ModelConfig) -> None:
    writer.add_block_count(config.n_layers)
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_head_count(config.n_heads)
    writer.add_head_count_kv(config.n_kv_heads)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    pairs = [f"t{letter}" for letter in "abcdefghij"]
    spare = [f"x{i}" for i in range(config.vocab_size - 256 - 10 - 1)]
    alphabet = sorted(byte_alphabet(), key=byte_alphabet().get)
    writer.add_token_list([*alphabet, *pairs, *spare, "<|end|>"])
    writer.add_token_types([1] * (config.vocab_size - 1) + [3])
    writer.add_token_merges([f"t {letter}" for letter in "abcdefghij"])


def add_tensor(writer: gguf.GGUFWriter, name: str, w: np.ndarray, kind) -> None:
    if kind == F32 or w.ndim == 1:
        writer.add_tensor(name, w)
    elif kind == F16:
        writer.add_tensor(name, w.astype(np.float16))
    else:
        writer.add_tensor(name, gguf.quantize(w, kind), raw_dtype=kind)
