"""save_gguf, write_gguf: files that we, the gguf package and transformers read"""

import dataclasses
import re
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
import transformers

from llmath.config import ModelConfig, RopeScaling, preset
from llmath.model import Transformer
from llmath.pretrained import find, load_gguf, save_gguf
from llmath.pretrained.encodings import NUMBERS, dequantize, quantize
from llmath.pretrained.gguf import GGUFFile
from llmath.pretrained.gguf_checkpoint import _FILE_TYPES
from llmath.pretrained.gguf_writer import Planned, as_stored, write_gguf
from llmath.runtime import replacing
from llmath.tokenizer import Tokenizer

TEXT = "the cat and the dog and the hat on the mat; a cat sat on that"
GPT2 = preset("tiny", vocab_size=270, d_model=32, d_ff=128, context_length=1024)
LLAMA = ModelConfig(
    vocab_size=270,
    n_layers=2,
    d_model=64,
    n_heads=4,
    n_kv_heads=2,
    d_ff=96,
    context_length=64,
    rope_base=5000.0,
    norm_eps=3e-6,
)
LLAMA31 = RopeScaling(kind="llama3", factor=8.0, low=1.0, high=4.0, original_context=32)
VARIANTS = {
    "gpt2": GPT2,
    "gpt2-untied": dataclasses.replace(GPT2, tie_embeddings=False),
    "llama": LLAMA,
    "llama-untied": dataclasses.replace(LLAMA, tie_embeddings=False),
    "llama-linear": dataclasses.replace(
        LLAMA, rope_scaling=RopeScaling(kind="linear", factor=2.5)
    ),
    "llama-bias": dataclasses.replace(LLAMA, bias=True),
}
IDS = torch.arange(30)[None]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXT, 270, special=["<|endoftext|>", "<|stop|>"])


def stirred(config: ModelConfig) -> Transformer:
    model, generator = Transformer(config), torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        parameter.data.normal_(std=0.25, generator=generator)
        if "norm" in name and name.endswith("weight"):
            parameter.data.add_(1)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("quantization", NUMBERS)
@pytest.mark.parametrize("name", VARIANTS)
def test_there_and_back(name, quantization, tokenizer, tmp_path):
    """Equal configuration and tokenizer; of the weights exactly what was stored."""
    model, path = stirred(VARIANTS[name]), tmp_path / "m.gguf"
    save_gguf(model, tokenizer, path, quantization=quantization)
    found, vocabulary = load_gguf(path)
    assert found.config == model.config
    for field in ("vocabulary", "merges", "special", "pattern"):
        assert getattr(vocabulary, field) == getattr(tokenizer, field)
    weights = found.state_dict()
    assert weights.keys() == model.state_dict().keys()
    for key, w in model.state_dict().items():
        kept = w.ndim == 1 or key == "position_embedding.weight"
        kind = "F32" if kept else quantization
        expected = dequantize(quantize(w.numpy(), kind), kind)
        assert np.array_equal(weights[key].numpy(), expected), key
    if quantization == "F32":
        assert torch.equal(found(IDS), model(IDS))
    again = tmp_path / "again.gguf"
    save_gguf(model, tokenizer, again, quantization=quantization)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", VARIANTS)
def test_the_gguf_package_reads_the_same(name, tokenizer, tmp_path):
    path = tmp_path / "m.gguf"
    save_gguf(stirred(VARIANTS[name]), tokenizer, path, quantization="Q4_1")
    ours, theirs = GGUFFile(path), gguf.GGUFReader(path)
    fields = {k: v for k, v in theirs.fields.items() if not k.startswith("GGUF.")}
    assert ours.metadata == {key: field.contents() for key, field in fields.items()}
    assert [tensor.name for tensor in theirs.tensors] == list(ours.tensors)
    for tensor in theirs.tensors:
        assert np.array_equal(
            gguf.dequantize(tensor.data, tensor.tensor_type), ours.read(tensor.name)
        )
        one_axis = tensor.name == "position_embd.weight" or len(tensor.shape) == 1
        assert tensor.tensor_type.name == ("F32" if one_axis else "Q4_1")


@pytest.mark.parametrize("name", ["llama", "llama-untied", "gpt2"])
def test_transformers_reads_it(name, tokenizer, tmp_path):
    """Its reader of gpt2 knows neither another d_ff than 4 d_model, nor n_positions."""
    model = stirred(VARIANTS[name])
    save_gguf(model, tokenizer, tmp_path / "m.gguf", quantization="F32")
    their = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="m.gguf", dtype=torch.float32
    ).eval()
    with torch.no_grad():
        error = (their(IDS).logits - model(IDS)).abs().max()
    assert error <= 1e-5 * model(IDS).abs().max()


def test_names_are_the_ones_that_gguf_lists(tokenizer, tmp_path):
    for arch in ("gpt2", "llama"):
        numbers = {v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}
        listed = gguf.MODEL_TENSORS[numbers[arch]]
        names = {gguf.TENSOR_NAMES[tensor] for tensor in listed}
        save_gguf(stirred(VARIANTS[arch]), tokenizer, tmp_path / "m.gguf")
        found = GGUFFile(tmp_path / "m.gguf").tensors
        bare = {re.sub(r"\d+", "{bid}", n.rpartition(".")[0]) for n in found}
        assert bare <= names


def test_file_types_are_those_of_gguf():
    for name, number in _FILE_TYPES.items():
        mostly = "ALL_F32" if name == "F32" else f"MOSTLY_{name}"
        assert gguf.LlamaFileType[mostly] == number
    assert _FILE_TYPES.keys() == NUMBERS.keys()


def test_the_end_of_a_text(tokenizer, tmp_path):
    model, path = Transformer(LLAMA), tmp_path / "m.gguf"
    keys = ["tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"]
    save_gguf(model, tokenizer, path)
    assert [GGUFFile(path).metadata[key] for key in keys] == [268, 268]
    save_gguf(model, tokenizer, path, end="<|stop|>")
    assert [GGUFFile(path).metadata[key] for key in keys] == [269, 269]
    assert GGUFFile(path).metadata["tokenizer.ggml.add_bos_token"] is False
    with pytest.raises(ValueError, match=r"'the' is no special token; there is <\|end"):
        save_gguf(model, tokenizer, path, end="the")
    plain = Tokenizer(tokenizer.vocabulary[:256], [], pattern="gpt2")
    save_gguf(Transformer(dataclasses.replace(LLAMA, vocab_size=256)), plain, path)
    assert not GGUFFile(path).metadata.keys() & keys
    assert load_gguf(path)[1].merges == ()


# The real file


def test_smollm2s_file_is_written_again_to_the_byte(file, path, tmp_path):
    copy = tmp_path / "copy.gguf"
    write_gguf(copy, file.metadata, as_stored(file), kinds=file.kinds)
    assert copy.read_bytes() == path.read_bytes()


def test_smollm2_saved_in_8_bits(smollm2, tmp_path):
    """The embedding was stored so before: it is stored as the same bytes again."""
    model, tokenizer = smollm2
    save_gguf(model, tokenizer, tmp_path / "m.gguf", end="<|im_end|>")
    old = GGUFFile(find("smollm2-135m"))
    new = GGUFFile(tmp_path / "m.gguf")
    shared = {k for k in old.metadata if k.startswith("llama.")} | {
        f"tokenizer.ggml.{k}" for k in ("tokens", "merges", "token_type", "pre")
    }
    for key in shared:
        assert new.metadata[key] == old.metadata[key], key
        assert new.kinds[key] == old.kinds[key], key
    assert old.tensors.keys() == new.tensors.keys()
    for name in ("token_embd.weight", "blk.3.ffn_down.weight", "output_norm.weight"):
        w = old.read(name)
        assert np.abs(new.read(name) - w).max() <= np.abs(w).max() / 250
    w = old.read("blk.7.attn_q.weight")
    expected = gguf.quantize(w, gguf.GGMLQuantizationType.Q8_0)
    assert np.array_equal(new.stored("blk.7.attn_q.weight"), expected)


# Refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"norm_position": "post"}, "llama has no .*norm_position='post'"),
        ({"residual": False}, "residual=False"),
        ({"position": "sinusoidal"}, "gpt2 has no position='sinusoidal'"),
        ({"bias": False}, "gpt2 has no bias=False"),
        ({"mlp": "gelu"}, "gpt2 has no mlp='gelu'"),
        ({"n_kv_heads": 2}, "gpt2 has no n_kv_heads=2"),
        ({"of": LLAMA, "rope_scaling": LLAMA31}, "llama has no rope_scaling=RopeSc"),
        ({"norm_eps": 0.12345678901}, "gpt2 has no norm_eps=0.12345678901"),
    ],
    ids=str,
)
def test_what_gguf_cannot_say_is_refused(changes, words, tokenizer, tmp_path):
    model = Transformer(dataclasses.replace(changes.pop("of", GPT2), **changes))
    with pytest.raises(ValueError, match=f"GGUF cannot say what this .*{words}"):
        save_gguf(model, tokenizer, tmp_path / "m.gguf")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("untyped")
def test_what_is_refused_before_a_byte_is_written(tokenizer, tmp_path):
    path = tmp_path / "m.gguf"
    odd = Transformer(dataclasses.replace(GPT2, d_model=20))
    with pytest.raises(ValueError, match=r"rows of 20 .* quantization=\"F16\""):
        save_gguf(odd, tokenizer, path)
    save_gguf(odd, tokenizer, path, quantization="F16")
    path.unlink()
    with pytest.raises(ValueError, match="no encoding 'Q5_0'; there is F32"):
        save_gguf(Transformer(GPT2), tokenizer, path, quantization="Q5_0")
    other = Transformer(dataclasses.replace(GPT2, vocab_size=300))
    with pytest.raises(ValueError, match="300 tokens, the tokenizer has 270"):
        save_gguf(other, tokenizer, path)
    for pair in ((None, tokenizer), (odd, None), (tokenizer, odd)):
        with pytest.raises(ValueError, match="takes a Transformer and a Tokenizer"):
            save_gguf(*pair, path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_leave_the_old_file(bad, tokenizer, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"old")
    model = stirred(GPT2)
    model.blocks[1].mlp.w_up.weight[3, 4] = bad
    with pytest.raises(
        ValueError, match=r"'blk.1.ffn_up.weight': 1 of 4096 .*\(3, 4\)"
    ):
        save_gguf(model, tokenizer, path)
    assert [p.name for p in tmp_path.iterdir()] == ["m.gguf"]
    assert path.read_bytes() == b"old"


def test_a_failure_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "some"
    path.write_bytes(b"old")
    draft = replacing(path)
    draft.__enter__().write(b"new")
    with pytest.raises(OSError, match="full"):
        draft.gen.throw(OSError("full"))
    assert [p.name for p in tmp_path.iterdir()] == ["some"]
    assert path.read_bytes() == b"old"


# write_gguf


def row(n: int = 8) -> Planned:
    return Planned((n,), "F32", lambda: np.zeros(n, np.float32))


@pytest.mark.parametrize("alignment", [8, 32, 4096])
def test_every_kind_of_metadata_and_alignment(alignment, tmp_path):
    metadata = {
        **{"general.alignment": alignment, "s": "Ünïcödé 你好", "yes": True, "n": 7},
        **{"large": 2**40, "negative": -3, "huge": 2**63, "x": 0.5, "list": [1, -2]},
        **{"wide": [1, 2**40], "none": [], "texts": ["", "ß"], "flags": [True, False]},
        "floats": [0.25, -1.5],
    }
    tensors = {"a": row(), "b": row(9), "c": row(1)}
    write_gguf(tmp_path / "m", metadata, tensors)
    file = GGUFFile(tmp_path / "m")
    assert file.metadata == metadata
    assert [file.kinds[k][-1] for k in ("n", "large", "negative", "huge")] == [
        *(4, 11, 11, 10)
    ]
    assert {tensor.start % alignment for tensor in file.tensors.values()} == {0}
    theirs = gguf.GGUFReader(tmp_path / "m")
    assert {k: theirs.fields[k].contents() for k in metadata} == metadata
    assert [tensor.name for tensor in theirs.tensors] == list(tensors)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("metadata", "tensors", "words"),
    [
        ({"k": None}, {}, "k=None cannot be stored"),
        ({"k": 2**64}, {}, "k=18446744073709551616 cannot be stored"),
        ({"k": {}}, {}, "k={} cannot be stored"),
        ({"k": [1, "a"]}, {}, "k should be a list of one kind"),
        ({"k": [[1]]}, {}, r"k=\[1\] cannot be stored"),
        ({"k": 1e39}, {}, r"k=\[1e\+39\] is not finite as float32"),
        ({"k": float("nan")}, {}, "is not finite as float32"),
        ({"k": "\ud800"}, {}, "k has no UTF-8 bytes"),
        ({"general.alignment": 24}, {}, "=24 is not a power of two"),
        ({}, {"w" * 64: row()}, "names of up to 63 bytes"),
        ({}, {"w": Planned((1,) * 5, "F32", bytes)}, "1 to 4 axes"),
        ({}, {"w": Planned((33,), "Q4_0", bytes)}, r"shape \(33,\) does not fill"),
        ({}, {"w": Planned((0, 32), "Q4_0", bytes)}, r"shape \(0, 32\) does not"),
        ({}, {"w": row()._replace(shape=(9,))}, "is 36 bytes in F32; got 32"),
        ({}, {"w": row()._replace(encoding="F64")}, "no encoding 'F64'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_written(metadata, tensors, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        write_gguf(tmp_path / "m", metadata, tensors)
    assert not list(Path(tmp_path).iterdir())
