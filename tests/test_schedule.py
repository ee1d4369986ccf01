"""Schedules at their corners, by hand, and beside PyTorch's"""

import math
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.schedule import (
    SCHEDULES,
    constant,
    cosine,
    linear,
    schedule,
    warmup_stable_decay,
)

TOTAL, WARMUP, FLOOR, DECAY = 20, 4, 0.1, 8
AT = {"total": TOTAL, "warmup": WARMUP, "min_lr_ratio": FLOOR}
# first, second and last step of the warm-up; the step after; half of the fall; the last
# step; the end; beyond
STEPS = (0, 1, 3, 4, 12, 19, 20, 1000)
BY_HAND = {
    "constant": (0.25, 0.5, 1, 1, 1, 1, 1, 1),
    "linear": (0.25, 0.5, 1, 1, 0.55, 0.1 + 0.9 / 16, 0.1, 0.1),
    "cosine": (
        *(0.25, 0.5, 1, 1, 0.55),
        0.1 + 0.45 * (1 - math.cos(math.pi / 16)),
        *(0.1, 0.1),
    ),
    "wsd": (0.25, 0.5, 1, 1, 1, 0.1 + 0.9 / 8, 0.1, 0.1),
}


def options(name: str) -> dict:
    return AT | ({"decay": DECAY} if name == "wsd" else {})


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_corner_by_hand(name):
    found = [SCHEDULES[name](step, **options(name)) for step in STEPS]
    assert found == pytest.approx(BY_HAND[name], rel=1e-14)


def test_where_the_stable_part_ends():
    found = [warmup_stable_decay(s, **options("wsd")) for s in (11, 12, 13, 16)]
    assert found == pytest.approx([1, 1, 0.1 + 0.9 * 7 / 8, 0.55], rel=1e-14)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
def test_without_a_warm_up_the_first_step_has_the_whole_rate(name):
    assert SCHEDULES[name](0, total=10) == 1.0


def test_a_warm_up_of_all_steps_ends_at_the_peak():
    for name in ("constant", "linear", "cosine"):
        found = [
            SCHEDULES[name](s, total=3, warmup=3, min_lr_ratio=0.5) for s in range(4)
        ]
        assert found[:3] == [1 / 3, 2 / 3, 1.0]
        assert found[3] == (1.0 if name == "constant" else 0.5)


def rates(make, steps: int) -> list[float]:
    """What a scheduler of PyTorch sets, for a rate of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps without an optimizer's step
        scheduler, found = make(optimizer), []
        for _ in range(steps):
            found.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return found


def test_cosine_is_pytorchs():
    theirs = rates(
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50, eta_min=0.2), 51
    )
    ours = [cosine(s, total=50, min_lr_ratio=0.2) for s in range(51)]
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_linear_is_pytorchs():
    theirs = rates(
        lambda o: torch.optim.lr_scheduler.LinearLR(
            o, start_factor=1.0, end_factor=0.2, total_iters=50
        ),
        60,
    )
    ours = [linear(s, total=50, min_lr_ratio=0.2) for s in range(60)]
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_warm_up_is_pytorchs():
    theirs = rates(
        lambda o: torch.optim.lr_scheduler.LinearLR(
            o, start_factor=1 / 8, total_iters=7
        ),
        20,
    )
    ours = [constant(s, total=20, warmup=8) for s in range(20)]
    assert ours == pytest.approx(theirs, rel=1e-12)


@st.composite
def settings(draw):
    total = draw(st.integers(1, 30))
    decay = draw(st.integers(1, total))
    warmup = draw(st.integers(0, total - decay))
    return {
        "total": total,
        "warmup": warmup,
        "min_lr_ratio": draw(st.floats(0, 1)),
    }, decay


@given(settings(), st.sampled_from(sorted(SCHEDULES)))
def test_up_to_one_then_down_to_the_floor(setting, name):
    numbers, decay = setting
    numbers |= {"decay": decay} if name == "wsd" else {}
    warmup, total, floor = (numbers[k] for k in ("warmup", "total", "min_lr_ratio"))
    found = [SCHEDULES[name](s, **numbers) for s in range(total + 3)]
    rising, falling = found[:warmup], found[warmup:]
    assert all(0 < f <= 1 for f in rising)
    assert all(floor - 1e-15 <= f <= 1 for f in falling)
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert max(found) == pytest.approx(1.0, rel=1e-15)
    if name != "constant":
        assert set(found[total:]) == {floor}


def test_by_name():
    assert list(SCHEDULES) == ["constant", "linear", "cosine", "wsd"]
    assert schedule("wsd") is warmup_stable_decay
    with pytest.raises(ValueError, match="no schedule 'exp'; there is constant, lin"):
        schedule("exp")


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"warmup": 21}, "21 steps of warm-up .*do not fit into 20 steps"),
        ({"warmup": -1}, "warmup should be a whole number of at least 0, got -1"),
        ({"warmup": 0.1}, r"warmup should be a whole number .* got 0\.1"),
        ({"total": 0}, "total should be a whole number of at least 1, got 0"),
        (
            {"min_lr_ratio": 1.5},
            r"min_lr_ratio is a part of the peak rate, 0 … 1, got 1\.5",
        ),
        ({"min_lr_ratio": -0.1}, r"got -0\.1"),
        ({"min_lr_ratio": float("nan")}, "got nan"),
        ({"step": -1}, "step should be a whole number of at least 0, got -1"),
        ({"decay": -1}, r"decay.*-1"),
    ],
)
@pytest.mark.usefixtures("untyped")
def test_refusals(name, wrong, message):
    with pytest.raises(ValueError, match=message):
        SCHEDULES[name](**({"step": 1} | options(name) | wrong))


@pytest.mark.usefixtures("untyped")
def test_decay_belongs_to_wsd():
    for f in (constant, linear, cosine):
        assert f(3, total=5, decay=0) == f(3, total=5, decay=None) == f(3, total=5)
        with pytest.raises(ValueError, match="decay=2 belongs to warmup_stable_decay"):
            f(3, total=5, decay=2)
    for missing in ({}, {"decay": 0}):
        with pytest.raises(ValueError, match="decay should be a whole number of at l"):
            warmup_stable_decay(3, total=5, **missing)
    with pytest.raises(ValueError, match=r"3 steps of warm-up and 8 of decay .* 10"):
        warmup_stable_decay(0, total=10, warmup=3, decay=8)
