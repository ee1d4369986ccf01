"""matplotlib figure → inline SVG that follows the page's theme

The figure is drawn with the palette's light shades; here each becomes a CSS variable.
Words stay text and take the page's font; formulas become outlines. The bytes depend on
the figure alone: no date, no random ids.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from PIL import Image

from llmath.viz import style
from llmath.viz.live import sheet, static_build

NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
NAMES = {pair.light: name for name, pair in style.shades().items()} | {"#000000": "ink"}
COLOUR = re.compile(r"(?<=: )#[0-9a-f]{6}\b")
MINUS = re.compile(r"(?<![\w.,/–-])-(?=\d)")  # not the hyphen of GPT-2 or 2026-01
PNG = re.compile(r'<image [^>]*?xlink:href="data:image/png;base64,([^"]*)"[^>]*?/>')


class PageRenderer(RendererSVG):
    """Words as text in the page's font, formulas as outlines that need no font."""

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None) -> None:
        kind = "path" if ismath else "none"
        with matplotlib.rc_context({"svg.fonttype": kind}):
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)


def drawn(fig: Figure) -> str:
    """What matplotlib writes, the same on every run."""
    for axes in fig.axes:
        if axes.images:
            axes.grid(visible=False)  # or it would be drawn over the image
    file, dpi = io.StringIO(), fig.dpi
    width, height = fig.get_size_inches()
    with matplotlib.rc_context({"svg.hashsalt": "llmath"}):
        fig.dpi = 72
        page = PageRenderer(
            width * 72, height * 72, file, image_dpi=dpi, metadata=NO_METADATA
        )
        renderer = MixedModeRenderer(fig, width, height, dpi, page)
        fig.draw(renderer)
        renderer.finalize()
        fig.dpi = dpi
    return file.getvalue()


def variable(name: str) -> str:
    """A colour of the palette as CSS; its light shade where no palette is loaded."""
    return f"var(--viz-{name},{style.shades()[name].light})"


def themed(svg: str) -> str:
    """Palette colours → CSS variables, in drawings and in pixel images."""
    svg = re.sub(r' fill="(#[0-9a-f]{6})"', r' style="fill: \1"', svg)
    svg = COLOUR.sub(
        lambda m: variable(NAMES[m[0]]) if m[0] in NAMES else m[0],
        svg,
    )
    return PNG.sub(lambda m: image_pair(m[0], m[1]), svg)


def image_pair(element: str, data: str) -> str:
    """An image of palette colours → two, of which the theme shows one."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))
    dark = pixels.copy()
    for pair in style.shades().values():
        light, other = (np.frombuffer(bytes.fromhex(c[1:]), "u1") for c in pair)
        dark[(pixels[..., :3] == light).all(-1), :3] = other
    if (dark == pixels).all():
        return element
    file = io.BytesIO()
    Image.fromarray(dark).save(file, "png")
    other = base64.b64encode(file.getvalue()).decode()
    return "".join(
        element.replace(data, d).replace("<image ", f'<image class="viz-{theme}" ')
        for theme, d in (("light", data), ("dark", other))
    )


def tidied(svg: str) -> str:
    """Only what is drawn: one element a line, ids only where something needs them."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.S)  # it would style the page
    no_seams = '<g shape-rendering="crispEdges"'
    svg = re.sub(r'<g id="QuadMesh_\d+"', no_seams, svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(
        r' (d|x|y)="([^"]*)"', lambda m: f' {m[1]}="{rounded(m[2])}"', svg, flags=re.S
    )
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", svg)
    svg = re.sub(r"<g>\s*</g>|<defs>\s*</defs>|<defs/>", "", svg)
    return re.sub(r"\n\s*", "\n", svg)


def rounded(numbers: str) -> str:
    """Coordinates to a hundredth of a point: finer than any screen."""
    short = re.sub(r"\d+\.\d+", lambda m: f"{float(m[0]):.2f}".rstrip("0"), numbers)
    return re.sub(r"\s+", " ", re.sub(r"\.(?!\d)", "", short)).strip()


def own_ids(svg: str, prefix: str) -> str:
    """References must not reach into another figure, which may be hidden."""
    svg = re.sub(r' id="', f' id="{prefix}-', svg)
    return re.sub(r'(href="|url\()#', rf"\1#{prefix}-", svg)


def to_svg(fig: Figure, *, alt: str, prefix: str = "") -> str:
    """The figure as an element for the page; `alt` is its accessible name.

    `prefix` makes the ids unique; if empty it is derived from the drawing.
    """
    if not alt.strip():
        raise ValueError("alt says what the figure shows to those who cannot see it")
    alt = MINUS.sub("−", alt)  # a hyphen is read out as a dash, or not at all
    body = tidied(themed(drawn(fig)))
    body = own_ids(body, prefix or "v" + hashlib.sha256(body.encode()).hexdigest()[:8])
    width, height = (round(72 * inches, 2) for inches in fig.get_size_inches())
    root = (
        f'<svg class="viz viz-still" role="img" aria-label="{html.escape(alt)}" '
        f'viewBox="0 0 {width:g} {height:g}" '
        f'style="display:block;width:100%;max-width:{width * 4 / 3:.0f}px;height:auto" '
        f'fill="currentColor" stroke-linejoin="round">'
    )
    return re.sub(r"<svg\b.*?>", lambda m: root, body, count=1, flags=re.S)


def look(svg: str) -> str:
    """In a notebook the palette comes with the figure; the site has it already."""
    if static_build():
        return svg
    names = set(re.findall(r"--viz-([\w-]+)", svg))
    return f"<style>{style.palette_css(names)}{sheet('still')}</style>{svg}"


def show(fig: Figure, *, alt: str) -> None:
    """Shows a matplotlib figure that follows the theme, light or dark."""
    svg = to_svg(fig, alt=alt)
    plt.close(fig)  # or the notebook would show it once more
    display({"text/html": look(svg), "text/plain": alt}, raw=True)
