"""The GPU's script: small and on the processor it runs, and it can say no"""

import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"
IMPLS = {"explicit", "online", "sdpa"}


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> dict:
    """In a process of its own: the tests' shape checks do not compile."""
    out = tmp_path_factory.mktemp("gpu") / "made" / "gpu.json"
    options = ["--device", "cpu", "--toy", "--backend", "eager", "--out", str(out)]
    options += ["--parts", "paths", "training", "loop"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(out.parent) == ["gpu.json"]
    return json.loads(out.read_text("utf-8"))


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))


def script(name: str):
    @pytest.fixture
    def module(scripts):
        return importlib.import_module(name)

    return module


agreement, clock, gpu = map(script, ("agreement", "clock", "gpu"))


# What it writes


def test_it_says_where_it_is_from(result):
    assert result["format"] == "llmath GPU checks, version 2"
    assert result["provenance"]["device"]["type"] == "cpu"
    assert result["provenance"]["command"].startswith("benchmarks/gpu.py --device cpu")
    assert result["provenance"]["versions"]["torch"] == torch.__version__
    assert result["settings"]["toy"] is True
    assert result["settings"]["backend"] == "eager"


def test_every_path_and_type_is_within_its_tolerance(result):
    seen = set()
    for row in result["differences"]:
        seen.add((row["model"], row["dtype"], row["impl"]))
        assert row["holds"] is True, row
        assert 0 <= row["error"] <= row["tolerance"]
        assert 0 <= row["max_rel"] < 10 * row["tolerance"]
        assert row["same_next_id"] > 0.9
    types = ("float64", "float32", "bfloat16", "float16")
    wanted = {(d, i) for d in types for i in IMPLS} | {("float32", "theirs")}
    names = {"toy llama", "toy gpt2"}
    assert seen == {(name, *pair) for name in names for pair in wanted}
    assert result["holds"] is True


def test_lower_types_are_further_off(result):
    """As their 53, 24, 11 and 8 bits say: a table of zeros would not do."""
    off = {
        row["dtype"]: row["error"]
        for row in result["differences"]
        if row["impl"] == "sdpa" and row["model"] == "toy llama"
    }
    assert 0 < off["float64"] < 1e-13 < off["float32"] < 1e-5
    assert off["float32"] < 1e-5 < off["float16"] < off["bfloat16"]


def test_each_path_is_one_graph(result):
    assert {row["impl"] for row in result["compiled"]} == IMPLS
    assert len(result["compiled"]) == 6
    for row in result["compiled"]:
        assert row["graphs"] == 1
        assert row["fullgraph"] is True
        assert row["holds"] is True, row


def test_every_contender_was_timed(result):
    tasks = {}
    for row in result["speed"]:
        assert "failed" not in row, row
        assert 0 < row["slowest"] <= row["tokens_per_second"] <= row["fastest"]
        assert row["working_bytes"] is None, "only a GPU counts its memory"
        tasks.setdefault((row["model"], row["task"]), set()).add(row["contender"])
    decode = {"llmath explicit", "llmath sdpa", "transformers sdpa"}
    compiled = {"llmath sdpa, compiled", "transformers sdpa, compiled"}
    for name in ("toy llama", "toy gpt2"):
        assert tasks[name, "decode"] == decode
        assert tasks[name, "prefill"] == decode | compiled


def test_every_way_to_train_agrees_and_was_timed(result):
    found = result["training"]
    assert (found["dtype"], found["asked"], found["T"]) == ("float32", 4, 32)
    engines = {"Engine, explicit", "Engine, fused kernels", "Engine, compiled"}
    pair = {"llmath, compiled", "transformers, compiled"}
    assert {row["contender"] for row in found["rows"]} == engines | pair
    for row in found["rows"]:
        assert row["holds"] is True, row
        assert row["B"] == 4
        assert row["losses"][-1] < row["losses"][0] < math.log(256) + 0.5
        assert 0 < row["slowest"] <= row["tokens_per_second"] <= row["fastest"]
        assert 0 < row["mfu"] <= 1
    assert found["ours_over_theirs"] > 0
    assert found["peak"]["source"] in ("measured", "reached")


def test_the_command_was_timed_beside_its_bare_step(result):
    row = result["loop"]
    assert row["holds"] is True, row
    assert (row["B"], row["vocab_size"]) == (4, 256)
    assert 0 < row["slowest"] <= row["tokens_per_second"] <= row["fastest"]
    assert row["of_bare"] == row["tokens_per_second"] / row["bare"]


def test_what_was_not_asked_for_is_listed(result):
    assert result["left_out"] == ["tests"]
    assert result["tests"] is None
    assert result["failed"] == []


# It can say no


def refused(gpu, monkeypatch, *options: str) -> str:
    """What the script says before it ends, without having run anything."""
    monkeypatch.setattr(sys, "argv", ["gpu.py", *options])
    monkeypatch.setattr(gpu, "run", None)
    with pytest.raises(SystemExit) as end:
        gpu.main()
    return end.value.code


def test_without_a_gpu_it_says_how_to_run(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    said = refused(gpu, monkeypatch)
    assert "there is no device 'cuda' here; there is" in said
    assert "--device cpu --toy --out _build/gpu.json" in said


@pytest.mark.parametrize("options", [[], ["--toy"]])
def test_a_processor_never_writes_the_gpu_s_file(gpu, monkeypatch, options):
    said = refused(gpu, monkeypatch, "--device", "cpu", *options)
    assert "is a GPU's, at full size: name another file" in said


def test_the_gpu_s_file_is_never_a_part_of_one(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "choose_device", lambda name: torch.device("cuda:0"))
    assert "has all parts" in refused(gpu, monkeypatch, "--parts", "training", "loop")


def test_one_row_that_does_not_hold_is_enough(gpu):
    good, bad = ({"required": True, "holds": holds} for holds in (True, False))
    told = {"required": False, "holds": False}
    left_out = {"required": True, "left_out": "no such type here"}
    assert gpu.all_hold([good, told, left_out])
    assert not gpu.all_hold([good, bad])
    assert not gpu.all_hold([told, left_out]), "nothing was shown"


def test_a_difference_too_large_does_not_hold(agreement):
    """Of (2, −4, 4), which is 6 long, the last by ½: 1/12 altogether, 1/8 at worst."""
    x = torch.tensor([[2.0, -4.0, 4.0]])
    row = agreement.compare(x + torch.tensor([0.0, 0.0, 0.5]), x, 0.08)
    assert row["error"] == pytest.approx(1 / 12, rel=1e-15)
    assert (row["max_abs"], row["max_rel"], row["holds"]) == (0.5, 0.125, False)
    assert row["same_next_id"] == 1
    assert agreement.compare(x, x, 0.0)["holds"]
    for bad in (math.nan, math.inf):
        row = agreement.compare(x + bad, x, 0.1)
        assert row == {"holds": False, "failed": "logits are NaN or infinite"}


class Strange(nn.Module):
    """A model whose graph breaks, or whose compiled logits are others."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, ids: torch.Tensor, impl: str) -> torch.Tensor:
        x = ids.double() + 1
        if self.kind == "breaks":
            torch._dynamo.graph_break()
        if self.kind == "differs" and torch.compiler.is_compiling():
            x = x + 1
        return x


@pytest.mark.parametrize(
    ("kind", "holds"), [("sound", True), ("breaks", False), ("differs", False)]
)
def test_a_graph_that_breaks_or_differs_does_not_hold(agreement, kind, holds):
    rows = agreement.compiled(
        Strange(kind), torch.ones(1, 3, dtype=torch.long), "eager"
    )
    assert [row["holds"] for row in rows] == [holds] * 3
    assert all(("failed" in row) == (kind == "breaks") for row in rows)


def test_a_contender_that_fails_is_listed_and_not_timed(clock):
    def fail():
        raise RuntimeError("out of memory\nand much more")

    contenders = {"works": lambda: None, "fails": fail}
    works, fails = clock.clock(
        contenders, tokens={"works": 7}, rounds=3, device=torch.device("cpu")
    )
    assert works["contender"] == "works"
    assert works["rounds"] == 3
    reason = "RuntimeError: out of memory"
    assert fails == {"contender": "fails", "holds": False, "failed": reason}


def test_a_contender_that_fails_later_is_not_timed_either(clock):
    calls = []

    def late():
        calls.append(None)
        if len(calls) > 3:
            raise torch.OutOfMemoryError("no room")

    tokens, cpu = {"late": 1, "works": 1}, torch.device("cpu")
    contenders = {"late": late, "works": lambda: None}
    late_row, works = clock.clock(contenders, tokens=tokens, rounds=4, device=cpu)
    assert late_row["failed"] == "OutOfMemoryError: no room"
    assert (len(calls), works["rounds"]) == (4, 4)


@pytest.mark.parametrize("failing", ["paths", "training", "loop", "tests"])
def test_a_part_that_fails_is_named_and_the_others_go_on(gpu, monkeypatch, failing):
    def fail(*_, **__):
        raise MemoryError("all of it")

    good = {"required": True, "holds": True}
    parts = {
        "paths": {"differences": [good], "compiled": [], "speed": []},
        "training": {"rows": [good]},
        "loop": good,
        "gpu_tests": [good],
    }
    for name, found in parts.items():
        monkeypatch.setattr(gpu, name, lambda *_, found=found, **__: found)
    cpu, how = torch.device("cpu"), {"toy": True, "backend": "eager"}
    assert gpu.run(cpu, **how)["holds"] is True
    monkeypatch.setattr(gpu, "gpu_tests" if failing == "tests" else failing, fail)
    result = gpu.run(cpu, **how)
    (row,) = result["failed"]
    assert (row["part"], row["why"]) == (failing, "MemoryError: all of it")
    assert result["holds"] is False
    others = {"training", "loop", "tests"} - {failing}
    assert all(result[name] for name in others)
    json.dumps(result, allow_nan=False)


def test_a_model_that_fails_leaves_the_others(gpu, monkeypatch):
    def fail(model, *_):
        if model == "bad":
            raise RuntimeError("does not fit")
        return {"differences": [{"required": True, "holds": True}]}

    monkeypatch.setattr(gpu, "models", lambda toy: {"a": "bad", "b": "good"})
    monkeypatch.setattr(gpu, "one_model", fail)
    found = gpu.paths(torch.device("cpu"), gpu.TOY, toy=True, backend="eager")
    bad, good = found["differences"]
    assert (bad["model"], bad["failed"]) == ("a", "RuntimeError: does not fit")
    assert (good["model"], good["holds"]) == ("b", True)
    assert not gpu.all_hold(found["differences"])
