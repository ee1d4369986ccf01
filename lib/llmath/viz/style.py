"""palette → matplotlib, plotly, CSS: one source of colour for light and dark

Every colour has a name and two shades. Figures are drawn with the light shades; on the
page each is replaced by a CSS variable of the same name (`svg.py`), which follows the
theme. The shades keep apart for colour-blind readers and from the page: tests/viz
measures both.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.scale import LogScale, register_scale
from matplotlib.ticker import LogFormatterSciNotation


class Shades(NamedTuple):
    """One colour, as it looks on a light page and on a dark one."""

    light: str
    dark: str


SERIES = {
    "blue": Shades("#2162ba", "#4b9df0"),
    "orange": Shades("#df6b1e", "#ee883f"),
    "green": Shades("#1f9d74", "#8fe8c6"),
    "purple": Shades("#842a78", "#b67eb0"),
    "ochre": Shades("#6b5600", "#fbd040"),
    "grey": Shades("#6a6f76", "#acb4c1"),
}
# The page's own ink where a theme can be asked (ASKED: the site, JupyterLab); or these.
INKS = {
    "ink": Shades("#222831", "#ced6dd"),
    "soft": Shades("#535f6f", "#a3acb8"),
    "rule": Shades("#d3d8de", "#3f4b5c"),
    "paper": Shades("#fffffe", "#121212"),
}
ASKED = {
    "ink": ("--pst-color-text-base", "--jp-content-font-color1"),
    "soft": ("--pst-color-text-muted", "--jp-content-font-color2"),
    "rule": ("--pst-color-border", "--jp-border-color1"),
    "paper": ("--pst-color-background", "--jp-layout-color0"),
}
# Sequential maps: lightness falls (light) or rises (dark) all the way, so "more" is
# always farther from the page. Signed maps have the page's grey in the middle.
MAPS = {
    "attention": Shades(
        "#f2f6f9 #cfe4ec #9acbdb #56a8cb #2a7db8 #24539b #27307a #1b1650",
        "#1d2530 #213f63 #24609a #2a85b8 #3aabbd #72cbb5 #bfe5ae #f9f7c9",
    ),
    "signed": Shades(
        "#8a2f00 #c65a14 #eba36d #f7dcc6 #f4f5f6 #cbdff2 #84b3e0 #2f74bd #123f86",
        "#ffb57d #ef8a44 #b35c22 #643418 #23282f #1d3d63 #2767ab #4b9df0 #a5d0ff",
    ),
}
RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LEVELS = 33  # of a map: what a variable each can hold, too fine for bands to be seen

ink, soft, rule, paper = (INKS[n].light for n in ("ink", "soft", "rule", "paper"))
blue, orange, green, purple, ochre, grey = (s.light for s in SERIES.values())

DARK = (
    'html[data-theme="dark"], body[data-jp-theme-light="false"], '
    'html[theme="dark"], body.vscode-dark'
)


def _mixed(anchors: str) -> list[str]:
    """LEVELS colours, linear between the anchors."""
    stops = np.array(
        [[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors.split()]
    )
    at = np.linspace(0, len(stops) - 1, LEVELS)
    channels = [np.interp(at, range(len(stops)), stops[:, c]) for c in range(3)]
    return ["#" + bytes(rgb).hex() for rgb in np.rint(channels).T.astype(np.uint8)]


def levels(name: str, theme: str = "light") -> list[str]:
    """The colours of a map, from its least to its greatest value."""
    return _mixed(getattr(MAPS[name], theme))


@cache
def shades() -> dict[str, Shades]:
    """Every colour there is, by the name of its CSS variable (without `--viz-`)."""
    named = {**INKS, **SERIES}
    for name in MAPS:
        pairs = zip(levels(name, "light"), levels(name, "dark"), strict=True)
        named |= {f"{name}-{i}": Shades(*pair) for i, pair in enumerate(pairs)}
    return named


def palette_css(names: Collection[str] = ()) -> str:
    """The palette, or the part named, as CSS variables for light and dark pages."""

    def block(selector: str, theme: str) -> str:
        rules = []
        for name in sorted(names) or shades():
            pair = shades()[name]
            value = getattr(pair, theme)
            for variable in reversed(ASKED.get(name, ())):
                value = f"var({variable}, {value})"
            rules.append(f"--viz-{name}: {value};")
        return f"{selector} {{ {' '.join(rules)} }}\n"

    return block(":root", "light") + block(DARK, "dark")


def colormap(name: str = "attention") -> ListedColormap:
    """The map for matplotlib; `use()` also registers it by its name."""
    return ListedColormap(levels(name), name=name)


def rc() -> dict[str, object]:
    """matplotlib's settings for the book's figures."""
    return {
        "axes.axisbelow": True,
        "axes.edgecolor": soft,
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.labelcolor": ink,
        "axes.labelsize": 11.5,
        "axes.linewidth": 0.8,
        "axes.prop_cycle": matplotlib.cycler(color=[s.light for s in SERIES.values()]),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": ink,
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.titlesize": 12.5,
        "axes.titleweight": "bold",
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        "figure.figsize": (5.8, 3.6),
        "font.family": ["DejaVu Sans"],
        "font.size": 11.5,
        "grid.color": rule,
        "grid.linewidth": 0.6,
        "image.cmap": "attention",
        "image.interpolation": "none",
        "legend.fontsize": 10.5,
        "legend.frameon": False,
        "legend.labelcolor": ink,
        "lines.linewidth": 2,
        "lines.solid_capstyle": "round",
        "mathtext.fontset": "cm",
        "patch.facecolor": blue,
        "savefig.facecolor": "none",
        "text.color": ink,
        "xtick.color": soft,
        "xtick.labelcolor": ink,
        "xtick.labelsize": 11,
        "ytick.color": soft,
        "ytick.labelcolor": ink,
        "ytick.labelsize": 11,
    }


class Powers(LogFormatterSciNotation):
    """10³ in the letters of all other numbers; matplotlib's own is a small formula."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        formula = super().__call__(x, pos)
        shown = re.sub(r"\^\{(.+?)\}", lambda k: k[1].translate(RAISED), formula)
        shown = shown.replace(r"\times", "×").replace("-", "−")
        return re.sub(r"\$\\mathdefault\{(.*)\}\$", r"\1", shown)


class LogAxis(LogScale):
    """matplotlib's "log", whose ticks are written so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # until 3.10 with the axis, later without it

    def set_default_locators_and_formatters(self, axis: Any) -> None:
        super().set_default_locators_and_formatters(axis)
        axis.set_major_formatter(Powers(self.base))
        few = self.subs is not None
        axis.set_minor_formatter(Powers(self.base, labelOnlyBase=few))


def use() -> None:
    """Switches matplotlib to the book's style, for this notebook."""
    register_scale(LogAxis)
    for name in set(MAPS) - set(matplotlib.colormaps):
        matplotlib.colormaps.register(colormap(name))
    matplotlib.rcParams.update(rc())
