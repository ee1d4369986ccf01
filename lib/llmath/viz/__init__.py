"""arrays → figures: still ones that follow the theme, live ones that need no kernel"""

from . import style
from .attention_explorer import AttentionExplorer
from .frames import slider
from .glued import glue
from .live import LiveFigure
from .plotly import plot
from .source import show_source
from .svg import show

__all__ = [
    "AttentionExplorer",
    "LiveFigure",
    "glue",
    "plot",
    "show",
    "show_source",
    "slider",
    "style",
]
