"""What a run keeps: the newest stays, the last good one stays, nothing foreign goes"""

import errno
import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import llmath
from llmath.checkpoint import checkpoints, load_model, save_checkpoint
from llmath.train import Corpus, Diverged, Processes, Run, read_metrics, train
from llmath.train.keeper import Keeper

IDS = np.arange(400) % 5
CORPUS = Corpus(IDS, IDS[:50], 5)


@pytest.fixture(scope="module")
def bare(small):
    """Without a text, and so without samples: steps in milliseconds."""
    return replace(small, evaluate_every=1000)


def steps_in(folder):
    return [int(path.name[5:13]) for path in checkpoints(folder / "checkpoints")]


def go(config, folder, stop=None, **how):
    def callback(run, record):
        if record.step == stop:
            run.stop()

    return train(config, corpus=CORPUS, folder=folder, callback=callback, **how)


def damage(folder, *steps):
    for step in steps:
        path = folder / f"checkpoints/step-{step:08d}.safetensors"
        path.write_bytes(path.read_bytes()[:-9])


# The newest stays


def test_behind_a_damaged_one_the_new_one_stays(bare, tmp_path):
    config = replace(bare, steps=30, save_every=10, keep=2)
    go(config, tmp_path, stop=20)
    assert steps_in(tmp_path) == [10, 20]
    damage(tmp_path, 20)
    with pytest.warns(UserWarning, match=r"20\.safetensors is damaged: .*damaged now"):
        go(replace(config, keep=1), tmp_path, stop=15, resume=True)
    assert steps_in(tmp_path)[-1] == 15
    last = Run(config, corpus=CORPUS, folder=tmp_path, resume=True)
    assert last.step == 15


def test_behind_all_damaged_but_the_first_the_new_one_stays(bare, tmp_path):
    config = replace(bare, steps=30, save_every=10, keep=2, keep_steps=(0,))
    go(config, tmp_path, stop=20)
    damage(tmp_path, 10, 20)
    with pytest.warns(UserWarning, match="is damaged"):
        go(config, tmp_path, stop=5, resume=True)
    assert steps_in(tmp_path) == [0, 5]
    told = [x["step"] for x in read_metrics(tmp_path / "metrics.jsonl")]
    assert told == [0, 0, 0, 1, 2, 3, 4, 5]  # two beginnings, one look, the steps
    assert go(config, tmp_path, resume=True).saved.name.startswith("step-00000030")


# The last good one stays


def test_weights_too_large_for_any_loss_are_not_good(bare, tmp_path):
    """3·10³⁸ is a float32: the checkpoint holds it, and no loss can come of it.

    So it is set aside, and the run goes on from the one before it.
    """
    config = replace(bare, save_every=1, keep=1)
    said = overflowing(config, tmp_path, 3)
    (good,) = checkpoints(tmp_path / "checkpoints")
    aside = good.with_name("step-00000003.safetensors.diverged")
    assert steps_in(tmp_path) == [2]
    assert f"the last good checkpoint is {good}; {aside} holds the weights" in said
    x = torch.from_numpy(IDS[None, :8])
    assert load_model(good)(x).isfinite().all()
    assert all(x.isfinite().all() for x in load_model(aside).state_dict().values())
    with pytest.warns(UserWarning, match=rf"^{aside.name} gave no .* from {good.name}"):
        last = Run(config, corpus=CORPUS, folder=tmp_path, resume=True)
    assert last.step == 2
    list(last)
    list(alone := Run(bare, corpus=CORPUS))
    weights = (run.model.state_dict().values() for run in (alone, last))
    assert all(map(torch.equal, *weights))
    with warnings.catch_warnings():  # past that step nothing is to be said
        warnings.simplefilter("error")
        assert Run(config, corpus=CORPUS, folder=tmp_path, resume=True).finished


def test_the_only_checkpoint_is_not_good(bare, tmp_path):
    """What is left is the beginning, and that is told."""
    config = replace(bare, save_every=1)
    said = overflowing(config, tmp_path, 1)
    aside = tmp_path / "checkpoints/step-00000001.safetensors.diverged"
    assert f"no checkpoint was saved before; {aside} holds the weights" in said
    with pytest.warns(UserWarning, match=r"the run goes on from the beginning, and"):
        assert Run(config, corpus=CORPUS, folder=tmp_path, resume=True).step == 0


def test_killed_before_its_weights_were_tried(bare, tmp_path):
    """The newest checkpoint is taken, gives no loss, and is not taken again."""
    config = replace(bare, save_every=1, keep=2)
    overflowing(config, tmp_path, 3)
    (aside,) = (tmp_path / "checkpoints").glob("*.diverged")
    aside.replace(aside.with_suffix(""))  # as if it had ended behind saving
    run = Run(config, corpus=CORPUS, folder=tmp_path, resume=True)
    assert run.step == 3
    with pytest.raises(Diverged, match=r"step 4 cannot be made.*diverged holds"):
        list(run)
    assert steps_in(tmp_path)[-1] == 2
    assert aside.is_file()


def test_a_process_that_does_not_write_sets_nothing_aside(bare, tmp_path):
    path = tmp_path / "step-00000002.safetensors"
    path.write_bytes(b"of the first process")
    keeper = Keeper(tmp_path, bare, writes=False)
    run = Run(bare, corpus=CORPUS)
    keeper.save(2, model=run.model, optimizer=run.optimizer, state={})
    keeper.set_aside(1)  # other weights
    assert keeper.saved == path
    keeper.set_aside(2)
    assert (keeper.saved, keeper.diverged.suffix) == (None, ".diverged")
    assert path.is_file()


def overflowing(config, folder, step):
    """What a run says whose weights are too large from this step on."""

    def callback(run, record):
        if record.step == step:  # before it is saved
            with torch.no_grad():
                run.model.norm.weight.fill_(3e38)

    how = {"corpus": CORPUS, "folder": folder, "callback": callback}
    with pytest.raises(Diverged, match="--warmup for a new run") as caught:
        train(config, **how)
    return str(caught.value)


def test_weights_that_are_no_numbers_are_not_saved(bare, tmp_path):
    def callback(run, record):
        if record.step == 3:
            with torch.no_grad():
                run.model.norm.weight[0] = torch.inf

    with pytest.raises(Diverged, match=r"step 3 cannot be saved: norm.weight holds"):
        train(bare, corpus=CORPUS, folder=tmp_path, callback=callback)
    assert steps_in(tmp_path) == []


def test_what_is_kept_in_the_end_is_what_was_asked_for(bare, tmp_path):
    config = replace(bare, save_every=1, keep=1, keep_steps=(0,), steps=5)
    run = Run(config, corpus=CORPUS, folder=tmp_path)
    seen = [steps_in(tmp_path) for _ in run]
    assert seen[1:5] == [[0], [0, 1], [0, 2], [0, 3]]  # when the next loss is known
    assert steps_in(tmp_path) == [0, 5]
    assert run.keeper.good == run.saved


# A loss that is none


def test_a_validation_loss_that_is_no_number(bare, tmp_path):
    """One step of 10³⁰ after a sound loss: it is seen when the text is judged."""
    wild = {"optimizer": "sgd", "lr": 1e30, "clip": None, "warmup": 0, "steps": 1}
    for folder in (None, tmp_path):
        run = Run(replace(bare, **wild), corpus=CORPUS, folder=folder)
        with pytest.raises(Diverged, match="model of step 1 cannot be judged: "):
            list(run)
    assert read_metrics(tmp_path / "metrics.jsonl")[-1]["kind"] == "step"


def test_scores_of_the_formulas_that_are_no_numbers(bare):
    run = Run(replace(bare, kernels="explicit"), corpus=CORPUS)
    with torch.no_grad():
        run.model.embedding.weight.fill_(torch.nan)
    with pytest.raises(Diverged, match=r"step 1 .* attention scores are NaN"):
        run._update()
    assert run.batches.step == run.step == 0  # the batch was not used up


def test_other_mistakes_are_told_as_what_they_are(bare):
    wrong = Corpus(IDS + 3, IDS[:50], 5)
    with pytest.raises(ValueError, match="7") as caught:
        train(bare, corpus=wrong)
    assert not isinstance(caught.value, Diverged)
    told = r"batch_size=3 windows does not come in 4 parts, accumulate=2 in each of 2"
    with pytest.raises(ValueError, match=told):
        Run(replace(bare, batch_size=3, accumulate=2), processes=Processes(0, 2))


def test_the_norm_of_float16_is_told_without_its_scale(bare):
    run = Run(replace(bare, dtype="float16"), corpus=CORPUS)
    run.engine.gradient(run.batches[0])
    scale = run.engine.scaler.get_scale()
    norms = [p.grad.norm() / scale for p in run.model.parameters()]
    told = f"gradient norm {torch.stack(norms).norm().item():.4g})"
    run.engine.gradient = lambda batch: float("inf")
    with pytest.raises(Diverged) as caught:
        run._update()
    assert told in str(caught.value)


# The rate


def test_the_schedule_is_the_rate_of_the_updates(bare):
    """SGD without decay: the weights move by η_t g, and g is clipped to 10⁻³."""
    plain = {"optimizer": "sgd", "weight_decay": 0.0, "clip": 1e-3, "lr": 1.0}
    config = replace(bare, **plain, dtype="float64", warmup=2, schedule="linear")
    run = Run(replace(config, min_lr_ratio=0.0), corpus=CORPUS)
    weights = [x.clone() for x in run.model.parameters()]
    moved = {}
    for record in run:
        now = [x.clone() for x in run.model.parameters()]
        ways = [(a - b).norm() for a, b in zip(now, weights, strict=True)]
        weights, moved[record.step] = now, torch.stack(ways).norm().item()
    for step, factor in {1: 1 / 2, 2: 1.0, 5: 6 / 8, 9: 2 / 8}.items():
        assert moved[step] == pytest.approx(factor * 1e-3, rel=1e-6)


# What is refused leaves everything as it was


def test_a_refused_run_loses_no_line(bare, tmp_path):
    config = replace(bare, save_every=4)
    go(config, tmp_path, stop=6)
    metrics = tmp_path / "metrics.jsonl"
    with metrics.open("a") as file:  # of a step after the last checkpoint
        file.write(json.dumps({"kind": "step", "step": 7}) + "\n")
    before = metrics.read_bytes()
    shorter = Corpus(IDS[:-1], IDS[:50], 5)
    with pytest.raises(ValueError, match="'n_ids': 400}, these have"):
        Run(config, corpus=shorter, folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"steps=5 are fewer than the 6 that are made"):
        go(replace(config, steps=5), tmp_path, resume=True)
    assert metrics.read_bytes() == before
    assert json.loads((tmp_path / "config.json").read_bytes())["steps"] == 10


def test_a_checkpoint_that_no_run_saved(bare, tmp_path):
    go(bare, tmp_path, stop=3)
    model = Run(bare, corpus=CORPUS)
    how = {"model": model.model, "optimizer": model.optimizer}
    save_checkpoint(tmp_path / "checkpoints", 4, **how)
    with pytest.raises(ValueError, match=r"lacks batches, scaler, seconds, tokenizer"):
        go(bare, tmp_path, resume=True)


@pytest.mark.parametrize("name", ["tokenizer.json", "train.ids", "validation.ids"])
def test_foreign_files_stay(small, tmp_path, name):
    (tmp_path / name).write_text("of mine")
    with pytest.raises(ValueError, match=rf"holds {name}, which no run here has"):
        Run(small, folder=tmp_path)
    assert (tmp_path / name).read_text() == "of mine"
    Run(small, corpus=CORPUS, folder=tmp_path)  # which encodes nothing
    assert (tmp_path / name).read_text() == "of mine"


def test_an_unfinished_beginning_begins_again(small, tmp_path, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("llmath.train.corpora.open_corpus", killed)
        with pytest.raises(KeyboardInterrupt):
            Run(small, folder=tmp_path)
    (tmp_path / "train.ids.7.part").write_bytes(b"half")
    assert (tmp_path / "train.ids").is_file()
    Run(small, folder=tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert not names & {"unfinished", "train.ids.7.part"}


def test_a_disk_that_is_full(bare, tmp_path, monkeypatch):
    run = Run(replace(bare, save_every=1), corpus=CORPUS, folder=tmp_path)
    records = iter(run)
    while run.step < 2:
        next(records)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("llmath.train.keeper.save_checkpoint", full)
    told = r"step 2 cannot be saved: No space left on device; .*00001.safetensors stays"
    with pytest.raises(OSError, match=told):
        next(records)


def test_the_device_that_was_asked_for_is_kept(bare, tmp_path):
    config = replace(bare, device="auto")
    run = Run(config, corpus=CORPUS, folder=tmp_path, device="cpu")
    assert run.engine.device.type == "cpu"
    assert json.loads((tmp_path / "config.json").read_bytes())["device"] == "auto"


# One process at a time

HOLDER = """
import sys
from pathlib import Path
from llmath.train.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.take()
print("held", flush=True)
sys.stdin.read()
"""


def holder(folder):
    """Another process that takes the lock of a folder, and keeps it while it can."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    env = os.environ | {"PYTHONPATH": str(Path(llmath.__file__).parents[1])}
    command = [sys.executable, "-c", HOLDER, str(folder / "lock")]
    return subprocess.Popen(command, **pipes, text=True, env=env)


def test_one_process_at_a_time(bare, tmp_path):
    go(bare, tmp_path, stop=2)
    with holder(tmp_path) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=rf"in use: process {other.pid} on .*Wait"):
            go(bare, tmp_path, resume=True)
        other.kill()  # it cannot give the lock back; the system does
    run = Run(bare, corpus=CORPUS, folder=tmp_path, resume=True)
    with holder(tmp_path) as other:
        _, errors = other.communicate(timeout=60)
    assert f"is in use: process {os.getpid()} on" in errors
    list(run)
    with holder(tmp_path) as other:
        said, _ = other.communicate(timeout=60)
    assert said == "held\n"


def test_a_refused_run_holds_nothing(bare, tmp_path):
    go(bare, tmp_path, stop=2)
    with pytest.raises(ValueError, match="another run") as caught:
        go(bare, tmp_path)
    with holder(tmp_path) as other:
        said, _ = other.communicate(timeout=60)
    assert said == "held\n"
    assert caught.value.__traceback__ is not None  # which still knows the run
