"""Still figures: the same bytes every time, ids of their own, colours by name"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest

from llmath.viz import style, svg

pytestmark = pytest.mark.usefixtures("house_style")


def lines(title="Finding"):
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], "o-", color=style.orange, label="$e^x$")
    ax.fill_between([0, 1], [0, 1], [1, 2], alpha=0.2)
    ax.bar([0.5], [1], hatch="//", color=style.green, edgecolor="black")
    ax.set(xlabel="x", ylabel="y", title=title)
    ax.legend()
    return fig


def heat():
    fig, ax = plt.subplots()
    fig.colorbar(ax.imshow(np.eye(3), vmin=0, vmax=1), label="weight")
    return fig


@pytest.mark.parametrize("draw", [lines, heat])
def test_same_figure_same_bytes(draw):
    one, two = (svg.to_svg(draw(), alt="A figure.") for _ in range(2))
    assert one == two


@pytest.mark.parametrize("draw", [lines, heat])
def test_is_well_formed_and_named(draw):
    root = ET.fromstring(with_links(svg.to_svg(draw(), alt='a < b & "c"')))
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'a < b & "c"'


def test_a_minus_is_read_out_as_one():
    said = svg.to_svg(lines(), alt="GPT-2: -0.5 at 3, (-7), 2026-01, 1-2, p-1.")
    assert 'aria-label="GPT-2: −0.5 at 3, (−7), 2026-01, 1-2, p-1."' in said


def with_links(text):
    """HTML knows the prefix xlink by itself; XML wants to be told."""
    return text.replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1)


@pytest.mark.parametrize("draw", [lines, heat])
def test_every_colour_follows_the_theme(draw):
    """Palette shades are left only as what a variable falls back to."""
    text = svg.to_svg(draw(), alt="A figure.")
    assert not re.findall(r"(?<!,)#[0-9a-f]{6}\b(?!-)", re.sub(r"base64,\S+", "", text))
    names = set(re.findall(r"var\(--viz-([\w-]+),", text))
    assert names <= set(style.shades())
    assert "ink" in names


def test_nothing_reaches_out_of_the_figure():
    """No style sheet for the whole page, no date, no id of another figure."""
    one, two = (svg.to_svg(lines(t), alt="A figure.") for t in ("One", "Two"))
    for text in (one, two):
        assert "<style" not in text
        assert "metadata" not in text
        ids = set(re.findall(r' id="([^"]+)"', text))
        used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
        assert used == ids
    assert not set(re.findall(r' id="([^"]+)"', one)) & set(
        re.findall(r' id="([^"]+)"', two)
    )


def test_words_are_text_and_formulas_outlines():
    text = svg.to_svg(lines(), alt="A figure.")
    assert re.search(r"<text[^>]*>Finding</text>", text)
    assert "font-family" not in text
    assert "e^x" not in text


def test_pixels_come_for_both_themes():
    text = svg.to_svg(heat(), alt="A figure.")
    light = re.search(r'<image class="viz-light"[^>]*base64,([^"]+)', text)
    dark = re.search(r'<image class="viz-dark"[^>]*base64,([^"]+)', text)
    assert light
    assert dark
    assert light[1] != dark[1]


def test_photographs_are_left_alone():
    fig, ax = plt.subplots()
    ax.imshow(np.random.default_rng(0).random((4, 4, 3)))
    text = svg.to_svg(fig, alt="A figure.")
    assert text.count("<image") == 1
    assert "viz-dark" not in text


def test_alt_is_required():
    with pytest.raises(ValueError, match="alt"):
        svg.to_svg(lines(), alt=" ")


@pytest.mark.parametrize(
    ("text", "short"),
    [("M 1.23456 2.0 \nL 10.5 -0.004", "M 1.23 2 L 10.5 -0"), ("1.999", "2")],
)
def test_rounding(text, short):
    assert svg.rounded(text) == short


def test_a_notebook_gets_the_colours_too(monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    shown = svg.look(svg.to_svg(lines(), alt="A figure."))
    assert "--viz-orange:" in shown
    assert "--viz-purple:" not in shown  # only those in use
    monkeypatch.setenv("BOOK_STATIC", "1")
    assert "<style" not in svg.look("<svg/>")


def test_show_displays_once_and_closes(monkeypatch):
    shown = []
    monkeypatch.setattr(svg, "display", lambda data, raw: shown.append(data))
    fig = lines()
    svg.show(fig, alt="A rising line.")
    assert shown[0]["text/plain"] == "A rising line."
    assert not plt.fignum_exists(fig.number)
