"""Counting tokens: by hand, by enumeration, by SciPy, and by drawing"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from llmath.data import bytes_per_token, expected_types, heaps_types, zipf_fit


def test_bytes_per_token_by_hand():
    assert bytes_per_token("é!", [5, 6]) == 1.5  # three bytes
    assert bytes_per_token("", [5]) == 0
    with pytest.raises(ValueError, match="3 characters in 0 tokens"):
        bytes_per_token("abc", [])


def test_zipf_fit_of_two_kinds_by_hand():
    """p_1 / p_2 = 2^α, so counts 3 : 1 give α = log₂ 3; the law then fits exactly."""
    fit = zipf_fit([1, 3])
    assert math.isclose(fit.alpha, math.log2(3), rel_tol=1e-12)
    assert abs(fit.divergence) < 1e-12
    variance = 3 / 16 * math.log(2) ** 2
    half = stats.norm.ppf(0.975) / math.sqrt(4 * variance)
    assert math.isclose(fit.high - fit.alpha, half, rel_tol=1e-9)
    assert math.isclose(fit.alpha - fit.low, half, rel_tol=1e-9)


@given(st.lists(st.integers(0, 50), min_size=3, max_size=30))
def test_zipf_fit_is_the_maximum_that_scipy_finds(counts):
    c = np.array(sorted(counts, reverse=True))
    c = c[c > 0]
    if len(c) < 2:
        return
    k = np.arange(1, len(c) + 1)

    def loss(alpha):
        return alpha * (c @ np.log(k)) + c.sum() * special.logsumexp(-alpha * np.log(k))

    found = optimize.minimize_scalar(loss, bounds=(0, 20), method="bounded")
    fit = zipf_fit(counts)
    assert loss(fit.alpha) <= found.fun + 1e-9
    assert fit.alpha == pytest.approx(found.x, abs=1e-3)
    empirical = -stats.entropy(c) - -loss(fit.alpha) / c.sum()
    assert fit.divergence == pytest.approx(empirical, abs=1e-9)


def test_zipf_fit_covers_the_exponent_it_was_drawn_with():
    """Of 40 kinds, in so many tokens, the order is hardly in doubt."""
    rng, covered = np.random.default_rng(0), 0
    p = np.arange(1, 41) ** -1.2
    for _ in range(200):
        fit = zipf_fit(rng.multinomial(200_000, p / p.sum()))
        covered += fit.low <= 1.2 <= fit.high
    assert 180 <= covered <= 198  # of 200 with 95 %: 190 ± 3 deviations


def test_what_has_no_exponent_is_refused():
    for counts, words in (([7], "got 1"), ([10**9, 1], "no exponent below 20")):
        with pytest.raises(ValueError, match=words):
            zipf_fit(counts)
    with pytest.raises(ValueError, match="nothing occurs -1 times"):
        zipf_fit([3, -1])
    with pytest.raises(ValueError, match="one row of whole numbers"):
        zipf_fit([])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.integers(0, 9))
def test_expected_types_by_enumeration(counts, n):
    """Every order of the text, and how many kinds its first n tokens hold."""
    text = [w for w, c in enumerate(counts) for _ in range(c)]
    text, n = text[:7], min(n, len(text[:7]))
    kept = [text.count(w) for w in range(len(counts))]
    drawn = [len(set(d)) for d in itertools.combinations(text, n)]
    assert expected_types(kept, [n])[0] == pytest.approx(np.mean(drawn), abs=1e-9)


def test_expected_types_of_the_whole_are_all_and_with_scipy():
    counts = [1000, 300, 5, 1, 1, 0]
    sizes = [0, 1, 40, 1000, 1307]
    want = [
        sum(1 - stats.hypergeom.pmf(0, 1307, c, n) for c in counts if c) for n in sizes
    ]
    assert expected_types(counts, sizes) == pytest.approx(want, abs=1e-8)
    assert want[-1] == 5
    with pytest.raises(ValueError, match="of 3 tokens, 4 to 4 cannot be drawn"):
        expected_types([2, 1], [4])


@pytest.mark.parametrize("alpha", [1.15, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("n", [1, 10, 1000, 100_000])
def test_heaps_types_are_within_the_bounds_of_the_proof(alpha, n):
    """Against the sum over ranks; of the far ones 1 − (1 − p)^n = np − C(n, 2)p² + …"""
    last, zeta = 2_000_000, special.zeta
    p = np.arange(1, last + 1) ** -alpha / zeta(alpha)
    far = [zeta(j * alpha, last + 1) / zeta(alpha) ** j for j in (1, 2, 3)]
    rest = n * far[0] - n * (n - 1) / 2 * far[1]
    exact = -np.expm1(n * np.log1p(-p)).sum() + rest
    slack = n**3 / 6 * far[2] + 1e-6
    (law,) = heaps_types(alpha, [n])
    assert law - 1 - slack <= exact <= law + 1 / math.e + slack


def test_heaps_types_by_hand():
    """α = 2: Γ(1/2) = √π and ζ(2) = π²/6."""
    want = math.sqrt(math.pi) * math.sqrt(100 / (math.pi**2 / 6))
    assert heaps_types(2.0, [100.0])[0] == pytest.approx(want, rel=1e-13)
    for alpha in (1.0, 0.9, float("nan")):
        with pytest.raises(ValueError, match="α > 1 only"):
            heaps_types(alpha, [5])
    with pytest.raises(ValueError, match="positive numbers"):
        heaps_types(2.0, [0])


@given(st.floats(1.01, 9))
def test_the_sum_of_the_law_is_that_of_scipy(alpha):
    scale = heaps_types(alpha, [1.0])[0] / math.gamma(1 - 1 / alpha)
    assert scale**-alpha == pytest.approx(special.zeta(alpha), rel=1e-11)
