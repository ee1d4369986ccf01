"""step → learning rate

As a part of the peak rate, between 0 and 1, so that one schedule serves groups of
different rates: group["lr"] = group["initial_lr"] * cosine(step, total=1000).

Steps count from 0. During a warm-up of w steps the factor is 1/w, 2/w, …, 1: the first
step moves already. It then falls to φ, the `min_lr_ratio`, which it has reached at step
`total`, one after the last, and keeps from there on.
"""

import math
from collections.abc import Callable
from types import MappingProxyType

from llmath.border import count, number


def constant(
    step: int,
    *,
    total: int,
    warmup: int = 0,
    min_lr_ratio: float = 0.0,
    decay: int | None = None,
) -> float:
    """f(s) = min(1, (s + 1)/w)   {eq:warmup}; Goyal et al. 2017, §2.2

    `total` and `min_lr_ratio` stand here for the sake of the other schedules. Numbers
    that do not fit together and a `decay`, which is warmup_stable_decay's, raise a
    ValueError.
    """
    _check(step, total, warmup, min_lr_ratio, decay)
    _refuse(decay)
    return _warming(step, warmup)


def linear(
    step: int,
    *,
    total: int,
    warmup: int = 0,
    min_lr_ratio: float = 0.0,
    decay: int | None = None,
) -> float:
    """f(s) = φ + (1 − φ)(1 − u),  u = (s − w)/(T − w)   {eq:linear-schedule}

    After the warm-up of `constant`; φ is `min_lr_ratio`. Numbers that do not fit
    together and a `decay`, which is warmup_stable_decay's, raise a ValueError.
    """
    _check(step, total, warmup, min_lr_ratio, decay)
    _refuse(decay)
    if step < warmup:
        return _warming(step, warmup)
    phi = min_lr_ratio
    return phi + (1 - phi) * (1 - _passed(step, warmup, total))


def cosine(
    step: int,
    *,
    total: int,
    warmup: int = 0,
    min_lr_ratio: float = 0.0,
    decay: int | None = None,
) -> float:
    """f(s) = φ + (1 − φ)(1 + cos πu)/2,  u = (s − w)/(T − w)   {eq:cosine-schedule}

    Loshchilov & Hutter 2017, eq. 5, without restarts, after the warm-up of `constant`;
    φ is `min_lr_ratio`. Numbers that do not fit together and a `decay`, which is
    warmup_stable_decay's, raise a ValueError.
    """
    _check(step, total, warmup, min_lr_ratio, decay)
    _refuse(decay)
    if step < warmup:
        return _warming(step, warmup)
    u = _passed(step, warmup, total)
    phi = min_lr_ratio
    return phi + (1 - phi) * (1 + math.cos(math.pi * u)) / 2


def warmup_stable_decay(
    step: int,
    *,
    total: int,
    warmup: int = 0,
    min_lr_ratio: float = 0.0,
    decay: int | None = None,
) -> float:
    """f(s) = 1 until T − d,  then φ + (1 − φ)(T − s)/d   {eq:wsd-schedule}

    Hu et al. 2024, §4.2, with a straight decay: a run can be taken up again from its
    stable part and made longer. After the warm-up of `constant`; d is `decay`, the
    number of steps that fall, and φ is `min_lr_ratio`. Numbers that do not fit
    together, such as a warm-up and a decay that are longer than all steps, raise a
    ValueError.
    """
    count(1, decay=decay)
    _check(step, total, warmup, min_lr_ratio, decay)
    if step < warmup:
        return _warming(step, warmup)
    phi = min_lr_ratio
    return phi + (1 - phi) * (1 - _passed(step, total - decay, total))


SCHEDULES = MappingProxyType(
    {
        "constant": constant,
        "linear": linear,
        "cosine": cosine,
        "wsd": warmup_stable_decay,
    }
)


def schedule(name: str) -> Callable[..., float]:
    """The schedule of this name; a ValueError lists those that there are."""
    if name not in SCHEDULES:
        raise ValueError(f"no schedule {name!r}; there is {', '.join(SCHEDULES)}")
    return SCHEDULES[name]


def _warming(step: int, warmup: int) -> float:
    return (step + 1) / warmup if step < warmup else 1.0


def _passed(step: int, start: int, end: int) -> float:
    """u: 0 until `start`, 1 from `end` on, straight between."""
    if step >= end:
        return 1.0
    return max(0.0, (step - start) / (end - start))


def _check(
    step: int, total: int, warmup: int, min_lr_ratio: float, decay: int | None
) -> None:
    decay = 0 if decay is None else decay
    count(0, step=step, warmup=warmup, decay=decay)
    count(1, total=total)
    number(min_lr_ratio=min_lr_ratio)
    if not 0 <= min_lr_ratio <= 1:
        raise ValueError(
            f"min_lr_ratio is a part of the peak rate, 0 … 1, got {min_lr_ratio}"
        )
    if warmup + decay > total:
        needed = f"{warmup} steps of warm-up" + f" and {decay} of decay" * bool(decay)
        raise ValueError(f"{needed} do not fit into {total} steps")


def _refuse(decay: int | None) -> None:
    if decay:
        raise ValueError(
            f"decay={decay} belongs to warmup_stable_decay: the others fall over all "
            f"steps after the warm-up, or not at all"
        )
