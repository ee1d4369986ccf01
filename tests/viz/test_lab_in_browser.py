"""The laboratory on a page: whatever is chosen, each number is the library's own"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

import static_page
from llmath.attention import attention_weights
from llmath.viz.softmax_lab import KEYS, SIGMAS, TAUS, WIDTHS, drawn, measure
from samples import laboratory

SHOWN = 1e-4
SLIDERS = (WIDTHS, TAUS, SIGMAS, KEYS)
STATES = [
    (64, 1.0, 1.0, 64, True), (64, 1.0, 1.0, 64, False), (1024, 1.0, 1.0, 64, False),
    (1, 0.25, 2.0, 4, True), (16, 4.0, 0.125, 16, False), (256, 0.5, 0.5, 16, True),
    (4, 2.0, 2.0, 4, False), (1024, 4.0, 0.25, 64, True), (256, 0.25, 1.0, 16, False),
]  # fmt: skip


def choose(figure, *values, root):
    for box, offered, value in zip(figure.locator("input[type=range]").all(), SLIDERS,
                                   values, strict=True):  # fmt: skip
        box.fill(str(offered.index(value)))
    figure.locator("input[type=checkbox]").set_checked(root)


def value(text):
    """0.0564, 1.4 × 10⁻⁴ or < 10⁻¹² as a number (the last as 0)."""
    if text.startswith("<"):
        return 0.0
    plain = text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(plain.replace(" × 10", "e"))


def names(figure, selector):
    return figure.locator(selector).evaluate_all("all => all.map((e) => e.title)")


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    """A page of this figure, which opens sooner than the page of all."""
    folder = tmp_path_factory.mktemp("laboratory")
    return static_page.write_page(folder, laboratory).as_uri()


@pytest.fixture
def lab(open_page, alone):
    return open_page(to=alone).locator(".softmax-lab")


def test_numbers_are_the_librarys(lab):
    for state in STATES:
        compare(lab, *state)


def compare(lab, width, tau, sigma, n_keys, root):
    """All that is shown of one state against llmath, computed here and now."""
    choose(lab, width, tau, sigma, n_keys, root=root)
    q, k, g = drawn(2, 3)
    q, k = sigma * q[..., :width], sigma * k[..., :width]
    seen = k[:, :, :n_keys]
    found = measure(q, seen, g[..., :n_keys], tau=tau, root=root)

    words = [float(b.split("\xa0")[0].split()[0])
             for b in lab.locator(".lab-words b").all_inner_texts()]  # fmt: skip
    expected = [found["entropy"], 100 * found["entropy"] / math.log(n_keys),
                100 * found["sure"]]  # fmt: skip
    np.testing.assert_allclose(words, expected, atol=5.1e-3)  # percent: two decimals
    assert abs(words[0] - found["entropy"]) < SHOWN

    shown = [value(t) for t in lab.locator(".lab-table td").all_inner_texts()]
    expected = np.array([*found["dz"], *found["dq"]])
    np.testing.assert_allclose(shown, expected, atol=SHOWN)
    small = (expected > 1e-11) & (expected < 1e-3)  # two digits and a power of ten
    np.testing.assert_allclose(np.array(shown)[small], expected[small], rtol=0.051)

    factor = (1 if root else math.sqrt(width)) / tau
    row = attention_weights(q * factor, seen)[0, 0, 0]
    bars = [float(t.split(": ")[1]) for t in names(lab, ".lab-row .lab-bars i")]
    np.testing.assert_allclose(bars, row, atol=SHOWN)

    z = (q @ k.mT * factor / math.sqrt(width)).numpy()
    text = lab.locator(".lab-scores [role=img]").get_attribute("aria-label")
    assert abs(float(re.search(r"[\d.]+", text)[0]) - z.std()) < SHOWN
    bars = [float(t.split(": ")[1].split("\xa0")[0]) / 100
            for t in names(lab, ".lab-scores .lab-bars i")]  # fmt: skip
    expected = np.histogram(z, [-np.inf, *np.arange(-16.5, 17), np.inf])[0] / z.size
    np.testing.assert_allclose(bars, expected, atol=SHOWN)


def test_marks_stand_at_their_norms_with_and_without_the_root(lab):
    q, k, g = drawn(2, 3)
    marks = names(lab, ".lab-mark")
    places = lab.locator(".lab-mark").evaluate_all(
        "all => all.map((e) => parseFloat(e.style.left))"
    )
    expected = []
    for part in ("dz", "dq"):
        for root in (True, False):
            expected += measure(q[..., :64], k[..., :64], g, root=root)[part]
    shown = [value(m.split(": ")[1]) for m in marks]
    np.testing.assert_allclose(shown, expected, atol=SHOWN)
    np.testing.assert_allclose(places, 100 * (np.log10(expected) + 8) / 11, atol=0.01)
    assert lab.locator(".lab-lane.chosen").count() == 2


def test_bars_are_as_high_as_their_numbers(lab):
    choose(lab, 64, 1.0, 1.0, 16, root=False)
    for panel in (".lab-scores", ".lab-row"):
        heights = lab.locator(f"{panel} .lab-bars i").evaluate_all(
            "all => all.map((e) => e.offsetHeight / e.parentElement.clientHeight)"
        )
        said = [float(re.search(r": ([\d.]+)", t)[1])
                for t in names(lab, f"{panel} .lab-bars i")]  # fmt: skip
        limit = lab.locator(f"{panel} .lab-axis span").first.text_content()
        top = float(limit.split()[0])
        np.testing.assert_allclose(heights, np.array(said) / top, atol=0.01)


def test_by_keyboard(lab):
    slider = lab.locator("input[type=range]").first
    slider.press("End")
    assert slider.get_attribute("aria-valuetext") == "1024"
    assert "√1024" in lab.locator(".lab-formula").inner_text()
    lab.locator("input[type=checkbox]").press("Space")
    assert lab.locator(".lab-formula").inner_text() == "z = q·k / 1"
    assert lab.get_attribute("data-root") == "false"


def test_saturated_softmax_passes_nothing(lab):
    choose(lab, 1024, 0.25, 2.0, 4, root=False)
    assert lab.locator(".lab-table td").first.inner_text() == "< 10⁻¹²"
    assert lab.locator(".lab-lane.chosen .lab-mark").first.inner_text() == "◂"


def test_global_randomness_is_not_used():
    torch.manual_seed(1)
    one = drawn(1, 0)[0]
    torch.manual_seed(2)
    assert torch.equal(one, drawn(1, 0)[0])
