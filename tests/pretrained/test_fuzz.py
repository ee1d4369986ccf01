"""Files that lie: GGUF, safetensors and JSON, damaged at random and made up

Whatever a file holds, a reader gives a model or raises a ValueError (FileNotFoundError
where a file is missing). Nothing else is raised, nothing takes long, and nothing is
allocated beyond a small multiple of the file's own size, whatever sizes it announces.
"""

import json
import random
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from llmath.config import preset
from llmath.model import Transformer
from llmath.pretrained import load_checkpoint, load_gguf, save_checkpoint, save_gguf
from llmath.pretrained.gguf import GGUFFile
from llmath.tokenizer import Tokenizer

CONFIG = preset("tiny", vocab_size=257, d_model=32, d_ff=32, context_length=8)
HUGE = [0, 1, 2**31, 2**32 - 1, 2**60, 2**63, 2**64 - 1]
SECONDS = 5.0
HEAD = 400_000  # bytes that a reader may take for its own work

pytestmark = pytest.mark.usefixtures("untyped")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train("the the", 257)


@pytest.fixture(scope="module")
def whole(tokenizer, tmp_path_factory) -> bytes:
    """A small GGUF file that is in order."""
    path = tmp_path_factory.mktemp("fuzz") / "m.gguf"
    save_gguf(Transformer(CONFIG), tokenizer, path, quantization="Q8_0")
    load_gguf(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A small checkpoint that is in order."""
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(Transformer(CONFIG), folder)
    load_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("place")


def attempt(load, path, size: int, *, multiple: int = 40) -> bool:
    """Whether it loads, within the bounds of time and memory."""
    tracemalloc.start()
    start = time.perf_counter()
    try:
        load(path)
        return True
    except ValueError:
        return False
    finally:
        seconds, (_, peak) = (
            time.perf_counter() - start,
            tracemalloc.get_traced_memory(),
        )
        tracemalloc.stop()
        assert seconds < SECONDS
        assert peak < multiple * size + HEAD, f"{peak} bytes for a file of {size}"


def damaged(data: bytes, rng: random.Random, end: int) -> bytes:
    """Bits flipped, numbers made huge, pieces doubled, moved, or taken out."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at, other = rng.randrange(end), rng.randrange(end)
        match rng.randrange(6):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + 8] = struct.pack("<Q", rng.choice(HUGE))
            case 2:
                data[at : at + 4] = rng.randbytes(4)
            case 3:
                data[at : at + 16] = data[other : other + 16]
            case 4:
                del data[at : at + rng.randrange(1, 64)]
            case 5:
                data[at:at] = data[other : other + rng.randrange(1, 64)]
    return bytes(data)


# GGUF


def test_damaged_gguf(whole, place):
    """In the header, where numbers mean sizes, and in names and tables."""
    rng, path = random.Random(0), place / "damaged.gguf"
    header = min(t.start for t in _tensors(whole, place).values())
    loaded = 0
    for _ in range(250):
        data = damaged(whole, rng, header)
        path.write_bytes(data)
        loaded += attempt(load_gguf, path, len(data))
    assert loaded < 125, "most damage is noticed"


def _tensors(data: bytes, place: Path):
    (place / "whole.gguf").write_bytes(data)
    return GGUFFile(place / "whole.gguf").tensors


@given(st.binary(max_size=400))
@settings(max_examples=100)
def test_any_bytes_behind_the_mark(place, data):
    path = place / "any.gguf"
    path.write_bytes(b"GGUF\3\0\0\0" + data)
    attempt(GGUFFile, path, len(data))


NUMBERS = st.one_of(st.sampled_from(HUGE), st.integers(0, 40))


@given(st.data())
@settings(max_examples=100)
def test_headers_that_are_nearly_right(place, data):
    """Every field is of its kind, and most of them say something impossible."""
    u32 = lambda n: struct.pack("<I", n % 2**32)  # noqa: E731
    u64 = lambda n: struct.pack("<Q", n % 2**64)  # noqa: E731

    def string() -> bytes:
        text = data.draw(st.binary(max_size=8))
        return u64(data.draw(st.sampled_from([len(text)] * 9 + HUGE))) + text

    head = u64(data.draw(NUMBERS)) + u64(data.draw(NUMBERS))
    for _ in range(data.draw(st.integers(0, 3))):
        kind = data.draw(st.integers(0, 13))
        head += string() + u32(kind)
        if kind == 9:
            head += u32(data.draw(st.integers(0, 13))) + u64(data.draw(NUMBERS))
        head += string() if kind == 8 else data.draw(st.binary(max_size=24))
    for _ in range(data.draw(st.integers(0, 3))):
        n = data.draw(st.integers(0, 5))
        head += string() + u32(n)
        head += b"".join(u64(data.draw(NUMBERS)) for _ in range(n))
        head += u32(data.draw(st.integers(0, 31))) + u64(data.draw(NUMBERS))
    path = place / "nearly.gguf"
    path.write_bytes(b"GGUF\3\0\0\0" + head + bytes(256))
    attempt(GGUFFile, path, len(head))


def text(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data


def gguf(*, values: bytes = b"", tensors: bytes = b"", n=(0, 0), data=b"") -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, *n) + values + tensors
    return head + bytes(-len(head) % 32) + data


def tensor(name: bytes, shape: tuple[int, ...], start: int = 0, kind: int = 0) -> bytes:
    axes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + axes + struct.pack("<IQ", kind, start)


LISTED = struct.Struct("<IIQ")  # a list, of this type, so many
BOMBS = {
    "2^60 numbers": gguf(tensors=tensor(b"w", (2**60,)), n=(1, 0)),
    "2^240 numbers": gguf(tensors=tensor(b"w", (2**60,) * 4), n=(1, 0)),
    "2^60 tensors": gguf(n=(2**60, 0)),
    "2^60 values": gguf(n=(0, 2**60)),
    "2^60 strings": gguf(
        values=text(b"k") + struct.pack("<IIQ", 9, 8, 2**60), n=(0, 1)
    ),
    "2^60 elements": gguf(values=text(b"k") + LISTED.pack(9, 10, 2**60), n=(0, 1)),
    "a string of 2^60": gguf(values=struct.pack("<Q", 2**60), n=(0, 1)),
    "lists in lists": gguf(values=text(b"k") + LISTED.pack(9, 9, 1) * 1000, n=(0, 1)),
    "the same name twice": gguf(
        tensors=tensor(b"w", (8,)) + tensor(b"w", (8,), 32), n=(2, 0), data=bytes(64)
    ),
    "tensors that overlap": gguf(
        tensors=tensor(b"v", (16,)) + tensor(b"w", (8,), 32), n=(2, 0), data=bytes(64)
    ),
    "a name that is not UTF-8": gguf(
        tensors=tensor(b"\xff\xfe", (8,)), n=(1, 0), data=bytes(32)
    ),
    "a key that is not UTF-8": gguf(
        values=text(b"\xc3") + struct.pack("<IB", 0, 1), n=(0, 1)
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_gguf_may_announce(name, place):
    path = place / "bomb.gguf"
    path.write_bytes(BOMBS[name])
    assert not attempt(GGUFFile, path, len(BOMBS[name]))


@pytest.mark.parametrize("kind", [0, 7, 8])
def test_many_small_values_take_a_small_multiple_of_their_file(kind, place):
    """The least there is of each: bytes, booleans, and strings of no letters."""
    n, width = 100_000, 8 if kind == 8 else 1
    values = text(b"k") + LISTED.pack(9, kind, n) + bytes(width * n)
    path = place / "many.gguf"
    path.write_bytes(gguf(values=values, n=(0, 1)))
    assert attempt(GGUFFile, path, len(values), multiple=12)


@pytest.mark.parametrize(
    ("key", "value"),
    [("block_count", 2**32 - 1), ("feed_forward_length", 2**31), ("context_length", 0)],
)
def test_sizes_of_a_model_that_its_tensors_do_not_have(whole, place, key, value):
    """Nothing of the size that is announced is made before it is compared."""
    at = whole.index(f"gpt2.{key}".encode()) + len(f"gpt2.{key}") + 4
    data = whole[:at] + struct.pack("<I", value) + whole[at + 4 :]
    (place / "large.gguf").write_bytes(data)
    assert not attempt(load_gguf, place / "large.gguf", len(data))


# safetensors


def checkpoint(folder: Path, place: Path, weights: bytes) -> Path:
    copy = place / "copy"
    copy.mkdir(exist_ok=True)
    (copy / "config.json").write_bytes((folder / "config.json").read_bytes())
    (copy / "model.safetensors").write_bytes(weights)
    return copy


def test_damaged_safetensors(folder, place):
    rng = random.Random(0)
    whole = (folder / "model.safetensors").read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    loaded = 0
    for _ in range(250):
        copy = checkpoint(folder, place, damaged(whole, rng, header))
        loaded += attempt(load_checkpoint, copy, len(whole))
    assert loaded < 125


def safetensors(header: object, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def one(shape, start=0, end=32, dtype="F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


LIES = {
    "a header of 2^60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "2^60 numbers": safetensors({"w": one([2**60])}, bytes(32)),
    "2^120 numbers": safetensors({"w": one([2**60, 2**60])}, bytes(32)),
    "nesting": safetensors(b"[" * 100_000),
    "nested objects": safetensors(b'{"a":' * 100_000),
    "the same name twice": safetensors(
        b'{"w":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},'
        b'"w":{"dtype":"F32","shape":[8],"data_offsets":[32,64]}}',
        bytes(64),
    ),
    "overlap": safetensors({"v": one([8]), "w": one([8], 16, 48)}, bytes(64)),
    "a name that is not UTF-8": safetensors(
        b'{"\xff":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}', bytes(32)
    ),
    "backwards": safetensors({"w": one([8], 32, 0)}, bytes(32)),
    "before the file": safetensors({"w": one([8], -32, 0)}, bytes(32)),
    "no tensors": safetensors({}),
    "a list": safetensors([1]),
}


@pytest.mark.parametrize("name", LIES)
def test_what_safetensors_may_announce(name, folder, place):
    copy = checkpoint(folder, place, LIES[name])
    assert not attempt(load_checkpoint, copy, len(LIES[name]))


# JSON

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=5),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@given(st.data())
@settings(max_examples=60)
def test_any_value_in_config_json(family, place, data):
    """A few fields replaced by whatever JSON can hold."""
    folder = place / family
    if not folder.exists():
        llama = {"norm": "rms", "position": "rope", "mlp": "swiglu", "bias": False}
        changes = llama if family == "llama" else {}
        sizes = {"vocab_size": 9, "d_model": 8, "d_ff": 8, "context_length": 8}
        save_checkpoint(Transformer(preset("tiny", **sizes, **changes)), folder)
        (folder / "whole.json").write_bytes((folder / "config.json").read_bytes())
    fields = json.loads((folder / "whole.json").read_text("utf-8"))
    keys = st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=3)
    for key in data.draw(keys):
        fields[key] = data.draw(VALUES)
    (folder / "config.json").write_text(json.dumps(fields), "utf-8")
    attempt(load_checkpoint, folder, 20_000)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5_000])
def test_config_json_out_of_bounds(text, folder, place):
    weights = (folder / "model.safetensors").read_bytes()
    copy = checkpoint(folder, place, weights)
    (copy / "config.json").write_text(text, "utf-8")
    assert not attempt(load_checkpoint, copy, len(weights))


def test_an_index_that_promises_too_much(folder, place):
    """A thousand tensors, all promised by one file that has none of them."""
    copy = place / "sharded"
    copy.mkdir()
    (copy / "config.json").write_bytes((folder / "config.json").read_bytes())
    save_file({}, copy / "model-00001-of-00001.safetensors")
    index = {f"w{i}": "model-00001-of-00001.safetensors" for i in range(1_000)}
    (copy / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": index}), "utf-8"
    )
    assert not attempt(load_checkpoint, copy, 100_000)
