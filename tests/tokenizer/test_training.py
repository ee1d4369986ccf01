"""Training: worked by hand, against the definition, against `tokenizers`, refusals"""

import json
import random
import time

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, trainers

from llmath.reference import tokenizer as reference
from llmath.tokenizer import SPLITTERS, Tokenizer, count_words, learn_merges
from llmath.tokenizer.merging import merge


def learnt(text: str, n_merges: int, pattern: str = "gpt2") -> list[tuple[str, str]]:
    """The merges in the letters of vocabulary files."""
    words = count_words([text], pattern=pattern)
    n_merges = min(n_merges, len(learn_merges(words, n_merges)))
    tokenizer = Tokenizer.train(text, 256 + n_merges, pattern=pattern)
    return [tuple(merge.split(" ")) for merge in tokenizer.merges]


# Worked by hand


def test_aaabdaaabac():
    """With a, b, c, d = 0, 1, 2, 3. In aaabdaaabac aa stands four times: Z = 4.

    ZabdZabac: Za and ab stand twice each; ab has the smaller ids: Y = 5. ZYdZYac: ZY
    stands twice: X = 6. XdXac: four pairs once each, of which ac has the smallest ids.
    """
    word = tuple("abcd".index(letter) for letter in "aaabdaaabac")
    assert learn_merges({word: 1}, 3, n_symbols=4) == [(0, 0), (0, 1), (4, 5)]
    assert learn_merges({word: 1}, 4, n_symbols=4)[3] == (0, 2)


def test_words_count_as_often_as_they_occur():
    """l o 5 times, lo w 4 times. Then Ġ low and low e twice each: the space has the
    smaller id, as it stands first in the pair, 220 against 257. Then all pairs are met
    once, and e r has the smallest ids.
    """
    text = "low low\nlower lowest lot"
    assert learnt(text, 4) == [("l", "o"), ("lo", "w"), ("Ġ", "low"), ("e", "r")]


def test_nothing_is_learnt_across_pieces():
    assert learnt("a b " * 50, 9) == [("Ġ", "b"), ("Ġ", "a")]
    assert learnt("12 " * 50, 9, pattern="smollm") == []


def test_a_word_that_is_one_token_has_nothing_to_give():
    assert learn_merges({(0, 1): 5}, 100, n_symbols=2) == [(0, 1)]
    assert learn_merges({(0,): 5}, 100, n_symbols=1) == []
    assert learn_merges({}, 100) == []


def test_markers_teach_nothing():
    """Neither themselves nor across them: what stands around them is apart."""
    text = "ab<|x|>ab<|x|>" * 9
    tokenizer = Tokenizer.train(text, 258, special=["<|x|>"])
    assert tokenizer.merges == ("a b",)
    assert tokenizer.special == {"<|x|>": 257}
    assert tokenizer.encode("ab<|x|>") == [256, 257]


def test_the_ids_are_bytes_then_merges_then_markers():
    tokenizer = Tokenizer.train("é é", 259, special=["<b>", "<a>"])
    assert tokenizer.vocab_size == 259
    assert tokenizer.vocabulary[:3] == ("!", '"', "#"), "as in GPT-2"
    assert tokenizer.vocabulary[256:] == ("Ã©", "<b>", "<a>")
    assert tokenizer.tokens(range(256, 259)) == ["é", "<b>", "<a>"]


# Against the definition


WORDS = st.dictionaries(
    st.lists(st.integers(0, 2), min_size=1, max_size=14).map(tuple),
    st.integers(1, 4),
    max_size=8,
)


@given(WORDS, st.integers(0, 40))
def test_kept_counts_equal_counting_anew(words, n_merges):
    found = learn_merges(words, n_merges, n_symbols=3)
    assert found == reference.learn_merges(words, n_merges, n_symbols=3)


@given(WORDS, st.integers(0, 40))
def test_encoding_cuts_a_word_as_training_did(words, n_merges):
    found = learn_merges(words, n_merges, n_symbols=3)
    ranks = {pair: rank for rank, pair in enumerate(found)}
    ids = [3 + rank for rank in range(len(found))]
    for word in words:
        replayed = list(word)
        for pair, new in zip(found, ids, strict=True):
            replayed = reference.replace(replayed, pair, new)
        assert merge(word, ranks, ids) == replayed


@given(WORDS)
def test_no_token_is_made_twice(words):
    spelt = [(0,), (1,), (2,)]
    for a, b in learn_merges(words, 100, n_symbols=3):
        spelt.append(spelt[a] + spelt[b])
    assert len(set(spelt)) == len(spelt)


@given(WORDS, st.integers(0, 20))
def test_fewer_merges_are_the_first_of_many(words, n):
    many = learn_merges(words, 40, n_symbols=3)
    assert learn_merges(words, n, n_symbols=3) == many[:n]


@given(st.permutations(["low ", "lower ", "new ", "newest ", "wide "]))
def test_the_order_of_texts_does_not_matter(texts):
    found = Tokenizer.train(texts, 262).merges
    assert found == ("e w", "l o", "n ew", "lo w", "d e", "e r")


# Against `tokenizers`


def theirs(text: str, vocab_size: int, pattern: str = "gpt2"):
    """Merges and vocabulary of its BpeTrainer with the same pieces."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if pattern == "smollm":
        steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return [tuple(merge) for merge in model["merges"]], model["vocab"]


@pytest.mark.usefixtures("untyped")
def test_shakespeare(shakespeare):
    """5 MB, vocabularies of 1,024 and 5,000: each merge, each id."""
    tokenizer = Tokenizer.train(shakespeare, 5_000)
    merges, vocabulary = theirs(shakespeare, 5_000)
    assert [tuple(merge.split(" ")) for merge in tokenizer.merges] == merges
    assert vocabulary == {token: i for i, token in enumerate(tokenizer.vocabulary)}
    assert tokenizer.decode(tokenizer.encode(shakespeare)) == shakespeare

    small = Tokenizer.train(shakespeare, 1_024)
    assert small.merges == tokenizer.merges[:768]
    assert small.vocabulary == tokenizer.vocabulary[:1_024]


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("pattern", SPLITTERS)
def test_texts_full_of_ties(pattern):
    """Short random texts to their end: nearly every choice is among equals."""
    rng = random.Random(0)
    for letters in ("ab", "aé", "abcd 12", "xyz'st \n", "日本 語🌍!"):
        for length in (1, 10, 60, 300):
            text = "".join(rng.choices(letters, k=length))
            found = learnt(text, 1_000, pattern)
            expected, _ = theirs(text, 256 + len(found) + 1, pattern)
            assert found == expected, text


# Speed


@pytest.mark.usefixtures("untyped")
def test_one_long_word_takes_no_quadratic_time():
    word = "".join(random.Random(0).choices("abcd", k=200_000))
    start = time.perf_counter()
    tokenizer = Tokenizer.train(word, 1_256)
    assert time.perf_counter() - start < 20
    assert len(tokenizer.encode(word)) < 60_000


# What is refused


def refused(words, *args, **kwargs):
    with pytest.raises(ValueError, match=words):
        Tokenizer.train(*args, **kwargs)


@pytest.mark.usefixtures("untyped")
def test_vocabularies_that_cannot_be():
    assert Tokenizer.train("", 256).merges == ()
    assert Tokenizer.train("aa", np.int64(257)).merges == ("a a",)
    refused("vocab_size=255 should be a whole number from 256", "abc", 255)
    refused("from 258: 256 bytes and 2 special", "abc", 257, special=["<a>", "<b>"])
    refused("vocab_size=300.0 should be a whole number", "abc", 300.0)
    refused("vocab_size=None should be a whole number", "abc", None)
    refused("pattern='gpt5' is none of", "abc", 300, pattern="gpt5")


def test_texts_with_too_little_in_them():
    refused("44 merges and the text has only 0 to give: choose at most 256", "", 300)
    refused("only 2 to give: choose at most 259", "abc", 300, special=["<a>"])
    refused("only 0 to give", [], 300)


@pytest.mark.usefixtures("untyped")
def test_what_is_no_text():
    refused("text is a str, not bytes", [b"abc"], 256)
    refused("text is a str, not int", b"abc", 256)
    refused("text is a str or several, not NoneType", None, 256)
    refused("text is a str or several, not int", 3, 256)
    refused(r"character 1 of the text, '\\ud83d', is half", "a\ud83d", 256)


@pytest.mark.usefixtures("untyped")
def test_words_that_cannot_be():
    def no(words, function, *args, **kwargs):
        with pytest.raises(ValueError, match=words):
            function(*args, **kwargs)

    no("'gpt5' is none of", count_words, ["a"], pattern="gpt5")
    no(r"texts is a row of texts: \['abc'\]", count_words, "abc")
    no("n_merges=-1 should be", learn_merges, {}, -1)
    no("n_merges=1.5 should be", learn_merges, {}, 1.5)
    no("should occur once or more, not 0", learn_merges, {(0, 1): 0}, 1)
    no("should occur once or more, not 'x'", learn_merges, {(0, 1): "x"}, 1)
    no("ids outside 0 … 1", learn_merges, {(0, 2): 1}, 1, n_symbols=2)
    no("ids outside", learn_merges, {(-1, 0): 1}, 1)


def test_markers_that_cannot_be():
    refused(r"a row of markers: \['<a>'\]", "abc", 300, special="<a>")
    refused("should differ", "abc", 300, special=["<a>", "<a>"])
    refused("empty text", "abc", 258, special=[""])
