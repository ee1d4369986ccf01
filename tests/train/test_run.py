"""A run: what it reports, what it keeps, and that a break in it leaves no trace"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from llmath.checkpoint import checkpoints, load_model
from llmath.schedule import cosine
from llmath.train import (
    Corpus,
    Diverged,
    Evaluation,
    Processes,
    Run,
    Step,
    preset,
    read_metrics,
    train,
)
from llmath.train.metrics import CLOCK
from llmath.train.presets import as_json, changed, from_json


def told(folder):
    """What a run reported, without what the clock says."""
    return [
        {name: value for name, value in line.items() if name not in CLOCK}
        for line in read_metrics(folder / "metrics.jsonl")
        if line["kind"] != "run"
    ]


def stopping_at(step):
    def callback(run, record):
        if record.step == step:
            run.stop()

    return callback


def everything(run):
    """Weights, then what the optimizer remembers, as one row of tensors."""
    state = run.optimizer.state_dict()["state"]
    remembered = [x for i in sorted(state) for _, x in sorted(state[i].items())]
    return [*run.model.state_dict().values(), *map(torch.as_tensor, remembered)]


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    """The run that nothing interrupts: its folder, and itself at the end."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run = Run(replace(small, keep=9), folder=folder)
    return folder, run, list(run)


def test_what_a_run_hands_out(whole, small):
    _, run, records = whole
    steps = [r for r in records if isinstance(r, Step)]
    looks = [r for r in records if isinstance(r, Evaluation)]
    assert [r.step for r in steps] == [*range(1, 11)]
    assert [r.step for r in looks] == [0, 4, 8, 10]  # and at the end, come what may
    for r in steps:
        factor = cosine(r.step - 1, total=10, warmup=2, min_lr_ratio=0.1)
        assert r.lr == pytest.approx(small.lr * factor)
        assert r.tokens == r.step * 6 * 8
        assert 0 < r.mfu < 2  # a machine that is busy when measured shows more
    assert all(a.seconds < b.seconds for a, b in pairwise(records))
    assert looks[-1].loss < looks[0].loss
    assert looks[0].bits_per_byte == looks[0].bits_per_character  # of ASCII
    assert len(looks[0].sample) == 13
    assert run.finished


def test_learning_is_learning(small):
    """Sixty steps on a sentence that repeats: far below what letters alone would do."""
    model = replace(small.model, d_model=32, d_ff=128)
    how = {"steps": 60, "lr": 1e-2, "evaluate_every": 60, "kernels": "explicit"}
    result = train(replace(small, model=model, **how))
    assert result.evaluations[0].loss == pytest.approx(np.log(31), abs=0.2)
    assert result.evaluations[-1].loss < 1.8
    assert result.saved is None


@pytest.mark.parametrize("stops", [[1], [3], [4, 5], [9]])
def test_resumed_is_uninterrupted(whole, small, tmp_path, stops):
    _, run, _ = whole
    folder = tmp_path / "run"
    config = replace(small, keep=9)
    for i, step in enumerate(stops):
        how = {"folder": folder, "resume": i > 0, "callback": stopping_at(step)}
        assert train(config, **how).saved.name.startswith(f"step-{step:08d}")
    last = Run(config, folder=folder, resume=True)
    list(last)
    assert all(map(torch.equal, everything(run), everything(last)))
    assert told(folder) == told(whole[0])
    assert last.batches.state() == run.batches.state()
    clock = [
        line.get("seconds", 0.0) for line in read_metrics(folder / "metrics.jsonl")
    ]
    clock = [seconds for seconds in clock if seconds]  # not of the lines of a beginning
    assert clock == sorted(clock)  # the clock goes on too


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": "muon", "momentum": 0.8},
        {
            "optimizer": "nesterov",
            "lr": 0.1,
            "accumulate": 3,
            "optimizer_impl": "explicit",
        },
        {"dtype": "bfloat16"},
        {
            "tokens": "bpe",
            "activation_checkpointing": True,
            "schedule": "wsd",
            "decay": 4,
        },
    ],
    ids=["muon", "nesterov", "bfloat16", "bpe"],
)
def test_resumed_is_uninterrupted_for_others(small, tmp_path, other):
    model = replace(small.model, vocab_size=270)
    config = replace(small, model=model, **other)
    whole = Run(config, folder=tmp_path / "whole")
    list(whole)
    train(config, folder=tmp_path / "run", callback=stopping_at(5))
    last = Run(config, folder=tmp_path / "run", resume=True)
    assert last.step == 5
    list(last)
    assert all(map(torch.equal, everything(whole), everything(last)))
    assert told(tmp_path / "run") == told(tmp_path / "whole")


def test_float16_goes_on_with_its_scale(small, tmp_path):
    config = replace(small, dtype="float16", steps=3, evaluate_every=9, warmup=1)
    folder = tmp_path / "run"
    run = Run(config, folder=folder)
    run.engine.scaler._init_scale = 2.0**40  # overflows, and is halved, at once
    list(run)
    assert run.engine.scaler.get_scale() == 2.0**37
    assert all(line.get("skipped", True) for line in told(folder))
    again = Run(replace(config, steps=4), folder=folder, resume=True)
    assert again.engine.scaler.get_scale() == 2.0**37


def test_what_is_kept(small, tmp_path):
    config = replace(small, keep=2, keep_steps=(0, 1, 5), save_every=2)
    result = train(config, folder=tmp_path)
    steps = [int(p.name[5:13]) for p in checkpoints(tmp_path / "checkpoints")]
    assert steps == [0, 1, 5, 8, 10]
    loaded = load_model(result.saved)
    ids = torch.arange(8)[None]
    assert torch.equal(loaded(ids), result.model(ids))


def test_a_corpus_of_ones_own(small):
    ids = np.arange(400) % 5
    result = train(small, corpus=Corpus(ids, ids[:50], 5))
    assert result.model.config.vocab_size == 5
    last = result.evaluations[-1]
    assert last.sample is last.bits_per_byte is last.bits_per_character is None
    assert result.tokenizer is None


def test_the_machine_may_change_and_the_mathematics_may_not(small):
    assert (
        changed(small, replace(small, steps=99, keep=7, activation_checkpointing=True))
        == []
    )
    shape = replace(small.model, n_layers=2)
    assert changed(small, replace(small, lr=0.5, model=shape)) == [
        "model.n_layers was 1 and is now 2",
        "lr was 0.001 and is now 0.5",
    ]
    assert from_json(as_json(small)) == small
    with pytest.raises(ValueError, match=r"lacks \['lr'\] and has no use for \['rl'\]"):
        from_json({"rl" if k == "lr" else k: v for k, v in as_json(small).items()})


def test_settings_that_were_stored_under_older_names(small):
    stored = as_json(replace(small, min_lr_ratio=0.3, optimizer_impl="explicit"))
    older = stored | {"floor": stored.pop("min_lr_ratio")}
    older["rule"] = older.pop("optimizer_impl")
    older["recompute"] = not older.pop("activation_checkpointing")
    found = from_json(older)
    assert (found.min_lr_ratio, found.optimizer_impl) == (0.3, "explicit")
    assert found.activation_checkpointing
    with pytest.raises(ValueError, match=r"lacks \[\] and has no use for \['floor'\]"):
        from_json(older | {"min_lr_ratio": 0.5})


def test_asked_to_stop_while_the_processes_agree(small, tmp_path, monkeypatch):
    """A signal comes between the question and its answer: it is heard a step later."""
    run = Run(small, folder=tmp_path)

    def agree(self, flag, device):
        if run.step == 4:
            run.stop()
        return flag

    monkeypatch.setattr(Processes, "any", agree)
    assert list(run)[-1].step == 5
    assert run.saved.name == "step-00000005.safetensors"
    assert next(iter(run)).step == 6  # and it can go on by itself


# What is refused


@pytest.mark.parametrize("lr", [0.0, -1e-3, float("nan")])
def test_rates_are_positive(lr):
    with pytest.raises(ValueError, match="lr should be positive, got"):
        preset("baseline", lr=lr)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 50}, "100 steps of warm-up do not fit into 50 steps"),
        ({"tokens": "words"}, "tokens='words' is not built; there is characters"),
        ({"optimizer": "lion"}, "optimizer='lion' is not built; there is sgd"),
        ({"accumulate": 13}, "batch_size=12 windows .* accumulate=13 parts"),
        ({"weight_decay": -1.0}, "weight_decay is 0 or more, not -1"),
        ({"temperature": 1e-40}, "temperature is 0, which .* or 1e-06 and more, not"),
        ({"temperature": -1.0}, "temperature is 0, which .*, not -1.0"),
        ({"temperature": float("nan")}, "temperature is 0, which .*, not nan"),
        ({"clip": 0.0}, "clip should be positive"),
        ({"dtype": "float8"}, "no floating-point type 'float8'"),
        ({"keep_steps": (-1,)}, "keep_steps should be a whole number"),
        ({"schedule": "wsd"}, "decay should be a whole number"),
        ({"betas": (0.9, 1.5)}, r"betas\[1\] is at least 0 and below 1, not 1.5"),
        ({"betas": ("a", "b")}, r"betas\[0\] should be a number, got 'a'"),
        ({"betas": (True, 0.9)}, r"betas\[0\] should be a number, got True"),
        ({"betas": (0.9,)}, r"betas are two numbers, .*; got \(0.9,\)"),
        ({"betas": [0.9, 0.9]}, "betas should be a tuple, got a list"),
        ({"optimizer": "momentum", "momentum": 2.0}, "momentum .* below 1, got 2.0"),
        ({"optimizer": "nesterov", "momentum": 0}, "momentum=0 leaves nesterov"),
        ({"momentum": 0.9}, "adamw does not look at momentum=0.9, but at lr"),
        ({"optimizer": "sgd", "betas": (0.5, 0.5)}, r"sgd does not look at betas="),
        ({"adamw_lr": 0.5}, "adamw does not look at adamw_lr=0.5"),
        ({"validation": float("nan")}, "validation is a share .* not nan"),
        ({"validation": 1}, "validation is a share .* not 1"),
        ({"validation": True}, "validation should be a number, got True"),
        ({"device": "nonsense"}, "device='nonsense' is no device; there is auto"),
        ({"device": "cuda:"}, "device='cuda:' is no device"),
        ({"device": 0}, "device=0 is no device"),
        (
            {"activation_checkpointing": "yes"},
            "checkpointing should be a bool, got 'yes'",
        ),
        ({"activation_checkpointing": 1}, "checkpointing should be a bool, got 1"),
        ({"rate": 1}, "has no rate; it has data, tokens"),
    ],
)
@pytest.mark.usefixtures("untyped")
def test_settings_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        preset("baseline", **change)


def test_samples_need_room(small):
    """A context of one token is one to learn bigrams with, and none to write in."""
    single = replace(small.model, context_length=1)
    with pytest.raises(ValueError, match="context_length of 1 leaves samples no room"):
        replace(small, model=single, sample_tokens=4)
    assert replace(small, model=single, sample_tokens=0).model.context_length == 1


def test_a_device_that_is_not_there(small, tmp_path):
    """It is told before the folder is made and the text is encoded."""
    with pytest.raises(ValueError, match="no device 'cuda:99' here; there is"):
        Run(replace(small, device="cuda:99"), folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_preset():
    with pytest.raises(ValueError, match="no preset 'huge'; there is baseline, book"):
        preset("huge")


def test_a_text_shorter_than_the_context(small):
    long = replace(small, model=replace(small.model, context_length=400))
    with pytest.raises(ValueError, match="the validation part of the text: 272 ids"):
        Run(long)


def spoilt(small, tmp_path, spoil):
    """A run whose model is spoilt before step 8; what it says, and its folder."""

    def callback(run, record):
        if record.step == 7:
            with torch.no_grad():
                spoil(run.model)

    with pytest.raises(Diverged) as caught:
        train(small, folder=tmp_path, callback=callback)
    return str(caught.value)


@pytest.mark.parametrize("kernels", ["explicit", "fused"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number(small, tmp_path, bad, kernels):
    said = spoilt(
        replace(small, kernels=kernels),
        tmp_path,
        lambda model: model.embedding.weight.fill_(bad),
    )
    assert said.startswith("step 8 cannot be made: ")
    assert "learning rate 0.000" in said
    assert "gradient norm" in said
    (last,) = checkpoints(tmp_path / "checkpoints")[-1:]
    assert last.name == "step-00000006.safetensors"
    assert f"the last good checkpoint is {last}" in said
    assert read_metrics(tmp_path / "metrics.jsonl")[-1]["step"] == 7


def test_a_gradient_that_is_no_number(small, tmp_path):
    def spoil(model):
        model.embedding.weight.register_hook(lambda g: g * float("inf"))

    said = spoilt(small, tmp_path, spoil)
    assert "step 8 cannot be made: the gradient's norm is" in said


def test_no_checkpoint_yet(small):
    run = Run(small)
    with torch.no_grad():
        run.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="no checkpoint was saved before"):
        run._update()


def test_one_folder_one_run(small, tmp_path):
    train(replace(small, steps=4), folder=tmp_path)
    with pytest.raises(
        ValueError, match=r"another run, saved up to step-00000004.*--re"
    ):
        Run(small, folder=tmp_path)
    with pytest.raises(
        ValueError, match=r"other settings .*: lr was 0.001 and is now 1"
    ):
        Run(replace(small, lr=1.0), folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"holds no run to go on with"):
        Run(small, folder=tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="goes on from its folder, and none is given"):
        Run(small, resume=True)


def test_another_vocabulary(small, tmp_path):
    folder = tmp_path / "run"
    ids = np.arange(400) % 5
    train(small, corpus=Corpus(ids, ids, 5), folder=folder)
    with pytest.raises(ValueError, match="vocab_size 5 → 6"):
        Run(small, corpus=Corpus(ids, ids, 6), folder=folder, resume=True)
    shorter = Corpus(ids[:-1], ids, 5)
    with pytest.raises(ValueError, match=r"'n_ids': 400}, these have {'n_ids': 399}"):
        Run(small, corpus=shorter, folder=folder, resume=True)


def test_another_tokenizer_of_the_same_size(small, tmp_path, text_file):
    folder = tmp_path / "run"
    run = Run(small, folder=folder)
    run.stop()
    list(run)
    train(small, folder=folder, resume=True)
    other = run.corpus.tokenizer.vocabulary[::-1]
    tokenizer = type(run.corpus.tokenizer)(list(other), [], pattern="gpt2")
    corpus = Corpus(run.corpus.train, run.corpus.validation, len(other), tokenizer)
    with pytest.raises(ValueError, match=r"cannot go on: its tokenizer was '.*' and"):
        Run(small, corpus=corpus, folder=folder, resume=True)


def test_a_file_in_the_place_of_the_folder(small, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ValueError, match=r"cannot keep a run: .*Choose another"):
            Run(small, folder=path)


def test_a_damaged_checkpoint_is_passed_over(whole, small, tmp_path):
    folder = tmp_path / "run"
    train(small, folder=folder, callback=stopping_at(8))
    newest = checkpoints(folder / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"step-00000008.* is damaged"):
        last = Run(small, folder=folder, resume=True)
    assert last.step == 6
    list(last)
    assert all(map(torch.equal, everything(whole[1]), everything(last)))
    assert told(folder) == told(whole[0])
    for path in checkpoints(folder / "checkpoints"):
        path.write_bytes(b"")
    with (
        pytest.raises(ValueError, match=r"none of the 2 checkpoints in .* is whole"),
        pytest.warns(UserWarning, match="is damaged"),
    ):
        Run(small, folder=folder, resume=True)
