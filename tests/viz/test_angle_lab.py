"""The laboratory of angles: the page's numbers are SciPy's, and its bound a bound"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import static_page
from geometry import choose_angles, compare_angles, cosines_drawn, tail
from llmath.viz import AngleLab
from llmath.viz.angle_lab import DIMENSIONS, KINDS

STATES = [
    (2, "signs", 20), (3, "signs", 40), (8, "signs", 25), (50, "signs", 30),
    (768, "signs", 20), (4096, "signs", 99), (2, "sphere", 20), (3, "sphere", 50),
    (64, "sphere", 30), (4096, "sphere", 5), (16, "gaussian", 60),
    (768, "gaussian", 13),
]  # fmt: skip

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@pytest.fixture(scope="session")
def page_of_it(tmp_path_factory):
    folder = tmp_path_factory.mktemp("angles")
    return static_page.write_page(folder, lambda: AngleLab(seed=5)).as_uri()


@pytest.fixture
def lab(open_page, page_of_it):
    return open_page(to=page_of_it).locator(".angle-lab")


def test_numbers_are_scipys(lab):
    for state in STATES:
        compare_angles(lab, *state, seed=5)
        lab.locator("input[type=checkbox]").click()


def test_by_keyboard(lab):
    size, limit = lab.locator("input[type=range]").all()
    size.press("End")
    assert size.get_attribute("aria-valuetext") == "4096"
    limit.press("Home")
    assert "2.0\xa0×" not in lab.locator("tbody td").first.inner_text()
    assert lab.locator("tbody td").first.inner_text().startswith("1.62")
    lab.locator("input[type=checkbox]").press("Space")
    labels = lab.locator("svg").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert "4096 dimensions" in labels[0]
    assert "at most 1.6" in labels[1]


def test_chances_below_all_numbers_are_still_told(lab):
    """0.36^2047.5 is 10^−908, which no float64 holds; x^a / (a B t) is that nearly."""
    choose_angles(lab, 4096, "sphere", 80)
    a, b = 4095 / 2, 0.5
    log = a * math.log(1 - 0.8**2) - math.log(a) - math.log(0.8)
    log += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    shown = lab.locator("tbody td").nth(2).inner_text()
    power = shown.split("10")[1].translate(SUPERSCRIPTS)
    assert int(power) == math.floor(log / math.log(10))


def test_more_vectors_than_all_numbers_can_count(lab):
    """N² < 2/p with p = 2 exp(−D t²/2), so N ≈ exp(D t²/4), which is 10^436 here."""
    choose_angles(lab, 4096, "sphere", 99)
    cells = lab.locator("tbody td").all_inner_texts()
    assert "Infinity" not in " ".join(cells)
    head, power = cells[1].split("×")
    log = 4096 * 0.99**2 / 4 / math.log(10)
    assert power.translate(SUPERSCRIPTS).split() == [f"10{math.floor(log)}"]
    assert float(head) == pytest.approx(10 ** (log % 1), abs=0.06)
    assert cells[4] == "0"  # of 8,128 pairs


@pytest.mark.parametrize("kind", KINDS)
def test_the_draw_follows_the_law(kind):
    """Its variance is 1/D, and each tenth of the law has a tenth of them."""
    for dimension in (3, 16, 576):
        cosines = cosines_drawn(kind, dimension, 5)
        assert cosines.var() * dimension == pytest.approx(1, abs=0.06)
        if kind != "signs":
            half = (dimension - 1) / 2
            places = stats.beta.cdf((cosines + 1) / 2, half, half)
            tenths = np.histogram(places, 10, (0, 1))[0] / len(places)
            np.testing.assert_allclose(tenths, 0.1, atol=0.015)


def test_the_bound_is_one_for_signs_and_for_the_sphere():
    for dimension in DIMENSIONS:
        for hundredths in range(1, 100):
            bound = 2 * math.exp(-dimension * (hundredths / 100) ** 2 / 2)
            assert tail("signs", dimension, hundredths) <= bound
            assert tail("sphere", dimension, hundredths) <= bound


@pytest.mark.parametrize(("name", "wrong"), [("dimension", 5), ("hundredths", 100)])
def test_state_stays_on_the_grid(name, wrong):
    with pytest.raises(ValueError, match=f"{name} = {wrong}"):
        AngleLab(**{name: wrong})


def test_seeds_are_small_and_whole():
    with pytest.raises(ValueError, match="seed=-1"):
        AngleLab(seed=-1)
