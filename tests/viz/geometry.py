"""The figures of vectors on a page: choose a state, compare all it shows"""

from __future__ import annotations

import math
import re

import numpy as np
import torch
from playwright.sync_api import Locator
from scipy import stats

from compared import SHOWN
from llmath.rope import rope, rope_frequencies
from llmath.viz import RopeRotor
from llmath.viz.angle_lab import DIMENSIONS, KINDS, VECTORS

PAIRS = VECTORS * (VECTORS - 1) // 2


def value(text: str) -> float:
    """−0.0564, 1.4 × 10⁻⁴ or 2,166 as a number."""
    plain = text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-", ",\xa0"))
    return float(plain.split()[0].replace("×10", "e"))


def near(shown: str, expected: float) -> None:
    """To 1e-4; a number shown as two digits and a power of ten to those digits."""
    given = value(shown)
    if "×" in shown and expected < 1e-300:
        assert given < 1e-300, shown  # both are below what float64 holds
    elif "×" in shown:
        assert abs(given / expected - 1) < 0.06, (shown, expected)
    else:
        assert abs(given - expected) <= SHOWN, (shown, expected)


def mixed(n: np.ndarray) -> np.ndarray:
    """lowbias32 (Wellons 2018) of 32-bit numbers."""
    n = (n ^ (n >> np.uint32(16))) * np.uint32(0x7FEB352D)
    n = (n ^ (n >> np.uint32(15))) * np.uint32(0x846CA68B)
    return n ^ (n >> np.uint32(16))


def cosines_drawn(kind: str, dimension: int, seed: int) -> np.ndarray:
    """The page's draw, made again in NumPy: cosines of all pairs."""
    key = mixed(np.array([3 * seed + KINDS.index(kind) + 1], np.uint32))
    d, v = np.arange(dimension, dtype=np.uint32), np.arange(VECTORS, dtype=np.uint32)
    count = 2 * (VECTORS * d + v[:, None])
    one = mixed(key ^ count)
    x = np.where(one >> np.uint32(31), 1.0, -1.0)
    if kind != "signs":
        two = mixed(key ^ (count + np.uint32(1)))
        radius = np.sqrt(-2 * np.log((one + 0.5) / 2**32))
        x = radius * np.cos(2 * np.pi * two / 2**32)
    norms = np.linalg.norm(x, axis=1)
    below = np.tril_indices(VECTORS, -1)
    return (x @ x.T)[below] / (norms[:, None] * norms)[below]


def tail(kind: str, dimension: int, hundredths: int) -> float:
    """P(|cos| ≥ t) by SciPy."""
    t = hundredths / 100
    if kind == "signs":
        first = -(-dimension * (100 + hundredths) // 200)
        return 2 * stats.binom.sf(first - 1, dimension, 0.5)
    return stats.beta.cdf(1 - t * t, (dimension - 1) / 2, 0.5)


def share(kind: str, dimension: int, low: float, high: float) -> float:
    """P(low < cos < high) by SciPy."""
    if kind == "signs":
        k = (np.array([low, high]) + 1) * dimension / 2
        return float(np.diff(stats.binom.cdf(np.floor(k + 1e-6), dimension, 0.5))[0])
    half = (dimension - 1) / 2
    ends = (np.clip([low, high], -1, 1) + 1) / 2
    return float(np.diff(stats.beta.cdf(ends, half, half))[0])


def packed(p: float) -> int:
    """The most vectors whose pairs' chances p come to less than 1, counted up."""
    n = np.arange(1, 2_000_000)
    return int(n[n * (n - 1) / 2 * p < 1].max())


def choose_angles(lab: Locator, dimension: int, kind: str, hundredths: int) -> None:
    size, limit = lab.locator("input[type=range]").all()
    size.fill(str(DIMENSIONS.index(dimension)))
    limit.fill(str(hundredths))
    lab.locator("select").select_option(kind)


def compare_angles(
    lab: Locator, dimension: int, kind: str, hundredths: int, *, seed: int
) -> None:
    """What the laboratory shows of a state: words, table and bars."""
    choose_angles(lab, dimension, kind, hundredths)
    cosines = cosines_drawn(kind, dimension, seed)
    t = hundredths / 100
    far = int((np.abs(cosines) >= t - 1e-12).sum())

    words = lab.locator(".angle-words b").all_inner_texts()
    expected = [dimension**-0.5, math.sqrt((cosines**2).mean()), far,
                np.abs(cosines).max()]  # fmt: skip
    np.testing.assert_allclose([value(w) for w in words], expected, atol=SHOWN)

    bound, exact = (
        2 * math.exp(-dimension * t * t / 2),
        tail(kind, dimension, hundredths),
    )
    cells = lab.locator("tbody td").all_inner_texts()
    for shown, chance in zip(cells[0:4:2], (bound, exact), strict=True):
        near(shown, chance)
    near(cells[4], far / PAIRS)
    for shown, chance in zip(cells[1:4:2], (bound, exact), strict=True):
        if chance > 1e-11:
            assert value(shown) == packed(chance)
        elif chance > 1e-300:  # N² ≈ 2/p
            near(shown, math.sqrt(2 / chance))

    bars = lab.locator("rect").evaluate_all(
        "all => all.map(e => [e.dataset.edges, e.textContent])"
    )
    for edges, title in bars:
        low, high = map(float, edges.split())
        told = [float(x) for x in re.findall(r"-?\d\.\d+", title.replace("−", "-"))]
        drawn = ((cosines >= low) & (cosines < high)).mean()
        expected = [low, high, drawn, share(kind, dimension, low, high)]
        np.testing.assert_allclose(told, expected, atol=SHOWN)


def choose_rotor(
    rotor: Locator, m: int, n: int, width: int, base: int, vectors: int, pair: int
) -> None:
    chosen = {"E": width, "base": base, "q and k": vectors}
    for box in rotor.locator(
        "select"
    ).all():  # there is none where nothing is to choose
        label = box.evaluate("e => e.labels[0].firstChild.data")
        box.select_option(str(chosen[label]))
    query, key, _, which = rotor.locator("input[type=range]").all()
    for slider, place in ((query, m), (key, n), (which, pair)):
        slider.fill(str(place))


def rotor_table(rotor: Locator) -> list[float]:
    return [value(t) for t in rotor.locator("tbody td").all_inner_texts()]


def compare_rotor(rotor: Locator, figure: RopeRotor, *state: int) -> None:
    """Score, angles, arrows and curve of a state against `llmath.rope` in float64."""
    choose_rotor(rotor, *state)
    m, n, width, base, vectors, pair = state
    q, k = (torch.tensor(figure.given[vectors][x][:width]).double() for x in "qk")

    def turn(x: torch.Tensor, *places: int) -> torch.Tensor:
        rows = x.expand(len(places), width)
        return rope(rows, torch.tensor(places), base=float(base))

    score = turn(q, m)[0] @ turn(k, n)[0]
    told = [value(t) for t in rotor.locator(".rotor-words b").all_inner_texts()]
    np.testing.assert_allclose(told, [score, score], atol=SHOWN)

    theta = rope_frequencies(width, base=float(base), dtype=torch.float64)[pair].item()
    two = slice(2 * pair, 2 * pair + 2)
    part = (turn(q, m)[0, two] @ turn(k, n)[0, two]).item()
    wave = 2 * math.pi / theta
    cells = rotor.locator("tbody td").all_inner_texts()
    for shown, expected in zip(
        cells, (theta, wave, m * theta, n * theta, (m - n) * theta, part), strict=True
    ):
        if shown == cells[1] and "×" not in shown:
            assert abs(value(shown) - expected) < 0.0051  # two decimals
        else:
            near(shown, expected)

    arrows = signed(rotor.locator(".rotor-dial").get_attribute("aria-label"))
    expected = [*turn(q, m)[0, two], *turn(k, n)[0, two]]
    np.testing.assert_allclose(arrows, expected, atol=SHOWN)

    distances = range(1 - figure.context, figure.context)
    curve = turn(q, *distances) @ k
    path = rotor.locator("path.rotor-curve").get_attribute("d")
    x, y = np.array(re.findall(r"([\d.]+) ([\d.]+)", path), float).T
    assert len(x) == len(curve)
    spread = float(curve.max() - curve.min()) or 1.0
    drawn = (y.max() - y) / (np.ptp(y) or 1)  # px are told to 0.01
    np.testing.assert_allclose(
        drawn, (curve - curve.min()) / spread, atol=0.02 / (np.ptp(y) or 1) + 1e-9
    )


def signed(text: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+\.\d+", text.replace("−", "-"))]
