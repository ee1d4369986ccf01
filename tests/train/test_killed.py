"""Killed while it saves, again and again, a run loses nothing that was saved"""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch

import llmath
from llmath.train import Run, read_metrics

KILLS = 50
SCRIPT = Path(__file__).with_name("saving.py")


def test_killed_at_any_moment(tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, str(SCRIPT), str(folder), str(KILLS)]
    env = os.environ | {"PYTHONPATH": str(Path(llmath.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    children = json.loads(done.stdout)
    assert len(children) == KILLS
    assert all(child["killed"] and child["steps"] for child in children), done.stderr
    for before, after in pairwise(children):  # at most one save was not yet said
        known, begins = before["steps"][-1], after["steps"][0]
        assert known <= begins <= known + 1
    assert any(child["half"] for child in children)  # some were killed while writing

    spec = importlib.util.spec_from_file_location("saving", SCRIPT)
    saving = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(saving)
    last = Run(saving.CONFIG, corpus=saving.corpus(), folder=folder, resume=True)
    assert last.step > KILLS
    alone = Run(replace(saving.CONFIG, steps=last.step), corpus=saving.corpus())
    losses = [record.loss for record in alone]
    weights = (run.model.state_dict().values() for run in (alone, last))
    assert all(map(torch.equal, *weights))
    lines = read_metrics(folder / "metrics.jsonl")
    told = [x["loss"] for x in lines if x["kind"] in ("step", "evaluation")]
    assert told == losses[: len(told)]
    assert len(told) == last.step + 1  # each step once, and the look at step 0
