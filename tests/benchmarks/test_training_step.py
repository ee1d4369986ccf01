"""A training step beside transformers: the same losses, or no times"""

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from llmath.model import Transformer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def training_step():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("training_step")


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(64, (3, 9), generator=generator)
    return ids[:, :-1], ids[:, 1:]


@pytest.fixture(params=["gpt2", "llama"])
def config(request, training_step):
    """Both families as they are timed, in one narrow block."""
    sizes = {"vocab_size": 64, "n_layers": 1, "d_model": 32, "d_ff": 48}
    return replace(training_step.families(16)[request.param], **sizes)


def test_both_libraries_make_the_same_three_steps(training_step, config, batch):
    steps = training_step.contenders(config, batch)
    assert list(steps)[-1] == training_step.REFERENCE
    assert training_step.disagreement(steps) < 5e-6


def test_about_a_million_parameters_each(training_step):
    for config in training_step.families(64).values():
        model = Transformer(config)
        assert 0.8e6 < sum(p.numel() for p in model.parameters()) < 1.2e6


@pytest.mark.parametrize(
    ("changed", "value"), [("LR", 2e-3), ("DECAY", 2.0), ("CLIP", 0.02)]
)
def test_another_update_is_found(
    training_step, config, batch, changed, value, monkeypatch
):
    """Of their half alone: every number of the update shows in three losses."""
    steps = training_step.contenders(config, batch)
    monkeypatch.setattr(training_step, changed, value)
    name = training_step.REFERENCE
    steps[name] = training_step.other(Transformer(config, seed=0), batch)
    off = training_step.disagreement(steps)
    assert off > training_step.TOLERANCE, off


def test_other_weights_are_not_timed(training_step, config, batch, monkeypatch, capsys):
    def strange(model, batch):
        return made(Transformer(config, seed=1), batch)

    made = training_step.other
    monkeypatch.setattr(training_step, "other", strange)
    monkeypatch.setattr(training_step, "timed", None)
    assert not training_step.compared("strange", config, batch, 2)
    assert "losses of three steps differ by" in capsys.readouterr().out


def test_a_step_that_changes_nothing_is_refused(training_step):
    still = {training_step.REFERENCE: lambda: 1.0}
    with pytest.raises(ValueError, match="no step is made"):
        training_step.disagreement(still)


def test_every_contender_gets_a_line(training_step, config, batch, capsys):
    assert training_step.compared("toy", config, batch, 3)
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line[7:23].strip() for line in lines] == [
        "llmath explicit",
        "llmath fused",
        "transformers",
    ]
    assert lines[-1].split()[-1] == "1.00"  # its ratio to itself
