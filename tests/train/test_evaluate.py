"""The whole text, each token as much as any other; bits; samples; the peak"""

import math
import timeit
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmath.config import preset as shape
from llmath.model import Transformer
from llmath.scaling import mfu
from llmath.train import Peak, Processes, bits_per, evaluate, find_peak, sample
from llmath.train.peak import known_peak

CONFIG = shape("tiny", vocab_size=11, d_model=8, n_heads=2, n_kv_heads=2, d_ff=16)


@pytest.fixture(scope="module")
def model():
    made = Transformer(CONFIG, seed=1)
    for p in made.parameters():
        p.requires_grad_(False).mul_(5)  # far from uniform
    return made.double()


@settings(max_examples=12)
@given(n=st.integers(9, 30), B=st.integers(1, 5), seed=st.integers(0, 99))
def test_evaluate_is_the_mean_over_every_token(model, n, B, seed):
    ids = np.random.default_rng(seed).integers(0, 11, n)
    T, nats = 8, []
    for t in range(1, n):
        start = (t - 1) // T * T  # the window that id t is predicted in
        log_p = model(torch.from_numpy(ids[None, start:t]))[0, -1].log_softmax(-1)
        nats.append(-log_p[ids[t]].item())
    assert evaluate(model, ids, T, B=B) == pytest.approx(np.mean(nats), abs=1e-12)


def test_evaluate_in_two_processes_is_two_halves(model, monkeypatch):
    ids = np.random.default_rng(0).integers(0, 11, 100)
    shares = []
    monkeypatch.setattr(Processes, "total", lambda self, x, device: x)
    for rank in (0, 1):  # the sum over both is left out here
        shares.append(evaluate(model, ids, 8, B=3, processes=Processes(rank, 2)))
    monkeypatch.undo()
    assert sum(shares) == pytest.approx(evaluate(model, ids, 8), abs=1e-12)
    assert min(shares) > 0


def test_evaluate_of_a_uniform_model():
    ids = np.arange(50) % 11
    loss = evaluate(lambda x: torch.zeros(*x.shape, 11), ids, 8)
    assert loss == pytest.approx(math.log(11), abs=1e-6)
    assert bits_per(math.log(256), 10, 10) == pytest.approx(8)  # 256 equal bytes
    assert bits_per(math.log(256), 10, 20) == pytest.approx(4)  # tokens of two bytes


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_bits_of_no_number(loss):
    with pytest.raises(ValueError, match=f"a loss of {loss} nats has no bits"):
        bits_per(loss, 1, 1)
    with pytest.raises(ValueError, match="units should be a whole number"):
        bits_per(1.0, 1, 0)


def test_evaluate_needs_a_window(model):
    with pytest.raises(ValueError, match="8 ids are too few for a context of T=8"):
        evaluate(model, np.arange(8), 8)


def test_a_sample_goes_on_behind_the_context(model):
    def drawn(n):
        generator = torch.Generator().manual_seed(0)
        return sample(model, [3], n, temperature=30.0, generator=generator)

    text = drawn(150)  # the context is 128
    assert len(text) == 151
    assert text[0] == 3
    assert text == drawn(150)
    assert len(set(text)) > 5
    assert text[:100] == drawn(99)


# The peak


def test_utilisation_is_a_share_of_the_peak_and_changes_nothing():
    peak = Peak(1e9, "measured")
    slow = peak.utilisation(CONFIG, 8, 100.0)
    assert slow == mfu(CONFIG, 100.0, T=8, peak=1e9)
    too_much = 100.0 * 1.5 / slow  # a busy machine was measured
    assert peak.utilisation(CONFIG, 8, too_much) == pytest.approx(1.5)
    assert (peak.flops, peak.source) == (1e9, "measured")
    with pytest.raises(FrozenInstanceError):
        peak.flops = 2e9
    for bad in (0.0, float("inf")):
        with pytest.raises(ValueError, match="flops should be positive"):
            Peak(bad, "measured")


def test_a_processor_is_measured():
    """By another clock: a product of two of the same size, within a factor."""
    found = find_peak(torch.device("cpu"), torch.float32)
    assert found.source == "measured"
    a, times = torch.ones(1024, 1024), []
    for _ in range(8):
        times.append(timeit.timeit(lambda: a @ a, number=1))
    assert 1 / 4 < found.flops / (2 * 1024**3 / min(times)) < 4


@pytest.mark.parametrize(
    ("name", "single", "half"),
    [
        ("NVIDIA H200", 67, 989),
        ("NVIDIA H200 NVL", 60, 835.5),
        ("NVIDIA H100 80GB HBM3", 67, 989),
        ("NVIDIA H100 PCIe", 51, 756),
        ("NVIDIA H100 NVL", 60, 835.5),
        ("NVIDIA A100-SXM4-80GB", 19.5, 312),
        ("NVIDIA A100 80GB PCIe", 19.5, 312),
        ("NVIDIA L40S", 91.6, 362),
        ("NVIDIA L40", 90.5, 181),
        ("NVIDIA L4", 30.3, 121),
        ("Tesla V100-SXM2-16GB", 15.7, 125),
        ("Tesla T4", 8.1, 65),
    ],
)
def test_a_gpu_is_looked_up_by_its_whole_name(name, single, half):
    assert known_peak(name) == pytest.approx((single * 1e12, half * 1e12))


@pytest.mark.parametrize(
    "name",
    ["NVIDIA RTX A1000 Laptop GPU", "NVIDIA T400 4GB", "NVIDIA L400", "NVIDIA GH100"],
)
def test_a_gpu_that_is_none_of_these(name):
    assert known_peak(name) is None
