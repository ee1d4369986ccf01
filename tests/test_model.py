"""Transformer: against NumPy, causality, caches, chunks, positions, refusals"""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

import llmath
from llmath.cache import KVCache
from llmath.config import PRESETS, ModelConfig, preset
from llmath.embedding import PADDING
from llmath.model import Transformer
from llmath.pretrained import llama
from llmath.probe import record
from llmath.reference.attention import attention, causal_mask, sliding_window_mask
from llmath.reference.embedding import learned_positions, sinusoidal_positions
from llmath.reference.mlp import gelu, gelu_tanh, swiglu
from llmath.reference.norm import layer_norm, rms_norm
from llmath.reference.rope import rope

CONFIG = ModelConfig(
    vocab_size=50,
    n_layers=3,
    d_model=24,
    n_heads=6,
    n_kv_heads=2,
    d_ff=32,
    context_length=40,
)
GPT2 = preset("tiny", vocab_size=50, d_model=24, d_ff=40, context_length=40)
GPT1 = dataclasses.replace(GPT2, norm_position="post", mlp="gelu")
# Every choice of every field at least once.
FAMILIES = {
    "gpt2": GPT2,
    "untied, no bias": dataclasses.replace(GPT2, bias=False, tie_embeddings=False),
    "post-norm": GPT1,
    "sinusoidal": dataclasses.replace(GPT1, position="sinusoidal", norm="rms"),
    "no norm": dataclasses.replace(CONFIG, norm_position="none"),
    "no residual": dataclasses.replace(GPT2, residual=False),
    "neither": dataclasses.replace(CONFIG, residual=False, norm_position="post"),
    "window": dataclasses.replace(CONFIG, window=4),
    "rope, LayerNorm": dataclasses.replace(GPT2, position="rope", n_kv_heads=2),
}
IMPLS = ("explicit", "sdpa")
seeds = st.integers(0, 2**31)


def vary(**changes) -> ModelConfig:
    return dataclasses.replace(CONFIG, **changes)


def trained(config=CONFIG) -> Transformer:
    """Weights of a size at which every part of the model matters."""
    model = Transformer(config).double().requires_grad_(False)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        parameter.normal_(std=0.3, generator=generator)
        if "norm" in name:
            parameter.add_(1)
    return model


MODEL = trained()


def ids(T, seed=0, B=2):
    return torch.randint(0, 50, (B, T), generator=torch.Generator().manual_seed(seed))


def close(a, b, tolerance=1e-10):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


# Against NumPy


def in_numpy(model: Transformer, ids: np.ndarray) -> np.ndarray:
    """The whole forward pass from the reference's formulas."""
    c = model.config
    W = {name: w.numpy() for name, w in model.state_dict().items()}
    place = np.arange(ids.shape[1])

    def linear(x, name):
        return x @ W[f"{name}.weight"].T + W.get(f"{name}.bias", 0)

    def heads(x):
        return x.reshape(*x.shape[:2], -1, c.d_head).swapaxes(1, 2)

    def turned(x):
        return rope(x, place, base=c.rope_base) if c.position == "rope" else x

    def norm(x, name):
        gain, bias = W[f"{name}.weight"], W.get(f"{name}.bias", 0)
        if c.norm == "rms":
            return rms_norm(x, gain, eps=c.norm_eps)
        return layer_norm(x, gain, bias, eps=c.norm_eps)

    def read(x, name):
        return norm(x, name) if c.norm_position == "pre" else x

    def write(x, update, name):
        x = x + update if c.residual else update
        return norm(x, name) if c.norm_position == "post" else x

    def mlp(y, name):
        up = linear(y, f"{name}.w_up")
        if c.mlp == "swiglu":
            return linear(swiglu(linear(y, f"{name}.w_gate"), up), f"{name}.w_down")
        h = gelu(up) if c.mlp == "gelu" else gelu_tanh(up)
        return linear(h, f"{name}.w_down")

    x = W["embedding.weight"][ids]
    if c.position == "learned":
        x = x + learned_positions(place, W["position_embedding.weight"])
    if c.position == "sinusoidal":
        x = x + sinusoidal_positions(place, c.d_model)
    mask = causal_mask(place, place)
    if c.window:
        mask = sliding_window_mask(place, place, c.window)
    for i in range(c.n_layers):
        block = f"blocks.{i}"
        y = read(x, f"{block}.norm_attn")
        q, k, v = (heads(linear(y, f"{block}.attn.w_{name}")) for name in "qkv")
        z = attention(turned(q), turned(k), v, mask)
        update = linear(z.swapaxes(1, 2).reshape(x.shape), f"{block}.attn.w_o")
        x = write(x, update, f"{block}.norm_attn")
        update = mlp(read(x, f"{block}.norm_mlp"), f"{block}.mlp")
        x = write(x, update, f"{block}.norm_mlp")
    table = W["embedding.weight"] if c.tie_embeddings else W["unembedding.weight"]
    return read(x, "norm") @ table.T


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_kv_heads": 6},
        {"n_kv_heads": 1},
        {"bias": True, "tie_embeddings": False},
        {"position": "none", "norm_eps": 0.1},
        {"rope_base": 50.0, "n_layers": 1},
    ],
    ids=str,
)
def test_equals_numpy(changes):
    model = trained(vary(**changes))
    expected = torch.from_numpy(in_numpy(model, ids(9).numpy()))
    for impl in IMPLS:
        close(model(ids(9), impl=impl), expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_equals_numpy(name):
    model = trained(FAMILIES[name])
    expected = torch.from_numpy(in_numpy(model, ids(9).numpy()))
    for impl in (*IMPLS, "online"):
        close(model(ids(9), impl=impl), expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_causal_and_reads_on_from_a_cache(name):
    model, x, y = trained(FAMILIES[name]), ids(12), ids(12, seed=1)
    y[:, :7] = x[:, :7]
    close(model(y)[:, :7], model(x)[:, :7])
    assert not torch.allclose(model(y)[:, 7:], model(x)[:, 7:])
    cache = KVCache()
    parts = [model(part, cache=cache) for part in x.split([5, 1, 4, 2], dim=1)]
    close(torch.cat(parts, dim=1), model(x))


@pytest.mark.parametrize("window", [1, 3, 8, 50])
def test_a_window_equals_transformers_mistral(window):
    config = vary(window=window, tie_embeddings=False)
    described = transformers.MistralConfig(
        vocab_size=50,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=40,
        rms_norm_eps=config.norm_eps,
        sliding_window=window,
        attn_implementation="eager",
    )
    model, theirs = trained(config).float(), transformers.MistralForCausalLM(described)
    theirs.load_state_dict(llama.to_hub(model.state_dict(), config))
    with torch.no_grad():
        expected = theirs.eval()(ids(20)).logits
    for impl in (*IMPLS, "online"):
        close(model(ids(20), impl=impl), expected, 1e-4)


def test_a_token_reaches_back_a_window_in_each_layer():
    """Three layers with a window of 4 see 3 · 3 tokens back, and no further."""
    model, x, y = trained(vary(window=4)), ids(12), ids(12)
    y[:, 0] = (y[:, 0] + 1) % 50
    close(model(y)[:, 10:], model(x)[:, 10:], 1e-13)
    assert not torch.allclose(model(y)[:, 9], model(x)[:, 9], rtol=1e-9)


def test_both_paths_agree_in_float32():
    model = trained().float()
    close(model(ids(20), impl="sdpa"), model(ids(20)), 2e-5)


@pytest.mark.gpu
def test_the_gpu_agrees():
    model, x = trained().float(), ids(30)
    expected = model(x)
    model, x = model.cuda(), x.cuda()
    for impl in IMPLS:
        close(model(x, impl=impl).cpu(), expected, 2e-4)
        cache = KVCache()
        parts = [model(part, cache=cache, impl=impl) for part in x.split(7, dim=1)]
        close(torch.cat(parts, dim=1).cpu(), expected, 2e-4)


# Invariants


@given(seeds, st.integers(1, 11), st.sampled_from(IMPLS))
def test_the_future_cannot_change_the_past(seed, t, impl):
    x, y = ids(12, seed), ids(12, seed + 1)
    y[:, :t] = x[:, :t]
    a, b = MODEL(x, impl=impl), MODEL(y, impl=impl)
    close(a[:, :t], b[:, :t], 1e-12)


@settings(max_examples=25)
@given(seeds, st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_any_chunks_with_a_cache_equal_the_whole(seed, sizes):
    x = ids(sum(sizes), seed)
    for impl in IMPLS:
        cache = KVCache()
        parts = [MODEL(p, cache=cache, impl=impl) for p in x.split(sizes, dim=1)]
        close(torch.cat(parts, dim=1), MODEL(x))
        assert cache.positions.tolist() == list(range(sum(sizes)))


@given(seeds, st.integers(0, 28))
def test_only_distances_count(seed, shift):
    x = ids(12, seed)
    close(MODEL(x, positions=torch.arange(12) + shift), MODEL(x))


@given(seeds, st.permutations(range(9)))
def test_one_layer_without_positions_sees_a_bag_of_earlier_tokens(seed, order):
    model = trained(vary(position="none", n_layers=1))
    x = ids(10, seed)
    moved = x[:, [*order, 9]]
    close(model(moved)[:, -1], model(x)[:, -1])


def test_sequences_of_a_batch_do_not_meet():
    x = ids(8, B=3)
    close(MODEL(x)[1:2], MODEL(x[1:2]))


def test_given_positions_continue_a_cache_with_a_gap():
    """Tokens 0–3 and 10–12 as one pass with these positions, and as two."""
    x, places = ids(7), torch.tensor([0, 1, 2, 3, 10, 11, 12])
    cache = KVCache()
    MODEL(x[:, :4], cache=cache)
    last = MODEL(x[:, 4:], cache=cache, positions=places[4:])
    close(last, MODEL(x, positions=places)[:, 4:])
    one_more = ids(1, 5)
    after = MODEL(one_more, cache=cache)  # counts on from 12
    places = torch.tensor([*places, 13])
    close(after, MODEL(torch.cat((x, one_more), 1), positions=places)[:, -1:])


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_of_their_own_positions_are_read_as_if_alone(name):
    """Shorter rows filled up with tokens that stand at PADDING, then read on."""
    model, x, more = trained(FAMILIES[name]), ids(7, B=3), ids(2, seed=1, B=3)
    lengths = torch.tensor([7, 2, 4])
    counted = torch.arange(7)
    places = counted.where(counted < lengths[:, None], PADDING)
    for impl in (*IMPLS, "online"):
        cache = KVCache()
        first = model(x, positions=places, cache=cache, impl=impl)
        second = model(more, cache=cache, impl=impl)
        for b, n in enumerate(lengths.tolist()):
            expected = model(torch.cat((x[b, :n], more[b]))[None])[0]
            close(first[b, :n], expected[:n])
            close(second[b], expected[n:])


@given(seeds, st.permutations(range(9)))
def test_the_order_in_a_row_is_told_by_the_positions(seed, order):
    """Tokens shuffled together with their positions: the same logits, shuffled."""
    x, order = ids(9, seed), torch.tensor(order)
    expected = MODEL(x)
    places = torch.stack((order, torch.arange(9)))
    mixed = torch.stack((x[0, order], x[1]))
    logits = MODEL(mixed, positions=places)
    close(logits[0], expected[0, order])
    close(logits[1], expected[1])


def test_the_last_residual_unembeds_to_the_logits():
    with record(MODEL, "blocks.2.resid_post") as acts:
        logits = MODEL(ids(5))
    assert torch.equal(MODEL.unembed(acts["blocks.2.resid_post"]), logits)
    assert torch.equal(MODEL.unembed(MODEL.residual(ids(5))), logits)


# New weights


def test_the_same_seed_is_the_same_model_and_chance_is_left_alone():
    state = torch.get_rng_state()
    a, b, c = Transformer(CONFIG), Transformer(CONFIG), Transformer(CONFIG, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(map(torch.equal, a.parameters(), b.parameters()))
    assert not torch.equal(a.embedding.weight, c.embedding.weight)


def test_initial_spread():
    config = vary(d_model=240, d_ff=320, n_layers=8, bias=True)
    for name, w in Transformer(config).named_parameters():
        if "norm" in name:
            assert (w == 1).all()
        elif name.endswith("bias"):
            assert (w == 0).all()
        else:
            added = name.endswith(("w_o.weight", "w_down.weight"))
            expected = 0.02 / math.sqrt(16) if added else 0.02
            assert w.std().item() == pytest.approx(expected, rel=0.05), name


def test_a_new_model_knows_nothing():
    """Its loss is that of a uniform guess, ln V."""
    logits, targets = Transformer(CONFIG)(ids(20)), ids(20, seed=1)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(math.log(50), abs=0.05)


def test_number_of_parameters():
    V, D, F, L, G, E = 50, 24, 32, 3, 2, 4
    per_block = 2 * D * D + 2 * D * G * E + 3 * D * F + 2 * D
    counted = sum(p.numel() for p in Transformer(CONFIG).parameters())
    assert counted == V * D + L * per_block + D
    untied = Transformer(vary(tie_embeddings=False))
    assert sum(p.numel() for p in untied.parameters()) == counted + V * D


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
        ("smollm2-135m", 134_515_008),
        ("llama-3-8b", 8_030_261_248),
    ],
)
def test_known_models_have_their_published_size(name, published):
    with torch.device("meta"):
        model = Transformer(PRESETS[name])
    assert sum(p.numel() for p in model.parameters()) == published


def test_parameters_of_the_gpt2_family():
    V, T, D, F, L = 50, 40, 24, 40, 2
    matrices, biases, norms = 4 * D * D + 2 * D * F, 4 * D + F + D, 2 * 2 * D
    counted = sum(p.numel() for p in Transformer(GPT2).parameters())
    assert counted == V * D + T * D + L * (matrices + biases + norms) + 2 * D
    post = sum(p.numel() for p in Transformer(GPT1).parameters())
    assert post == counted - 2 * D  # no norm behind the last block


def test_new_weights_of_the_gpt2_family():
    for name, w in Transformer(GPT2).named_parameters():
        if name.endswith("bias"):
            assert (w == 0).all(), name
        elif "norm" in name:
            assert (w == 1).all(), name
        else:
            added = name.endswith(("w_o.weight", "w_down.weight"))
            assert w.std().item() == pytest.approx(0.01 if added else 0.02, rel=0.15)


def test_it_learns_one_sentence_by_heart():
    model = Transformer(CONFIG)
    x = ids(12, B=1)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(x)[0, :-1], x[0, 1:])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.01


def test_compiles_as_one_graph_with_the_same_logits():
    """In a process of its own: the tests' shape checks do not compile."""
    code = """
import torch
from llmath.config import ModelConfig, preset
from llmath.model import Transformer
llama = ModelConfig(vocab_size=50, n_layers=2, d_model=24, n_heads=6, n_kv_heads=2,
                    d_ff=32, context_length=40)
ids = torch.arange(20).view(2, 10)
for model in map(Transformer, (llama, preset("tiny"))):
    for impl in ("explicit", "sdpa"):
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(ids, impl=impl), model(ids, impl=impl))
asked = []
def look(graph, _):
    asked.extend(n.kwargs for n in graph.graph.nodes if "dot_product" in str(n.target))
    return graph.forward
torch.compile(model, backend=look, fullgraph=True)(ids, impl="sdpa")
assert [(a["is_causal"], a["attn_mask"]) for a in asked] == 2 * [(True, None)], asked
asked.clear()
t = torch.arange(10)
torch.compile(model, backend=look)(ids, positions=t, impl="sdpa")
assert all(a["attn_mask"] is not None for a in asked), asked  # they may be any
"""
    library = Path(llmath.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=library)


# What is refused


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(5, dtype=torch.long), r"\(batch, tokens\).* got \(5,\)"),
        (torch.zeros(2, 0, dtype=torch.long), r"at least one token; got \(2, 0\)"),
        (torch.zeros(2, 5), "whole numbers, got dtype torch.float32"),
        (torch.full((1, 3), 50), "0 to 49; 3 of 3 .*: 50, 50, 50"),
        (torch.full((1, 3), -1), "0 to 49"),
        (torch.zeros(1, 41, dtype=torch.long), "41 tokens exceed .* context of 40"),
    ],
)
def test_ids_that_make_no_sense(x, words):
    with pytest.raises(ValueError, match=words):
        MODEL(x)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("positions", "words"),
    [
        (torch.arange(4), r"each of the 3 tokens; got shape \(4,\)"),
        (torch.arange(3)[None], r"\(1, 3\)"),
        (torch.tensor([[0, 1, 2], [0, 1, 40]]), "0 … 40 lie outside 0 … 39"),
        (torch.tensor([[0, 1, 2], [0, -5, PADDING]]), "-5 … 2 lie outside 0 … 39"),
        (torch.arange(3.0), "torch.float32"),
        (torch.tensor([-1, 0, 1]), "positions -1 … 1 lie outside 0 … 39"),
        (torch.tensor([38, 39, 40]), "positions 38 … 40 lie outside 0 … 39"),
    ],
)
def test_positions_that_make_no_sense(positions, words):
    with pytest.raises(ValueError, match=words):
        MODEL(ids(3), positions=positions)


def test_a_cache_does_not_take_positions_it_already_holds():
    cache = KVCache()
    MODEL(ids(4), cache=cache)
    with pytest.raises(ValueError, match=r"0 … 2 lie outside 4 … 39.*first 4"):
        MODEL(ids(3), cache=cache, positions=torch.arange(3))


def test_a_full_cache_says_so():
    cache = KVCache()
    MODEL(ids(39), cache=cache)
    with pytest.raises(ValueError, match="41 tokens exceed the model's context of 40"):
        MODEL(ids(2), cache=cache)
    MODEL(ids(1), cache=cache)


def test_a_pass_that_fails_leaves_the_cache_as_it_was():
    model, cache, x = trained(), KVCache(), ids(6)
    model(x[:, :3], cache=cache)
    good = model.blocks[2].attn.w_q.weight.clone()
    model.blocks[2].attn.w_q.weight.fill_(math.nan)
    with pytest.raises(ValueError, match="attention scores are NaN"):
        model(x[:, 3:], cache=cache)
    model.blocks[2].attn.w_q.weight.copy_(good)
    assert len(cache) == 3
    close(model(x[:, 3:], cache=cache), model(x)[:, 3:])


def test_a_cache_serves_one_batch():
    cache = KVCache()
    MODEL(ids(4, B=2), cache=cache)
    with pytest.raises(ValueError, match=r"batch 2.*batch 3"):
        MODEL(ids(1, B=3), cache=cache)


def test_unknown_implementations():
    with pytest.raises(ValueError, match='"explicit" nor "sdpa"'):
        MODEL(ids(3), impl="fast")
