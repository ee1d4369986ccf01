"""The palette's claims, measured: contrast, colour blindness, order of the maps"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from llmath.viz import live, style

PAGE = {"light": "#fffffe", "dark": "#121212"}
# OKLab (Ottosson 2020): equal steps look equal; a just noticeable one is about 0.02.
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# Full dichromacy, linear RGB (Machado, Oliveira and Fernandes 2009).
VISION = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranope": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanope": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
themes = pytest.mark.parametrize("theme", ["light", "dark"])


def linear(colour: str) -> np.ndarray:
    s = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def lab(colour: str, vision: str = "trichromat") -> np.ndarray:
    seen = np.clip(VISION[vision] @ linear(colour), 0, 1)
    return TO_LAB @ np.cbrt(TO_LMS @ seen)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""
    lights = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] for c in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def test_the_measures_themselves():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert lab("#ffffff") == pytest.approx([1, 0, 0], abs=1e-3)


@themes
def test_series_stand_out_from_the_page(theme):
    for name, pair in style.SERIES.items():
        assert contrast(getattr(pair, theme), PAGE[theme]) >= 3, name


@themes
def test_inks_can_be_read(theme):
    assert contrast(getattr(style.INKS["ink"], theme), PAGE[theme]) >= 7
    assert contrast(getattr(style.INKS["soft"], theme), PAGE[theme]) >= 4.5


@themes
@pytest.mark.parametrize("vision", VISION)
def test_series_keep_apart_for_every_eye(theme, vision):
    colours = {n: lab(getattr(p, theme), vision) for n, p in style.SERIES.items()}
    for (a, at_a), (b, at_b) in itertools.combinations(colours.items(), 2):
        assert np.linalg.norm(at_a - at_b) >= 0.07, f"{a}, {b}"


@themes
@pytest.mark.parametrize("vision", VISION)
def test_more_attention_is_always_farther_from_the_page(theme, vision):
    lightness = [lab(c, vision)[0] for c in style.levels("attention", theme)]
    steps = np.diff(lightness) * (-1 if theme == "light" else 1)
    assert steps.min() > 0
    assert abs(lightness[-1] - lightness[0]) > 0.6


@themes
@pytest.mark.parametrize("vision", VISION)
def test_signed_map_has_its_turn_in_the_middle(theme, vision):
    levels = [lab(c, vision) for c in style.levels("signed", theme)]
    away = np.diff([level[0] for level in levels]) * (-1 if theme == "light" else 1)
    middle = len(levels) // 2
    assert (away[:middle] < 0).all()
    assert (away[middle:] > 0).all()
    assert np.linalg.norm(levels[0] - levels[-1]) > 0.1  # the signs differ


def test_each_light_shade_names_one_colour():
    """Figures are drawn in light shades, and each must lead back to its name."""
    light = [pair.light for pair in style.shades().values()]
    assert len(set(light)) == len(light)


def test_css_and_javascript_know_only_the_palette():
    there = set(style.shades())
    for file in Path(live.__file__).parent.glob("*.[cj]s*"):
        used = set(re.findall(r"--viz-([a-z]+(?:-\d+)?)\b(?!-\$)", file.read_text()))
        assert used - there <= set(style.MAPS), file.name
    kit = live.source("kit")
    assert f"last = {style.LEVELS - 1})" in kit


def test_css_has_every_colour_for_both_themes():
    light, dark = style.palette_css().splitlines()
    for name, pair in style.shades().items():
        assert re.search(rf"--viz-{name}: [^;]*{pair.light}", light), name
        assert re.search(rf"--viz-{name}: [^;]*{pair.dark}", dark), name


def test_use_registers_the_maps(house_style):
    assert matplotlib.colormaps["attention"].N == style.LEVELS
    assert matplotlib.rcParams["text.color"] == style.ink
    first = matplotlib.colors.to_hex(matplotlib.colormaps["attention"](0.0))
    assert first == style.levels("attention")[0]


def ticks(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels(which="both")]


@pytest.mark.usefixtures("house_style")
def test_powers_on_logarithmic_axes_are_text():
    """As every other number, in the figure's letters; below a decade 2×10³, too."""
    fig, ax = plt.subplots()
    ax.loglog([1, 1e3], [1e-12, 1e-3])
    assert {"10⁰", "10³"} <= set(ticks(ax.xaxis))
    assert {"10⁻¹²", "10⁻⁶"} <= set(ticks(ax.yaxis))
    ax.set(xlim=(2000, 7000), ylim=(1, 7))
    ax.set_yscale("log", base=2)
    assert "3×10³" in ticks(ax.xaxis)
    assert {"2⁰", "2²"} <= set(ticks(ax.yaxis))
    drawn = "".join([*ticks(ax.xaxis), *ticks(ax.yaxis)])
    assert not set(drawn) & set("$^{}\\")
    plt.close(fig)
