"""Ledgers: to the last parameter, operation and byte what PyTorch counts"""

import dataclasses

import gguf
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from llmath.cache import KVCache
from llmath.config import CHOICES, PRESETS, ModelConfig, preset
from llmath.generate import generate
from llmath.loss import cross_entropy
from llmath.model import Transformer
from llmath.pretrained import find
from llmath.pretrained.encodings import ENCODINGS
from llmath.pretrained.gguf import GGUFFile
from llmath.scaling import (
    Ledger,
    Row,
    approximate_training_flops,
    approximation_error,
    cache_bytes,
    forward_flops,
    generation_flops,
    mfu,
    non_embedding,
    parameters,
    training_bytes,
    training_flops,
    weight_bytes,
)
from llmath.scaling.memory import BLOCKS, FLOATS

TINY = preset("tiny")
LLAMA = ModelConfig(
    vocab_size=50,
    n_layers=2,
    d_model=24,
    n_heads=6,
    n_kv_heads=2,
    d_ff=40,
    context_length=64,
    tie_embeddings=False,
)


@st.composite
def configs(draw) -> ModelConfig:
    """Any model that can be built, small."""
    groups, shared = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    heads = groups * shared
    return ModelConfig(
        vocab_size=draw(st.integers(1, 60)),
        n_layers=draw(st.integers(1, 3)),
        d_model=heads * 2 * draw(st.integers(1, 4)),
        n_heads=heads,
        n_kv_heads=groups,
        d_ff=draw(st.integers(1, 50)),
        context_length=draw(st.integers(12, 40)),
        residual=draw(st.booleans()),
        bias=draw(st.booleans()),
        tie_embeddings=draw(st.booleans()),
        **{name: draw(st.sampled_from(found)) for name, found in CHOICES.items()},
    )


def on_meta(config: ModelConfig) -> Transformer:
    with torch.device("meta"):
        return Transformer(config)


def counted(function) -> int:
    """What PyTorch counts while the function runs."""
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def some_ids(config: ModelConfig, T: int, B: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(T)
    return torch.randint(config.vocab_size, (B, T), generator=generator)


# Parameters

PLACES = {
    "embedding": ("embedding.",),
    "positions": ("position_embedding.",),
    "attention": (".attn.",),
    "attention.q": (".w_q.",),
    "attention.k": (".w_k.",),
    "attention.v": (".w_v.",),
    "attention.o": (".w_o.",),
    "mlp": (".mlp.",),
    "mlp.gate": (".w_gate.",),
    "mlp.up": (".w_up.",),
    "mlp.down": (".w_down.",),
    "norm.blocks": (".norm_attn.", ".norm_mlp."),
    "head": ("unembedding.",),
}


def check_parameters(config: ModelConfig) -> None:
    ledger, model = parameters(config), on_meta(config)
    held = {f".{name}": p.numel() for name, p in model.named_parameters()}
    assert ledger.total == sum(held.values())
    for part, places in PLACES.items():
        if part in ("embedding", "positions", "head"):
            places = tuple(f".{place}" for place in places)
        there = [n for name, n in held.items() if any(p in name for p in places)]
        assert ledger[part] == sum(there), part


@pytest.mark.parametrize("name", PRESETS)
def test_parameters_of_known_models(name):
    check_parameters(PRESETS[name])


@settings(max_examples=60)
@given(configs())
def test_parameters_of_any_model(config):
    check_parameters(config)


def test_parameters_as_published():
    """GPT-2's 124 million and Llama 3's 8.03 billion, to the last one."""
    assert parameters(preset("gpt2")).total == 124_439_808
    assert parameters(preset("llama-3-8b")).total == 8_030_261_248
    assert parameters(preset("smollm2-135m")).total == 134_515_008


def test_parameters_by_hand():
    """D = 24, GE = 8, F = 40, V = 50, two layers without biases, an own head."""
    block = 24 * 24 + 8 * 24 + 8 * 24 + 24 * 24 + 3 * 24 * 40 + 2 * 24
    assert parameters(LLAMA).total == 50 * 24 + 2 * block + 24 + 50 * 24
    assert non_embedding(LLAMA) == 2 * block + 24


# Operations


@settings(max_examples=40)
@given(configs(), st.integers(1, 6), st.integers(1, 3), st.integers(0, 6))
def test_forward_flops_are_pytorch_s(config, T, B, cached):
    """Of a prefill, and of T tokens behind a cache, by B texts at once."""
    model, cache = Transformer(config).requires_grad_(False), KVCache()
    if cached:
        model(some_ids(config, cached, B), cache=cache)
    seen = counted(lambda: model(some_ids(config, T, B), cache=cache))
    assert seen == forward_flops(config, T, B=B, cached=cached).total


@pytest.mark.parametrize("config", [TINY, LLAMA], ids=["tiny", "llama"])
def test_training_is_three_times_forward(config):
    model, ids = Transformer(config), some_ids(config, 9, 2)
    seen = counted(lambda: cross_entropy(model(ids)[:, :-1], ids[:, 1:]).backward())
    assert seen == training_flops(config, 9, B=2).total
    assert seen == 3 * forward_flops(config, 9, B=2).total


@pytest.mark.parametrize("new", [1, 2, 7])
def test_generation_flops_are_those_of_generate(new):
    model, prompt = Transformer(LLAMA).requires_grad_(False), [3, 1, 4, 1, 5]
    seen = counted(lambda: generate(model, prompt, new))
    assert seen == generation_flops(LLAMA, 5, new).total


def test_a_cache_saves_what_it_should():
    """Without one each step reads everything again; the prefill is the same."""
    cached = generation_flops(LLAMA, 5, 3)
    again = generation_flops(LLAMA, 5, 3, cache=False)
    assert cached["prefill"] == again["prefill"]
    passes = [forward_flops(LLAMA, T, logits=1).total for T in (6, 7)]
    assert again["decoding"] == sum(passes) > cached["decoding"]


def test_forward_flops_by_hand():
    """D = 24, H E = 24, GE = 8, F = 40, V = 50, L = 2: three tokens behind four."""
    ledger = forward_flops(LLAMA, 3, cached=4, logits=1)
    assert ledger["attention.scores"] == ledger["attention.values"]
    assert ledger["attention.scores"] == 2 * (2 * 3 * 7 * 24)
    assert ledger["attention.k"] == 2 * (2 * 3 * 24 * 8)
    assert ledger["mlp"] == 2 * 3 * (2 * 3 * 24 * 40)
    assert ledger["head"] == 2 * 24 * 50


@pytest.mark.parametrize("name", PRESETS)
def test_six_n_leaves_out_what_it_says(name):
    """6 N T + 12 L T S D + 6 T V D, less 6 for each bias and norm, is exact."""
    config, T = PRESETS[name], 100
    c, N = config, non_embedding(config)
    matrices = dataclasses.replace(config, bias=False, norm_position="none")
    vectors = N - non_embedding(matrices)
    exact = 6 * (N - vectors) * T + 12 * c.n_layers * T * T * c.d_model
    exact += 6 * T * c.vocab_size * c.d_model
    assert exact == training_flops(config, T).total
    error = approximate_training_flops(N, T) / exact - 1
    assert approximation_error(config, T) == pytest.approx(error, rel=1e-12)


def test_six_n_by_hand():
    """GPT-3 with 175 billion parameters on 300 billion tokens: Brown et al. 2020, D."""
    assert (
        approximate_training_flops(174_600_000_000, 300_000_000_000) == 314_280 * 10**18
    )


def test_mfu_as_published():
    """Megatron-Turing NLG 530B, 65,430 tokens/s on 2,240 A100 of 312 TFLOP/s: 30.2 %
    in Chowdhery et al. 2022, table 3 and app. B."""
    config = preset(
        "gpt2-xl",
        n_layers=105,
        d_model=20_480,
        n_heads=128,
        n_kv_heads=128,
        d_ff=4 * 20_480,
        context_length=2048,
    )
    assert parameters(config).total == pytest.approx(530e9, rel=2e-3)
    found = mfu(config, 65_430.0, T=2048, peak=2240 * 312e12)
    assert found == pytest.approx(0.302, abs=1e-3)


# Bytes


@settings(max_examples=20)
@given(configs(), st.sampled_from(sorted(FLOATS)))
def test_weight_bytes_are_pytorch_s(config, dtype):
    model = on_meta(config).to(getattr(torch, dtype))
    assert weight_bytes(config, dtype).total == sum(
        p.nbytes for p in model.parameters()
    )


def test_weight_bytes_of_the_real_file():
    """SmolLM2 in Q4_1 with a table in Q8_0: what its GGUF file holds, to the byte."""
    tensors = GGUFFile(find("smollm2-135m")).tensors.values()
    ledger = weight_bytes(preset("smollm2-135m"), "Q4_1", embedding="Q8_0")
    assert ledger.total == sum(tensor.n_bytes for tensor in tensors)


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_those_of_gguf(name):
    kind = gguf.GGMLQuantizationType[name]
    assert gguf.GGML_QUANT_SIZES[kind] == BLOCKS[name]
    ours = next(e for e in ENCODINGS.values() if e.name == name)
    assert (ours.numbers, ours.size) == BLOCKS[name]


class Watched(KVCache):
    """Remembers how many bytes of keys and values were handed out last, by layer."""

    def extend(self, layer, k, v):
        k, v = super().extend(layer, k, v)
        self.handed = getattr(self, "handed", {}) | {layer: k.nbytes + v.nbytes}
        return k, v


@settings(max_examples=15)
@given(configs(), st.integers(1, 6), st.integers(1, 3))
def test_cache_bytes_are_those_of_the_cache(config, T, B):
    cache = Watched()
    Transformer(config).requires_grad_(False)(some_ids(config, T, B), cache=cache)
    assert cache_bytes(config, T, B=B).total == sum(cache.handed.values())


def test_cache_bytes_by_hand():
    """Llama 3 8B: 2 · 32 layers · 8 heads · 128 · 2 bytes are 128 KiB a token."""
    assert cache_bytes(preset("llama-3-8b"), 1, dtype="bfloat16").total == 128 * 1024


def test_training_bytes_are_adam_s():
    """Weights, gradients, moments; not Adam's count of steps, a number a tensor."""
    model = Transformer(LLAMA)
    optimizer = torch.optim.AdamW(model.parameters())
    model(some_ids(LLAMA, 5)).sum().backward()
    optimizer.step()
    held = sum(p.nbytes + p.grad.nbytes for p in model.parameters())
    for state in optimizer.state.values():
        held += state["exp_avg"].nbytes + state["exp_avg_sq"].nbytes
    assert training_bytes(LLAMA).total == held


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_sixteen_bytes_a_parameter(dtype):
    """Rajbhandari et al. 2020, §3.1: 2 + 2 + 4 + 4 + 4; in float32 4 + 4 + 4 + 4."""
    assert training_bytes(TINY, dtype).total == 16 * parameters(TINY).total
    assert training_bytes(TINY, "float64").total == 32 * parameters(TINY).total


# The table


LEDGER = Ledger(
    "Two parts",
    "bytes",
    (Row("a.x", 2, 1500, "D < F"), Row("a.y", 1, 1000, "D"), Row("b", 0, 7, "")),
)


def test_a_ledger_adds_up():
    assert LEDGER.total == 4000
    assert (LEDGER["a"], LEDGER["a.x"], LEDGER["b"]) == (4000, 3000, 0)
    assert LEDGER.share("a.y") == 0.25
    with pytest.raises(ValueError, match=r"no part 'a\.' .* there is a\.x, a\.y, b"):
        LEDGER["a."]


def test_a_ledger_reads_as_a_table():
    assert str(LEDGER) == (
        "Two parts\n"
        "part   each   times  bytes   share\n"
        "a.x    D < F      2  3,000   75.0%\n"
        "a.y    D          1  1,000   25.0%\n"
        "total                4,000  100.0%"
    )
    assert LEDGER.markdown().splitlines()[1:3] == [
        "| :-- | :-- | --: | --: | --: |",
        "| a.x | D < F | 2 | 3,000 | 75.0% |",
    ]
    page = LEDGER._repr_html_()
    assert "<caption>Two parts</caption>" in page
    assert ">D &lt; F</td>" in page
    assert page.count("<tr>") == 4
    assert ">4,000</th>" in page


def test_an_empty_ledger_has_nothing_to_share():
    assert str(cache_bytes(TINY, 0)).splitlines()[-1].split() == ["total", "0"]


# What is refused


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: forward_flops(TINY, 0), "got T=0, B=1, cached=0, logits=0"),
        (lambda: forward_flops(TINY, 3, logits=4), "got T=3, .* logits=4"),
        (lambda: forward_flops(TINY, 3, cached=-1), "cached .*least 0, got -1"),
        (lambda: forward_flops(TINY, 29, cached=100), "129 tokens exceed .* of 128"),
        (lambda: generation_flops(TINY, 3, 0), "new should .* at least 1, got 0"),
        (lambda: approximate_training_flops(0, 1), "n_parameters .* at least 1, got 0"),
        (lambda: mfu(TINY, -1.0, T=8, peak=1e12), r"got -1\.0 tokens/s"),
        (lambda: mfu(TINY, 1.0, T=8, peak=0.0), r"and 0\.0 FLOP/s"),
        (lambda: mfu(TINY, 1e9, T=8, peak=1e12), "times the peak of 1e"),
        (lambda: weight_bytes(TINY, "int8"), "'int8' here; there is float64.*Q8_0"),
        (lambda: weight_bytes(LLAMA, "Q4_0"), "32 numbers .* embedding have 24"),
        (lambda: cache_bytes(TINY, 1, dtype="Q4_0"), "no type 'Q4_0' here"),
        (lambda: cache_bytes(TINY, -1), "T should be .* at least 0, got -1"),
    ],
)
def test_ledgers_that_make_no_sense(make, words):
    with pytest.raises(ValueError, match=words):
        make()
