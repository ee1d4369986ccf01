"""Characters, bytes and merges; what is kept back teaches nothing"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmath.data import shakespeare
from llmath.tokenizer import Tokenizer
from llmath.train import Corpus, byte_tokenizer, character_tokenizer
from llmath.train.corpora import build_corpus, build_tokenizer, cut, open_corpus


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=20))
def test_a_character_is_a_token(text):
    tokenizer = character_tokenizer(text)
    ids = tokenizer.encode(text)
    assert [tokenizer.decode([i]) for i in ids] == list(text)


def test_characters_by_hand():
    """é is the bytes c3 a9, € is e2 82 ac: they merge from the left."""
    tokenizer = character_tokenizer("a€éa")
    assert tokenizer.merges == ("Ã ©", "â Ĥ", "âĤ ¬")
    assert tokenizer.vocab_size == 1 + 3 + 5
    assert character_tokenizer("hello").vocab_size == 4  # no byte of another letter


def test_bytes_are_256():
    assert byte_tokenizer().encode("é") == byte_tokenizer().encode_bytes(b"\xc3\xa9")
    assert byte_tokenizer().vocab_size == 256


def test_merges_are_learnt_from_the_training_part_alone(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("abcabc " * 90 + "xyzxyz " * 10)
    corpus = build_corpus(str(path), "bpe", vocab_size=259)
    assert corpus.tokenizer.merges == Tokenizer.train("abcabc " * 90, 259).merges
    assert corpus.tokenizer.decode(corpus.validation.tolist()) == "xyzxyz " * 10


def test_the_alphabet_is_that_of_the_whole_text():
    tokenizer = build_tokenizer("characters", "abz", "ab", 256)
    assert tokenizer.encode("z") == [2]
    with pytest.raises(ValueError, match="no tokens 'words'; there is characters"):
        build_tokenizer("words", "a", "a", 256)


@pytest.mark.parametrize("tokens", ["characters", "bytes", "bpe"])
def test_kept_in_a_folder_and_found_again(tmp_path, text_file, tokens):
    how = {"vocab_size": 280, "validation": 0.2}
    built = build_corpus(str(text_file), tokens, **how)
    kept = build_corpus(str(text_file), tokens, **how, folder=tmp_path)
    found = open_corpus(tmp_path)
    for corpus in (kept, found):
        assert corpus.train.tolist() == built.train.tolist()
        assert corpus.validation.tolist() == built.validation.tolist()
        assert corpus.tokenizer.vocabulary == built.tokenizer.vocabulary
    assert found.vocab_size == found.tokenizer.vocab_size


def test_bytes_and_characters_that_are_predicted():
    """Of "a€é" the first token is given: 5 bytes and 2 characters are left."""
    tokenizer = character_tokenizer("a€é")
    ids = np.array(tokenizer.encode("a€é"))
    assert Corpus(ids, ids, tokenizer.vocab_size, tokenizer).predicted == (5, 2)
    assert Corpus(ids, ids, 9).predicted is None


def test_shakespeare_by_characters():
    text = shakespeare()
    tokenizer = character_tokenizer(text)
    assert sorted(tokenizer.decode([i]) for i in range(84)) == sorted(set(text))


@pytest.mark.parametrize("share", [0.0, 1.0, 0.001])
def test_both_parts_have_text(share):
    with pytest.raises(ValueError, match=f"validation={share} of 10 characters leaves"):
        cut("0123456789", share)


def test_no_such_text(tmp_path):
    with pytest.raises(ValueError, match="neither shakespeare nor the path of a file"):
        build_corpus(str(tmp_path / "none.txt"), "bytes", vocab_size=256)
    with pytest.raises(ValueError, match="no characters in it"):
        character_tokenizer("")
