"""Confidence intervals against SciPy"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmath.interpret import bootstrap_interval, wilson_interval


@given(st.integers(1, 300), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_wilson_equals_scipy(n, data, confidence):
    k = data.draw(st.integers(0, n))
    low, high = wilson_interval(torch.tensor([k]), n, confidence=confidence)
    theirs = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    np.testing.assert_allclose([low.item(), high.item()], theirs, rtol=1e-9, atol=1e-12)
    assert 0 <= low <= k / n + 1e-12
    assert k / n <= high + 1e-12 <= 1 + 1e-12


def test_wilson_by_hand():
    """z = 1.959964, z² = 3.841459; 0 of 10: [0, z²/(10 + z²)]."""
    low, high = wilson_interval(torch.tensor([0, 10]), 10)
    assert high[0].item() == pytest.approx(3.841459 / 13.841459, abs=1e-7)
    assert low[0].item() == pytest.approx(0, abs=1e-15)
    torch.testing.assert_close(1 - low[1], high[0])


def test_the_bootstrap_agrees_with_scipy_and_the_normal_law():
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)).double()
    x = x * torch.tensor([1.0, 10.0, 0.1]) + torch.tensor([0.0, 5.0, -3.0])
    low, high = bootstrap_interval(x, draws=5000)
    rng = np.random.default_rng(0)
    theirs = stats.bootstrap(
        (x.numpy(),), np.mean, axis=0, n_resamples=5000, method="percentile", rng=rng
    ).confidence_interval
    width = (high - low).numpy()
    np.testing.assert_array_less(abs(low.numpy() - theirs.low), 0.05 * width)
    np.testing.assert_array_less(abs(high.numpy() - theirs.high), 0.05 * width)
    normal = 2 * 1.96 * x.std(0).numpy() / 200**0.5
    np.testing.assert_allclose(width, normal, rtol=0.06)


def test_the_bootstrap_repeats_itself_and_keeps_the_shape():
    x = torch.rand(30, 4, 5, generator=torch.Generator().manual_seed(1))
    (low, high), again = bootstrap_interval(x), bootstrap_interval(x)
    assert low.shape == high.shape == (4, 5)
    assert torch.equal(low, again[0])
    assert torch.equal(high, again[1])
    assert not torch.equal(low, bootstrap_interval(x, seed=1)[0])
    assert (low < x.mean(0)).all()
    assert (x.mean(0) < high).all()
    same = bootstrap_interval(torch.full((5, 1), 0.25))
    assert same[0].item() == same[1].item() == 0.25


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wilson_interval(torch.tensor([3, 7]), 5), "n=5 .* from 3 to 7"),
        (
            lambda: wilson_interval(torch.tensor([0]), 0),
            "n should .* at least 1, got 0",
        ),
        (lambda: wilson_interval(torch.tensor([1]), 5, confidence=95.0), "not 95.0"),
        (lambda: bootstrap_interval(torch.rand(1, 3)), r"\(1, 3\) and draws=1000"),
        (
            lambda: bootstrap_interval(torch.rand(9), draws=0),
            "draws should .* at least 1, got 0",
        ),
    ],
)
def test_what_has_no_interval_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
