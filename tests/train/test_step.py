"""One gradient: in parts, by other kernels, with less memory, in several places"""

import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import llmath
from llmath.config import preset as shape
from llmath.gradient import NotFinite
from llmath.loss import cross_entropy
from llmath.model import Transformer
from llmath.runtime import saved_for_backward
from llmath.train import (
    PRESETS,
    Engine,
    Processes,
    accumulate,
    fused_kernels,
    in_parts,
    recomputing,
)

GPT2 = shape("tiny", vocab_size=19, d_model=16, d_ff=32, context_length=12)
LLAMA = replace(GPT2, norm="rms", position="rope", mlp="swiglu", bias=False)
EXACT = replace(GPT2, mlp="gelu", bias=False)
SHAPES = pytest.mark.parametrize("config", [GPT2, LLAMA, EXACT])


def batch(B=6, T=12, seed=0):
    ids = np.random.default_rng(seed).integers(0, 19, (B, T + 1))
    ids = torch.from_numpy(ids)
    return ids[:, :-1], ids[:, 1:]


def gradients(model, within=nullcontext):
    model.zero_grad()
    x, y = batch()
    with within():
        cross_entropy(model(x, impl="sdpa"), y).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def furthest(a, b):
    assert a.keys() == b.keys()
    return max((a[name] - b[name]).abs().max().item() for name in a)


@pytest.mark.parametrize("parts", [1, 2, 4, 6])  # 4 parts of 6 rows: 2, 2, 1, 1
def test_accumulate_is_the_large_batch(parts):
    model = Transformer(LLAMA).double()
    whole = gradients(model)
    model.zero_grad()
    loss = accumulate(model, in_parts(batch(), parts))
    found = {name: p.grad for name, p in model.named_parameters()}
    assert furthest(found, whole) < 1e-12
    x, y = batch()
    assert loss.item() == pytest.approx(cross_entropy(model(x), y).item())


def test_accumulate_weighs_by_tokens():
    """Parts of 3 · 12 and 1 · 5 tokens: the mean over 41, not a mean of two means."""
    model = Transformer(GPT2).double()
    long, short = batch(3), batch(1, 5, seed=1)
    nats = [cross_entropy(model(x), y) * y.numel() for x, y in (long, short)]
    model.zero_grad()
    assert accumulate(model, [long, short]).item() == pytest.approx(
        (sum(nats) / 41).item()
    )
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    (sum(nats) / 41).backward()
    for p, g in zip(model.parameters(), found, strict=True):
        torch.testing.assert_close(g, p.grad, rtol=0, atol=1e-12)


def test_accumulate_within_each_part():
    seen = []

    def within(part):
        seen.append(part)
        return nullcontext()

    accumulate(Transformer(GPT2), in_parts(batch(), 3), within=within)
    assert seen == [0, 1, 2]


def test_parts_have_windows():
    assert [len(x) for x, _ in in_parts(batch(5), 3)] == [2, 2, 1]
    with pytest.raises(ValueError, match="6 windows does not come in 7 parts"):
        in_parts(batch(), 7)
    with pytest.raises(ValueError, match="one part or more"):
        accumulate(Transformer(GPT2), [])


@SHAPES
def test_recomputing_is_the_same_gradient_in_less_memory(config):
    model = Transformer(config).double()
    x, y = batch()

    def kept():
        with saved_for_backward(model.parameters()) as saved:
            loss = cross_entropy(model(x), y)
        loss.backward()
        return saved.bytes

    before, whole = kept(), gradients(model)
    with recomputing(model.blocks):
        after = kept()
    found = gradients(model, lambda: recomputing(model.blocks))
    assert all(torch.equal(found[name], whole[name]) for name in whole)
    assert after < before / 2
    assert not any("forward" in vars(block) for block in model.blocks)


@SHAPES
@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-12), ("float32", 1e-6)])
def test_fused_kernels_are_the_formulas(config, dtype, atol):
    model = Transformer(config).to(getattr(torch, dtype))
    explicit = gradients(model)
    fused = gradients(model, lambda: fused_kernels(config.norm, config.mlp))
    assert furthest(explicit, fused) < atol
    assert furthest(explicit, fused) > 0  # they are other kernels


@pytest.mark.usefixtures("untyped")
def test_kernels_that_are_not_there():
    with pytest.raises(ValueError, match="norm='batch', mlp='gelu': there is layer"):
        fused_kernels("batch", "gelu").__enter__()


@pytest.mark.usefixtures("untyped")
def test_recomputing_takes_modules_and_leaves_them_as_they_were():
    with pytest.raises(ValueError, match=r"blocks\[1\] should be a Module, got 'a'"):
        recomputing([torch.nn.Linear(2, 2), "a"])
    block = torch.nn.Linear(2, 2)
    again = recomputing([block])
    for x in (torch.ones(2), torch.ones(3)):  # the second does not fit, and raises
        with nullcontext() if len(x) == 2 else pytest.raises(RuntimeError), again:
            block(x)
        assert "forward" not in vars(block)


# The engine: all of it together


@SHAPES
@pytest.mark.parametrize("kernels", ["explicit", "sdpa", "fused"])
@pytest.mark.parametrize("activation_checkpointing", [False, True])
def test_the_engine_computes_one_gradient(config, kernels, activation_checkpointing):
    settings = replace(PRESETS["tiny"], model=config, dtype="float64", device="cpu")
    settings = replace(
        settings,
        kernels=kernels,
        activation_checkpointing=activation_checkpointing,
        accumulate=4,
    )
    whole = gradients(Transformer(config).double())
    engine = Engine(Transformer(config), settings)
    loss = engine.gradient(batch())
    found = {name: p.grad for name, p in engine.model.named_parameters()}
    assert furthest(found, whole) < 1e-12
    x, y = batch()
    assert loss == pytest.approx(cross_entropy(engine.forward(x), y).item(), abs=1e-12)


@pytest.mark.parametrize("clip", [1e-3, None])
def test_the_engine_clips_the_global_norm(clip):
    """A plain step with η = 2 is η c long, and η ‖g‖ where nothing is clipped."""
    settings = replace(PRESETS["tiny"], model=GPT2, device="cpu", clip=clip)
    engine = Engine(Transformer(GPT2).double(), replace(settings, dtype="float64"))
    before = [p.detach().clone() for p in engine.model.parameters()]
    engine.gradient(batch())
    norm = engine.update(torch.optim.SGD(engine.model.parameters(), lr=2.0))
    moved = [p - q for p, q in zip(engine.model.parameters(), before, strict=True)]
    length = torch.stack([m.detach().norm() for m in moved]).norm().item()
    assert norm > 0.1  # far above the limit, so that there is something to clip
    assert length == pytest.approx(2 * (clip or norm), rel=1e-9)


@SHAPES
@pytest.mark.parametrize(("dtype", "near"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_half_precision_is_near(config, dtype, near):
    settings = replace(PRESETS["tiny"], model=config, dtype=dtype, device="cpu")
    whole = gradients(Transformer(config))
    engine = Engine(Transformer(config), settings)
    engine.gradient(batch())
    optimizer = torch.optim.SGD(engine.model.parameters(), lr=1.0)
    before = {name: p.detach().clone() for name, p in engine.model.named_parameters()}
    assert all(p.dtype == torch.float32 for p in engine.model.parameters())
    engine.config = replace(settings, clip=None)
    norm = engine.update(optimizer)
    moved = {n: before[n] - p.detach() for n, p in engine.model.named_parameters()}
    size = torch.stack([g.norm() for g in whole.values()]).norm().item()
    assert norm == pytest.approx(size, rel=near)  # the scale is taken out again
    error = torch.stack([(moved[n] - whole[n]).norm() for n in whole]).norm().item()
    assert 0 < error < near * size


def test_a_float16_overflow_leaves_the_update_out():
    settings = replace(PRESETS["tiny"], model=GPT2, dtype="float16", device="cpu")
    engine = Engine(Transformer(GPT2), settings)
    optimizer = torch.optim.SGD(engine.model.parameters(), lr=1.0)
    before = [p.detach().clone() for p in engine.model.parameters()]
    engine.gradient(batch())
    engine.model.embedding.weight.grad[0, 0] = torch.inf
    scale = engine.scaler.get_scale()
    assert engine.update(optimizer) is None
    assert engine.scaler.get_scale() == scale / 2
    assert all(map(torch.equal, before, engine.model.parameters()))


def test_a_float16_norm_that_overflows_is_no_skipped_step():
    """Every number is finite and their norm is not: no scale is at fault."""
    settings = replace(PRESETS["tiny"], model=GPT2, dtype="float16", device="cpu")
    engine = Engine(Transformer(GPT2), settings)
    optimizer = torch.optim.SGD(engine.model.parameters(), lr=1.0)
    before = [p.detach().clone() for p in engine.model.parameters()]
    engine.gradient(batch())
    engine.model.embedding.weight.grad.fill_(3e38)
    with pytest.raises(NotFinite, match="norm is inf: parameters none"):
        engine.update(optimizer)
    assert all(map(torch.equal, before, engine.model.parameters()))


def test_processes_share_a_batch():
    """Two processes, one after the other here: each takes its rows of every batch."""
    parts = in_parts(batch(6), 4)
    first, second = (Processes(rank, 2).mine(parts) for rank in (0, 1))
    rows = torch.cat([x for x, _ in first + second])
    assert torch.equal(rows, batch(6)[0])
    with pytest.raises(ValueError, match="of 2 processes none is number 2"):
        Processes(2, 2)


COMPILED = """
import sys
import torch
from llmath.train import PRESETS, Corpus, train
from dataclasses import replace
from numpy import arange

torch.set_num_threads(1)
base = PRESETS["tiny"]
ids = arange(200) % 7
shape = replace(base.model, n_layers=1, d_model=8, n_heads=2, n_kv_heads=2, d_ff=16)
config = replace(base, model=replace(shape, context_length=8), device="cpu", warmup=1)
config = replace(config, steps=3, batch_size=4, compile=sys.argv[1])
for step in train(config, corpus=Corpus(ids, ids, 7)).steps:
    print(step.loss)
"""


def test_compiled_is_the_same_run():
    """In processes of their own: the tests' shape checks do not compile."""

    def losses(backend):
        command = [sys.executable, "-c", COMPILED, backend]
        env = os.environ | {"PYTHONPATH": str(Path(llmath.__file__).parents[1])}
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr[-2000:]
        return [float(line) for line in done.stdout.split()]

    # aot_eager traces, differentiates and rewrites like inductor, and leaves out the
    # C++ compiler, which takes a minute.
    assert losses("aot_eager") == pytest.approx(losses("off"), rel=1e-5)


RECOMPUTED = """
import torch
from torch._dynamo.utils import counters
from llmath.config import preset as shape
from llmath.model import Transformer
from llmath.train import PRESETS, Engine
from dataclasses import replace

torch.set_num_threads(1)
shape = shape("tiny", vocab_size=7, d_model=8, n_heads=2, n_kv_heads=2, d_ff=16)
config = replace(PRESETS["tiny"], model=shape, activation_checkpointing=True)
config = replace(config, device="cpu")
engine = Engine(Transformer(shape), replace(config, compile="eager"))
optimizer = torch.optim.SGD(engine.model.parameters(), lr=0.1)
ids = torch.arange(36).reshape(4, 9) % 7
for _ in range(12):
    engine.gradient((ids[:, :-1], ids[:, 1:]))
    engine.update(optimizer)
print(counters["stats"]["unique_graphs"], sum(counters["unimplemented"].values()))
"""


def test_recomputing_is_compiled_once():
    """Twelve steps, one graph: more than the eight that PyTorch compiles anew."""
    env = os.environ | {"PYTHONPATH": str(Path(llmath.__file__).parents[1])}
    command = [sys.executable, "-c", RECOMPUTED]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "recompile_limit" not in done.stderr
    assert done.stdout.split() == ["1", "0"]


def test_what_is_compiled_is_what_trains():
    config = replace(PRESETS["tiny"], model=GPT2, device="cpu", compile="eager")
    engine = Engine(Transformer(GPT2), config)
    assert engine.training._orig_mod is engine.model
    plain = Engine(Transformer(GPT2), replace(config, compile="off"))
    assert plain.training is plain.model
