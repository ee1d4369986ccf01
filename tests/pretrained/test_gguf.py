"""GGUFFile: as the gguf package reads and writes, and whatever else a file may hold"""

import struct
import time
import tracemalloc
from pathlib import Path

import gguf
import numpy as np
import pytest

from llmath.model import Transformer
from llmath.pretrained import load_gguf
from llmath.pretrained.gguf import GGUFFile


@pytest.fixture(scope="session")
def tiny(write, config) -> bytes:
    return write(Transformer(config)).read_bytes()


@pytest.fixture(scope="session")
def header(write, config) -> int:
    """Where the header of `tiny` ends and its numbers begin."""
    file = GGUFFile(write(Transformer(config)))
    return min(tensor.start for tensor in file.tensors.values())


@pytest.fixture
def opened(tmp_path):
    """opened(bytes): the file of these bytes."""

    def open_bytes(data: bytes) -> GGUFFile:
        path = tmp_path / "some.gguf"
        path.write_bytes(data)
        return GGUFFile(path)

    return open_bytes


def test_smollm2_is_read_as_the_gguf_package_reads_it(path, file):
    """All metadata; every tensor, bit for bit."""
    ours, theirs = file, gguf.GGUFReader(path)
    fields = {k: v for k, v in theirs.fields.items() if not k.startswith("GGUF.")}
    assert list(ours.metadata) == list(fields)
    for key, field in fields.items():
        assert ours.metadata[key] == field.contents(), key
    assert ours.tensors.keys() == {tensor.name for tensor in theirs.tensors}
    for tensor in theirs.tensors:
        assert ours.tensors[tensor.name].shape == tuple(map(int, tensor.shape[::-1]))
        assert ours.tensors[tensor.name].encoding.name == tensor.tensor_type.name
        expected = gguf.dequantize(tensor.data, tensor.tensor_type)
        assert np.array_equal(ours.read(tensor.name), expected), tensor.name


def test_every_kind_of_metadata(tmp_path):
    values = {
        "uint8": 200, "int8": -100, "uint16": 60_000, "int16": -30_000,
        "uint32": 4_000_000_000, "int32": -2_000_000_000, "uint64": 2**63,
        "int64": -(2**62), "float32": 0.5, "float64": 0.1, "bool": True,
        "string": "Ünïcödé 你好", "array": [1, -2, 3],
    }  # fmt: skip
    path = tmp_path / "all.gguf"
    writer = gguf.GGUFWriter(path, "test")
    for kind, value in values.items():
        getattr(writer, f"add_{kind}")(kind, value)
    writer.add_array("strings", ["a", "", "ß"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    expected = {"general.architecture": "test", **values, "strings": ["a", "", "ß"]}
    assert GGUFFile(path).metadata == expected


@pytest.mark.parametrize("alignment", [8, 32, 4096])
@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
def test_written_tensors_come_back(tmp_path, kind, alignment):
    path, kind = tmp_path / "some.gguf", gguf.GGMLQuantizationType[kind]
    writer = gguf.GGUFWriter(path, "test")
    if alignment != 32:
        writer.add_custom_alignment(alignment)
    rng, packed = np.random.default_rng(0), {}
    for name, shape in {"a": (3, 64), "b": (32,), "c": (2, 3, 4, 32)}.items():
        numbers = rng.standard_normal(shape, np.float32)
        packed[name] = gguf.quantize(numbers, kind)
        plain = kind.name in ("F32", "F16")
        writer.add_tensor(name, packed[name], raw_dtype=None if plain else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    file = GGUFFile(path)
    for name, data in packed.items():
        expected = gguf.dequantize(data, kind)
        assert np.array_equal(file.read(name), expected.reshape(file.read(name).shape))
    assert file.read("c").shape == (2, 3, 4, 32)


# Files by hand


def string(text: str | bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw


def file_of(values=(), tensors=(), data=b"", *, version=3, mark=b"GGUF") -> bytes:
    """values: (key, type, bytes); tensors: (name, shape, type, offset)."""
    head = mark + struct.pack("<IQQ", version, len(tensors), len(values))
    for key, kind, raw in values:
        head += string(key) + struct.pack("<I", kind) + raw
    for name, shape, kind, offset in tensors:
        head += string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *shape) + struct.pack(
            "<IQ", kind, offset
        )
    return head + b"\0" * (-len(head) % 32) + data


def test_a_file_by_hand(opened):
    """Two rows of three; the file names the fastest axis first."""
    data = np.arange(6, dtype="<f4").tobytes()
    file = opened(file_of([("k", 4, b"\7\0\0\0")], [("w", (3, 2), 0, 0)], data))
    assert file.metadata == {"k": 7}
    assert file.read("w").tolist() == [[0, 1, 2], [3, 4, 5]]


U32 = struct.pack("<I", 64)
ROW = np.zeros(32, "<f4").tobytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"GGU", "cut short"),
        (file_of(mark=b"GGML"), "no GGUF file"),
        (file_of(version=1), "version 1 cannot be read"),
        (file_of(version=3 << 24), "version 50331648 .* little-endian"),
        (file_of([("k", 4, U32), ("k", 4, U32)]), "'k' twice"),
        (file_of([("k", 13, U32)]), "k has the unknown type 13"),
        (file_of([("k", 9, struct.pack("<IQ", 9, 1))]), "k has the unknown type 9"),
        (
            file_of([("k", 9, struct.pack("<IQ", 4, 2**62))]),
            "announces 46116860184273879",
        ),
        (file_of([("k", 9, struct.pack("<IQ", 8, 2**40))]), "strings of k"),
        (file_of([("k", 8, struct.pack("<Q", 2**63))]), "needs 92233720368547758"),
        (file_of([("k", 8, string(b"\xff"))]), "k at byte .* not UTF-8"),
        (file_of([("general.alignment", 0, b"\x18")]), "=24 is not a power"),
        (file_of([("general.alignment", 4, bytes(4))]), "=0 is not a power"),
        (file_of([("general.alignment", 8, string("32"))]), "='32' is not a power"),
        (file_of([], [("w", (32,), 0, 0)] * 2, ROW * 2), "'w' twice"),
        (file_of([], [("w", (32,), 12, 0)], ROW), r"type 12, .* knows F32 \(0\), F16"),
        (file_of([], [("w", (), 0, 0)], ROW), "'w' claims 0 axes"),
        (file_of([], [("w", (1,) * 5, 0, 0)], ROW), "'w' claims 5 axes"),
        (file_of([], [("w", (0, 3), 0, 0)], ROW), r"shape \(3, 0\)"),
        (file_of([], [("w", (33,), 3, 0)], ROW), r"shape \(33,\) .* blocks of 32"),
        (file_of([], [("w", (33,), 0, 0)], ROW), "cut short: tensor 'w' ends"),
        (file_of([], [("w", (2**62, 2**62), 0, 0)], ROW), "cut short"),
        (file_of([], [("w", (8,), 0, 2**63)], ROW), "cut short"),
        (file_of([], [("w", (8,), 0, 4)], ROW), "alignment of 32"),
        (
            file_of([], [("v", (32,), 0, 0), ("w", (8,), 0, 32)], ROW),
            "'w' begins .* inside another",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(opened, data, words):
    with pytest.raises(ValueError, match=words):
        opened(data)


def test_a_tensor_that_is_not_there(opened):
    with pytest.raises(ValueError, match="no tensor 'w'"):
        opened(file_of()).read("w")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        GGUFFile(tmp_path / "none.gguf")


# Damage


def attempt(path: Path, data: bytes) -> bool:
    """Whether it loads. It may raise a ValueError, and nothing else."""
    path.write_bytes(data)
    try:
        load_gguf(path)
    except ValueError:
        return False
    return True


@pytest.mark.usefixtures("untyped")
def test_cut_anywhere_it_is_refused(tmp_path, tiny, header):
    cuts = [*range(0, 200), *range(200, header, 37), *range(header, len(tiny), 9973)]
    for cut in [*cuts, len(tiny) - 1]:
        assert not attempt(tmp_path / "cut.gguf", tiny[:cut]), cut
    assert attempt(tmp_path / "cut.gguf", tiny)


@pytest.mark.usefixtures("untyped")
def test_damage_anywhere_in_the_header_is_refused_or_harmless(tmp_path, tiny, header):
    """Bytes flipped, numbers made huge, pieces moved: never a crash, a hang, a bomb."""
    rng = np.random.default_rng(0)
    huge = [struct.pack("<Q", n) for n in (0, 2**31, 2**40, 2**63, 2**64 - 1)]
    refused = 0
    tracemalloc.start()
    for trial in range(300):
        data, at = bytearray(tiny), int(rng.integers(4, header))
        if trial % 3 == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif trial % 3 == 1:
            data[at : at + 8] = huge[trial % len(huge)]
        else:
            other = int(rng.integers(4, header))
            data[at : at + 16] = data[other : other + 16]
        start = time.perf_counter()
        refused += not attempt(tmp_path / "damaged.gguf", bytes(data))
        assert time.perf_counter() - start < 5
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused > 100
    assert peak < 30e6
