"""gguf_models: configuration and tokenizer out of a file, and what is refused"""

import dataclasses
import re

import pytest

from llmath.config import ModelConfig
from llmath.model import Transformer
from llmath.pretrained import gguf_models, gguf_tokenizer, load_gguf
from llmath.pretrained.gguf import GGUFFile
from llmath.pretrained.gguf_families import LLAMA, entries


def changed(**values):
    """A change to the metadata: keys with their dots written as two underscores."""

    def change(writer):
        for key, value in values.items():
            key = key.replace("__", ".")
            for written in writer.kv_data:
                written.pop(key, None)
            if value is None:
                continue
            kind = {int: "uint32", float: "float32", str: "string", list: "array"}
            getattr(writer, f"add_{kind[type(value)]}")(key, value)

    return change


def test_smollm2s_configuration(file):
    assert gguf_models.config(file) == ModelConfig(
        vocab_size=49_152,
        n_layers=30,
        d_model=576,
        n_heads=9,
        n_kv_heads=3,
        d_ff=1536,
        context_length=8192,
        norm_eps=1e-5,  # stored in float32, as 9.999999747378752e-06
        rope_base=100_000.0,
    )


@pytest.mark.parametrize("changes", [{}, {"tie_embeddings": False}, {"n_kv_heads": 4}])
def test_a_written_configuration_comes_back(write, config, changes):
    config = dataclasses.replace(config, **changes)
    found = gguf_models.config(GGUFFile(write(Transformer(config))))
    assert found == config


def test_what_a_file_need_not_say(write, config):
    change = changed(llama__attention__head_count_kv=None, llama__rope__freq_base=None)
    model = Transformer(dataclasses.replace(config, n_kv_heads=4))
    found = gguf_models.config(GGUFFile(write(model, change=change)))
    assert found.n_kv_heads == found.n_heads == 4
    assert found.rope_base == 10_000.0


def test_every_parameter_has_its_tensor(file):
    config = gguf_models.config(file)
    table = dict(entries(config, LLAMA))
    assert table["blk.3.attn_q.weight"] == ("blocks.3.attn.w_q.weight",)
    assert len(table) == 2 + 30 * 9


def test_the_tokenizer_comes_back(write, config):
    tokenizer = gguf_tokenizer.tokenizer(GGUFFile(write(Transformer(config))))
    assert tokenizer.pattern == "gpt2"
    assert tokenizer.special == {"<|end|>": 299}
    assert tokenizer.tokens(tokenizer.encode("the tea<|end|>")) == [
        *("th", "e", " ", "te", "a", "<|end|>")
    ]


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"general__architecture": "qwen2"}, "family 'qwen2'; there is llama, gpt2"),
        ({"llama__block_count": None}, "lack 'llama.block_count'"),
        ({"llama__block_count": 3}, "announces 3 blocks and holds 2"),
        ({"llama__block_count": 4_000_000_000}, "announces 4000000000 blocks"),
        ({"llama__block_count": 0}, "n_layers must be a whole number"),
        ({"llama__embedding_length": 128}, r"token_embd.weight has shape \(300, 64\)"),
        ({"llama__embedding_length": "64"}, "d_model must be a whole number"),
        ({"llama__feed_forward_length": 97}, r"ffn_up.weight has .* \(97, 64\)"),
        ({"llama__feed_forward_length": [96, 96]}, "d_ff must be a whole number"),
        ({"llama__attention__head_count": 5}, "does not divide into n_heads=5"),
        (
            {"llama__attention__head_count": 8},
            r"w_k.weight needs \(16, 64\)",
        ),
        ({"llama__attention__head_count_kv": 3}, "n_kv_heads=3"),
        ({"llama__attention__layer_norm_rms_epsilon": None}, "lack"),
        ({"llama__attention__layer_norm_rms_epsilon": -1.0}, "norm_eps must be pos"),
        ({"llama__attention__key_length": 32}, "key_length=32 differs from d_head=16"),
        ({"llama__rope__dimension_count": 8}, "dimension_count=8 differs"),
        ({"llama__rope__scaling__type": "yarn"}, "rotary scaling of type 'yarn'"),
        ({"llama__rope__scaling__type": "llama3"}, "type 'llama3' is not read"),
        ({"llama__rope__scaling__type": "linear"}, "lack 'llama.rope.scaling.factor'"),
        ({"llama__rope__freq_base": float("nan")}, "rope_base must be positive"),
        ({"tokenizer__ggml__tokens": ["a", "b"]}, r"should have \(2, 64\)"),
        ({"tokenizer__ggml__tokens": [1] * 300}, "tokens should hold strings"),
        ({"tokenizer__ggml__tokens": "abc"}, "tokens should be a list"),
        ({"tokenizer__ggml__merges": ["t q"]}, "merge 0, 't q', needs"),
        ({"tokenizer__ggml__merges": None}, "lack 'tokenizer.ggml.merges'"),
        ({"tokenizer__ggml__token_type": [1] * 299}, "300 tokens need as many types"),
        ({"tokenizer__ggml__token_type": [6] * 300}, r"among them \['6'\]"),
        ({"tokenizer__ggml__model": "llama"}, "kind 'llama'; only byte"),
        ({"tokenizer__ggml__pre": "qwen2"}, "'qwen2' is none of .*'smollm'"),
    ],
    ids=str,
)
def test_what_cannot_be_built_is_refused(write, config, values, words):
    path = write(Transformer(config), change=changed(**values))
    with pytest.raises(ValueError, match=words):
        load_gguf(path)


MISPLACED = "no tensors .*{}.* and no use for .*{}"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("blk.1.attn_v.weight", "blk.1.attn_w.weight", MISPLACED),
        ("blk.1.attn_v.weight", "blk.x.attn_v.weight", MISPLACED),
        ("blk.1.attn_v.weight", "blk.7.attn_v.weight", MISPLACED),
        ("output_norm.weight", "output_norm.biased", MISPLACED),
        ("token_embd.weight", "token_embe.weight", "token_embd.weight is missing"),
    ],
)
def test_tensors_without_a_place_and_places_without_a_tensor(
    write, config, tmp_path, old, new, words
):
    data = write(Transformer(config)).read_bytes()
    assert data.count(old.encode()) == 1
    path = tmp_path / "renamed.gguf"
    path.write_bytes(re.sub(re.escape(old.encode()), new.encode(), data))
    with pytest.raises(ValueError, match=words.format(old, new)):
        load_gguf(path)
