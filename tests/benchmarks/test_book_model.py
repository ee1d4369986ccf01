"""The book's own model: what is stored is whole, and says what it is

The same account is asked of results/book, where it is there, and of a toy that is
trained here in a moment.
"""

import hashlib
import importlib
import json
import math
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from torch.nn import functional as F

from llmath.checkpoint import checkpoints
from llmath.data import fingerprint, windows
from llmath.pretrained import load_gguf
from llmath.pretrained.gguf import GGUFFile
from llmath.pretrained.gguf_writer import as_stored, write_gguf
from llmath.train import read_metrics
from llmath.train.presets import from_json

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "book"
TEXT = "The quick brown fox jumps over the lazy dog, and the dog sleeps on.\n" * 40
TOY = (
    "--data {} --vocab-size 270 --n-layers 1 --d-model 32 --n-heads 2 --d-ff 32 "
    "--context-length 16 --batch-size 2 --warmup 5 --sample-tokens 5 --device cpu"
)
STEPS = 130  # the least that keeps twelve


@pytest.fixture(scope="module")
def book_model():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("book_model")


@pytest.fixture(scope="module")
def made(book_model, tmp_path_factory) -> tuple[Path, Path]:
    """Where the toy was trained, and where it was stored."""
    home = tmp_path_factory.mktemp("book")
    (home / "fox.txt").write_text(TEXT, "utf-8")
    work, out = home / "work", home / "results" / "book"
    book_model.trained(work, STEPS, TOY.format(home / "fox.txt"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_model, "FEW", 100)  # less than all that there is
        book_model.put(work, out)
    return work, out


@pytest.fixture(params=["toy", *(["results"] if RESULTS.exists() else [])])
def folder(request, made) -> Path:
    return RESULTS if request.param == "results" else made[1]


def about(folder: Path) -> dict:
    return json.loads((folder / "about.json").read_text("utf-8"))


# What is asked of every stored folder


def test_it_is_whole(folder):
    is_whole(folder)


def is_whole(folder: Path) -> None:
    told, files = about(folder), {path.name for path in folder.iterdir()}
    rows = told["checkpoints"]
    assert files == {"about.json", "metrics.jsonl", *(row["file"] for row in rows)}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 20_000_000
    assert (folder / "metrics.jsonl").stat().st_size <= 300_000
    assert len(rows) >= 12
    steps = [row["step"] for row in rows]
    assert steps == told["settings"]["keep_steps"]
    assert steps[:4] == [0, 1, 2, 4]
    assert steps[-1] == told["settings"]["steps"]
    for row in rows:
        data = (folder / row["file"]).read_bytes()
        assert len(data) == row["bytes"]
        assert hashlib.sha256(data).hexdigest() == row["sha256"]


def test_it_says_where_it_is_from(folder):
    told = about(folder)
    assert told["format"] == "llmath book model, version 1"
    begun = told["training"]["provenance"]
    assert begun
    for made in (told["provenance"], *begun):
        assert made["commit"]
        assert made["command"]
        assert made["versions"]["torch"]
        assert made["machine"]["processor"]
        assert made["time"] > "2026"
    assert 0 < told["training"]["update_seconds"] < told["training"]["seconds"]


def test_it_learnt_on_the_way(folder):
    learns(folder)


def learns(folder: Path) -> None:
    told = about(folder)
    V = told["settings"]["model"]["vocab_size"]
    losses = {row["step"]: row["loss"] for row in told["checkpoints"]}
    assert losses[0] == pytest.approx(math.log(V), abs=0.5)  # it knows nothing yet
    later = [loss for step, loss in losses.items() if step in (0, 1) or step >= 8]
    assert all(before > after for before, after in pairwise(later))
    assert later[-1] < losses[0] - 2


def test_bits_per_byte_are_nats_on_another_scale(folder):
    told = about(folder)
    n = told["text"]["validation_tokens"] - 1
    nats_to_bits = n / told["text"]["validation_bytes"] / math.log(2)
    for row in (told["float32"], *told["checkpoints"]):
        expected = row["loss"] * nats_to_bits
        assert row["bits_per_byte"] == pytest.approx(expected, rel=1e-12)


def test_eight_bits_cost_next_to_nothing(folder):
    told = about(folder)
    assert told["checkpoints"][-1]["loss"] == pytest.approx(
        told["float32"]["loss"], abs=0.01
    )


def test_the_run_reported_the_same(folder):
    """The loop's own loss on the whole validation text, in float32."""
    told = about(folder)
    lines = read_metrics(folder / "metrics.jsonl")
    looks = [line for line in lines if line["kind"] == "evaluation"]
    assert looks[-1]["step"] == told["settings"]["steps"]
    assert looks[-1]["loss"] == pytest.approx(told["float32"]["loss"], abs=1e-4)
    steps = [line["step"] for line in lines if line["kind"] == "step"]
    assert steps[:100] == [*range(1, 101)]
    assert steps[-1] > 0.99 * told["settings"]["steps"]
    assert len(looks) >= 7


def test_the_last_model_is_as_good_as_it_is_said_to_be(folder, book_model):
    """A part of the text, by the explicit path and PyTorch's own loss."""
    is_as_good(folder, book_model)


def is_as_good(folder: Path, book_model) -> None:
    told = about(folder)
    row, n = told["checkpoints"][-1], told["text"]["few_characters"]
    model, tokenizer = load_gguf(folder / row["file"])
    ids = book_model.few_ids(from_json(told["settings"]), tokenizer, n)
    nats = sum(
        F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum").item()
        for x, y in windows(ids, model.config.context_length, 8)
    )
    assert row["few_loss"] == pytest.approx(nats / (len(ids) - 1), abs=1e-4)


def test_every_file_is_the_same_when_it_is_written_again(folder, tmp_path):
    marks = set()
    for row in about(folder)["checkpoints"]:
        file = GGUFFile(folder / row["file"])
        again = tmp_path / row["file"]
        write_gguf(again, file.metadata, as_stored(file), kinds=file.kinds)
        assert again.read_bytes() == (folder / row["file"]).read_bytes()
        marks.add(fingerprint(load_gguf(again)[1]))
        again.unlink()
    assert len(marks) == 1  # one tokenizer for all


def test_weights_are_in_eight_bits(folder):
    file = GGUFFile(folder / about(folder)["checkpoints"][-1]["file"])
    kinds = {t.encoding.name for t in file.tensors.values() if len(t.shape) > 1}
    assert kinds == {"Q8_0"}


# The account can be refused


def test_what_is_damaged_or_missing_is_found(made, book_model, tmp_path):
    row = about(made[1])["checkpoints"][-1]

    def fresh(name: str) -> Path:
        return Path(shutil.copytree(made[1], tmp_path / name))

    flipped = fresh("flipped")
    data = bytearray((flipped / row["file"]).read_bytes())
    data[-1] ^= 1
    (flipped / row["file"]).write_bytes(data)
    missing = fresh("missing")
    (missing / row["file"]).unlink()
    more = fresh("more")
    (more / "step-000003.gguf").write_bytes(data)
    for folder in (flipped, missing, more):
        with pytest.raises(AssertionError):
            is_whole(folder)
    other = fresh("other")
    told = about(other)
    told["checkpoints"][-1] |= {"file": told["checkpoints"][2]["file"]}
    (other / "about.json").write_text(json.dumps(told), "utf-8")
    with pytest.raises(AssertionError):
        is_as_good(other, book_model)
    told["checkpoints"][-2]["loss"] = told["checkpoints"][-1]["loss"] - 0.1
    (other / "about.json").write_text(json.dumps(told), "utf-8")
    with pytest.raises(AssertionError):
        learns(other)


# Whole, or not at all


def test_a_failed_export_leaves_what_was_there(made, book_model, monkeypatch):
    work, out = made
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(book_model, "LARGEST", 1000)
    monkeypatch.setattr(book_model, "whole_loss", lambda model, ids: 1.0)
    monkeypatch.setattr(book_model, "written", lambda model, corpus, n: "")
    with pytest.raises(ValueError, match="are more than 1,000: keep fewer"):
        book_model.put(work, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in out.parent.iterdir()] == ["book"]


def test_a_file_that_changes_when_it_is_read_is_refused(made, book_model, tmp_path):
    """An unused byte of padding: the model is the same, the file is not."""
    work, out = made
    corpus = book_model.open_corpus(work)
    path = tmp_path / "last.gguf"
    data = bytearray((out / about(out)["checkpoints"][-1]["file"]).read_bytes())
    path.write_bytes(data)
    assert book_model.read_back(path, corpus).config.d_model == 32
    path.write_bytes(data + b"\0")
    with pytest.raises(ValueError, match="another file when it is written again"):
        book_model.read_back(path, corpus)


def test_a_run_that_was_stopped_goes_on(made, book_model, tmp_path):
    """Called again in the same place: the last step is made, and nothing anew."""
    work = tmp_path / "work"
    shutil.copytree(made[0], work)
    last = checkpoints(work / "checkpoints")[-1]
    whole = last.read_bytes()
    last.unlink()
    book_model.trained(work, STEPS)
    assert checkpoints(work / "checkpoints")[-1].name == last.name
    assert len(last.read_bytes()) == len(whole)
    begun = [x for x in read_metrics(work / "metrics.jsonl") if x["kind"] == "run"]
    assert [line["step"] == 0 for line in begun] == [True, False]


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        (6, [0, 1, 2, 3, 4, 5, 6]),
        (100, [0, 1, 2, 4, 8, 17, 34, 50, 67, 84, 100]),
        (
            2400,
            [0, 1, 2, 4, 8, 16, 32, 64, 128, 400, 800, 1200, 1600, 2000, 2400],
        ),
    ],
)
def test_which_steps_stay(book_model, steps, kept):
    assert book_model.kept_steps(steps) == kept


def test_few_of_many_lines_are_stored(book_model):
    lines = [{"kind": "step", "step": i} for i in range(1, 2401)]
    looks = [{"kind": "evaluation", "step": i} for i in (0, 7, 2400)]
    found = book_model.thinned([*looks, *lines], 2400)
    assert found[:3] == looks
    steps = [line["step"] for line in found[3:]]
    assert steps == [*range(1, 101), *range(105, 2401, 5)]
