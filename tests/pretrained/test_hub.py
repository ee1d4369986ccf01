"""load_checkpoint, save_checkpoint: there and back through transformers; refusals"""

import contextlib
import dataclasses
import json
import os
import pickle
import struct
import types

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.models.llama import modeling_llama

from llmath.config import PRESETS, ModelConfig, RopeScaling, preset
from llmath.generate import generate
from llmath.model import Transformer
from llmath.pretrained import gpt2, llama, load_checkpoint, save_checkpoint
from llmath.pretrained.hub import FAMILIES

GPT2 = preset("tiny", vocab_size=90, d_model=32, d_ff=80, context_length=40)
LLAMA = ModelConfig(
    vocab_size=90,
    n_layers=2,
    d_model=48,
    n_heads=6,
    n_kv_heads=2,
    d_ff=64,
    context_length=40,
    rope_base=500.0,
    norm_eps=2e-5,
)
VARIANTS = {
    "gpt2": GPT2,
    "gpt2-gelu-untied": dataclasses.replace(GPT2, mlp="gelu", tie_embeddings=False),
    "llama": LLAMA,
    "llama-bias-untied": dataclasses.replace(LLAMA, bias=True, tie_embeddings=False),
    "llama-mha": dataclasses.replace(LLAMA, n_kv_heads=6, norm_eps=1e-6),
    "llama-linear": dataclasses.replace(
        LLAMA, rope_scaling=RopeScaling(kind="linear", factor=4.0)
    ),
    "llama-3.1": dataclasses.replace(
        LLAMA,
        rope_scaling=RopeScaling(
            kind="llama3", factor=8.0, low=1.0, high=4.0, original_context=20
        ),
    ),
}
IDS = torch.randint(0, 90, (2, 31), generator=torch.Generator().manual_seed(0))
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
# Their scaled frequencies are float32 whatever a model is told.
PRECISIONS = [
    (name, dtype)
    for name, config in VARIANTS.items()
    for dtype in TOLERANCE
    if dtype == torch.float32 or config.rope_scaling is None
]
BOTH = pytest.mark.parametrize("family", ["gpt2", "llama"])


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def stirred(model):
    """Weights of a size at which every part matters, biases and gains included."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        parameter.normal_(std=0.25, generator=generator)
        if ("norm" in name or "ln_" in name) and name.endswith("weight"):
            parameter.add_(1)
    return model.eval().requires_grad_(False)


def ours(config, dtype=torch.float32) -> Transformer:
    return stirred(Transformer(config)).to(dtype)


def family_of(config):
    return gpt2 if config.norm == "layer" else llama


def theirs(config, dtype=torch.float32):
    """A random transformers model of this shape, described by hand."""
    common = {"vocab_size": config.vocab_size}
    common |= {"tie_word_embeddings": config.tie_embeddings, "use_cache": False}
    common |= {"bos_token_id": None, "eos_token_id": None}
    common |= {"attn_implementation": "eager"}
    if config.norm == "layer":
        described = transformers.GPT2Config(
            n_positions=config.context_length,
            n_embd=config.d_model,
            n_layer=config.n_layers,
            n_head=config.n_heads,
            n_inner=config.d_ff,
            activation_function={"gelu": "gelu"}.get(config.mlp, "gelu_new"),
            layer_norm_epsilon=config.norm_eps,
            **common,
        )
        return stirred(transformers.GPT2LMHeadModel(described)).to(dtype)
    described = transformers.LlamaConfig(
        hidden_size=config.d_model,
        intermediate_size=config.d_ff,
        num_hidden_layers=config.n_layers,
        num_attention_heads=config.n_heads,
        num_key_value_heads=config.n_kv_heads,
        max_position_embeddings=config.context_length,
        rms_norm_eps=config.norm_eps,
        rope_parameters=rope_parameters(config),
        attention_bias=config.bias,
        mlp_bias=config.bias,
        **common,
    )
    return stirred(transformers.LlamaForCausalLM(described)).to(dtype)


def rope_parameters(config) -> dict:
    scaling = config.rope_scaling
    told = {"rope_type": "default", "rope_theta": config.rope_base}
    if scaling:
        told |= {"rope_type": scaling.kind, "factor": scaling.factor}
    if scaling and scaling.kind == "llama3":
        told |= {"low_freq_factor": scaling.low, "high_freq_factor": scaling.high}
        told["original_max_position_embeddings"] = scaling.original_context
    return told


@pytest.fixture
def wide(monkeypatch):
    """Their Llama computes norms, softmax and angles in float32 whatever it is told;
    here in float64: a model for which float32 means that, and angles of our own."""
    seen_as = types.SimpleNamespace(**vars(torch))
    seen_as.float32 = torch.float64
    monkeypatch.setattr(modeling_llama, "torch", seen_as)

    def angles(self, x, position_ids):
        theta = self.config.rope_parameters["rope_theta"]
        E = self.config.head_dim
        frequencies = theta ** -(torch.arange(0, E, 2, dtype=torch.float64) / E)
        halves = (position_ids[..., None] * frequencies).repeat(1, 1, 2)
        return halves.cos().to(x.dtype), halves.sin().to(x.dtype)

    monkeypatch.setattr(modeling_llama.LlamaRotaryEmbedding, "forward", angles)


# The same numbers


@pytest.mark.parametrize(("name", "dtype"), PRECISIONS, ids=str)
def test_their_weights_in_our_model(name, dtype, request):
    if dtype == torch.float64:
        request.getfixturevalue("wide")
    config = VARIANTS[name]
    their, our = theirs(config, dtype), Transformer(config).to(dtype)
    our.load_state_dict(family_of(config).from_hub(their.state_dict(), config))
    expected = their(IDS).logits
    assert expected.std() > 0.5
    for impl in ("explicit", "sdpa"):
        error = (our(IDS, impl=impl) - expected).abs().max() / expected.abs().max()
        assert error <= TOLERANCE[dtype]


@pytest.mark.parametrize(("name", "dtype"), PRECISIONS, ids=str)
def test_our_weights_in_their_model(name, dtype, request):
    if dtype == torch.float64:
        request.getfixturevalue("wide")
    config = VARIANTS[name]
    our, their = ours(config, dtype), theirs(config, dtype)
    made = family_of(config).to_hub(our.state_dict(), config)
    left = their.load_state_dict(made, strict=False)
    assert not left.unexpected_keys
    assert set(left.missing_keys) <= {"lm_head.weight"}  # tied to what was loaded
    expected = our(IDS)
    error = (their(IDS).logits - expected).abs().max() / expected.abs().max()
    assert error <= TOLERANCE[dtype]


@BOTH
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_at_the_usual_initialisation_they_agree_absolutely(family, dtype, request):
    """Weights as either library draws them: 1e-5 in float32, 1e-10 in float64."""
    if dtype == torch.float64:
        request.getfixturevalue("wide")
    config = VARIANTS[family]
    names = family_of(config)
    our, their = Transformer(config, seed=3).to(dtype), theirs(config, dtype)
    their.load_state_dict(names.to_hub(our.state_dict(), config), strict=False)
    assert (our(IDS) - their(IDS).logits).abs().max() <= TOLERANCE[dtype]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        their.apply(their._init_weights)
    our.load_state_dict(names.from_hub(their.state_dict(), config))
    assert (our(IDS) - their(IDS).logits).abs().max() <= TOLERANCE[dtype]
    assert our(IDS).std() > 0.01


@pytest.mark.parametrize("name", VARIANTS)
def test_names_there_and_back_are_exact(name):
    config = VARIANTS[name]
    weights, family = ours(config).state_dict(), family_of(config)
    back = family.from_hub(family.to_hub(weights, config), config)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[key], weights[key]) for key in weights)


# Folders


@pytest.mark.parametrize("name", VARIANTS)
def test_what_transformers_saved_we_load_and_save_back(name, tmp_path):
    config, there, back = VARIANTS[name], tmp_path / "there", tmp_path / "back"
    their = theirs(config)
    their.save_pretrained(there)
    model = load_checkpoint(there)
    assert model.config == config
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    scale = model(IDS).abs().max()
    assert (model(IDS) - their(IDS).logits).abs().max() <= 1e-5 * scale
    save_checkpoint(model, back)
    assert {p.name for p in back.iterdir()} == {"config.json", "model.safetensors"}
    a, b = (load_file(folder / "model.safetensors") for folder in (there, back))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_we_saved_transformers_loads(name, tmp_path):
    our = ours(VARIANTS[name])
    save_checkpoint(our, tmp_path)
    their = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert their.dtype == torch.float32
    scale = our(IDS).abs().max()
    assert (their(IDS).logits - our(IDS)).abs().max() <= 1e-5 * scale
    ids = IDS[0, :10].tolist()
    continued = their.generate(IDS[:1, :10], max_new_tokens=8, do_sample=False)
    assert continued[0].tolist() == generate(our, ids, 8)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_ours_there_and_back_is_exact(name, dtype, tmp_path):
    our = ours(VARIANTS[name], dtype)
    save_checkpoint(our, tmp_path)
    found = load_checkpoint(tmp_path, dtype=dtype)
    assert found.config == our.config
    for (key, a), b in zip(our.state_dict().items(), found.parameters(), strict=True):
        assert torch.equal(a, b), key
        assert b.is_contiguous()
    assert torch.equal(found(IDS), our(IDS))


@BOTH
def test_several_files_with_an_index(family, tmp_path):
    their = theirs(VARIANTS[family])
    their.save_pretrained(tmp_path, max_shard_size="20KB")
    assert not (tmp_path / "model.safetensors").exists()
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    model = load_checkpoint(tmp_path)
    expected = family_of(model.config).from_hub(their.state_dict(), model.config)
    assert all(torch.equal(w, expected[key]) for key, w in model.state_dict().items())


def test_the_hubs_gpt2_has_shorter_names_and_carries_its_masks(tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)

    def shorter(tensors):
        short = {name.removeprefix("transformer."): w for name, w in tensors.items()}
        return short | {"h.0.attn.bias": torch.ones(1, 1, 40, 40).tril()}

    rewrite(tmp_path, shorter)
    assert torch.equal(load_checkpoint(tmp_path)(IDS), ours(GPT2)(IDS))


@BOTH
def test_a_tied_head_that_was_written_all_the_same(family, tmp_path):
    module = FAMILIES[family]
    save_checkpoint(ours(VARIANTS[family]), tmp_path)
    rewrite(tmp_path, lambda w: w | {"lm_head.weight": w[module.TABLE].clone()})
    load_checkpoint(tmp_path)
    rewrite(tmp_path, lambda w: w | {"lm_head.weight": w[module.TABLE] + 1})
    with pytest.raises(ValueError, match="ties the head to the embedding, but lm_head"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("name", [n for n in PRESETS if n != "tiny"])
def test_presets_can_be_described(name):
    config = PRESETS[name]
    family = family_of(config)
    assert family.config_from_json(family.config_to_json(config)) == config


def test_saving_twice_replaces_and_leaves_other_files_alone(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    save_checkpoint(Transformer(GPT2), tmp_path)
    save_checkpoint(ours(LLAMA), tmp_path)
    assert torch.equal(load_checkpoint(tmp_path)(IDS), ours(LLAMA)(IDS))
    names = {"config.json", "model.safetensors", "tokenizer.json"}
    assert {p.name for p in tmp_path.iterdir()} == names


def test_a_failure_while_saving_leaves_the_old_files(tmp_path, monkeypatch):
    save_checkpoint(ours(GPT2), tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(tensors, path, metadata):
        path.write_bytes(b"half a fi")
        raise OSError("no space left on device")

    monkeypatch.setattr("llmath.pretrained.hub.save_file", full)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(Transformer(LLAMA), tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("moved", range(4))
def test_stopped_between_two_moves_it_is_old_or_refused_or_new(
    moved, tmp_path, monkeypatch
):
    """Of the same family and sizes: nothing but the order of the moves tells them
    apart."""
    old = ours(GPT2)
    new = ours(dataclasses.replace(GPT2, norm_eps=0.5))
    new.embedding.weight.mul_(2)
    save_checkpoint(old, tmp_path)
    left, replace = [moved], os.replace

    def stopping(a, b):
        if not left[0]:
            raise SystemExit("the power fails")
        left[0] -= 1
        replace(a, b)

    monkeypatch.setattr("os.replace", stopping)
    with contextlib.suppress(SystemExit):
        save_checkpoint(new, tmp_path)
    if moved in (1, 2):
        with pytest.raises(FileNotFoundError, match=r"config\.json is missing"):
            load_checkpoint(tmp_path)
        return
    found, expected = load_checkpoint(tmp_path), new if moved == 3 else old
    assert found.config == expected.config
    assert torch.equal(found.embedding.weight, expected.embedding.weight)


def test_what_was_left_behind_is_pointed_out(tmp_path):
    (tmp_path / ".saving-abc").mkdir()
    words = r"config\.json is missing: saving was cut short, see \.saving-abc"
    with pytest.raises(FileNotFoundError, match=words):
        load_checkpoint(tmp_path)


def test_weights_that_cannot_be_moved_leave_the_old_checkpoint(tmp_path, monkeypatch):
    save_checkpoint(ours(GPT2), tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    replace = os.replace

    def refusing(a, b):
        if str(b).endswith(".safetensors"):
            raise PermissionError("in use")
        replace(a, b)

    monkeypatch.setattr("os.replace", refusing)
    with pytest.raises(PermissionError):
        save_checkpoint(Transformer(LLAMA), tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_loaded_model_does_not_lean_on_its_file(tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)
    model = load_checkpoint(tmp_path)
    expected = model(IDS)
    path = tmp_path / "model.safetensors"
    with open(path, "rb+") as file:
        file.seek(-4096, 2)
        file.write(bytes(4096))
    assert torch.equal(model(IDS), expected)


# What is refused


def rewrite(folder, change) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def redescribe(folder, **changes) -> None:
    path = folder / "config.json"
    fields = json.loads(path.read_text("utf-8")) | changes
    kept = {key: value for key, value in fields.items() if value != "absent"}
    path.write_text(json.dumps(kept), "utf-8")


def refused(folder, words) -> None:
    with pytest.raises(ValueError, match=words):
        load_checkpoint(folder)


@BOTH
def test_missing_tensors_are_named(family, tmp_path):
    save_checkpoint(ours(VARIANTS[family]), tmp_path)
    names = sorted(load_file(tmp_path / "model.safetensors"))
    for name in names[:: len(names) // 6]:
        save_checkpoint(ours(VARIANTS[family]), tmp_path)
        rewrite(tmp_path, lambda w, name=name: {k: w[k] for k in w if k != name})
        refused(tmp_path, f"no tensors {name}, and no use for \\(none\\)")


@BOTH
def test_tensors_without_a_place_are_named(family, tmp_path):
    save_checkpoint(ours(VARIANTS[family]), tmp_path)
    rewrite(tmp_path, lambda w: w | {"lora.weight": torch.zeros(3)})
    refused(tmp_path, r"no tensors \(none\), and no use for \w+\.lora\.weight")


@BOTH
def test_wrong_shapes_are_named(family, tmp_path):
    save_checkpoint(ours(VARIANTS[family]), tmp_path)
    name = {
        "gpt2": "transformer.h.1.attn.c_attn.weight",
        "llama": "model.layers.1.mlp.up_proj.weight",
    }[family]
    rewrite(tmp_path, lambda w: w | {name: w[name].T.contiguous()})
    shape = {"gpt2": r"\(96, 32\) instead of \(32, 96\)"}
    shape["llama"] = r"\(48, 64\) instead of \(64, 48\)"
    refused(tmp_path, f"wrong shape: {name} has {shape[family]}")


def test_numbers_that_are_no_weights(tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)
    name = "transformer.ln_f.bias"
    rewrite(tmp_path, lambda w: w | {name: w[name].to(torch.int8)})
    refused(tmp_path, f"'{name}' is stored as I8")
    with pytest.raises(ValueError, match=r"not torch\.int8"):
        load_checkpoint(tmp_path, dtype=torch.int8)


@pytest.mark.parametrize("kept", [0, 7, 8, 100, 5000, -1])
def test_a_file_that_was_cut_short(kept, tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(tmp_path, r"model\.safetensors is no whole safetensors file")


def test_a_pickle_under_the_name_of_a_safetensors_file(tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)

    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    refused(tmp_path, "no whole safetensors file")
    header = struct.pack("<Q", 2**60) + b"{}"
    (tmp_path / "model.safetensors").write_bytes(header)
    refused(tmp_path, "no whole safetensors file")
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="is pickled and never opened"):
        load_checkpoint(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json is missing"):
        load_checkpoint(tmp_path)
    save_checkpoint(ours(GPT2), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model\.safetensors"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("text", ["{", "", "[]", "3", "\udcff", '"gpt2"'], ids=repr)
def test_a_description_that_is_none(text, tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    refused(tmp_path, r"is no JSON|should hold one JSON object")


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("gpt2", {"model_type": "qwen2"}, "family 'qwen2'; there is gpt2, llama"),
        ("gpt2", {"model_type": "absent"}, "family None"),
        ("gpt2", {"model_type": ["gpt2"]}, r"family \['gpt2'\]"),
        ("gpt2", {"n_layer": "absent"}, "lacks 'n_layer'"),
        ("gpt2", {"n_layer": None}, "lacks 'n_layer'"),
        ("gpt2", {"n_layer": "2"}, "n_layers must be a whole number"),
        ("gpt2", {"n_layer": 3}, "no tensors transformer.h.2.attn.c_attn.bias"),
        ("gpt2", {"n_layer": 1}, "no use for transformer.h.1.attn"),
        ("gpt2", {"n_layer": 10**12}, "n_layers=1000000000000, which does not fit"),
        ("gpt2", {"n_embd": 10**12}, "d_model=1000000000000, which does not fit"),
        ("gpt2", {"n_embd": "32", "n_inner": None}, "d_ff must be a whole number|d_mo"),
        ("gpt2", {"n_inner": 10**12}, "d_ff=1000000000000, which does not fit"),
        ("gpt2", {"n_positions": 10**12}, "context_length=1000000000000"),
        ("gpt2", {"n_positions": 41}, r"wpe.weight has \(40, 32\) instead of \(41"),
        ("gpt2", {"vocab_size": 91}, r"wte.weight has \(90, 32\) instead of \(91"),
        ("gpt2", {"n_head": 5}, "does not divide into n_heads=5"),
        ("gpt2", {"activation_function": "relu"}, "='relu'; there is gelu_new"),
        ("gpt2", {"activation_function": ["gelu"]}, "activation_function="),
        ("gpt2", {"scale_attn_weights": False}, "only True is built"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "only False is built"),
        ("gpt2", {"layer_norm_epsilon": 0}, "norm_eps must be positive"),
        ("gpt2", {"tie_word_embeddings": "yes"}, "must be True or False"),
        ("gpt2", {"tie_word_embeddings": False}, "no tensors lm_head.weight"),
        ("llama", {"hidden_act": "gelu"}, "only 'silu' is built"),
        ("llama", {"head_dim": 16}, "head_dim=16; only 8 is built"),
        ("llama", {"attention_bias": True}, "only both or neither"),
        ("llama", {"num_key_value_heads": 3}, "k_proj.weight has"),
        ("llama", {"num_key_value_heads": 4}, "n_kv_heads=4"),
        ("llama", {"rope_theta": -1.0}, "rope_base must be positive"),
        ("llama", {"rope_scaling": {"rope_type": "llama3"}}, "factor of llama3 must"),
        ("llama", {"rope_scaling": {"type": "linear"}}, "factor of linear must be pos"),
        ("llama", {"rope_scaling": {"type": "linear", "factor": "2"}}, "got '2'"),
        ("llama", {"rope_scaling": {"type": ["linear"], "factor": 2}}, "is not built"),
        ("llama", {"rope_parameters": {"rope_type": "yarn"}}, "type 'yarn' is not"),
        ("llama", {"rope_parameters": 3}, "rope_parameters=3, which is no object"),
    ],
    ids=str,
)
def test_what_cannot_be_built_is_refused(family, changes, words, tmp_path):
    save_checkpoint(ours(VARIANTS[family]), tmp_path)
    redescribe(tmp_path, **changes)
    refused(tmp_path, words)


@pytest.mark.parametrize(
    ("weight_map", "words"),
    [
        ({"a": "../elsewhere.safetensors"}, "name files of this folder"),
        ({"a": "/etc/x.safetensors"}, "name files of this folder"),
        ({"a": "model.bin"}, "name files of this folder"),
        ({"a": 3}, "name files of this folder"),
        (["a"], "name files of this folder"),
        (None, "name files of this folder"),
        ({"a": "part.safetensors"}, "its shards lack: a"),
    ],
    ids=str,
)
def test_an_index_that_misleads(weight_map, words, tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "part.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}), "utf-8")
    refused(tmp_path, words)


def test_a_shard_that_is_missing(tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "lost.safetensors"}}), "utf-8")
    with pytest.raises(FileNotFoundError, match=r"lost\.safetensors is missing"):
        load_checkpoint(tmp_path)


def test_one_tensor_under_two_names(tmp_path):
    save_checkpoint(ours(GPT2), tmp_path)
    rewrite(tmp_path, lambda w: w | {"ln_f.bias": torch.zeros(32)})
    refused(tmp_path, "'transformer.ln_f.bias' twice")


@pytest.mark.parametrize(
    "changes",
    [
        {"norm_position": "post"},
        {"residual": False},
        {"position": "sinusoidal"},
        {"bias": False},
        {"n_kv_heads": 2},
        {"mlp": "swiglu"},
        {"window": 5},
    ],
    ids=str,
)
def test_what_no_format_can_say_is_not_saved(changes, tmp_path):
    model = Transformer(dataclasses.replace(GPT2, **changes))
    ((field, value),) = changes.items()
    with pytest.raises(ValueError, match=f"gpt2 has no {field}={value!r}; llama has"):
        save_checkpoint(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


# The pairs of rotary positions


def test_pairs_by_hand():
    """Two heads of width 4: the halves (0, 1), (2, 3) become pairs (0, 2), (1, 3)."""
    rows = torch.arange(8)
    expected = torch.tensor([0, 2, 1, 3, 4, 6, 5, 7])
    assert torch.equal(llama.to_interleaved(rows, 2), expected)
    assert torch.equal(llama.to_interleaved(rows[:, None], 2), expected[:, None])
    six = torch.tensor([0, 1, 2, 10, 11, 12])
    assert llama.to_interleaved(six, 1).tolist() == [0, 10, 1, 11, 2, 12]


@pytest.mark.parametrize("n_heads", [1, 2, 3])
def test_the_two_orders_are_each_others_inverse(n_heads):
    w = torch.randn(24, 5)
    there, back = llama.to_interleaved, llama.to_half_split
    assert torch.equal(back(there(w, n_heads), n_heads), w)
    assert torch.equal(there(back(w, n_heads), n_heads), w)
    assert not torch.equal(there(w, n_heads), w)


@pytest.mark.parametrize("function", [llama.to_interleaved, llama.to_half_split])
def test_rows_that_make_no_pairs(function):
    with pytest.raises(ValueError, match=r"4 heads .* multiple of 8 rows.*\(12, 5\)"):
        function(torch.zeros(12, 5), 4)
