"""The GPU's training step: who agrees is timed, who does not fit or fails is told"""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import torch

from llmath.config import preset
from llmath.train.options import configured, parser
from llmath.train.peak import Peak
from llmath.train.presets import PRESETS

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
PAIR = ("llmath, compiled", "transformers, compiled")


def script(name: str):
    @pytest.fixture
    def module(monkeypatch):
        monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
        return importlib.import_module(name)

    return module


contenders, gpu, programs, training = map(
    script, ("contenders", "gpu", "programs", "gpu_training")
)


@pytest.fixture
def plan(contenders):
    config = preset("tiny", n_layers=1, context_length=16)
    return contenders.Plan(config, B=8, dtype="float32", rounds=2, backend="eager")


# Agreement comes before the clock


def test_a_walk_that_is_the_reference_s_holds(training):
    """0.2 of 4 is too much at the first loss; only the first norm is looked at."""
    right, mine = [(4.0, 2.0), (3.0, 1.0)], [(4.2, 2.0), (3.0, 9.0)]
    row = training.agreement((mine, None), (right, None), 0.06)
    assert row["error"] == pytest.approx(0.05, rel=1e-12)
    assert (row["losses"], row["gradient_norm"]) == ([4.2, 3.0], 2.0)
    assert row["holds"]
    assert not training.agreement((mine, None), (right, None), 0.04)["holds"]


@pytest.mark.parametrize(
    "mine",
    [
        [(4.0, 2.5), (3.0, 1.0)],  # another gradient
        [(4.0, 2.0), (3.9, 1.0)],  # another update
        [(4.0, 2.0), (float("nan"), 1.0)],
    ],
)
def test_another_gradient_update_or_no_number_does_not_hold(training, mine):
    right = [(4.0, 2.0), (3.0, 1.0)]
    assert not training.agreement((mine, None), (right, None), 0.1)["holds"]


def test_who_learns_nothing_does_not_hold(training):
    still = [(4.0, 2.0), (4.0, 2.0)]
    assert not training.agreement((still, None), (still, None), 0.1)["holds"]


def test_a_walk_or_a_reference_that_failed_is_told(training):
    right = [(4.0, 2.0), (3.0, 1.0)]
    for pair in (((None, "why"), (right, None)), ((right, None), (None, "why"))):
        assert training.agreement(*pair, 0.1) == {"holds": False, "failed": "why"}


def test_the_reference_is_float32_explicit_in_the_whole_batch(
    training, contenders, plan
):
    """One window after the other is the mean over all of them."""
    batch = contenders.some_batch(plan, CPU)
    who = contenders.make("Engine, explicit", plan, CPU)
    for mine, right in zip(
        training.walk(who, batch), training.reference(plan, batch), strict=True
    ):
        assert mine == pytest.approx(right, rel=1e-5)


def test_theirs_without_a_compiler_is_the_same_model(
    training, contenders, plan, monkeypatch
):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    batch = contenders.some_batch(plan, CPU)
    ours, other = (
        training.walk(contenders.make(name, plan, CPU), batch) for name in PAIR
    )
    assert len(ours) == training.STEPS
    assert ours[-1][0] < ours[0][0]
    for mine, their in zip(ours, other, strict=True):
        assert mine == pytest.approx(their, rel=1e-5)


def test_a_step_moves_the_weights_and_a_reset_takes_them_back(contenders, plan):
    who = contenders.make("Engine, fused kernels", plan, CPU)
    batch = contenders.some_batch(plan, CPU)
    first = who.step(batch)
    weight = who.model.embedding.weight
    assert not torch.equal(weight, who.start["embedding.weight"])
    assert who.optimizer.state
    who.reset()
    assert torch.equal(weight, who.start["embedding.weight"])
    assert not who.optimizer.state
    assert who.step(batch) == first


# What does not fit, and who fails


class Greedy:
    """Has room for `room` windows, as a GPU with little memory."""

    def __init__(self, room: int) -> None:
        self.room, self.tried, self.resets = room, [], 0

    def step(self, batch: tuple) -> None:
        self.tried.append(len(batch[0]))
        if len(batch[0]) > self.room:
            raise torch.OutOfMemoryError("no room")

    def reset(self) -> None:
        self.resets += 1


def test_the_batch_is_halved_until_it_fits(contenders):
    who, ids = Greedy(3), torch.zeros(16, 5, dtype=torch.long)
    assert contenders.fitting(who, (ids, ids)) == 2
    assert (who.tried, who.resets) == ([16, 8, 4, 2, 2], 4)
    with pytest.raises(RuntimeError, match="not even a batch of one window"):
        contenders.fitting(Greedy(0), (ids, ids))


def test_the_pair_has_equally_many_windows(training, contenders, plan, monkeypatch):
    """The explicit path has room for 2, transformers for 4, and the rest for 8."""
    rooms = dict.fromkeys(training.NAMES, 8)
    rooms |= {"Engine, explicit": 2, "transformers, compiled": 4}

    def make(name, *_):
        if name == "Engine, compiled":
            raise OSError("no compiler")
        return Greedy(rooms[name])

    monkeypatch.setattr(training, "make", make)
    there, rows = training.everyone(plan, contenders.some_batch(plan, CPU))
    windows = {name: row["B"] for name, row in rows.items() if "B" in row}
    fused = "Engine, fused kernels"
    assert windows == {"Engine, explicit": 2, fused: 4} | dict.fromkeys(PAIR, 4)
    assert there.keys() == windows.keys()
    reason = {"holds": False, "failed": "OSError: no compiler"}
    assert rows["Engine, compiled"] == reason


def test_who_does_not_agree_is_not_timed(training, contenders, plan, monkeypatch):
    wrong = "Engine, fused kernels"

    def walk(who, batch):
        off = 1.5 if who.name == wrong else 1.0
        return [(4.0 * off, 1.0), (3.0, 1.0)]

    there = {
        name: SimpleNamespace(name=name, step=print)
        for name in training.NAMES
        if name != "Engine, compiled"
    }
    missing = {"Engine, compiled": {"holds": False, "failed": "why"}}
    rows = {name: {"B": 8} for name in there} | missing
    clocked = {}

    def clock(steps, *, tokens, **_):
        clocked.update(tokens)
        return [{"contender": name, "tokens_per_second": 1e6} for name in steps]

    monkeypatch.setattr(training, "everyone", lambda *_: (there, rows))
    monkeypatch.setattr(training, "walk", walk)
    monkeypatch.setattr(training, "reference", lambda *_: [(4.0, 1.0), (3.0, 1.0)])
    monkeypatch.setattr(training, "clock", clock)
    found = training.training(plan, CPU)
    assert clocked == dict.fromkeys(there.keys() - {wrong}, 8 * 16)
    by_name = {row["contender"]: row for row in found["rows"]}
    assert "tokens_per_second" not in by_name[wrong]
    assert by_name["Engine, compiled"]["failed"] == "why"
    assert found["ours_over_theirs"] == 1


def test_a_type_that_the_device_has_not_is_left_out(
    training, programs, plan, monkeypatch
):
    for module, part in ((training, training.training), (programs, programs.loop)):
        monkeypatch.setattr(module, "can_compute", lambda *_: False)
        assert part(plan, CPU)["left_out"] == "cpu does not compute in float32"


def test_mfu_is_what_was_computed_of_the_peak(training, plan):
    """A model of 1 layer, D = 64, T = 16, V = 256: 6 times 65,536 weights a token.

    12 D² = 49,152 in the block and V D = 16,384 in the head; attention multiplies
    2 T D = 2,048 numbers more for every token.
    """
    flops = 6 * (49_152 + 16_384 + 2_048)
    speeds = zip(PAIR, (6.0, 9.0), strict=True)
    rows = {name: {"tokens_per_second": speed} for name, speed in speeds}
    found = training.with_mfu(rows, plan, Peak(flops * 18.0, "data sheet"))
    assert [row["mfu"] for row in found["rows"]] == pytest.approx([1 / 3, 1 / 2])
    assert found["ours_over_theirs"] == 2 / 3
    measured = training.with_mfu(rows, plan, Peak(flops * 4.5, "measured"))
    assert [row["mfu"] for row in measured["rows"]] == pytest.approx([4 / 3, 2])
    assert measured["peak"]["source"] == "measured"  # above 1, it was measured too low


def test_without_one_of_the_pair_there_is_no_ratio(training, plan):
    rows = {PAIR[0]: {"tokens_per_second": 9.0}, PAIR[1]: {"failed": "why"}}
    found = training.with_mfu(rows, plan, Peak(1e9, "data sheet"))
    assert found["ours_over_theirs"] is None


def test_the_plan_is_a_gpt2_of_124_million(gpu):
    plan = gpu.step_plan(False, "inductor")
    assert (plan.config, plan.dtype) == (preset("gpt2"), "bfloat16")
    json.dumps(plan._asdict() | {"config": vars(plan.config)})


# Programs of their own


@pytest.mark.parametrize("name", ["gpt2", "tiny"])
def test_the_command_trains_this_very_model(programs, name):
    config = preset(name, vocab_size=256)
    command = programs.command(config, {"out": "x", "batch_size": 3})
    assert command[1:3] == ["-m", "llmath.train"]
    said = vars(parser().parse_args(command[3:]))
    made = configured(PRESETS["baseline"], said)
    assert (made.model, made.batch_size, said["out"]) == (config, 3, "x")


def test_a_command_that_fails_is_told_by_its_last_line(programs, plan, monkeypatch):
    done = SimpleNamespace(returncode=2, stdout="", stderr="much\nllmath.train: no\n")
    monkeypatch.setattr(programs, "ran", lambda command: done)
    with pytest.raises(RuntimeError, match=r"ended with 2: llmath\.train: no$"):
        programs.trained(plan, CPU, "text")


def marker(name: str) -> str:
    """Not in one piece, or this file would be taken for one with tests for a GPU."""
    return f"@pytest.mark.{name}\n"


def test_every_marked_test_is_listed_with_its_outcome(programs, tmp_path):
    bodies = {
        "passes": "assert True",
        "fails": "assert 1 == 2, 'one is not two'",
        "leaves": "pytest.skip('no GPU')",
    }
    text = "import pytest\n\n"
    for name, body in bodies.items():
        text += f"{marker('gpu')}def test_{name}():\n    {body}\n\n"
    (tmp_path / "test_a.py").write_text(text + "def test_other():\n    assert False\n")
    (tmp_path / "test_b.py").write_text("raise RuntimeError('never read')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = gpu: needs one\n")
    assert programs.marked(tmp_path) == [tmp_path / "test_a.py"]
    rows = programs.gpu_tests(CPU, tmp_path)
    assert [row["outcome"] for row in rows] == ["passed", "failed", "skipped"]
    assert [row["holds"] for row in rows] == [True, False, False]
    assert "one is not two" in rows[1]["why"]
    assert rows[2]["why"] == "no GPU"
    assert not any(row["required"] for row in rows), "no GPU is there"


def test_on_a_gpu_a_skipped_test_does_not_hold(programs, gpu):
    case = ElementTree.fromstring(
        '<testcase name="a"><skipped message="b"/></testcase>'
    )
    for needed in (True, False):
        row = programs.outcome(case, needed=needed)
        assert (row["outcome"], row["required"]) == ("skipped", needed)
        assert gpu.all_hold([row, {"required": True, "holds": True}]) is not needed


def test_tests_that_cannot_be_read_are_no_outcome(programs, tmp_path):
    with pytest.raises(ValueError, match="is marked for a GPU"):
        programs.gpu_tests(CPU, tmp_path)
    (tmp_path / "test_a.py").write_text(f"{marker('gpu')}def broken(:\n")
    with pytest.raises(RuntimeError, match="pytest ended with"):
        programs.gpu_tests(CPU, tmp_path)


def test_the_book_s_own_are_found(programs):
    found = {file.name for file in programs.marked(ROOT / "tests")}
    assert {"test_optimizers.py", "test_attention.py", "test_model.py"} <= found
    assert Path(__file__).name not in found


def test_a_program_of_one_line_is_run(programs):
    done = programs.ran([sys.executable, "-c", "print(6 * 7)"])
    assert (done.returncode, done.stdout) == (0, "42\n")
