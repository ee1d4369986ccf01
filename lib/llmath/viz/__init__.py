"""arrays → figures: still ones that follow the theme, live ones that need no kernel"""

from llmath.viz import style
from llmath.viz.angle_lab import AngleLab
from llmath.viz.attention_explorer import AttentionExplorer
from llmath.viz.bpe_trainer import BPETrainer
from llmath.viz.embedding_explorer import EmbeddingExplorer
from llmath.viz.frames import slider
from llmath.viz.glued import glue
from llmath.viz.head_roles import HeadRoles
from llmath.viz.language_comparison import LanguageComparison
from llmath.viz.live import LiveFigure
from llmath.viz.mask_playground import MaskPlayground
from llmath.viz.online_softmax import OnlineSoftmax
from llmath.viz.plotly import plot
from llmath.viz.rope_rotor import RopeRotor
from llmath.viz.softmax_lab import SoftmaxLab
from llmath.viz.source import show_source
from llmath.viz.svg import show
from llmath.viz.tokenizer_playground import TokenizerPlayground
from llmath.viz.vectors_learning import VectorsLearning
from llmath.viz.zipf_explorer import ZipfExplorer

__all__ = [
    "AngleLab",
    "AttentionExplorer",
    "BPETrainer",
    "EmbeddingExplorer",
    "HeadRoles",
    "LanguageComparison",
    "LiveFigure",
    "MaskPlayground",
    "OnlineSoftmax",
    "RopeRotor",
    "SoftmaxLab",
    "TokenizerPlayground",
    "VectorsLearning",
    "ZipfExplorer",
    "glue",
    "plot",
    "show",
    "show_source",
    "slider",
    "style",
]
