"""In processes of their own: `python -m llmath.train`, and the tests that need a GPU"""

import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import torch
from agreement import Row
from clock import clock
from contenders import Plan, first, fitting, free, make, some_batch

from llmath.config import ModelConfig
from llmath.data import shakespeare
from llmath.runtime import can_compute, float_type
from llmath.train import read_metrics
from llmath.train.folder import read_settings

ROOT = Path(__file__).resolve().parent.parent
MINUTES = 30  # a program that takes longer hangs
SHAPE = ("n_layers", "d_model", "n_heads", "n_kv_heads", "d_ff", "context_length")
SHAPE += ("norm", "norm_position", "position", "mlp", "norm_eps")
MARKED = re.compile(r"^@pytest\.mark\.gpu$", re.MULTILINE)


def ran(command: list[str]) -> subprocess.CompletedProcess:
    limit = {"timeout": 60 * MINUTES, "check": False}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **limit)


def loop(plan: Plan, device: torch.device, *, characters: int | None = None) -> Row:
    """The command beside the bare step of its model, which reads bytes.

    What the loop adds: drawing a batch, moving it, the records, a loss that is not in
    the compiled graph. `of_bare` is how much of the speed is left.
    """
    plan = plan._replace(config=replace(plan.config, vocab_size=256))
    about = {"dtype": plan.dtype, "asked": plan.B, "vocab_size": 256}
    if not can_compute(device, float_type(plan.dtype)):
        return about | {"left_out": f"{device} does not compute in {plan.dtype}"}
    B, bare = bare_step(plan, device)
    torch.compiler.reset()
    free()  # the command has the device for itself
    steps = trained(plan._replace(B=B), device, shakespeare()[:characters])
    speeds = [step["tokens_per_second"] for step in steps]
    losses = [steps[i]["loss"] for i in (0, -1)]
    return about | {
        "B": B,
        "tokens_per_second": statistics.median(speeds),
        "fastest": max(speeds),
        "slowest": min(speeds),
        "mfu": statistics.median(step["mfu"] for step in steps),
        "bare": bare,
        "of_bare": statistics.median(speeds) / bare,
        "losses": losses,
        "holds": losses[1] < losses[0],
    }


def bare_step(plan: Plan, device: torch.device) -> tuple[int, float]:
    """How many windows fit, and its tokens a second with them."""
    name, batch = "llmath, compiled", some_batch(plan, device)
    who = make(name, plan, device)
    batch = first(batch, fitting(who, batch))
    steps, tokens = {name: lambda: who.step(batch)}, {name: batch[0].numel()}
    (row,) = clock(steps, tokens=tokens, rounds=plan.rounds, device=device)
    if "failed" in row:
        raise RuntimeError(row["failed"])
    return len(batch[0]), row["tokens_per_second"]


def trained(plan: Plan, device: torch.device, text: str) -> list[Row]:
    """What a run reports of its steps, without those in which it was compiled."""
    with tempfile.TemporaryDirectory() as made:
        data, out = Path(made) / "text.txt", Path(made) / "run"
        data.write_text(text, "utf-8")
        warm, steps = 5, 5 + plan.rounds
        flags = {"data": data, "out": out, "tokens": "bytes", "steps": steps}
        flags |= {"batch_size": plan.B, "dtype": plan.dtype, "device": device}
        flags |= {"compile": plan.backend, "warmup": warm, "sample_tokens": 0}
        done = ran(command(plan.config, flags))
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
            raise RuntimeError(f"llmath.train ended with {done.returncode}: {last}")
        if (model := read_settings(out).model) != plan.config:
            raise RuntimeError(f"llmath.train made another model: {model}")
        found = read_metrics(out / "metrics.jsonl")
        return [row for row in found if row["kind"] == "step"][warm:]


def command(config: ModelConfig, flags: Row) -> list[str]:
    """`python -m llmath.train` with a model of this shape, as it is typed."""
    flags = flags | {name: getattr(config, name) for name in SHAPE}
    typed = [sys.executable, "-m", "llmath.train", "--quiet"]
    for name, value in flags.items():
        typed += ["--" + name.replace("_", "-"), str(value)]
    for name in ("bias", "tie_embeddings"):
        no = "" if getattr(config, name) else "no-"
        typed.append(f"--{no}{name.replace('_', '-')}")
    return typed


def marked(folder: Path) -> list[Path]:
    """The test files that have something for a GPU."""
    files = sorted(folder.rglob("test_*.py"))
    return [file for file in files if MARKED.search(file.read_text("utf-8"))]


def gpu_tests(device: torch.device, folder: Path = ROOT / "tests") -> list[Row]:
    """Every test that needs a GPU, and how it ended: passed, failed or skipped.

    On a GPU one that is skipped does not hold.
    """
    files = marked(folder)
    if not files:
        raise ValueError(f"no test in {folder} is marked for a GPU")
    free()
    with tempfile.TemporaryDirectory() as made:
        report = Path(made) / "report.xml"
        options = ["-m", "gpu", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = ran([sys.executable, "-m", "pytest", *options, *map(str, files)])
        if done.returncode not in (0, 1):
            said = (done.stdout + done.stderr).strip().rpartition("\n")[2]
            raise RuntimeError(f"pytest ended with {done.returncode}: {said}")
        cases = ElementTree.parse(report).iter("testcase")
        return [outcome(case, needed=device.type == "cuda") for case in cases]


def outcome(case: ElementTree.Element, *, needed: bool) -> Row:
    name = f"{case.get('classname')}::{case.get('name')}"
    row = {"test": name, "required": needed, "outcome": "passed", "holds": True}
    for kind, said in (("failure", "failed"), ("error", "failed"), ("skipped",) * 2):
        if (found := case.find(kind)) is not None:
            why = (found.get("message") or "").partition("\n")[0][:300]
            return row | {"outcome": said, "why": why, "holds": False}
    return row
