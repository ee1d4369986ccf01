"""Checkpoints: what is read is what was written, or it is refused"""

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from llmath.checkpoint import (
    DamagedCheckpoint,
    checkpoints,
    load_checkpoint,
    load_model,
    prune,
    resume,
    save_checkpoint,
)
from llmath.config import RopeScaling, preset
from llmath.loss import cross_entropy
from llmath.model import Transformer

SMALL = preset(
    "tiny", vocab_size=17, n_layers=1, d_model=8, n_heads=2, n_kv_heads=2, d_ff=16
)
LLAMA = preset(
    "smollm2-135m",
    **{"vocab_size": 17, "n_layers": 2, "d_model": 8, "n_heads": 2, "n_kv_heads": 1},
    **{"d_ff": 12, "context_length": 32, "tie_embeddings": False},
    rope_scaling=RopeScaling(kind="linear", factor=2.0),
)
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.9)),
}


def steps(model, optimizer, numbers):
    """A few updates, each on a batch of its own; returns the losses."""
    losses = []
    for i in numbers:
        rng = np.random.default_rng(i)
        ids = torch.from_numpy(rng.integers(0, 17, (2, 9)))
        loss = cross_entropy(model(ids[:, :-1]), ids[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def everything(model, optimizer):
    moments = optimizer.state_dict()["state"]
    return list(model.state_dict().values()) + [
        x if isinstance(x, torch.Tensor) else torch.tensor(x)
        for i in sorted(moments)
        for _, x in sorted(moments[i].items())
    ]


@pytest.mark.parametrize("config", [SMALL, LLAMA], ids=["gpt2", "llama"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_going_on_is_going_on(tmp_path, config, name):
    model = Transformer(config)
    optimizer = OPTIMIZERS[name](model.parameters())
    steps(model, optimizer, range(5))
    state = {"position": 5, "best": 0.1 + 0.2, "text": "Ünïcödé"}
    drawn = {"chance": torch.get_rng_state()}
    path = save_checkpoint(
        tmp_path, 5, model=model, optimizer=optimizer, state=state, tensors=drawn
    )
    other = Transformer(config, seed=1)
    another = OPTIMIZERS[name](other.parameters())
    found = load_checkpoint(path, model=other, optimizer=another)
    assert (found.step, found.config, found.state) == (5, config, state)
    assert torch.equal(found.tensors["chance"], drawn["chance"])
    assert steps(other, another, range(5, 9)) == steps(model, optimizer, range(5, 9))
    pairs = zip(everything(model, optimizer), everything(other, another), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_model_of_a_checkpoint(tmp_path):
    model = Transformer(LLAMA, seed=3)
    path = save_checkpoint(tmp_path, 0, model=model)
    found = load_model(path)
    ids = torch.arange(12)[None]
    assert torch.equal(found(ids), model(ids))
    assert not found.training
    assert not any(p.requires_grad for p in found.parameters())


def test_a_type_stays_its_own(tmp_path):
    half = Transformer(SMALL).bfloat16()
    path = save_checkpoint(tmp_path, 0, model=half)
    assert load_model(path).embedding.weight.dtype == torch.bfloat16
    wide = Transformer(SMALL, seed=1).double()
    load_checkpoint(path, model=wide)
    assert wide.embedding.weight.dtype == torch.float64
    assert torch.equal(wide.embedding.weight, half.embedding.weight.double())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    model = Transformer(SMALL)
    path = save_checkpoint(tmp_path_factory.mktemp("run"), 7, model=model)
    return path.read_bytes()


def test_cut_short_anywhere(tmp_path, written):
    path = tmp_path / "step-00000007.safetensors"
    for end in [0, 1, 7, 8, 9, *range(10, len(written), 613), len(written) - 1]:
        path.write_bytes(written[:end])
        with pytest.raises(DamagedCheckpoint):
            load_checkpoint(path)


def test_one_byte_changed_anywhere(tmp_path, written):
    path = tmp_path / "step-00000007.safetensors"
    header = 8 + int.from_bytes(written[:8], "little")
    places = [*range(0, header, 29), *range(header, len(written), 977)]
    for place, flip in itertools.product(places, (1, 128)):
        changed = bytearray(written)
        changed[place] ^= flip
        path.write_bytes(changed)
        try:
            found = load_checkpoint(path)
        except DamagedCheckpoint:
            continue
        assert place < header  # where JSON may be written in two ways
        assert found.step == 7


def run_of(folder, *numbers):
    model = Transformer(SMALL)
    for i in numbers:
        with torch.no_grad():
            model.embedding.weight.fill_(i)
        save_checkpoint(folder, i, model=model)


def test_a_damaged_one_is_passed_over(tmp_path):
    run_of(tmp_path, 10, 20, 30)
    newest, before = checkpoints(tmp_path)[:0:-1]
    newest.write_bytes(newest.read_bytes()[:-5])
    model = Transformer(SMALL)
    aside = newest.with_name(f"{newest.name}.damaged")
    told = rf"step-00000030.* is damaged.*it is {aside.name} now, and {before.name} is"
    with pytest.warns(UserWarning, match=told):
        found = resume(tmp_path, model=model)
    assert (found.step, found.path) == (20, before)
    assert (model.embedding.weight == 20).all()
    assert checkpoints(tmp_path) == [tmp_path / "step-00000010.safetensors", before]
    assert aside.is_file()


def test_all_damaged_is_no_beginning(tmp_path):
    run_of(tmp_path, 1, 2)
    for path in checkpoints(tmp_path):
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(ValueError, match=r"none of the 2 checkpoints .* is whole"),
    ):
        resume(tmp_path, model=Transformer(SMALL))
    assert len(checkpoints(tmp_path)) == 2  # and none was renamed


def test_a_folder_with_the_name_of_a_checkpoint_is_none(tmp_path):
    run_of(tmp_path, 3)
    (tmp_path / "step-00000009.safetensors").mkdir()
    assert resume(tmp_path, model=Transformer(SMALL)).step == 3
    prune(tmp_path, 1)
    assert len(checkpoints(tmp_path)) == 1


def test_without_any_there_is_nothing_to_go_on_from(tmp_path):
    assert resume(tmp_path / "nowhere", model=Transformer(SMALL)) is None


def test_the_same_step_again_takes_the_place(tmp_path):
    run_of(tmp_path, 5)
    (path,) = checkpoints(tmp_path)
    path.write_bytes(b"damaged")
    run_of(tmp_path, 5)
    assert load_checkpoint(path).step == 5


def test_a_write_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    run_of(tmp_path, 5)
    (path,) = checkpoints(tmp_path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.torch, "save", full)
    with pytest.raises(OSError, match="no space"):
        run_of(tmp_path, 5)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_pruning(tmp_path):
    run_of(tmp_path, *range(0, 100, 10))
    (tmp_path / "step-00000040.safetensors.123.part").write_bytes(b"half")
    prune(tmp_path, 2, also={0, 50})
    assert [load_checkpoint(p).step for p in checkpoints(tmp_path)] == [0, 50, 80, 90]
    assert len(list(tmp_path.iterdir())) == 4
    with pytest.raises(ValueError, match="at least 1, got 0"):
        prune(tmp_path, 0)


def test_many_steps_stay_in_order(tmp_path):
    run_of(tmp_path, 9, 100_000_001, 99_999_999)
    assert [load_checkpoint(p).step for p in checkpoints(tmp_path)] == [
        9,
        99_999_999,
        100_000_001,
    ]


def test_another_model_is_refused_with_both_values(tmp_path):
    path = save_checkpoint(tmp_path, 0, model=Transformer(SMALL))
    other = Transformer(replace(SMALL, vocab_size=18, n_heads=4, n_kv_heads=4))
    with pytest.raises(ValueError, match=r"vocab_size 17 → 18; n_heads 2 → 4"):
        load_checkpoint(path, model=other)


def refused(tmp_path, saved, given):
    """The message, after it was seen that the refused load touched nothing."""
    model = Transformer(SMALL)
    path = save_checkpoint(tmp_path, 0, model=model, optimizer=saved(model))
    other = Transformer(SMALL, seed=1)
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(ValueError, match=r"optimizer") as error:
        load_checkpoint(path, model=other, optimizer=given(other))
    assert all(torch.equal(x, before[n]) for n, x in other.state_dict().items())
    return str(error.value)


def test_another_optimizer_is_refused(tmp_path):
    sgd, adamw = (lambda m, n=n: OPTIMIZERS[n](m.parameters()) for n in OPTIMIZERS)
    assert "only one of them knows" in refused(tmp_path, sgd, adamw)
    assert "without an optimizer" in refused(tmp_path, lambda _: None, sgd)

    def two_groups(model):
        first, *rest = model.parameters()
        return torch.optim.SGD([{"params": [first]}, {"params": rest}], lr=0.1)

    assert "[1, " in refused(tmp_path, two_groups, sgd)


def test_a_state_that_json_cannot_say(tmp_path):
    model = Transformer(SMALL)
    for state in ({"loss": float("nan")}, {"x": {1, 2}}):
        with pytest.raises(ValueError, match="is no JSON"):
            save_checkpoint(tmp_path, 0, model=model, state=state)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        save_checkpoint(tmp_path, -1, model=model)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match="is missing"):
        load_checkpoint(tmp_path / "step-00000001.safetensors")
    foreign = tmp_path / "step-00000002.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(1)}, foreign)
    with pytest.raises(DamagedCheckpoint, match="lacks the state"):
        load_checkpoint(foreign)
