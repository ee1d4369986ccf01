"""The laboratory on a page: whatever is chosen, each number is the library's own"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import static_page
from compared import SHOWN, choose_lab, compare_lab, names, value
from llmath.viz.softmax_lab import drawn, measure
from samples import laboratory

STATES = [
    (64, 1.0, 1.0, 64, True), (64, 1.0, 1.0, 64, False), (1024, 1.0, 1.0, 64, False),
    (1, 0.25, 2.0, 4, True), (16, 4.0, 0.125, 16, False), (256, 0.5, 0.5, 16, True),
    (4, 2.0, 2.0, 4, False), (1024, 4.0, 0.25, 64, True), (256, 0.25, 1.0, 16, False),
]  # fmt: skip


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
        compare_lab(lab, state, heads=2, seed=3)


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
    choose_lab(lab, 64, 1.0, 1.0, 16, root=False)
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
    choose_lab(lab, 1024, 0.25, 2.0, 4, root=False)
    assert lab.locator(".lab-table td").first.inner_text() == "< 10⁻¹²"
    assert lab.locator(".lab-lane.chosen .lab-mark").first.inner_text() == "◂"


def test_global_randomness_is_not_used():
    torch.manual_seed(1)
    one = drawn(1, 0)[0]
    torch.manual_seed(2)
    assert torch.equal(one, drawn(1, 0)[0])
