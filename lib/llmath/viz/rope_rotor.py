"""a query, a key, their positions → pairs of coordinates that turn, and the score

The page turns pairs as `llmath.rope` does (neighbouring coordinates, θ_i =
base^{−2i/E}) and shows that the score depends on the distance alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets

from llmath.viz.live import LiveFigure

WIDTHS = (4, 8, 16, 32, 64, 128)
BASES = (100, 1_000, 10_000, 100_000, 500_000, 1_000_000)
MOST = 4096  # positions: beyond it the curve is finer than any screen


def examples() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Equal vectors, whose score shows the turning alone, and a random pair."""
    q, k = np.random.default_rng(0).standard_normal((2, WIDTHS[-1])).round(4)
    ones = np.ones(WIDTHS[-1])
    return {"all entries 1": (ones, ones), "random": (q, k)}


def checked(name: str, pair: Any) -> dict[str, Any]:
    """A query and a key of one even width, to six decimals; ValueError otherwise."""
    q, k = (np.asarray(x, np.float64) for x in pair)
    if q.shape != k.shape or q.ndim != 1 or not len(q) or len(q) % 2:
        raise ValueError(
            f"{name}: a query and a key of one even width, not {q.shape} and {k.shape}"
        )
    if not (np.isfinite(q).all() and np.isfinite(k).all()):
        raise ValueError(f"{name}: some entries are NaN or infinite")
    return {"name": name, "q": q.round(6).tolist(), "k": k.round(6).tolist()}


class RopeRotor(LiveFigure):
    """Query at m, key at n: every pair turns, and the score follows m − n alone.

    `vectors` names queries and keys, each (E,); of a smaller `width` the first entries
    are taken. Without them there are two examples, of all widths up to 128. State:
    `width`, `base`, `query_at` and `key_at` (0 … context − 1), `pair`, and `vectors` by
    number.
    """

    module = "rope_rotor"
    height = 780
    linked = ("width", "base", "query_at", "key_at", "pair", "vectors")
    given = traitlets.List().tag(sync=True)
    widths = traitlets.List().tag(sync=True)
    bases = traitlets.List().tag(sync=True)
    context = traitlets.Int().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    base = traitlets.Int().tag(sync=True)
    query_at = traitlets.Int().tag(sync=True)
    key_at = traitlets.Int().tag(sync=True)
    pair = traitlets.Int().tag(sync=True)
    vectors = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        vectors: Mapping[str, tuple[Any, Any]] | None = None,
        *,
        width: int | None = None,
        base: float = 10_000,
        context: int = 256,
        query_at: int = 40,
        key_at: int = 32,
        pair: int = 2,
        **kwargs: Any,
    ) -> None:
        named = examples() if vectors is None else vectors
        given = [checked(name, pair) for name, pair in named.items()]
        if not given:
            raise ValueError("there is no query and no key to turn: vectors={}")
        if not 2 <= context <= MOST:
            raise ValueError(f"context={context} is none of 2 … {MOST} positions")
        if not (base > 1 and float(base).is_integer()):
            raise ValueError(f"base={base} is no whole number above 1")
        base = int(base)
        widest = min(len(one["q"]) for one in given)
        width = width or (64 if vectors is None else widest)
        if width % 2 or not 2 <= width <= widest:
            raise ValueError(f"width={width}: even widths up to {widest} are there")
        own = {"widths": sorted({w for w in WIDTHS if w <= widest} | {width})}
        own |= {"bases": sorted({*BASES, base}), "given": given, "context": context}
        own |= {"width": width, "base": base, "pair": pair}
        own |= {"query_at": query_at, "key_at": key_at}
        kwargs.setdefault("alt", self.description(context))
        super().__init__(**own, **kwargs)

    @staticmethod
    def description(context: int) -> str:
        return (
            f"Rotary positions: the pairs of coordinates of a query at position m and "
            f"of a key at position n turn as arrows, for positions 0 to {context - 1}. "
            f"Their score depends on m − n alone; it is drawn against that distance."
        )

    def choices(self, name: str) -> Any:
        if name == "pair":
            return {"width": {width: width // 2 for width in self.widths}}
        offered = {"width": self.widths, "base": self.bases}
        counted = {"vectors": len(self.given)}
        return offered.get(name) or counted.get(name, self.context)

    @traitlets.validate("width", "base", "query_at", "key_at", "vectors", "pair")
    def _offered(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        known = max(self.widths) // 2 if name == "pair" else self.choices(name)
        if value not in (known if isinstance(known, list) else range(known)):
            known = known if isinstance(known, list) else f"0 … {known - 1}"
            raise ValueError(f"{name} = {value} is none of {known}")
        return value
