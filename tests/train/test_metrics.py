"""Whole lines only, and no step twice"""

import json
from dataclasses import asdict

import pytest

from llmath.train import Step, read_metrics
from llmath.train.metrics import CLOCK, Metrics

STEP = Step(
    step=3,
    loss=0.1 + 0.2,
    lr=1e-3,
    gradient_norm=1.5,
    tokens=30,
    tokens_per_second=100.0,
    mfu=0.25,
    seconds=1.25,
)


def test_what_is_read_is_what_happened(tmp_path):
    metrics = Metrics(tmp_path / "m.jsonl")
    metrics.record(STEP, "2030-01-01")
    (found,) = read_metrics(metrics.path)
    assert found == {"kind": "step", **asdict(STEP), "time": "2030-01-01"}
    assert {*CLOCK} <= found.keys()


def test_a_half_line_is_left_out(tmp_path):
    metrics = Metrics(tmp_path / "m.jsonl")
    for step in range(3):
        metrics.write("step", step=step, text="é\n")
    whole = metrics.path.read_bytes()
    for end in range(len(whole) + 1):
        metrics.path.write_bytes(whole[:end])
        lines = whole[:end].count(b"\n")
        assert [x["step"] for x in read_metrics(metrics.path)] == [*range(lines)]
        metrics.cut(9)  # and what comes next is a line of its own
        metrics.write("step", step=7)
        assert [x["step"] for x in read_metrics(metrics.path)] == [*range(lines), 7]


def test_cut_leaves_the_lines_of_steps_that_are_done_again(tmp_path):
    metrics = Metrics(tmp_path / "m.jsonl")
    metrics.cut(3)  # no file yet
    for step in (0, 1, 2, 2, 3, 4):
        metrics.write("step", step=step, loss=step / 7)
    before = metrics.path.read_bytes().splitlines()
    metrics.cut(2)
    assert metrics.path.read_bytes().splitlines() == before[:4]
    metrics.cut(None)
    assert metrics.path.read_bytes() == b""


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "m.jsonl"
    for bad in ("{", "[]", '{"step": -1}', "{}"):
        path.write_text(json.dumps({"step": 1}) + f"\n{bad}\n" + '{"step": 2}\n')
        with pytest.raises(ValueError, match="line 2: no record of a run"):
            read_metrics(path)


def test_no_nan(tmp_path):
    metrics = Metrics(tmp_path / "m.jsonl")
    with pytest.raises(ValueError, match="not JSON compliant"):
        metrics.write("step", step=1, loss=float("nan"))
