"""border: what a reader passes by mistake is refused, and the message says what was"""

import math
import re

import numpy as np
import pytest
import torch

from llmath import border, data, interpret, pretrained, runtime, scaling
from llmath.attention import (
    attention,
    attention_scores,
    attention_weights,
    causal_mask,
    is_triangle,
    online_attention,
    repeat_heads,
    sliding_window_mask,
    softmax,
)
from llmath.cache import KVCache
from llmath.config import ModelConfig, RopeScaling, preset
from llmath.embedding import embed, learned_positions, sinusoidal_positions
from llmath.exercise import check
from llmath.generate import beam_search, generate
from llmath.loss import cross_entropy, surprisal
from llmath.mlp import gelu, gelu_tanh, silu, swiglu
from llmath.model import Transformer
from llmath.norm import layer_norm, rms_norm
from llmath.pretrained import llama
from llmath.pretrained.encodings import dequantize
from llmath.pretrained.gguf_writer import write_gguf
from llmath.probe import names, record, replace
from llmath.rope import (
    ntk_base,
    rope,
    rope_angles,
    rope_frequencies,
    slow_evenly,
    slow_llama3,
)
from llmath.sampling import Sampling, min_p, next_id, repetition_penalty, top_k, top_p
from llmath.tokenizer import Tokenizer, count_words, learn_merges

pytestmark = pytest.mark.usefixtures("untyped")

CONFIG = preset("tiny", n_layers=1, context_length=32)
MODEL = Transformer(CONFIG).eval().requires_grad_(False)
NAN = Transformer(CONFIG).eval().requires_grad_(False)
NAN.embedding.weight.fill_(math.nan)
IDS = torch.arange(6).view(2, 3)
AT = torch.arange(3)
X = torch.ones(2, 3, 8)
Q = torch.ones(1, 2, 3, 4)
ONE, LIST = torch.ones(4), [1.0, 2.0]
TABLE = torch.ones(5, 2)
ROW = np.arange(50)
BYTES = Tokenizer.train("", 256)
SITE = interpret.Site(0, head=0)
PATTERN = torch.full((2, 4, 3, 3), 1 / 3)
META = {"device": "meta"}
SCALING = {"factor": 8.0, "low": 1.0, "high": 4.0, "original_context": 100}
PICKS = {"right": torch.tensor([1, 2]), "wrong": torch.tensor([3, 4])}


def refused(words, call, *args, **kwargs):
    with pytest.raises(ValueError, match=words):
        call(*args, **kwargs)


# The checks themselves


def test_tensors_of_one_device():
    border.tensors(a=ONE, b=IDS)
    refused("b should be a tensor, got a list", border.tensors, a=ONE, b=LIST)
    refused("a should be a tensor, got None", border.tensors, a=None)
    elsewhere = torch.ones(2, **META)
    refused("a is on cpu but b is on meta", border.tensors, a=ONE, b=elsewhere)


def test_kinds_of_numbers_in_tensors():
    border.floats(a=ONE, b=ONE.bfloat16())
    border.wholes(a=IDS, b=IDS.int())
    for x in (IDS, ONE > 0, ONE.cfloat()):
        refused(f"a needs floating-point numbers, got {x.dtype}", border.floats, a=x)
    for x in (ONE, ONE > 0, IDS.byte(), IDS.short()):
        refused(f"a needs whole .*, got {x.dtype}", border.wholes, a=x)


@pytest.mark.parametrize("n", [0, -1, 1.0, "1", None, True, math.nan, [1]], ids=str)
def test_counts(n):
    border.count(a=1, b=np.int64(7))
    border.count(0, a=0)
    shown = re.escape(border.described(n))
    refused(f"a should .* at least 1, got {shown}", border.count, a=n)


@pytest.mark.parametrize("x", [0.0, -1, math.inf, math.nan, "1", None, True], ids=str)
def test_positive_numbers(x):
    border.positive(a=1e-9, b=3, c=np.float32(2))
    refused("a should be", border.positive, a=x)


def test_a_message_does_not_repeat_a_whole_corpus():
    assert border.described("a" * 10**6) == "'" + 59 * "a"
    assert border.described([0] * 10**6) == "a list"
    refused("config should be a ModelConfig, got 'gpt2'", Transformer, "gpt2")


# Every function that is called with a reader's own arguments


def one_argument(f):
    return [
        lambda: f(LIST),
        lambda: f(None),
        lambda: f(torch.ones(3, dtype=torch.long)),
        lambda: f(torch.ones(3, dtype=torch.bool)),
        lambda: f(torch.ones(3, dtype=torch.complex64)),
    ]


@pytest.mark.parametrize(
    "f", [softmax, silu, gelu, gelu_tanh], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("i", range(5))
def test_functions_of_one_tensor(f, i):
    refused("should be a tensor|needs floating-point", one_argument(f)[i])


HEADS = [
    attention_scores,
    attention_weights,
    lambda q, k: attention(q, k, k),
    lambda q, k: attention(q, k, k, impl="sdpa"),
    lambda q, k: online_attention(q, k, k),
]


@pytest.mark.parametrize("f", HEADS, ids=range(5))
@pytest.mark.parametrize(
    ("q", "k", "words"),
    [
        (LIST, Q, "q should be a tensor, got a list"),
        (Q, None, "k should be a tensor, got None"),
        (Q.long(), Q.long(), "q needs floating-point numbers, got torch.int64"),
        (Q > 0, Q > 0, "q needs floating-point numbers, got torch.bool"),
        (Q.cfloat(), Q.cfloat(), "q needs .* got torch.complex64"),
        (Q, Q.to("meta"), "q is on cpu but k is on meta"),
        (Q.to("meta"), Q, "q is on meta but k is on cpu"),
        (Q, Q[:, :0], r"with a head .* \(1, 0, 3, 4\)"),
        (Q[..., :0], Q[..., :0], r"and a width; .* \(1, 2, 3, 0\)"),
    ],
    ids=range(9),
)
def test_queries_and_keys(f, q, k, words):
    refused(words, f, q, k)


CALLS = [
    # attention
    (lambda: softmax(torch.ones(3, 0)), r"axis -1 of the shape \(3, 0\)"),
    (lambda: softmax(X, dim=5), r"axis 5 of the shape \(2, 3, 8\)"),
    (lambda: softmax(torch.tensor(1.0)), r"of the shape \(\)"),
    (lambda: causal_mask(LIST, AT), "query_positions should be a tensor"),
    (lambda: causal_mask(AT, AT.float()), "key_positions needs whole"),
    (lambda: causal_mask(AT, AT.to("meta")), "key_positions is on meta"),
    (lambda: causal_mask(AT[0], AT), r"same rows.* \(\) and \(3,\)"),
    (lambda: causal_mask(IDS, AT[None]), r"same rows.* \(2, 3\) and \(1, 3\)"),
    (lambda: sliding_window_mask(IDS, AT[None], 2), "same rows"),
    (lambda: sliding_window_mask(AT, AT, 2.0), r"window should .* got 2\.0"),
    (lambda: is_triangle([[True]]), "mask should be a tensor"),
    (lambda: repeat_heads(Q, 3), r"3 query heads .*\(1, 2, 3, 4\)"),
    (lambda: repeat_heads(Q, "4"), "n_heads should .* got '4'"),
    (lambda: repeat_heads(X, 6), r"\(2, 3, 8\)"),
    (lambda: attention(Q, Q, Q, [[True]]), "mask should be a tensor, got a list"),
    (
        lambda: attention(Q, Q, Q, causal_mask(AT, AT).to("meta")),
        "q is on cpu but mask is on meta",
    ),
    (lambda: attention(Q, Q, Q, triangle=True), r"triangle=True .*\(3, 3\)"),
    (lambda: online_attention(Q, Q, Q, chunk=2.0), r"chunk should .* got 2\.0"),
    # embedding, rope
    (lambda: embed([1], TABLE), "ids should be a tensor, got a list"),
    (lambda: embed(AT, TABLE[0]), r"rows and columns; its shape is \(2,\)"),
    (lambda: embed(AT, TABLE.long()), "table needs floating-point"),
    (lambda: embed(AT, TABLE.to("meta")), "ids is on cpu but table is on meta"),
    (lambda: embed(AT.byte(), TABLE), "whole numbers, got dtype torch.uint8"),
    (lambda: learned_positions(AT.float(), TABLE), "positions needs whole"),
    (lambda: learned_positions([1], TABLE), "positions should be a tensor"),
    (lambda: sinusoidal_positions(AT, -2), "d_model should .* got -2"),
    (lambda: sinusoidal_positions(AT.float(), 4), "positions needs whole"),
    (lambda: sinusoidal_positions(AT, 4, base=0.0), r"base .*positive, got 0\.0"),
    (lambda: sinusoidal_positions(AT, 4, dtype=torch.int64), "not torch.int64"),
    (lambda: rope_frequencies(5, base=1e4), "got d_head=5"),
    (lambda: rope_frequencies(4.0, base=1e4), r"d_head should .* got 4\.0"),
    (lambda: rope_frequencies(4, base=-1.0), r"base .*positive, got -1\.0"),
    (lambda: rope_frequencies(4, base=1e4, scaling="linear"), "got 'linear'"),
    (lambda: rope_frequencies(4, base=1e4, dtype=torch.bfloat16), "torch.bfloat16"),
    (lambda: rope_angles(ONE, 4, base=1e4), "positions needs whole"),
    (lambda: slow_evenly(ONE, factor=0), "factor should be positive, got 0"),
    (lambda: slow_evenly(LIST, factor=2), "theta should be a tensor"),
    (lambda: slow_llama3(ONE, **SCALING | {"low": 5.0}), r"low=5\.0 .* high=4\.0"),
    (lambda: slow_llama3(ONE, **SCALING | {"factor": math.nan}), "factor .* nan"),
    (lambda: ntk_base(math.nan, d_head=4, factor=2.0), "base .*positive, got nan"),
    (lambda: ntk_base(1e4, d_head="4", factor=2.0), "d_head should .* got '4'"),
    (lambda: rope(X, ONE[:3], base=1e4), "positions needs whole"),
    (lambda: rope(X.long(), AT, base=1e4), "x needs floating-point"),
    (lambda: rope(X, AT.to("meta"), base=1e4), "positions is on meta"),
    (lambda: rope(X[0, 0], AT, base=1e4), r"the shapes \(8,\) and \(3,\)"),
    (lambda: rope(X, AT[0], base=1e4), r"the shapes \(2, 3, 8\) and \(\)"),
    (lambda: rope(X, AT, base=1e4, turns=torch.ones(3, 4)), "turns are the complex"),
    (
        lambda: rope(X, AT, base=1e4, turns=torch.ones(3, 1).cfloat()),
        r"here \(3, 4\); .* \(3, 1\)",
    ),
    # norm, mlp, loss
    (lambda: rms_norm(X, LIST), "gain should be a tensor"),
    (lambda: rms_norm(X.long(), ONE), "x needs floating-point"),
    (lambda: rms_norm(X, torch.ones(8, **META)), "x is on cpu but gain is on meta"),
    (lambda: rms_norm(X, torch.ones(8), eps=-1.0), r"eps is 0 or more, got -1\.0"),
    (lambda: rms_norm(X, torch.ones(8), eps="x"), "eps should be a number, got 'x'"),
    (lambda: rms_norm(ONE[0], ONE[0]), "width 0, the gain"),
    (lambda: layer_norm(X, torch.ones(8), LIST), "bias should be a tensor"),
    (lambda: layer_norm(X, torch.ones(8), eps=math.nan), "eps .* nan"),
    (lambda: swiglu(ONE, ONE[:1]), r"\(4,\) and \(1,\)"),
    (lambda: swiglu(ONE, ONE.to("meta")), "gate is on cpu but up is on meta"),
    (lambda: surprisal([LIST], AT), "logits should be a tensor"),
    (lambda: surprisal(X.long(), IDS), "logits needs floating-point"),
    (lambda: surprisal(X, [[1]]), "targets should be a tensor"),
    (lambda: surprisal(X, IDS.to("meta")), "targets is on meta"),
    (lambda: surprisal(X, IDS.short()), "got dtype torch.int16"),
    (lambda: cross_entropy(ONE[0], AT[0]), "each target needs its own logits"),
    # sampling and generating
    (lambda: top_k(LIST, 2), "logits should be a tensor"),
    (lambda: top_k(torch.tensor([math.nan, 1.0]), 1), "1 of 2 logits are NaN"),
    (lambda: top_p(torch.ones(0), 0.5), r"logits of no token: .* \(0,\)"),
    (lambda: top_p(ONE, "x"), "p should be a number, got 'x'"),
    (lambda: top_p(ONE * math.nan, 0.5), "4 of 4 logits are NaN"),
    (lambda: min_p(ONE.long(), 0.5), "logits needs floating-point"),
    (lambda: min_p(ONE, None), "p should be a number, got None"),
    (lambda: repetition_penalty(ONE, [1], 1.2), "ids should be a tensor"),
    (lambda: repetition_penalty(ONE, AT + 2, 1.2), "2 … 4 lie outside 0 … 3"),
    (lambda: repetition_penalty(X[0], AT, 1.2), r"\(3, 8\) and \(3,\)"),
    (lambda: repetition_penalty(ONE, AT, "x"), "penalty should be a number"),
    (lambda: Sampling(temperature=None), "temperature should be a number, got None"),
    (lambda: next_id(X[0]), r"one row, \(V\); got \(3, 8\)"),
    (lambda: next_id(torch.ones(0)), r"one row, \(V\); got \(0,\)"),
    (lambda: next_id(torch.ones(4, **META)), "on meta"),
    (lambda: next_id(ONE, temperature=1.0, generator=0), "generator should be a"),
    (
        lambda: next_id(ONE, temperature=1e-45, generator=torch.Generator()),
        "the largest logit is inf after temperature=1e-45",
    ),
    (lambda: generate(MODEL, IDS[0], 2), r"got a Tensor. Of a tensor: ids.tolist\(\)"),
    (lambda: generate(MODEL, "abc", 2), "got 'abc'"),
    (lambda: generate(MODEL, None, 2), "got None"),
    (lambda: generate(MODEL, [1, [2]], 2), "a list of whole numbers, got"),
    (lambda: generate(MODEL, [[1], 2], 2), "a list of whole numbers, got 2"),
    (lambda: generate(MODEL, [1.5], 2), r"a list of whole numbers, got \[1\.5\]"),
    (lambda: generate(MODEL, [999], 0), "0 to 255; 1 of 1 lie outside: 999"),
    (lambda: generate(MODEL, [1], "2"), "cannot generate '2' tokens"),
    (lambda: generate(MODEL, [1], 2, stop=5), "stop is a list of token ids, got 5"),
    (lambda: generate(MODEL, [1], 2, stop=["a"]), "stop is a list of token ids"),
    (lambda: generate(None, [1], 2), "model should be a Transformer, got None"),
    (lambda: beam_search(MODEL, [1], 2, beams=2.0), r"beams should .* got 2\.0"),
    (lambda: beam_search(MODEL, [1], 2, length_penalty="x"), "length_penalty should"),
    (lambda: beam_search(NAN, [1], 2, impl="sdpa"), "the logits hold NaN"),
    # model, cache, config
    (lambda: Transformer(CONFIG, seed=1.5), r"seed should .* got 1\.5"),
    (lambda: MODEL([[1]]), "ids should be a tensor, got a list"),
    (lambda: MODEL(IDS.numpy()), "ids should be a tensor, got a ndarray"),
    (lambda: MODEL(IDS.to("meta")), "weights is on cpu but ids is on meta"),
    (lambda: MODEL(IDS[:0]), r"got \(0, 3\)"),
    (lambda: MODEL(IDS, positions=[0, 1, 2]), "positions should be a Tensor"),
    (lambda: MODEL(IDS, positions=AT > 0), "torch.bool"),
    (lambda: MODEL(IDS, cache=[]), "cache should be a KVCache, got a list"),
    (lambda: MODEL.unembed(torch.ones(1, 64).double()), "torch.float32, x is"),
    (lambda: MODEL.unembed(LIST), "x should be a tensor"),
    (lambda: KVCache().extend(0, Q, Q[:, :, :2]), r"\(1, 2, 2, 4\)"),
    (lambda: KVCache().extend(0, Q, Q.double()), "torch.float64"),
    (lambda: KVCache().extend(3, Q, Q), "the next is 0, not 3"),
    (lambda: KVCache().commit(ONE), "positions needs whole"),
    (lambda: KVCache().select(AT), r"got \[0, 1, 2\]"),
    (lambda: preset(["gpt2"]), "no preset"),
    (lambda: preset("gpt2", n_layer=3), "a configuration has no n_layer; it has vocab"),
    (
        lambda: RopeScaling(kind="llama3", **SCALING | {"original_context": 8.5}),
        r"original_context counts positions, got 8\.5",
    ),
    (lambda: names(None), "a model is an nn.Module, got None"),
    (lambda: record(MODEL, 3).__enter__(), "no probe matches 3"),
    (lambda: replace(MODEL, ["blocks.0.attn.z"]).__enter__(), "say what to replace"),
    (lambda: check([1], softmax), r"there is no exercise \[1\]"),
    # data and runtime
    (lambda: data.split(torch.arange(50)), "in NumPy, got Tensor"),
    (lambda: data.split(ROW, "x"), "validation should be a number, got 'x'"),
    (lambda: data.random_batch(ROW, 2, 2, generator=None), "generator should be a"),
    (lambda: data.windows(ROW, 2.0, 2), r"got T=2\.0, B=2"),
    (lambda: data.Batches(ROW, 2, 2, seed=0)["a"], "no end; got 'a'"),
    (lambda: data.Batches(ROW, 2, 2, seed=0).restore(None), "not None"),
    (lambda: data.fingerprint(None), "tokenizer should be a Tokenizer, got None"),
    (lambda: data.encode_to_file("x", b"abc", BYTES), "a str or several, got b'abc'"),
    (lambda: runtime.float_type(torch.float32), "no floating-point type torch.float32"),
    (lambda: runtime.can_compute("cpu", torch.float32), "not 'cpu'"),
    (lambda: runtime.describe_device("cpu"), "not 'cpu'"),
    (lambda: runtime.autocast(torch.device("meta"), torch.float32), "meta cannot"),
    (lambda: runtime.seeded(0).number(None), "a purpose is a name, got None"),
    (lambda: runtime.write_json("x", object()), "this is no JSON"),
    # ledgers
    (lambda: scaling.parameters(None), "config should be a ModelConfig, got None"),
    (lambda: scaling.forward_flops("gpt2", 3), "config should be a ModelConfig"),
    (lambda: scaling.forward_flops(CONFIG, 2.5), r"T should .* got 2\.5"),
    (lambda: scaling.forward_flops(CONFIG, 2, B="1"), "B should .* got '1'"),
    (lambda: scaling.generation_flops(CONFIG, 2.5, 1), r"prompt should .* got 2\.5"),
    (lambda: scaling.approximate_training_flops(math.nan, 1), "n_parameters .* nan"),
    (lambda: scaling.mfu(CONFIG, math.nan, T=8, peak=1.0), "got nan tokens/s"),
    (lambda: scaling.cache_bytes(CONFIG, 1.5), r"T should .* got 1\.5"),
    (lambda: scaling.weight_bytes(CONFIG, [1]), r"no type \[1\] here"),
    # tokenizer and files
    (lambda: BYTES.merge(None), "one flat row of whole numbers"),
    (lambda: BYTES.merge([999]), "0 to 255; got \\[999\\]"),
    (lambda: Tokenizer.train("ab", 258, special=[3]), r"row of markers, got \[3\]"),
    (lambda: Tokenizer.train("ab", 258, special=None), "row of markers, got None"),
    (lambda: count_words(["a"], special="a"), "row of markers"),
    (lambda: count_words(3), "texts is a row of texts"),
    (lambda: learn_merges([], 1), "words are counted"),
    (lambda: learn_merges({("a",): 1}, 1), "a word is a row of ids"),
    (lambda: pretrained.load_gguf("x", dtype="float32"), "not 'float32'"),
    (lambda: pretrained.load_checkpoint("x", dtype=None), "not None"),
    (lambda: pretrained.save_checkpoint(None, "x"), "model should be a Transformer"),
    (lambda: dequantize([1], "Q8_0"), r"a NumPy array, not \[1\]"),
    (lambda: llama.to_interleaved(LIST, 1), "w should be a tensor"),
    (lambda: llama.to_half_split(torch.ones(4, 2), 1.0), r"n_heads .* got 1\.0"),
    (lambda: llama.to_half_split(torch.ones(0, 2), 1), r"\(0, 2\)"),
    (lambda: write_gguf("x", None, {}), "metadata are found by their names"),
    (lambda: write_gguf("x", {}, {"x": 3}), "are not Planned"),
    (lambda: write_gguf("x", {"a": 300}, {}, kinds={"a": (0,)}), "fit into uint8"),
    (lambda: write_gguf("x", {"a": 1}, {}, kinds={"a": (99,)}), "unknown type 99"),
    (lambda: write_gguf("x", {"a": 1}, {}, kinds={"a": (9, 4)}), r"type \(9, 4\)"),
    (lambda: write_gguf("x", {"a": 1}, {}, kinds={"a": (8,)}), "and is 1"),
    # interpret
    (lambda: interpret.sink_score([[1.0]]), "pattern should be a tensor"),
    (lambda: interpret.sink_score(PATTERN.long()), "pattern needs floating-point"),
    (lambda: interpret.sink_score(PATTERN, start=1.5), r"start should .* got 1\.5"),
    (lambda: interpret.offset_score(PATTERN, "1"), "offset should .* got '1'"),
    (lambda: interpret.induction_score(PATTERN, ONE), "ids needs whole"),
    (
        lambda: interpret.role_weight(PATTERN, AT[:1], PATTERN[:, 0, 0] > 0),
        r"\(2, 4, 3, 3\) and \(1,\)",
    ),
    (
        lambda: interpret.role_weight(PATTERN, AT[:2], PATTERN[:, 0, 0, :2] > 0),
        r"targets are booleans \(B T\) .* \(2, 2\)",
    ),
    (
        lambda: interpret.role_wins(
            PATTERN, AT[:2], PATTERN[:, 0, 0] > 0, PATTERN[:, 0, :0] > 0
        ),
        r"distractors are booleans \(B others T\) .* \(2, 0, 3\)",
    ),
    (lambda: interpret.wilson_interval([1], 3), "successes should be a tensor"),
    (lambda: interpret.wilson_interval(AT, math.nan), "n should .* got nan"),
    (lambda: interpret.wilson_interval(ONE * math.nan, 3), "successes are counted"),
    (lambda: interpret.bootstrap_interval(ONE * math.nan), "4 of 4 samples are NaN"),
    (lambda: interpret.bootstrap_interval(ONE, seed="x"), "seed should .* got 'x'"),
    (lambda: interpret.Site("0", head=1), "layer is a whole number, got '0'"),
    (lambda: interpret.Site(0, head=0, position=1.5), r"position is .* got 1\.5"),
    (lambda: interpret.ablate(MODEL, IDS, SITE), "at least one, in a list"),
    (lambda: interpret.ablate(MODEL, IDS, ["x"]), "site should be a Site, got 'x'"),
    (lambda: interpret.ablate(None, IDS, [SITE]), "model should be a Transformer"),
    (lambda: interpret.ablate(MODEL, [[1]], [SITE]), "ids should be a tensor"),
    (lambda: interpret.patch(MODEL, IDS, IDS, SITE, **PICKS), "places should be a"),
    (
        lambda: interpret.patch(MODEL, IDS, IDS, [SITE], position=1.5, **PICKS),
        r"position should be a int, got 1\.5",
    ),
    (lambda: interpret.logit_lens(MODEL, IDS, positions=3), "positions 3 should be"),
    (lambda: interpret.lens_top(MODEL, IDS, k="1"), "k should .* got '1'"),
    (lambda: interpret.logit_attribution(MODEL, LIST, **PICKS), "ids should be a"),
    (lambda: interpret.word_positions(b"a", "a", BYTES), "text should be a str"),
    (lambda: interpret.locate(None, BYTES), "sentence should be a Sentence, got None"),
    (lambda: interpret.role_weights(MODEL, BYTES, None), "sentences should be a"),
    (lambda: interpret.head_sites(None), "model should be a Transformer, got None"),
    (lambda: interpret.position_sites(MODEL, 1.5, "mlp"), r"n_tokens .* got 1\.5"),
]


@pytest.mark.parametrize(("call", "words"), CALLS, ids=range(len(CALLS)))
def test_what_readers_pass_by_mistake(call, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # nothing is written, and if it were, not here
    refused(words, call)
    assert not any(tmp_path.iterdir())


def test_a_model_without_numbers_is_not_saved(tmp_path):
    with torch.device("meta"):
        empty = Transformer(CONFIG)
    for save in (
        lambda: pretrained.save_checkpoint(empty, tmp_path / "folder"),
        lambda: pretrained.save_gguf(empty, BYTES, tmp_path / "file"),
    ):
        refused("on the device meta", save)
    assert not any(tmp_path.iterdir())


def test_what_is_right_passes_without_numbers():
    """Shapes alone, on the device meta: no look at values that are not there."""
    with torch.device("meta"):
        model, ids = Transformer(CONFIG), torch.zeros(2, 3, dtype=torch.long)
    assert model(ids).shape == (2, 3, 256)
    assert isinstance(CONFIG, ModelConfig)
