"""runtime: devices and types, chance by purpose, whole files, where a result is from"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import llmath
from llmath.config import preset
from llmath.model import Transformer
from llmath.runtime import (
    autocast,
    can_compute,
    choose_device,
    describe_device,
    devices,
    float_type,
    provenance,
    replacing,
    saved_for_backward,
    seeded,
    write_json,
)

CPU = torch.device("cpu")

# Devices and types


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_the_processor_is_always_there_and_always_last():
    assert devices()[-1] == "cpu"
    assert choose_device("cpu") == CPU


@pytest.mark.usefixtures("two_gpus")
def test_the_fastest_is_chosen_and_each_by_its_name():
    assert devices()[:2] == ["cuda:0", "cuda:1"]
    assert choose_device() == choose_device("cuda") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match=r"'cuda:2' here; there is cuda:0, cuda:1"):
        choose_device("cuda:2")


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device() == CPU
    for name in ("cuda", "cuda:0", "mps", "tpu"):
        with pytest.raises(ValueError, match=f"'{name}' here; there is cpu. "):
            choose_device(name)


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        (("float32", "fp32", "torch.float32"), torch.float32),
        (("bfloat16", "bf16", str(torch.bfloat16)), torch.bfloat16),
        (("float16", "half"), torch.float16),
        (("float64", "double"), torch.float64),
    ],
)
def test_types_by_name(names, dtype):
    assert {float_type(name) for name in names} == {dtype}


@pytest.mark.parametrize("name", ["int8", "float8", "", "BF16"])
def test_other_types_are_refused(name):
    with pytest.raises(ValueError, match=f"{name!r}; there is float64, float32, bfl"):
        float_type(name)


def test_what_devices_can_compute(monkeypatch):
    for capability, bf16 in (((7, 5), False), ((8, 0), True), ((9, 0), True)):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda _, found=capability: found
        )
        gpu = torch.device("cuda:0")
        assert can_compute(gpu, torch.bfloat16) is bf16
        assert can_compute(gpu, torch.float16)
    assert not can_compute(torch.device("mps"), torch.float64)
    assert can_compute(CPU, torch.float64)
    assert not can_compute(CPU, torch.int8)


def test_autocast_lowers_products_and_nothing_else():
    a = torch.ones(3, 3)
    with autocast(CPU, torch.bfloat16):
        assert (a @ a).dtype == torch.bfloat16
        assert (a + a).dtype == torch.float32
    with autocast(CPU, torch.float32):
        assert (a @ a).dtype == torch.float32
    assert (a @ a).dtype == torch.float32, "and it ends"


def test_autocast_refuses_what_it_cannot_lower_to(monkeypatch):
    with pytest.raises(ValueError, match=r"not to torch\.float64"):
        autocast(CPU, torch.float64)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    with pytest.raises(ValueError, match=r"cannot compute in torch\.bfloat16"):
        autocast(torch.device("cuda:0"), torch.bfloat16)


# Chance


def test_a_seed_by_hand():
    """The first 63 bits of SHA-256("0 weights"), as sha256sum has it."""
    done = subprocess.run(
        ["sha256sum"], input=b"0 weights", capture_output=True, check=True
    )
    assert seeded(0).number("weights") == int(done.stdout[:16], 16) // 2


@given(st.integers(0, 2**40), st.text(max_size=8), st.text(max_size=8))
def test_each_purpose_has_its_own_chance(seed, one, other):
    same = seeded(seed).number(one) == seeded(seed).number(other)
    assert same == (one == other)
    assert seeded(seed).number(one) != seeded(seed + 1).number(one)
    assert 0 <= seeded(seed).number(one) < 2**63


def test_generators_repeat_and_leave_global_chance_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    seeds = seeded(3)
    first = torch.rand(5, generator=seeds.torch("data"))
    seeds.torch("evaluation"), seeds.numpy("data").random(100)
    assert torch.equal(torch.rand(5, generator=seeds.torch("data")), first)
    assert not torch.equal(torch.rand(5, generator=seeds.torch("weights")), first)
    again = [seeds.numpy("data").random() for _ in range(2)]
    assert again[0] == again[1]
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


@pytest.mark.parametrize("seed", [-1, 1.0, True, "0"])
@pytest.mark.usefixtures("untyped")
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(ValueError, match="a seed is a whole number from 0 on"):
        seeded(seed)


# Files


def test_a_file_is_replaced_when_all_went_well(tmp_path):
    path = tmp_path / "result.json"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old", "not before the end"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["result.json"]


def test_half_a_file_never_replaces_a_whole_one(tmp_path):
    path = tmp_path / "result.json"
    path.write_bytes(b"old")

    def fail_half_way():
        with replacing(path) as file:
            file.write(b"ne")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["result.json"], "and no draft"


@pytest.mark.skipif(os.name != "posix", reason="folders are synced on POSIX alone")
def test_the_new_name_is_on_the_disk_too(tmp_path, monkeypatch):
    """First the file, then, when it has its name, the folder that holds the name."""
    path, synced, sync = tmp_path / "result", [], os.fsync

    def watched(descriptor):
        synced.append((os.fstat(descriptor).st_ino, path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    with replacing(path) as file:
        file.write(b"whole")
    assert synced == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_json_there_and_back(tmp_path):
    value = {"η": [1, 2.5, None], "holds": True}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == value
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / "a.json", {"loss": bad})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == value


# What autograd keeps


def test_saved_by_hand():
    """y = Σ (x W)²: x and W are kept for the product, x W for the square."""
    x, W = torch.ones(3, 5), torch.ones(5, 2, requires_grad=True)
    with saved_for_backward() as saved:
        y = ((x @ W) ** 2).sum()
    assert saved.bytes == 4 * (15 + 6), "x is kept for ∂W; for ∂x nobody asks"
    x.requires_grad_()
    for besides, expected in ((), 15 + 10 + 6), ([W], 15 + 6), ([W, x], 6):
        with saved_for_backward(besides) as saved:
            y = ((x @ W) ** 2).sum()
        assert saved.bytes == 4 * expected
    y.backward()
    assert torch.equal(x.grad, torch.full((3, 5), 20.0)), "2 · 5 · (1 + 1)"


def test_a_storage_counts_once_and_whole():
    x = torch.ones(100, requires_grad=True)
    with saved_for_backward() as saved:
        x[:10].square() + x[10:20].square()
    assert saved.bytes == 4 * 100


def test_nothing_is_kept_without_gradients():
    x = torch.ones(3, requires_grad=True)
    with saved_for_backward() as saved, torch.no_grad():
        x.square()
    assert saved.bytes == 0


@pytest.mark.parametrize("name", ["tiny", "smollm2-135m"])
def test_activations_grow_with_the_batch_and_patterns_with_its_square(name):
    """Keeping A costs T² for each head and layer; the fused kernel forms no A."""
    sizes = {"n_layers": 2, "d_model": 36, "d_ff": 48, "n_heads": 6, "vocab_size": 50}
    sizes |= {"n_kv_heads": 6 if name == "tiny" else 2}
    model = Transformer(preset(name, **sizes))

    def kept(B: int, T: int, impl: str) -> int:
        with saved_for_backward(model.parameters()) as saved:
            model(torch.zeros(B, T, dtype=torch.long), impl=impl)
        return saved.bytes

    for impl in ("explicit", "sdpa"):
        each = kept(3, 32, impl) - kept(2, 32, impl)
        assert each == kept(2, 32, impl) - kept(1, 32, impl)
        assert 0.9 < each / kept(1, 32, impl) <= 1
    bends = {}
    for impl in ("explicit", "sdpa"):
        bends[impl] = kept(1, 64, impl) - 2 * kept(1, 32, impl)
    pattern = 2 * 6 * (64**2 - 2 * 32**2) * 4  # layers, heads, T², bytes
    assert bends["explicit"] > 2 * pattern, "A, and what it was made from"
    assert bends["sdpa"] < pattern / 2


# Where a result is from


def test_provenance_says_what_was_run_where():
    found = provenance(device=CPU, command=["benchmarks/gpu.py", "--out", "a b"])
    assert found["command"] == "benchmarks/gpu.py --out 'a b'"
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["python"] == sys.version.split()[0]
    assert found["time"].endswith("+00:00")
    assert found["device"] == describe_device(CPU)
    assert found["device"]["type"] == "cpu"
    assert found["machine"]["cores"] == os.cpu_count()
    json.dumps(found, allow_nan=False)
    assert "device" not in provenance()


def test_a_gpu_is_named(monkeypatch):
    about = SimpleNamespace(name="A GPU", total_memory=2**34, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: about)
    found = describe_device(torch.device("cuda:0"))
    assert (found["name"], found["capability"]) == ("A GPU", "9.0")
    assert found["memory_bytes"] == 2**34
    assert found["tf32"] is False
    json.dumps(found, allow_nan=False)


def test_provenance_names_no_place_of_this_machine():
    root = Path(llmath.__file__).parents[2]
    inside, outside = str(root / "benchmarks" / "gpu.py"), "/usr/bin/pytest"
    assert provenance(command=[inside])["command"] == "benchmarks/gpu.py"
    assert provenance(command=[outside])["command"] == "pytest"
    assert str(root) not in json.dumps(provenance(command=[inside]))


def test_the_commit_is_git_s_and_a_change_is_noticed(tmp_path, monkeypatch):
    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    place = tmp_path / "lib" / "llmath" / "runtime" / "provenance.py"
    place.parent.mkdir(parents=True)
    place.write_text("1")
    module = sys.modules["llmath.runtime.provenance"]
    monkeypatch.setattr(module, "__file__", str(place))
    assert (provenance()["commit"], provenance()["changed"]) == (None, None)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    found = provenance()
    assert (found["commit"], found["changed"]) == (git("rev-parse", "HEAD"), False)
    place.write_text("2")
    assert provenance()["changed"] is True
