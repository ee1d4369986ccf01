"""Files: there and back, never half a file, GPT-2's two, refusals"""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmath.tokenizer import Tokenizer, byte_alphabet


@pytest.fixture
def tokenizer() -> Tokenizer:
    text = "the theory of these things, 42 naïve 日本語 " * 3
    return Tokenizer.train(text, 280, pattern="smollm", special=["<|end|>", "the"])


@pytest.fixture
def path(tmp_path, tokenizer):
    """A file that `save` wrote."""
    tokenizer.save(tmp_path / "tokenizer.json")
    return tmp_path / "tokenizer.json"


def test_there_and_back(path, tokenizer):
    found = Tokenizer.load(path)
    for name in ("vocabulary", "merges", "special", "pattern", "vocab_size"):
        assert getattr(found, name) == getattr(tokenizer, name), name
    text = "the theory<|end|> of 42 日本 things\n"
    assert found.encode(text) == tokenizer.encode(text)
    assert found.encode(text, special=False) == tokenizer.encode(text, special=False)
    assert found.decode(found.encode(text)) == text


def test_saving_is_reproducible(path, tokenizer):
    first = path.read_bytes()
    Tokenizer.load(path).save(str(path))
    assert path.read_bytes() == first


def test_it_is_plain_json(path):
    found = json.loads(path.read_text("utf-8"))
    assert sorted(found) == ["format", "merges", "pattern", "special", "tokens"]
    assert found["special"] == [278, 279]


def test_an_interrupted_save_leaves_the_old_file(path, monkeypatch):
    def fail(source, target):
        raise OSError("the plug was pulled")

    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="plug"):
        Tokenizer.train("other text", 260).save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path], "and no draft"


def refused(words, path):
    with pytest.raises(ValueError, match=words):
        Tokenizer.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "format 'other', not"),
        ({"format": ...}, "format None, not"),
        ({"pattern": "gpt5"}, "pattern='gpt5' is none of"),
        ({"pattern": 3}, "pattern=3 is no name"),
        ({"merges": ...}, "should hold pattern, tokens, merges, special; it has"),
        ({"extra": 1}, "should hold pattern"),
        ({"merges": "a b"}, "merges should be a list of str"),
        ({"merges": ["a b", 1]}, "merges should be a list of str"),
        ({"merges": ["h i", "h i"]}, "merges 0 and 1 are both 'h i'"),
        ({"merges": ["q q"]}, "merge 0, 'q q', needs the token 'qq'"),
        ({"tokens": {"a": 1}}, "tokens should be a list of str"),
        ({"tokens": ["a", "b", "a"], "merges": []}, "0 and 2 are both 'a'"),
        ({"tokens": [" "], "merges": [], "special": []}, "' ', which stands for no"),
        ({"special": [True]}, "special should be a list of int"),
        ({"special": [1.0]}, "special should be a list of int"),
        ({"special": [280]}, r"special ids \[280\] are outside"),
        ({"special": [-1]}, r"special ids \[-1\] are outside"),
    ],
)
def test_a_malformed_table(path, change, words):
    tables = json.loads(path.read_text("utf-8")) | change
    tables = {name: table for name, table in tables.items() if table is not ...}
    if "tokens" in change:
        tables["special"] = []
    path.write_text(json.dumps(tables), "utf-8")
    refused(words, path)
    refused("tokenizer.json", path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b'{"a": 1', b"[" * 100_000, b"[]", b"3", b"null", b"{}"],
)
def test_what_is_no_file_of_ours(path, content):
    path.write_bytes(content)
    refused("tokenizer.json", path)


@given(st.data())
def test_a_truncated_file(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "tokenizer.json"
    Tokenizer.train("aaaa", 258).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 2))])
    refused("is no JSON file", path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Tokenizer.load(tmp_path / "nowhere.json")


# GPT-2's two files


ALPHABET = list(byte_alphabet())


@pytest.fixture
def pair(tmp_path):
    """Two small files in GPT-2's form."""
    encoder, bpe = tmp_path / "encoder.json", tmp_path / "vocab.bpe"
    tokens = [*ALPHABET, "Ġa", "##", "<|endoftext|>"]
    ids = {token: i for i, token in reversed(list(enumerate(tokens)))}
    encoder.write_text(json.dumps(ids), "utf-8")
    bpe.write_text("#version: 0.2\nĠ a\n# #\n", "utf-8")
    return encoder, bpe


def test_two_files_of_gpt2s_form(pair):
    tokenizer = Tokenizer.from_gpt2_files(*pair)
    assert tokenizer.pattern == "gpt2"
    assert tokenizer.encode(" a##<|endoftext|>") == [256, 257, 258]
    plain = Tokenizer.from_gpt2_files(*pair, special=())
    assert len(plain.encode("<|endoftext|>")) == 13


def test_the_line_with_the_version_may_be_missing(pair):
    """And a merge of # with # is none."""
    encoder, bpe = pair
    bpe.write_text("# #\nĠ a", "utf-8")
    assert Tokenizer.from_gpt2_files(encoder, bpe).merges == ("# #", "Ġ a")


def test_files_that_do_not_fit(pair):
    encoder, bpe = pair

    def refuses(words, **kwargs):
        with pytest.raises(ValueError, match=words):
            Tokenizer.from_gpt2_files(encoder, bpe, **kwargs)

    refuses(r"no special tokens \['<x>'\]", special=["<x>"])
    bpe.write_text("#version: 0.2\nĠ b\n", "utf-8")
    refuses("merge 0, 'Ġ b', needs the token 'Ġb'")
    bpe.write_bytes(b"\xff")
    refuses("vocab.bpe is no UTF-8 text")
    for ids, words in [
        ('{"a": 0, "b": 2}', "the ids of 2 tokens should be 0 to 1, each once"),
        ('{"a": 0, "b": 0}', "each once"),
        ('{"a": 0.0}', "should give each token a whole number"),
        ('{"a": "0"}', "should give each token a whole number"),
        ('["a"]', "one JSON object"),
        ('{"a": 0', "no JSON file"),
    ]:
        encoder.write_text(ids, "utf-8")
        refuses(words)
