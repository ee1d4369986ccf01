"""scores of all heads for some roles → the table of heads, beside its baselines"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets

from llmath.viz.attention_explorer import AttentionExplorer
from llmath.viz.live import LiveFigure, static_build

STEPS = 32767  # a score is stored as a multiple of 1/32767: off by at most 1.6e-5
PLACE = re.compile(r"[\w./-]*#[A-Za-z][\w-]*", re.A)  # no scheme, no quotes
BASELINES = {  # of a HeadTable: its columns, as a reader is told
    "weight": {
        "strongest distractor": "distractor",
        "where the role is absent": "control_weight",
        "the same distance": "offset",
        "looking evenly": "chance_weight",
    },
    "wins": {
        "where the role is absent": "control_wins",
        "looking evenly": "chance_wins",
    },
}


def from_table(table: Any, *, score: str = "weight", note: str = "") -> dict[str, Any]:
    """A table of heads, as `llmath.interpret.head_table` makes it → one role's entry.

    Asked of it: `n`, the columns `weight` (or `wins`), its `_low` and `_high`, and the
    baselines; each column of shape (L, H), or one number for all heads.
    """
    if score not in BASELINES:
        raise ValueError(f"score={score!r} is none of {', '.join(BASELINES)}")
    own = np.asarray(getattr(table, score), float)
    columns = BASELINES[score].items()
    return {
        "score": own,
        "low": getattr(table, f"{score}_low"),
        "high": getattr(table, f"{score}_high"),
        "baselines": {
            name: np.broadcast_to(np.asarray(getattr(table, column)), own.shape)
            for name, column in columns
        },
        "n": table.n,
        "note": note,
    }


def pack(values: Any, shape: tuple[int, ...], name: str) -> bytes:
    """Numbers in [−1, 1], by layers, as little-endian int16."""
    array = np.asarray(values, np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} has the shape {array.shape}, the scores {shape}")
    if not (array.min() >= -1 and array.max() <= 1):  # also false for NaN
        raise ValueError(
            f"{name} reaches from {array.min():g} to {array.max():g}; the figure shows "
            f"weights, shares and their differences, in [−1, 1]"
        )
    return np.rint(array * STEPS).astype("<i2").tobytes()


def entry(name: str, role: Any) -> tuple[dict[str, Any], tuple[int, ...]]:
    """A role as the JavaScript reads it, and the shape of its table."""
    given = role if isinstance(role, Mapping) else from_table(role)
    missing = [k for k in ("score", "n") if k not in given]
    if missing:
        raise ValueError(f"role {name!r} lacks {' and '.join(missing)}")
    shape = np.shape(given["score"])
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"role {name!r}: scores have the shape (L, H), not {shape}")
    bounds = [k for k in ("low", "high") if given.get(k) is not None]
    if len(bounds) == 1:
        raise ValueError(f"role {name!r} has only one end of an interval, {bounds[0]}")
    packed = {k: pack(given[k], shape, f"{name}: {k}") for k in ("score", *bounds)}
    baselines = {
        text: pack(values, shape, f"{name}: {text}")
        for text, values in (given.get("baselines") or {}).items()
    }
    count, note = int(given["n"]), str(given.get("note", ""))
    said = {"name": name, "n": count, "note": note, "baselines": baselines}
    return said | packed, shape


class HeadRoles(LiveFigure):
    """Every head's score for a role, the baselines beside it, and the ten best.

    `roles` maps a role's name to {"score": (L, H), "low", "high", "baselines":
    {name: (L, H)}, "n": sentences, "note"}, or to a `llmath.interpret.HeadTable`.
    State: `role`, `minus` (0 for the score itself, i for the score minus the i-th
    baseline), `layer`, `head`. `explorer` is what opens at the chosen head: an
    AttentionExplorer, or the address of one, "#heads" or "03_attention.html#heads".
    """

    module = "head_roles"
    height = 690
    linked = ("role", "minus", "layer", "head")
    roles = traitlets.List().tag(sync=True)
    layers = traitlets.Int().tag(sync=True)
    heads = traitlets.Int().tag(sync=True)
    explorer = traitlets.Unicode().tag(sync=True)
    role = traitlets.Int(0).tag(sync=True)
    minus = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        roles: Mapping[str, Any],
        *,
        explorer: AttentionExplorer | str | None = None,
        **kwargs: Any,
    ) -> None:
        if not roles:
            raise ValueError("the figure needs at least one role")
        entries, shapes = zip(*(entry(k, r) for k, r in roles.items()), strict=True)
        if len(set(shapes)) > 1:
            raise ValueError(f"all roles must be of one model, not of {set(shapes)}")
        layers, heads = shapes[0]
        shown = entries[kwargs.get("role", 0)]
        best = int(np.argmax(np.frombuffer(shown["score"], "<i2")))
        kwargs.setdefault("layer", best // heads)
        kwargs.setdefault("head", best % heads)
        kwargs.setdefault("alt", self.description(entries, layers, heads))
        super().__init__(
            roles=list(entries),
            layers=layers,
            heads=heads,
            explorer=self._place(explorer),
            **kwargs,
        )
        if isinstance(explorer, AttentionExplorer) and not static_build():
            for name in ("layer", "head"):
                traitlets.dlink((self, name), (explorer, name))

    @staticmethod
    def _place(explorer: AttentionExplorer | str | None) -> str:
        """Addresses lead to figures on the static page; a notebook has none."""
        if isinstance(explorer, AttentionExplorer):
            explorer = f"#{explorer.key}"
        if explorer and not PLACE.fullmatch(explorer):
            raise ValueError(f'explorer={explorer!r} is not like "page.html#key"')
        return explorer if explorer and static_build() else ""

    @staticmethod
    def description(entries: tuple[dict, ...], layers: int, heads: int) -> str:
        best = []
        for role in entries:
            scores = np.frombuffer(role["score"], "<i2") / STEPS
            layer, head = divmod(int(scores.argmax()), heads)
            best.append(f"{role['name']} {layer}.{head} ({scores.max():.2f})")
        return (
            f"Table of all {layers * heads} heads, {layers} layers of {heads}, scored "
            f"for {len(best)} role{'s' * (len(best) > 1)}. Highest: {', '.join(best)}."
        )

    def choices(self, name: str) -> Any:
        return {
            "role": len(self.roles),
            "minus": {"role": [1 + len(r["baselines"]) for r in self.roles]},
            "layer": self.layers,
            "head": self.heads,
        }[name]

    @traitlets.validate("role", "minus", "layer", "head")
    def _within(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        size = self.choices(name)
        size = size["role"][self.role] if isinstance(size, dict) else size
        if not 0 <= value < size:
            raise ValueError(
                f"{name} = {value}: there are {size}, from 0 to {size - 1}"
            )
        return value
