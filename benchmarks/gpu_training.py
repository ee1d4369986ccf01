"""A training step: this library beside transformers, in alternating rounds

The same weights and the same batch. Every contender first walks a few steps, which are
held against the explicit path's in float32; only who keeps to them is timed.
"""

from functools import partial

import torch
from agreement import Row, tried
from clock import clock
from contenders import (
    NAMES,
    PAIR,
    Batch,
    Contender,
    Plan,
    contender,
    first,
    fitting,
    free,
    make,
    some_batch,
)

from llmath.model import Transformer
from llmath.runtime import can_compute, float_type
from llmath.train import Engine, Peak, TrainConfig, find_peak

Walk = list[tuple[float, float]]  # losses and gradient norms, step by step
STEPS = 4  # that contenders are followed for: a wrong gradient shows in the second
# How far losses and the first gradient's norm may be off, as a part of the reference.
OFF = {"float32": 1e-4, "bfloat16": 5e-3}


def walk(who: Contender, batch: Batch) -> Walk:
    """The losses and gradient norms of the first steps, from the first weights."""
    found = [who.step(batch) for _ in range(STEPS)]
    who.reset()
    return found


def reference(plan: Plan, batch: Batch) -> Walk:
    """The walk of the explicit path in float32, one window after the other."""
    B, device = len(batch[0]), str(batch[0].device)
    how = {"batch_size": B, "accumulate": B, "kernels": "explicit", "device": device}
    engine = Engine(Transformer(plan.config), TrainConfig(**how))
    return walk(contender(engine.model, engine.gradient, impl="explicit"), batch)


def agreement(
    found: tuple[Walk, str | None], expected: tuple[Walk, str | None], tolerance: float
) -> Row:
    """Whether a walk is the reference's: its losses, its first norm, and downwards."""
    for _, why in (found, expected):
        if why is not None:
            return {"holds": False, "failed": why}
    (mine, _), (right, _) = found, expected
    pairs = [(a[0], b[0]) for a, b in zip(mine, right, strict=True)]
    pairs.append((mine[0][1], right[0][1]))
    error = max(abs(a - b) / abs(b) for a, b in pairs)
    losses = [loss for loss, _ in mine]
    return {
        "losses": losses,
        "gradient_norm": mine[0][1],
        "error": error,
        "tolerance": tolerance,
        "holds": error <= tolerance and losses[-1] < losses[0],
    }


def training(plan: Plan, device: torch.device) -> Row:
    """Who fits, who agrees, and how fast they are, with the peak that MFU is of."""
    about = {"dtype": plan.dtype, "asked": plan.B, "T": plan.config.context_length}
    if not can_compute(device, float_type(plan.dtype)):
        return about | {"left_out": f"{device} does not compute in {plan.dtype}"}
    torch.compiler.reset()
    free()
    batch = some_batch(plan, device)
    there, rows = everyone(plan, batch)
    if {row.get("B", plan.B) for row in rows.values()} != {plan.B}:
        torch.compiler.reset()  # a second size would be compiled for all sizes
    expected = {}
    for name, who in there.items():
        B = rows[name]["B"]
        if B not in expected:
            expected[B] = tried(reference, plan, first(batch, B))
        found = tried(walk, who, first(batch, B))
        rows[name] |= agreement(found, expected[B], OFF[plan.dtype])
    rows |= timed(there, rows, batch, plan.rounds)
    return about | with_mfu(rows, plan, find_peak(device, float_type(plan.dtype)))


def everyone(plan: Plan, batch: Batch) -> tuple[dict[str, Contender], dict[str, Row]]:
    """Those who can make a step, and with how many windows: the pair with equally many.

    All are in memory together, as they are when they are timed.
    """
    there, rows = {}, {}
    for name in NAMES:
        who, why = tried(make, name, plan, batch[0].device)
        room, why = (None, why) if why else tried(fitting, who, batch)
        if why is None:
            there[name], rows[name] = who, {"B": room}
        else:
            rows[name] = {"holds": False, "failed": why}
        del who
        free()
    shared = [rows[name]["B"] for name in PAIR if name in there]
    for name in there:
        rows[name]["B"] = min([rows[name]["B"], *shared])
    return there, rows


def timed(
    there: dict[str, Contender], rows: dict[str, Row], batch: Batch, rounds: int
) -> dict[str, Row]:
    """The rows of those that agree, with their clock."""
    agreed = {name: who for name, who in there.items() if rows[name]["holds"]}
    steps = {
        name: partial(who.step, first(batch, rows[name]["B"]))
        for name, who in agreed.items()
    }
    tokens = {name: rows[name]["B"] * batch[0].shape[1] for name in agreed}
    found = clock(steps, tokens=tokens, rounds=rounds, device=batch[0].device)
    return {row["contender"]: rows[row["contender"]] | row for row in found}


def with_mfu(rows: dict[str, Row], plan: Plan, peak: Peak) -> Row:
    """Every speed as a part of the peak, and the pair's ratio."""
    timed = [row for row in rows.values() if "tokens_per_second" in row]
    for row in timed:
        row["mfu"] = peak.utilisation(
            plan.config, plan.config.context_length, row["tokens_per_second"]
        )
    ours, others = (rows[name].get("tokens_per_second") for name in PAIR)
    return {
        "peak": vars(peak),
        "ours_over_theirs": ours / others if ours and others else None,
        "rows": [{"contender": name} | row for name, row in rows.items()],
    }
