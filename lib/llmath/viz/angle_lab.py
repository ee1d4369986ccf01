"""dimension, kind of vector → how far from orthogonal random directions are

The page draws the vectors and computes what they should do: the distribution of their
cosines, exactly; the chance of a large one; the bound 2 exp(−D t²/2) on it; and how
many vectors the union bound finds with all cosines below t.
"""

from __future__ import annotations

from typing import Any

import traitlets

from llmath.viz.live import LiveFigure

DIMENSIONS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 50, 64, 96, 128, 192, 256, 384, 576, 768,
              1024, 1536, 2048, 3072, 4096)  # fmt: skip
KINDS = ("signs", "gaussian", "sphere")
VECTORS = 128  # drawn; all their pairs are compared


class AngleLab(LiveFigure):
    """Cosines between random vectors: those drawn, the exact law, the tail bound.

    State: `dimension` (one of DIMENSIONS), `kind` (signs, gaussian or sphere),
    `hundredths` (the threshold t = hundredths/100), `zoom` (the axis ends at 5/√D).
    `seed` makes the draw.
    """

    module = "angle_lab"
    height = 555
    linked = ("dimension", "kind", "hundredths", "zoom")
    dimension = traitlets.Int(768).tag(sync=True)
    kind = traitlets.Enum(KINDS, "signs").tag(sync=True)
    hundredths = traitlets.Int(20).tag(sync=True)
    zoom = traitlets.Bool(False).tag(sync=True)
    dimensions = traitlets.List(list(DIMENSIONS)).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(self, *, seed: int = 0, **kwargs: Any) -> None:
        if not 0 <= seed < 2**16:
            raise ValueError(f"seed={seed} is none of 0 … {2**16 - 1}")
        kwargs.setdefault("alt", self.description())
        super().__init__(seed=seed, **kwargs)

    @staticmethod
    def description() -> str:
        return (
            f"Laboratory of angles: the cosines of all pairs of {VECTORS} random "
            f"vectors in {DIMENSIONS[0]} to {DIMENSIONS[-1]} dimensions spread by 1/√D "
            f"around 0; beside them the exact distribution and the bound "
            f"2·exp(−D t²/2) on the chance that a cosine exceeds t."
        )

    @traitlets.validate("dimension", "hundredths")
    def _offered(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        if value not in (known := self.choices(name)):
            raise ValueError(f"{name} = {value} is none of {known}")
        return value

    def choices(self, name: str) -> Any:
        offered = {"dimension": list(DIMENSIONS), "hundredths": list(range(1, 100))}
        return offered.get(name) or super().choices(name)
