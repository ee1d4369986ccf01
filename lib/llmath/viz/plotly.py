"""plotly figure → the book's look, and on the page a figure that follows the theme

The figure is styled with the palette's light shades. On the static page plotly.js keeps
to one rule: a light shade is replaced by what its CSS variable says now.
"""

from __future__ import annotations

import itertools
import json
from html import escape
from typing import Any

import plotly.graph_objects as go
import plotly.io
from IPython.display import display

from llmath.viz import style
from llmath.viz.live import embed, static_build

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif'
MARGIN = {"l": 64, "r": 16, "t": 52, "b": 56}  # px
LEGEND, MENU = 28, 36  # px more at the top, if there is one
HEIGHT = 400  # px, unless the figure has its own
_numbers = itertools.count()


def scale(name: str) -> list[list[Any]]:
    """A map of the palette as a plotly colour scale."""
    colours = style.levels(name)
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def layout() -> dict[str, Any]:
    """The house layout: what matplotlib's `style.rc()` says, in plotly's words."""
    axis = {
        "gridcolor": style.rule,
        "linecolor": style.soft,
        "showline": True,
        "tickcolor": style.soft,
        "ticks": "outside",
        "zerolinecolor": style.rule,
        "title": {"font": {"size": 14}, "standoff": 8},
        "automargin": True,
    }
    menu = {  # under the title, at the figure's edge as it is
        "bgcolor": style.paper,
        "bordercolor": style.grey,
        "pad": {"b": 10, "l": -MARGIN["l"]},
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
    }
    return {
        "autosize": True,
        "colorscale": {
            "sequential": scale("attention"),
            "sequentialminus": scale("attention"),
            "diverging": scale("signed"),
        },
        "colorway": [shade.light for shade in style.SERIES.values()],
        "height": HEIGHT,
        "font": {"family": FONT, "size": 13, "color": style.ink},
        "hoverlabel": {
            "bgcolor": style.paper,
            "bordercolor": style.grey,
            "font": {"color": style.ink, "family": FONT},
        },
        "legend": {
            "bgcolor": "rgba(0,0,0,0)",
            "orientation": "h",  # above the plot: phones have no room beside it
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
        },
        "margin": MARGIN,
        "modebar": {
            "bgcolor": style.paper,
            "color": style.soft,
            "activecolor": style.ink,
        },
        "paper_bgcolor": style.paper,
        "plot_bgcolor": style.paper,
        "sliderdefaults": {
            "activebgcolor": style.blue,
            "bgcolor": style.rule,
            "bordercolor": style.grey,
            "currentvalue": {"font": {"size": 14}},
            "pad": {"t": 48},  # px, below the axis's title
            "tickcolor": style.soft,
        },
        "title": {
            "font": {"size": 16, "weight": "bold"},
            "x": 0,
            "xanchor": "left",
            "xref": "container",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 14},
        },
        "updatemenudefaults": menu,
        "xaxis": axis | {"showgrid": False},
        "yaxis": axis,
    }


def template() -> go.layout.Template:
    """The book's look: its typeface, its series of colours, its scale for weights."""
    heat = {
        "colorbar": {"outlinewidth": 0, "thickness": 14},
        "colorscale": scale("attention"),
    }
    return go.layout.Template(
        layout=layout(), data={"heatmap": [heat], "contour": [heat]}
    )


def arranged(fig: go.Figure) -> go.Figure:
    """In the house layout, with a row each for the title, a menu and the legend."""
    fig = go.Figure(fig).update_layout(template=template())
    own = fig.layout.template.layout
    legend = fig.layout.showlegend
    if legend is None:
        legend = len(fig.data) > 1
    if fig.layout.updatemenus:
        own.margin.t += MENU
        if fig.layout.legend.y is None:
            own.legend.update(yref="container", y=0, yanchor="bottom")
    elif legend:
        own.margin.t += LEGEND
    return fig


def plot(fig: go.Figure, *, alt: str) -> None:
    """Shows a plotly figure in the book's look; `alt` says what it shows.

    It needs a title that states the finding, and one for each axis. The static page
    loads plotly.js when the figure is near.
    """
    if not alt.strip():
        raise ValueError("alt says what the figure shows to those who cannot see it")
    _need_titles(fig)
    fig = arranged(fig)
    if not static_build():
        display(fig)
        return
    state = {
        "alt": alt,
        "figure": json.loads(plotly.io.to_json(fig, validate=False)),
        "names": {pair.light: name for name, pair in style.shades().items()},
    }
    page = embed(
        "plotly",
        state,
        key=f"plotly-{next(_numbers)}",
        height=fig.layout.height or HEIGHT,
        still=f"<p>{escape(alt)}</p>",
    )
    display({"text/html": page, "text/plain": alt}, raw=True)


def _need_titles(fig: go.Figure) -> None:
    untitled = [
        axis.plotly_name
        for axis in (*fig.select_xaxes(), *fig.select_yaxes())
        if not axis.title.text and axis.visible is not False
    ]
    if not fig.layout.title.text:
        untitled.insert(0, "figure")
    if untitled:
        raise ValueError(f"no title: {', '.join(untitled)}; say what is measured there")
