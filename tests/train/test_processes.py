"""Two processes are one: the same losses at the same batch"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import llmath
from llmath.checkpoint import checkpoints, load_model
from llmath.train import launched, read_metrics, train


def losses(folder):
    lines = read_metrics(folder / "metrics.jsonl")
    return [x["loss"] for x in lines if x["kind"] in ("step", "evaluation")]


def test_two_processes_are_one(small, tmp_path):
    """Twenty steps of 7 windows in 2 · 2 parts, of which one is smaller."""
    folder = tmp_path / "two"
    flags = f"--data {small.data} --out {folder} --quiet --device cpu"
    shape = "--n-layers 1 --d-model 8 --n-heads 2 --d-ff 16 --context-length 8"
    how = "--steps 20 --warmup 2 --batch-size 7 --accumulate 2 --sample-tokens 0"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "llmath.train"]
    command += f"{flags} {shape} {how} --evaluate-every 10".split()
    env = os.environ | {"PYTHONPATH": str(Path(llmath.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    options = {"steps": 20, "batch_size": 7, "sample_tokens": 0, "evaluate_every": 10}
    one = train(replace(small, **options), folder=tmp_path / "one")
    assert losses(folder) == pytest.approx(losses(tmp_path / "one"), abs=1e-6)
    assert len(losses(folder)) == 23
    (last,) = checkpoints(folder / "checkpoints")
    together = load_model(last).state_dict()
    for name, weight in one.model.state_dict().items():
        torch.testing.assert_close(together[name], weight, rtol=0, atol=1e-5)


def test_half_an_environment(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ValueError, match="sets RANK but not WORLD_SIZE, LOCAL_RANK"):
        launched().__enter__()
    monkeypatch.setenv("WORLD_SIZE", "two")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(ValueError, match="WORLD_SIZE='two' should be a whole number"):
        launched().__enter__()
