"""width, temperature, scale, root → what becomes of the scores, weights and gradients

Every number is computed here with the library's attention and autograd, on one fixed
draw; the JavaScript looks it up. With entries of standard deviation σ the scores are
z = x · q₀ᵀk₀ with x = σ²/τ, divided by √E or not. The powers of two and four below make
the choices meet: 13 to 18 values of x serve all of them at a width.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from llmath.viz.live import LiveFigure

if TYPE_CHECKING:
    from torch import Tensor

WIDTHS = (1, 4, 16, 64, 256, 1024)
KEYS = (4, 16, 64)
TAUS = (0.25, 0.5, 1.0, 2.0, 4.0)
SIGMAS = (0.125, 0.25, 0.5, 1.0, 2.0)
LOWEST, HIGHEST = -8, 4  # log₂(σ²/τ)
QUERIES = 64  # of each head
NEARLY_ONE = 0.99
LAST = 16  # the histogram's last bin of its own; beyond it all scores share one
STEPS = 65535  # a share of the scores is stored as a multiple of 1/65535


def drawn(heads: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """q₀ and k₀ of the greatest width and g, all entries standard normal."""
    import torch

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(heads, 1, *shape, generator=generator).double()

    q, k = normal(QUERIES, WIDTHS[-1]), normal(KEYS[-1], WIDTHS[-1])
    return q, k, normal(QUERIES, KEYS[-1])


def summary(norms: Tensor) -> list[float]:
    """Median, mean and 99th percentile."""
    flat = norms.detach().numpy().ravel()
    return [float(np.median(flat)), float(flat.mean()), float(np.quantile(flat, 0.99))]


def measure(
    q: Tensor, k: Tensor, g: Tensor, *, tau: float = 1.0, root: bool = True
) -> dict[str, Any]:
    """z = q kᵀ / (√E τ), p = softmax(z), ℒ = Σ_j g_j p_j → entropies and gradients

    q (B H T E), k (B G S E), g (B H T S). Of all rows p: the mean entropy in nats, the
    share whose largest weight exceeds 0.99, and median, mean and 99th percentile of
    ‖∂ℒ/∂z‖ and ‖∂ℒ/∂q‖. `root=False` leaves √E out. A τ ≤ 0 raises a ValueError.
    Use float64: where softmax saturates, float32 leaves its rounding errors.
    """
    import torch

    from llmath.attention import attention_weights

    if not tau > 0:
        raise ValueError(f"a temperature is greater than 0, not {tau}")
    seen = {}

    def keep(name: str, x: Tensor) -> Tensor:
        x.retain_grad()
        seen[name] = x
        return x

    q = q.detach().clone().requires_grad_()
    factor = (1 if root else math.sqrt(q.shape[-1])) / tau
    p = attention_weights(q * factor, k, probe=keep)
    (p * g).sum().backward()
    return {
        "entropy": torch.special.entr(p).sum(-1).mean().item(),
        "sure": (p.amax(-1) > NEARLY_ONE).double().mean().item(),
        "dz": summary(seen["scores"].grad.norm(dim=-1)),
        "dq": summary(q.grad.norm(dim=-1)),
    }


def shares(scores: np.ndarray) -> np.ndarray:
    """Shares of the scores by whole numbers: < −16.5, around −16, …, 16, > 16.5."""
    end = LAST + 1
    bins = np.clip(np.rint(scores), -end, end).astype(int).ravel() + end
    return np.bincount(bins, minlength=2 * end + 1) / bins.size


def tables(heads: int, seed: int) -> dict[str, Any]:
    """For each width and each x from the least to the greatest, one row of numbers."""
    q, k, g = drawn(heads, seed)
    stats, histograms, rows, spread = [], [], [], []
    for fours, width in enumerate(WIDTHS):
        q_here, k_here = q[..., :width], k[..., :width]
        dots = (q_here @ k_here.mT).numpy()
        rows.append(dots[0, 0, 0])
        spread.append(float(dots.std()))
        for power in range(LOWEST - fours, HIGHEST + 1):
            tau = 2.0**-power
            histograms.append(shares(dots / tau))
            for keys in KEYS:
                found = measure(
                    q_here, k_here[:, :, :keys], g[..., :keys], tau=tau, root=False
                )
                numbers = found["entropy"], found["sure"], *found["dz"], *found["dq"]
                stats.append(numbers)
    return {
        "stats": np.array(stats, "<f4").tobytes(),
        "histograms": np.rint(np.array(histograms) * STEPS).astype("<u2").tobytes(),
        "dots": np.array(rows, "<f4").tobytes(),
        "spread": spread,
    }


OFFERED = {"width": WIDTHS, "tau": TAUS, "sigma": SIGMAS, "n_keys": KEYS}


class SoftmaxLab(LiveFigure):
    """Scores, weights, entropy and gradients, as width and scale are moved.

    `heads` times 64 queries meet the first `keys` of 64 keys; a narrower head takes the
    first `width` coordinates of the same draw. The state can be set from Python too:
    `width`, `tau`, `sigma`, `keys` (from WIDTHS, TAUS, SIGMAS, KEYS) and `root`.
    Off that grid, `measure(q, k, g, tau=…, root=…)` gives the same numbers.
    """

    module = "softmax_lab"
    height = 760
    linked = ("width", "tau", "sigma", "n_keys", "root")
    width = traitlets.Int(64).tag(sync=True)
    tau = traitlets.Float(1.0).tag(sync=True)
    sigma = traitlets.Float(1.0).tag(sync=True)
    n_keys = traitlets.Int(64).tag(sync=True)
    root = traitlets.Bool(True).tag(sync=True)
    grid = traitlets.Dict().tag(sync=True)
    stats = traitlets.Bytes().tag(sync=True)
    histograms = traitlets.Bytes().tag(sync=True)
    dots = traitlets.Bytes().tag(sync=True)

    def __init__(self, *, heads: int = 64, seed: int = 0, **kwargs: Any) -> None:
        if heads < 1:
            raise ValueError(f"the laboratory needs at least one head, not {heads}")
        found = tables(heads, seed)
        grid = {
            "width": WIDTHS,
            "tau": TAUS,
            "sigma": SIGMAS,
            "n_keys": KEYS,
            "spread": found.pop("spread"),
            "lowest": LOWEST,
            "highest": HIGHEST,
            "last": LAST,
            "heads": heads,
            "queries": QUERIES,
            "seed": seed,
        }
        kwargs.setdefault("alt", self.description(heads))
        super().__init__(grid=grid, **found, **kwargs)

    @staticmethod
    def description(heads: int) -> str:
        return (
            "Softmax laboratory: scores, one row of weights, entropy and gradient "
            f"norms of {heads * QUERIES} random queries, for head widths from "
            f"{WIDTHS[0]} to {WIDTHS[-1]}, with the root of the width or without it."
        )

    @traitlets.validate("width", "tau", "sigma", "n_keys")
    def _on_the_grid(self, proposal: dict[str, Any]) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        if value not in OFFERED[name]:
            raise ValueError(
                f"{name} = {value}: the figure holds {OFFERED[name]}; for others call "
                "llmath.viz.softmax_lab.measure"
            )
        return value

    def choices(self, name: str) -> Any:
        return list(OFFERED[name]) if name in OFFERED else super().choices(name)
