"""Ids on disk: there and back, mapped, never half, never another tokenizer's"""

import hashlib
import itertools
import json
import os

import numpy as np
import pytest

from llmath.data import encode_to_file, fingerprint, load_ids
from llmath.tokenizer import Tokenizer, byte_alphabet

TEXT = "the theory of these things, 42 naïve 日本語 " * 9
TOKENIZER = Tokenizer.train(TEXT, 280)
BYTES = Tokenizer(list(byte_alphabet()), [], pattern="gpt2")


@pytest.fixture
def path(tmp_path):
    return encode_to_file(tmp_path / "works.ids", TEXT, TOKENIZER)


def test_there_and_back(path):
    ids = load_ids(path, TOKENIZER)
    assert ids.tolist() == TOKENIZER.encode(TEXT)
    assert TOKENIZER.decode(ids.tolist()) == TEXT


def test_mapped_and_read_only(path):
    ids = load_ids(path, TOKENIZER)
    assert isinstance(ids, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        ids[0] = 1


def test_the_file_by_hand(tmp_path):
    """ "ab" in bytes: GPT-2's alphabet begins with ! (33), so a is 97 − 33 = 64."""
    data = encode_to_file(tmp_path / "ab.ids", "ab", BYTES).read_bytes()
    assert data[512:] == b"\x40\x00\x41\x00"
    assert data[511:512] == b"\n"
    header = json.loads(data[:512])
    assert header["count"] == 2
    assert header["sha256"] == hashlib.sha256(b"\x40\x00\x41\x00").hexdigest()


@pytest.mark.parametrize(("vocab_size", "width"), [(2**16, 2), (2**16 + 1, 4)])
def test_ids_are_as_wide_as_the_vocabulary_needs(tmp_path, vocab_size, width):
    letters = byte_alphabet()
    unused = (a + b + "!" for a in letters for b in letters)
    tokens = [*letters, *itertools.islice(unused, vocab_size - 257), "<|end|>"]
    large = Tokenizer(tokens, [], pattern="gpt2", special=[vocab_size - 1])
    path = encode_to_file(tmp_path / "a.ids", "a<|end|>", large)
    assert path.stat().st_size == 512 + 2 * width
    assert load_ids(path, large).tolist() == [64, vocab_size - 1]


def test_texts_one_after_the_other(tmp_path):
    parts = ["the theory", "", "these things"]
    path = encode_to_file(tmp_path / "a.ids", iter(parts), TOKENIZER)
    expected = [i for part in parts for i in TOKENIZER.encode(part)]
    assert load_ids(path, TOKENIZER).tolist() == expected


def test_writing_is_reproducible(path, tmp_path):
    again = encode_to_file(str(tmp_path / "again.ids"), TEXT, TOKENIZER)
    assert again.read_bytes() == path.read_bytes()


def test_an_interrupted_encoding_leaves_the_old_file(path):
    def texts():
        yield "the theory"
        raise OSError("the plug was pulled")

    before = path.read_bytes()
    with pytest.raises(OSError, match="plug"):
        encode_to_file(path, texts(), TOKENIZER)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("text", ["", []])
def test_no_text_no_file(tmp_path, text):
    with pytest.raises(ValueError, match="the text is empty"):
        encode_to_file(tmp_path / "a.ids", text, TOKENIZER)
    assert os.listdir(tmp_path) == []


# What is refused


def test_a_file_cut_short_is_refused_with_the_numbers(path):
    n = len(load_ids(path, TOKENIZER))
    with open(path, "r+b") as file:
        file.truncate(512 + 2 * n - 3)
    words = f"{n} ids in {2 * n} bytes and holds {2 * n - 3} bytes"
    with pytest.raises(ValueError, match=words):
        load_ids(path, TOKENIZER, verify=False)


def test_one_changed_id_is_noticed(path):
    with open(path, "r+b") as file:
        file.seek(600)
        byte = file.read(1)[0]
        file.seek(600)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(ValueError, match="was changed since"):
        load_ids(path, TOKENIZER)
    load_ids(path, TOKENIZER, verify=False)  # as it says


@pytest.mark.parametrize(
    "other",
    [
        BYTES,
        Tokenizer.train(TEXT, 280, pattern="smollm"),
        Tokenizer.train(TEXT, 280, special=["<|end|>"]),
        Tokenizer.train("things " * 9 + TEXT, 280),
    ],
    ids=["vocabulary", "pattern", "special", "merges"],
)
def test_ids_of_another_tokenizer_are_refused(path, other):
    assert fingerprint(other) != fingerprint(TOKENIZER)
    with pytest.raises(ValueError, match=f"of 280 tokens .* has {other.vocab_size} "):
        load_ids(path, other)


def test_a_fingerprint_tells_each_table_apart():
    """Changed one at a time; the same tables made again are the same."""
    tokens, merges = [*TOKENIZER.vocabulary, "!!"], list(TOKENIZER.merges)
    swapped = [*merges[:-2], merges[-1], merges[-2]]
    variants = [
        Tokenizer(tokens, merges, pattern="gpt2"),
        Tokenizer(tokens, merges, pattern="smollm"),
        Tokenizer(tokens, merges, pattern="gpt2", special=[280]),
        Tokenizer(tokens, swapped, pattern="gpt2"),
        Tokenizer([*tokens[:-1], "??"], merges, pattern="gpt2"),
    ]
    assert len(set(map(fingerprint, variants))) == len(variants)
    again = Tokenizer(tuple(tokens), merges, pattern="gpt2")
    assert fingerprint(again) == fingerprint(variants[0])


def test_the_fingerprint_is_of_what_the_tokenizer_does(tmp_path):
    TOKENIZER.save(tmp_path / "t.json")
    assert fingerprint(Tokenizer.load(tmp_path / "t.json")) == fingerprint(TOKENIZER)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no line of JSON"),
        (b"\x00" * 600, "no line of JSON"),
        (b"[" * 600, "no line of JSON"),
        (b"[1]", "not of the format"),
        (b'{"format": "other"}', "not of the format"),
        (b'{"format": "llmath ids, version 1", "count": 3}', "first line is damaged"),
    ],
)
def test_other_files_are_refused(tmp_path, data, words):
    (tmp_path / "a.ids").write_bytes(data)
    with pytest.raises(ValueError, match=words):
        load_ids(tmp_path / "a.ids", TOKENIZER)


@pytest.mark.parametrize(
    ("field", "value"),
    [("dtype", "<f4"), ("count", 0), ("count", True), ("count", 2.0), ("sha256", 5)],
)
def test_a_damaged_header_is_refused(path, field, value):
    data = path.read_bytes()
    header = json.loads(data[:512]) | {field: value}
    path.write_bytes(json.dumps(header).encode().ljust(512) + data[512:])
    with pytest.raises(ValueError, match="first line is damaged"):
        load_ids(path, TOKENIZER)
