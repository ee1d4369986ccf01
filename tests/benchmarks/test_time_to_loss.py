"""Recipes beside the classic one: what they change, how they are judged and searched"""

import importlib
import json
import shlex
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from llmath.train import PRESETS, TrainConfig, build_corpus, train

ROOT = Path(__file__).resolve().parents[2]
SMALL = "--n-layers 1 --d-model 16 --n-heads 2 --context-length 16"


@pytest.fixture(scope="module")
def module():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("time_to_loss")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "fox.txt"
    path.write_text("The quick brown fox jumps over the lazy dog.\n" * 40, "utf-8")
    return build_corpus(str(path), "characters", vocab_size=256)


@pytest.fixture(scope="module")
def listed(module):
    """The classic one, slow to warm up, and one that learns at once."""
    fast = f"{SMALL} --lr 2e-2 --warmup 2"
    return [module.Recipe("slow", SMALL, 100), module.Recipe("fast", fast, 20)]


@pytest.fixture(scope="module")
def result(module, listed, corpus):
    return module.measured(corpus, listed, search=True, rounds=4)


# The recipes


def test_the_first_is_the_preset(module):
    assert module.recipes()[0].config == PRESETS["baseline"]


def test_each_puts_one_choice_back(module):
    """And no other: every field is the best recipe's, or the baseline's."""
    base, best, *others = [recipe.config for recipe in module.recipes()]
    names = [recipe.name for recipe in module.recipes()[2:6]]
    assert names == [f"{choice} put back" for choice in module.CHOICES]
    owned = {"block": {"model"}, "batch": {"batch_size", "steps"}}
    owned["schedule"] = {"schedule", "min_lr_ratio"}
    owned["optimizer"] = {
        "optimizer",
        "optimizer_impl",
        "lr",
        "adamw_lr",
        "momentum",
        "clip",
    }
    for choice, config in zip(module.CHOICES, others[:4], strict=True):
        found = differing(config, best)
        assert found <= owned[choice], choice
        for name in found - {"steps"}:
            assert getattr(config, name) == getattr(base, name)
        if choice != "batch" or best.batch_size != base.batch_size:
            assert found, choice
    assert differing(others[4], others[1]) == {"lr"}


def differing(a: TrainConfig, b: TrainConfig) -> set[str]:
    return {f.name for f in fields(a) if getattr(a, f.name) != getattr(b, f.name)}


def test_all_but_the_first_read_the_same(module):
    read = {r.config.steps * r.config.batch_size for r in module.recipes()[1:]}
    assert max(read) - min(read) < 12
    assert max(read) < PRESETS["baseline"].steps * 12 / 2


def test_a_command_is_what_is_run(module):
    from llmath.train.options import configured, parser

    for recipe in module.recipes():
        words = shlex.split(recipe.command)
        assert words[:3] == ["python", "-m", "llmath.train"]
        said = vars(parser().parse_args(words[3:]))
        assert said["out"].startswith("runs/")
        assert configured(PRESETS[said["preset"]], said) == recipe.config


def test_what_is_stored_can_be_typed(module):
    """The commands of the file are those of the recipes, as they are typed now."""
    rows = json.loads(module.RESULTS.read_text("utf-8"))["rows"]
    assert [row["command"] for row in rows] == [r.command for r in module.recipes()]


# What is measured


def test_taking_turns_changes_no_loss(result, listed, corpus):
    """Each alone, by the loop, with the whole validation text."""
    for recipe, row in zip(listed, result["rows"], strict=True):
        alone = train(replace(recipe.config, sample_tokens=0), corpus=corpus)
        assert row["loss"] == pytest.approx(alone.evaluations[-1].loss, rel=1e-9)
        assert row["steps"] == alone.steps[-1].step
        assert row["tokens"] == alone.steps[-1].tokens
        assert row["parameters"] == sum(p.numel() for p in alone.model.parameters())
        quarter = [step.loss for step in alone.steps[-row["steps"] // 4 :]]
        assert row["curve"][-1][2] == pytest.approx(sum(quarter) / len(quarter), 1e-3)


def test_what_is_stored(result, module):
    assert result["format"] == module.FORMAT
    assert result["provenance"]["versions"]["torch"] == torch.__version__
    one = torch.get_num_threads() == 1
    assert result["settings"]["clock"] == ("processor" if one else "wall")
    assert result["rows"][0]["time_ratio"] == 1
    assert [len(row["curve"]) for row in result["rows"]] == [4, 4]
    for row in result["rows"]:
        seconds = [point[1] for point in row["curve"]]
        assert sorted(seconds) == seconds
        assert seconds[-1] == pytest.approx(row["seconds"], abs=1e-3)


def test_half_the_time_and_no_worse(module):
    base = {"seconds": 10.0, "loss": 2.0}
    rows = [
        {"seconds": seconds, "loss": loss}
        for seconds, loss in ((5.0, 2.0), (5.1, 1.0), (1.0, 2.1), (10.0, 2.0))
    ]
    judged = module.judged(rows, base)
    assert [row["passes"] for row in judged] == [True, False, False, False]
    assert [row["reaches"] for row in judged] == [True, True, False, True]
    assert [row["time_ratio"] for row in judged] == [0.5, 0.51, 0.1, 1.0]


def searched(module, monkeypatch, needs: int, start: int) -> list[int]:
    """The lengths that are tried where the mark is reached after so many steps."""

    def trained(recipes, corpus, rounds):
        return [row(recipe.steps) for recipe in recipes]

    def row(steps: int) -> dict:
        return {"steps": steps, "loss": 1.0 if steps >= needs else 3.0}

    monkeypatch.setattr(module, "trained", trained)
    recipe = module.Recipe("some", "--warmup 10", start)
    return [r["steps"] for r in module.fewest(recipe, row(start), 2.0, None)]


def test_the_fewest_steps_are_found(module, monkeypatch):
    """From 100, where 150 are needed: too few, then enough, then between the two."""
    assert searched(module, monkeypatch, 150, 100) == [200, 141, 168, 154]
    assert searched(module, monkeypatch, 70, 100) == [50, 71, 60, 65]
    assert searched(module, monkeypatch, 10**9, 100) == [
        200,
        400,
        800,
        1600,
        3200,
        6400,
    ]
    assert searched(module, monkeypatch, 1, 40) == [20]  # no fewer than the warm-up


def test_the_search_is_stored_too(result):
    assert result["search"]
    assert {row["recipe"] for row in result["search"]} == {"fast"}
    assert all("time_ratio" in row for row in result["search"])


def test_the_table_is_markdown(module, result):
    head, line, *rows = module.as_table(result["rows"]).splitlines()
    assert head.count("|") == line.count("|") == rows[0].count("|") == 8
    assert rows[0].startswith("| slow | 100 | 19,200 |")
    assert rows[1].startswith("| fast | 20 | 3,840 |")


def test_the_command_stores_and_prints(
    module, listed, corpus, monkeypatch, tmp_path, capsys
):
    out = tmp_path / "made" / "table.json"
    threads = str(torch.get_num_threads())
    monkeypatch.setattr("sys.argv", ["", "--threads", threads, "--out", str(out)])
    monkeypatch.setattr(module, "recipes", lambda: listed)
    monkeypatch.setattr(module, "build_corpus", lambda *text, vocab_size: corpus)
    module.main()
    stored = json.loads(out.read_text("utf-8"))
    assert stored["search"] == []
    assert stored["settings"]["rounds"] == 20
    assert module.as_table(stored["rows"]) in capsys.readouterr().out
