"""arrays → figures: still ones that follow the theme, live ones that need no kernel"""

from . import style
from .attention_explorer import AttentionExplorer
from .live import LiveFigure

__all__ = ["AttentionExplorer", "LiveFigure", "style"]
