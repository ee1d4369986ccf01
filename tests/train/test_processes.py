"""Two processes are one: the same losses at the same batch"""

import os
import subprocess
import sys
import time
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


def launch(small, folder, *flags):
    """torchrun with two processes, begun."""
    shape = "--n-layers 1 --d-model 8 --n-heads 2 --d-ff 16 --context-length 8"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "llmath.train", *shape.split()]
    command += ["--data", small.data, "--out", str(folder), "--device", "cpu", *flags]
    env = os.environ | {"PYTHONPATH": str(Path(llmath.__file__).parents[1])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes, env=env)


def test_two_processes_are_one(small, tmp_path):
    """Twenty steps of 7 windows in 2 · 2 parts, of which one is smaller."""
    folder = tmp_path / "two"
    how = "--steps 20 --warmup 2 --batch-size 7 --accumulate 2 --sample-tokens 0"
    process = launch(small, folder, *how.split(), "--evaluate-every", "10", "--quiet")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors[-3000:]
    options = {"steps": 20, "batch_size": 7, "sample_tokens": 0, "evaluate_every": 10}
    one = train(replace(small, **options), folder=tmp_path / "one")
    assert losses(folder) == pytest.approx(losses(tmp_path / "one"), abs=1e-6)
    assert len(losses(folder)) == 23
    (last,) = checkpoints(folder / "checkpoints")
    together = load_model(last).state_dict()
    for name, weight in one.model.state_dict().items():
        torch.testing.assert_close(together[name], weight, rtol=0, atol=1e-5)


def test_two_processes_go_on_where_two_ended(small, tmp_path):
    """Six steps of a compiled model, and then six of one that is not: twelve of one."""
    folder, how = tmp_path / "two", "--schedule constant --warmup 2 --batch-size 6 "
    how += "--accumulate 2 --sample-tokens 0 --evaluate-every 6 --quiet"
    for words in ("--steps 6 --compile eager", "--steps 12 --resume --compile off"):
        process = launch(small, folder, *how.split(), *words.split())
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-3000:]
    options = {"steps": 12, "batch_size": 6, "sample_tokens": 0, "evaluate_every": 6}
    train(replace(small, **options, schedule="constant"), folder=tmp_path / "one")
    assert losses(folder) == pytest.approx(losses(tmp_path / "one"), abs=1e-6)
    assert len(losses(folder)) == 15


def test_two_processes_are_asked_to_end(small, tmp_path):
    """The signal reaches each at another moment; they end behind one and the same."""
    process = launch(small, tmp_path / "two", "--steps", "100000")
    metrics, until = tmp_path / "two/metrics.jsonl", time.monotonic() + 120
    while not metrics.is_file() or metrics.read_bytes().count(b"\n") < 20:
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < until, "it does not begin"
        time.sleep(0.05)
    process.terminate()
    said, errors = process.communicate(timeout=60)
    last = read_metrics(metrics)[-1]["step"]
    assert f"Stopped after step {last}, saved in" in said, errors[-3000:]
    again = f"torchrun --nproc-per-node 2 -m llmath.train --out {tmp_path / 'two'}"
    assert f"{again} --resume" in said
    (newest,) = checkpoints(tmp_path / "two/checkpoints")[-1:]
    assert newest.name == f"step-{last:08d}.safetensors"


def test_half_an_environment(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ValueError, match="sets RANK but not WORLD_SIZE, LOCAL_RANK"):
        launched().__enter__()
    monkeypatch.setenv("WORLD_SIZE", "two")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(ValueError, match="WORLD_SIZE='two' should be a whole number"):
        launched().__enter__()
