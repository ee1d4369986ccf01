"""What the laboratory says of a state is what attention and its gradients are there"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from llmath.viz import SoftmaxLab, softmax_lab
from llmath.viz.softmax_lab import KEYS, SIGMAS, TAUS, WIDTHS, drawn, measure

HEADS, SEED = 3, 5


@pytest.fixture(scope="session")
def lab() -> SoftmaxLab:
    return SoftmaxLab(heads=HEADS, seed=SEED)


def state(figure, **values):
    """The figure's numbers for a state, read from its tables as the page reads them."""
    width, tau, sigma = values["width"], values["tau"], values["sigma"]
    fours = WIDTHS.index(width)
    before = sum(13 + i for i in range(fours))
    x = sigma**2 / tau / (math.sqrt(width) if values["root"] else 1)
    row = before + round(math.log2(x)) + 8 + fours
    stats = np.frombuffer(figure.stats, "<f4").reshape(-1, len(KEYS), 8)
    numbers = stats[row, KEYS.index(values["n_keys"])].astype(float)
    numbers[5:] /= sigma
    return numbers, np.frombuffer(figure.histograms, "<u2").reshape(-1, 35)[row] / 65535


def formulas(width, tau, sigma, root, n_keys):
    """The chapter's derivatives in NumPy: ∂ℒ/∂z = p (g − Σ p g), ∂ℒ/∂q = c Σ ∂z k."""
    q, k, g = (x[:, 0].numpy() for x in drawn(HEADS, SEED))
    q, k, g = sigma * q[..., :width], sigma * k[..., :width], g[..., :n_keys]
    c = 1 / tau / (math.sqrt(width) if root else 1)
    every = c * q @ k.transpose(0, 2, 1)
    k = k[:, :n_keys]
    z = c * q @ k.transpose(0, 2, 1)
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    dz = p * (g - (p * g).sum(-1, keepdims=True))
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(-1).mean()
    numbers = [entropy, (p.max(-1) > 0.99).mean()]
    for x in (dz, c * dz @ k):
        norm = np.linalg.norm(x, axis=-1)
        numbers += [np.median(norm), norm.mean(), np.quantile(norm, 0.99)]
    edges = [-np.inf, *np.arange(-16.5, 17), np.inf]
    return numbers, np.histogram(every, edges)[0] / every.size


CHOICES = [
    (64, 1.0, 1.0, True, 64), (64, 1.0, 1.0, False, 64), (1024, 1.0, 1.0, False, 16),
    (1, 0.25, 2.0, True, 4), (1, 4.0, 0.125, False, 64), (256, 0.25, 2.0, False, 4),
    (16, 2.0, 0.5, True, 16), (1024, 4.0, 0.125, True, 64), (4, 0.5, 0.25, False, 4),
]  # fmt: skip


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_tables_hold_what_the_formulas_give(lab, choice):
    names = ("width", "tau", "sigma", "root", "n_keys")
    numbers, shares = state(lab, **dict(zip(names, choice, strict=True)))
    expected, histogram = formulas(*choice)
    np.testing.assert_allclose(numbers, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shares, histogram, atol=1e-5)


def test_every_choice_has_its_row(lab):
    assert len(lab.stats) == sum(13 + i for i in range(len(WIDTHS))) * len(KEYS) * 8 * 4
    sharp = [sigma**2 / tau for sigma in SIGMAS for tau in TAUS]
    assert (min(sharp), max(sharp)) == (2.0**-8, 2.0**4)
    assert all(math.log2(x).is_integer() for x in (*sharp, *map(math.sqrt, WIDTHS)))


def test_measure_by_hand():
    """Scores 0 and log 3: p = (1/4, 3/4), and g = (1, 0) gives ∂z = ±3/16."""
    q, k = torch.ones(1).double(), torch.tensor([0, math.log(3)], dtype=torch.float64)
    g = torch.tensor([1.0, 0.0]).double()
    found = measure(q.view(1, 1, 1, 1), k.view(1, 1, 2, 1), g.view(1, 1, 1, 2))
    entropy = math.log(4) - 0.75 * math.log(3)
    assert found["entropy"] == pytest.approx(entropy, abs=1e-12)
    assert found["sure"] == 0
    assert found["dz"] == pytest.approx([3 / 16 * math.sqrt(2)] * 3, abs=1e-12)
    assert found["dq"] == pytest.approx([3 / 16 * math.log(3)] * 3, abs=1e-12)


def test_root_and_temperature_are_one_factor():
    q, k, g = drawn(2, 0)
    q, k = q[..., :16], k[..., :16]
    one, other = measure(q, k, g), measure(q, k, g, tau=4.0, root=False)
    for name, value in one.items():
        assert value == pytest.approx(other[name], rel=1e-9)


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan])
def test_temperatures_are_positive(tau):
    with pytest.raises(ValueError, match="greater than 0"):
        measure(*drawn(1, 0), tau=tau)


@pytest.mark.parametrize(
    ("name", "value"), [("width", 65), ("tau", 3.0), ("sigma", 0.0), ("n_keys", 5)]
)
def test_state_stays_on_the_grid(lab, name, value):
    with pytest.raises(ValueError, match=rf"{name} = {value}.*measure"):
        setattr(lab, name, value)


def test_no_heads_no_numbers():
    with pytest.raises(ValueError, match="at least one head, not 0"):
        SoftmaxLab(heads=0)


def test_the_draw_is_fixed_and_touches_no_global_state():
    before = torch.get_rng_state()
    one, two = softmax_lab.drawn(2, 7), softmax_lab.drawn(2, 7)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert torch.equal(before, torch.get_rng_state())
