"""The engine on a GPU: the processor's gradient, by every kernel and in every type"""

from dataclasses import replace

import pytest
import torch

from llmath.config import preset as shape
from llmath.model import Transformer
from llmath.train import PRESETS, Engine, find_peak

pytestmark = pytest.mark.gpu

GPT2 = shape("tiny", vocab_size=19, d_model=16, d_ff=32, context_length=12)
LLAMA = replace(GPT2, norm="rms", position="rope", mlp="swiglu", bias=False)
SHAPES = pytest.mark.parametrize("config", [GPT2, LLAMA], ids=["gpt2", "llama"])


def batch():
    ids = torch.arange(6 * 13).reshape(6, 13) ** 2 % 19
    return ids[:, :-1], ids[:, 1:]


def engine(config, device, **changes):
    settings = replace(PRESETS["tiny"], model=config, device=device, clip=None)
    return Engine(Transformer(config), replace(settings, **changes))


def update(made):
    """What a plain step with η = 1 takes from the weights, as one row of numbers."""
    before = [p.detach().clone() for p in made.model.parameters()]
    made.gradient(batch())
    assert made.update(torch.optim.SGD(made.model.parameters(), lr=1.0)) > 0
    pairs = zip(before, made.model.parameters(), strict=True)
    return torch.cat([(a - b.detach()).flatten().cpu().double() for a, b in pairs])


@SHAPES
@pytest.mark.parametrize("kernels", ["explicit", "sdpa", "fused"])
@pytest.mark.parametrize("activation_checkpointing", [False, True])
def test_the_gradient_is_the_processors(config, kernels, activation_checkpointing):
    how = {"dtype": "float64", "accumulate": 2}
    there = update(engine(config, "cpu", kernels="explicit", **how))
    here = engine(
        config,
        "cuda",
        kernels=kernels,
        activation_checkpointing=activation_checkpointing,
        **how,
    )
    assert here.device.type == "cuda"
    torch.testing.assert_close(update(here), there, rtol=0, atol=1e-10)


@SHAPES
@pytest.mark.parametrize(
    ("dtype", "near"), [("float32", 1e-3), ("bfloat16", 0.05), ("float16", 0.01)]
)
def test_autocast_is_near(config, dtype, near):
    there = update(engine(config, "cpu", dtype="float64"))
    here = engine(config, "cuda", dtype=dtype)
    assert all(p.dtype == torch.float32 for p in here.model.parameters())
    assert 0 < (update(here) - there).norm() < near * there.norm()


def test_a_float16_overflow_leaves_the_update_out():
    made = engine(GPT2, "cuda", dtype="float16")
    before = [p.detach().clone() for p in made.model.parameters()]
    made.gradient(batch())
    made.model.embedding.weight.grad[0, 0] = torch.inf
    scale = made.scaler.get_scale()
    assert made.update(torch.optim.SGD(made.model.parameters(), lr=1.0)) is None
    assert made.scaler.get_scale() == scale / 2
    assert all(map(torch.equal, before, made.model.parameters()))


def test_the_peak_is_known_or_measured():
    found = find_peak(torch.device("cuda"), torch.float32)
    assert found.flops > 1e12
