"""value ↦ figure, and values → a slider: drawn anew, or beforehand without a kernel"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import traitlets
from IPython.display import clear_output, display
from matplotlib.figure import Figure

from llmath.viz.live import LiveFigure, static_build
from llmath.viz.svg import show, to_svg

FRAME = "frame-of-this-figure"  # the frames share their ids: one is shown at a time
Alt = str | Callable[[Any], str]


def words(value: Any, unit: str = "") -> str:
    """A value as the slider reads it out: 0.30000000000000004 is 0.3, 4096 is 4,096."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if type(value) is int:
        text = f"{value:,}"
    return f"{text} {unit}" if unit else text


def alt_of(alt: Alt, name: str, value: Any, unit: str) -> str:
    """The text alternative of one picture."""
    return alt(value) if callable(alt) else f"{alt} {name} = {words(value, unit)}."


def shared(pictures: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """Pictures → the lines that occur in them, and each picture as line numbers.

    Neighbouring frames differ in a few lines; axes, labels and glyphs are kept once.
    """
    number: dict[str, int] = {}
    frames = [
        [number.setdefault(line, len(number)) for line in picture.split("\n")]
        for picture in pictures
    ]
    return list(number), frames


class Frames(LiveFigure):
    """A slider over pictures that were drawn beforehand."""

    module = "frames"
    linked = ("index",)
    lines = traitlets.List().tag(sync=True)
    frames = traitlets.List().tag(sync=True)
    labels = traitlets.List().tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        draw: Callable[[Any], Figure],
        values: Sequence[Any],
        *,
        name: str,
        start: int,
        alt: Alt,
        unit: str = "",
        key: str | None = None,
    ) -> None:
        pictures = []
        for value in values:
            fig = draw(value)
            text = alt_of(alt, name, value, unit)
            pictures.append(to_svg(fig, alt=text, prefix=FRAME))
            plt.close(fig)
        prefix = "v" + hashlib.sha256("".join(pictures).encode()).hexdigest()[:8]
        lines, frames = shared([p.replace(FRAME, prefix) for p in pictures])
        super().__init__(
            key=key,
            lines=lines,
            frames=frames,
            labels=[words(v, unit) for v in values],
            name=name,
            index=start,
            alt=f"Figure with a slider: {name}.",
        )

    def choices(self, name: str) -> int:
        return len(self.frames)

    def still(self) -> str:
        return "\n".join(self.lines[i] for i in self.frames[self.index])


def slider(
    draw: Callable[[Any], Figure],
    values: Sequence[Any],
    *,
    name: str,
    alt: Alt,
    start: int = 0,
    unit: str = "",
    continuous: bool = False,
    key: str | None = None,
) -> None:
    """Shows `draw(value)` under a slider that begins at `values[start]`.

    With a kernel, every move calls `draw` again; `continuous` allows numbers between
    the given ones. The static page shows the same figure from frames drawn beforehand.
    `alt` describes the figure, or is a function of the value that does. Fix the axes'
    limits in `draw`: then only what changes moves. `key` names the figure in links
    of the page.
    """
    if not 0 <= start < len(values):
        raise ValueError(f"start = {start}: there are {len(values)} values, from 0")
    if static_build():
        options = {"name": name, "start": start, "alt": alt, "unit": unit, "key": key}
        display(Frames(draw, values, **options))
        return
    control = _control(values, start, name=name, unit=unit, continuous=continuous)
    picture = ipywidgets.Output()

    def redraw(change: Any = None) -> None:
        with picture:  # an error in `draw` is shown there too
            clear_output(wait=True)
            text = alt_of(alt, name, control.value, unit)
            show(draw(control.value), alt=text)

    control.observe(redraw, "value")
    display(ipywidgets.VBox([control, picture]))
    redraw()


def _control(
    values: Sequence[Any], start: int, *, name: str, unit: str, continuous: bool
) -> ipywidgets.ValueWidget:
    look = {
        "description": name,
        "continuous_update": False,
        "style": {"description_width": "initial"},
        "layout": {"width": "min(100%, 32rem)"},
    }
    if not continuous:
        options = [(words(v, unit), v) for v in values]
        return ipywidgets.SelectionSlider(options=options, value=values[start], **look)
    low, high = min(values), max(values)
    if all(isinstance(v, int) for v in values):
        return ipywidgets.IntSlider(values[start], low, high, **look)
    step = (high - low) / 200
    return ipywidgets.FloatSlider(values[start], min=low, max=high, step=step, **look)
