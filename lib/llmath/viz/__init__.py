"""arrays → figures: still ones that follow the theme, live ones that need no kernel"""

from . import style
from .live import LiveFigure

__all__ = ["LiveFigure", "style"]
