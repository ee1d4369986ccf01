"""One figure of each kind, on arrays that the tests know"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go

from llmath.viz import AttentionExplorer, MaskPlayground, SoftmaxLab, plotly


def maps_of(layers, heads, size, *, causal=True, seed=0):
    """Rows that sum to one, from random scores."""
    scores = np.random.default_rng(seed).normal(size=(layers, heads, size, size))
    mask = np.tril(np.ones((size, size))) if causal else np.ones((size, size))
    a = np.exp(2 * scores) * mask
    return a / a.sum(-1, keepdims=True)


LAYERS, HEADS = 4, 3
EVIL = "<img src=x onerror=alert(1)>"
TOKENS = [
    ["The", " cat", " that", " ran", "</script>", EVIL, "."],
    ["so", " it", " is"],
]
MAPS = [
    maps_of(LAYERS, HEADS, 7, seed=1),
    maps_of(LAYERS, HEADS, 3, seed=2, causal=False),
]

SCORES = [0.5, 3.25, -2.0, 4.5, 1.0, 4.5, -9.0]
VALUES = np.random.default_rng(4).normal(size=(7, 3)).round(3)
SHAPE = LAYERS, HEADS


def scores(seed: int, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.6, 2, size=shape)


def role(seed: int, shape=SHAPE, **more) -> dict:
    own = scores(seed, shape)
    return {
        "score": own,
        "low": np.maximum(own - 0.05, 0),
        "high": np.minimum(own + 0.05, 1),
        "baselines": {
            "distractor": scores(seed + 50, shape),
            "offset": scores(seed + 60, shape),
        },
        "n": 40 + seed,
        "note": "A note.",
    } | more


ROLES = {"subject": role(1), "noun": role(2),
         "sink": {"score": scores(3), "n": 12}}  # fmt: skip


def bars(height):
    fig, ax = plt.subplots()
    ax.bar(["cat", "dog"], [height, 1])
    ax.set(xlabel="token", ylabel="score", title=f"Height {height}", ylim=(0, 5))
    return fig


def heat():
    fig, ax = plt.subplots()
    image = ax.imshow(np.eye(3), vmin=0, vmax=1, cmap="attention")
    fig.colorbar(image, label="weight")
    ax.set(xlabel="key", ylabel="query", title="Each looks at itself")
    return fig


class Shown:
    """What a function of viz displays, as if it were a figure with a bundle."""

    def __init__(self, module: ModuleType, show: Callable[[], None]) -> None:
        found = []
        before, module.display = module.display, lambda data, raw: found.append(data)
        show()
        module.display = before
        self._repr_mimebundle_ = found.pop


def explorer(**kwargs):
    sentences = [("first", TOKENS[0], MAPS[0]), ("second", TOKENS[1], MAPS[1])]
    return AttentionExplorer(sentences, layer=2, head=1, query="ran", **kwargs)


def plotted():
    fig = go.Figure(go.Bar(x=["a", "b"], y=[1, 2]))
    fig.update_layout(title="Bars", xaxis_title="token", yaxis_title="score")
    return Shown(plotly, lambda: plotly.plot(fig, alt="Two bars in plotly."))


def laboratory(**kwargs):
    return SoftmaxLab(heads=2, seed=3, **kwargs)


def playground(**kwargs):
    return MaskPlayground.from_seed(base=100.0, **kwargs)
