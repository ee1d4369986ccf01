"""Sliders: frames keep what they share once, and a kernel draws anew"""

from __future__ import annotations

import gzip

import ipywidgets
import matplotlib.pyplot as plt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmath.viz import frames
from llmath.viz.frames import Frames, shared, slider, words

pytestmark = pytest.mark.usefixtures("house_style")
TEMPERATURES = [round(0.2 * i, 1) for i in range(1, 16)]


def bars(height):
    fig, ax = plt.subplots()
    ax.bar(["cat", "dog"], [height, 1])
    ax.set(xlabel="token", ylabel="score", title=f"Height {height}", ylim=(0, 5))
    return fig


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1), min_size=1))
def test_shared_lines_give_the_pictures_back(pictures):
    pictures = ["\n".join(p) for p in pictures]
    lines, numbers = shared(pictures)
    assert len(set(lines)) == len(lines)
    assert ["\n".join(lines[i] for i in n) for n in numbers] == pictures


def test_fifteen_frames_are_light(static):
    figure = Frames(bars, TEMPERATURES, name="τ", start=4, alt="Bars.")
    page = figure._repr_mimebundle_()[0]["text/html"]
    assert len(gzip.compress(page.encode())) < 10_000
    assert figure.labels[4] == "1"
    assert "Height 1.0" in figure.still()
    assert figure.still() in page  # seen before the figure wakes


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.1 + 0.2, "", "0.3"), (3, "tokens", "3 tokens"), (1e-5, "", "1e-05"),
     ("GELU", "", "GELU"), (4096, "", "4,096"), (True, "", "True")],
)  # fmt: skip
def test_values_in_words(value, unit, text):
    assert words(value, unit) == text


def test_each_frame_has_its_own_alternative():
    figure = Frames(
        bars, [1, 2], name="height", start=0, alt=lambda v: f"The left bar is {v} high."
    )
    assert 'aria-label="The left bar is 1 high."' in figure.still()
    figure.index = 1
    assert 'aria-label="The left bar is 2 high."' in figure.still()
    figure = Frames(bars, [1, 2], name="height", start=1, alt="Bars.", unit="m")
    assert 'aria-label="Bars. height = 2 m."' in figure.still()


@pytest.fixture
def live(monkeypatch):
    """What slider() shows with a kernel: the control, and the values drawn so far."""
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    shown, drawn = [], []
    monkeypatch.setattr(frames, "display", shown.append)
    monkeypatch.setattr(frames, "show", lambda fig, alt: drawn.append((fig, alt)))

    def make(values, **kwargs):
        slider(lambda v: v, values, name="τ", alt="Bars.", **kwargs)
        return shown[-1].children[0], drawn

    return make


@pytest.mark.parametrize("jaxtyped", [False])
def test_a_kernel_draws_anew(live, jaxtyped, monkeypatch):
    monkeypatch.setattr(frames, "alt_of", lambda *a: "Bars.")
    control, drawn = live([1.0, 2.0, 3.0], start=1)
    assert isinstance(control, ipywidgets.SelectionSlider)
    control.value = 3.0
    assert [fig for fig, _ in drawn] == [2.0, 3.0]


def test_continuous_controls(live):
    control, drawn = live([1.0, 2.0], continuous=True)
    assert isinstance(control, ipywidgets.FloatSlider)
    control.value = 1.25
    assert drawn[-1][0] == 1.25
    control, _ = live([1, 8], continuous=True)
    assert (control.min, control.max) == (1, 8)


def test_static_slider_shows_frames(static, monkeypatch):
    shown = []
    monkeypatch.setattr(frames, "display", shown.append)
    slider(bars, [1, 2], name="height", alt="Bars.", start=1)
    assert isinstance(shown[0], Frames)
    assert shown[0].index == 1


@pytest.mark.parametrize("start", [-1, 2])
def test_start_must_exist(start):
    with pytest.raises(ValueError, match=f"start = {start}: there are 2"):
        slider(bars, [1, 2], name="x", alt="Bars.", start=start)
