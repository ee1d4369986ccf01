"""the numbers of a training run → nothing, or a ValueError that names the field"""

import math
import re
from typing import Any

from llmath.border import count, described, number, of_kind, positive
from llmath.optim.checks import check_numbers
from llmath.schedule import SCHEDULES

COLDEST = 1e-6  # it takes the likeliest token already; far below, logits overflow
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")  # whether it is there is asked later


def check_ranges(config: Any) -> None:
    """Each number of a TrainConfig within its range, and its switch a yes or a no.

    What is not raises a ValueError that names the field and says what was given.
    """
    c = config
    positive(lr=c.lr, adamw_lr=c.adamw_lr)
    if c.clip is not None:
        positive(clip=c.clip)
    names = ("steps", "batch_size", "accumulate", "evaluate_every", "save_every")
    count(**{name: getattr(c, name) for name in (*names, "keep")})
    count(0, seed=c.seed, warmup=c.warmup, sample_tokens=c.sample_tokens)
    if c.accumulate > c.batch_size:
        raise ValueError(
            f"a batch of batch_size={c.batch_size} windows does not come in "
            f"accumulate={c.accumulate} parts"
        )
    SCHEDULES[c.schedule](0, **c.falling)
    number(weight_decay=c.weight_decay)
    if not 0 <= c.weight_decay < math.inf:
        raise ValueError(f"weight_decay is 0 or more, not {c.weight_decay}")
    _check_samples(c)
    _check_rule(c)
    _check_place(c)


def _check_samples(c: Any) -> None:
    """What is written on the way: seen now, not when the first sample is due."""
    number(temperature=c.temperature)
    if c.temperature != 0 and not COLDEST <= c.temperature < math.inf:
        raise ValueError(
            f"temperature is 0, which takes the likeliest token, or {COLDEST:g} and "
            f"more, not {c.temperature}"
        )
    if c.sample_tokens and c.model.context_length < 2:
        raise ValueError(
            f"a context_length of {c.model.context_length} leaves samples no room to "
            f"write in: choose sample_tokens=0, or a longer context"
        )


def _check_rule(c: Any) -> None:
    """What the update remembers."""
    for name in ("betas", "keep_steps"):
        of_kind(tuple, **{name: getattr(c, name)})
    if len(c.betas) != 2:
        raise ValueError(f"betas are two numbers, β₁ and β₂; got {c.betas!r:.60}")
    for i, beta in enumerate(c.betas):
        number(**{f"betas[{i}]": beta})
        if not 0 <= beta < 1:
            raise ValueError(f"betas[{i}] is at least 0 and below 1, not {beta}")
    if c.momentum is not None:
        check_numbers(momentum=c.momentum)
    if c.optimizer == "nesterov" and c.momentum == 0:
        raise ValueError("momentum=0 leaves nesterov nothing to look ahead with")


def _check_place(c: Any) -> None:
    """What is kept back, what is kept, and where it is computed."""
    for step in c.keep_steps:
        count(0, keep_steps=step)
    number(validation=c.validation)
    if not 0 < c.validation < 1:
        raise ValueError(
            f"validation is a share of the text between 0 and 1, not {c.validation}"
        )
    of_kind(bool, activation_checkpointing=c.activation_checkpointing)
    if not isinstance(c.device, str) or not _DEVICE.fullmatch(c.device):
        raise ValueError(
            f"device={described(c.device)} is no device; there is auto, cpu, cuda, "
            f"cuda:0 and so on, and mps"
        )
