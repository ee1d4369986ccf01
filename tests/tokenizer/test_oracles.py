"""The ids of `tokenizers` and of tiktoken, on thousands of texts of every kind

tiktoken has no table of merges: it merges the pair whose *result* has the smallest id.
That is the same where ids stand in the order of the merges, as they do in both of these
vocabularies. And it cuts texts by one pattern; SmolLM2's rule, which cuts twice (first
the digits out, then as GPT-2), is written as one here: what ends a part of a text, a
digit, must count as an end for the whitespace before it.
"""

import json
import random
import string
import unicodedata

import pytest
import tiktoken
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers

import llmath.pretrained
from llmath.tokenizer import Tokenizer
from llmath.tokenizer.pieces import GPT2_PATTERN, to_bytes

PATTERNS = {
    "gpt2": GPT2_PATTERN,
    "smollm": (
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+"
        r"|\s+(?![^\s\p{N}])|\s+"
    ),
}
NAMES = ["gpt2", "smollm2-135m"]
N_TEXTS = 7_000


def in_rust(ours: Tokenizer) -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(
        models.BPE(
            {token: i for i, token in enumerate(ours.vocabulary)},
            [tuple(merge.split(" ")) for merge in ours.merges],
        )
    )
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if ours.pattern == "smollm":
        steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    made.pre_tokenizer = pre_tokenizers.Sequence(steps)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(ours.special))
    return made


def in_tiktoken(ours: Tokenizer) -> tiktoken.Encoding:
    """Bytes that the vocabulary lacks get ids behind it: tiktoken wants all 256."""
    special = set(ours.special.values())
    plain = [(i, t) for i, t in enumerate(ours.vocabulary) if i not in special]
    ranks = {to_bytes(token): i for i, token in plain}
    for byte in range(256):
        ranks.setdefault(bytes([byte]), ours.vocab_size + byte)
    return tiktoken.Encoding(
        f"our {ours.pattern}",
        pat_str=PATTERNS[ours.pattern],
        mergeable_ranks=ranks,
        special_tokens=ours.special,
    )


@pytest.fixture(scope="module", params=NAMES)
def three(request):
    ours = llmath.pretrained.tokenizer(request.param)
    return ours, in_rust(ours), in_tiktoken(ours)


RANGES = {
    "ascii": (0x20, 0x7F), "controls": (0x00, 0x20), "latin": (0x80, 0x250),
    "greek": (0x370, 0x400), "cyrillic": (0x400, 0x530), "hebrew": (0x590, 0x600),
    "arabic": (0x600, 0x700), "devanagari": (0x900, 0x980), "thai": (0xE00, 0xE5C),
    "tibetan": (0xF00, 0xFD0), "georgian": (0x10A0, 0x1100), "kana": (0x3040, 0x3100),
    "punctuation": (0x2000, 0x2070), "numbers": (0x2150, 0x218C),
    "mathematics": (0x2200, 0x2300), "letters": (0x1D400, 0x1D500),
    "han": (0x4E00, 0x5200), "hangul": (0xAC00, 0xAE00), "private": (0xE000, 0xE020),
    "wide": (0xFF00, 0xFFEF), "gothic": (0x10330, 0x1034B), "flags": (0x1F1E6, 0x1F200),
    "emoji": (0x1F300, 0x1F650), "tags": (0xE0020, 0xE0060),
}  # fmt: skip
SPACES = [*" \t\n\r\v\f", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2003", "\u2028"]
SPACES += ["\u3000", "\u200b", "\ufeff", "\r\n", "  ", "\n\n", "    "]
WORDS = ["the", "of", "and", "it's", "they'll", "I'd", "we've", "you're", "I'm"]
WORDS += ["can't", "O'Neil", "’s", "'S", "'ll", "''t"]
CODE = ["def", "(x):", "return", "self.f[i]", "->", "==", "!=", "**2", "//", "#", ";"]
CODE += ["{}", "\\n", "</a>", "=>", "0x1F", "1e-9", "a_b"]
DIGITS = ["7", "42", "1,000", "3.14", "2024", "²", "½", "Ⅷ", "٣٤", "१२", "１", "x2y"]
JOINED = ["👩‍👩‍👧‍👦", "❤️", "🇫🇷", "e\u0301", "a\u0327\u0301", "\u202eabc", "ก็"]


def texts_of(special: list[str], n: int) -> list[str]:
    """The same n texts every time: scripts, spaces, code, runs, markers and halves."""
    rng = random.Random(0)
    markers = [*special, "<|", "|>", "<|endoftext", "<|im_start"]
    bags = [WORDS, CODE, DIGITS, JOINED, SPACES, markers, list(string.printable)]
    texts: dict[str, None] = {}  # each once, in order
    while len(texts) < n:
        parts = []
        for _ in range(rng.randint(0, 12)):
            if rng.random() < 0.4:
                low, high = rng.choice(list(RANGES.values()))
                k = rng.randint(1, 4)
                parts += [chr(rng.randrange(low, high)) for _ in range(k)]
            else:
                part = rng.choice(rng.choice(bags))
                parts.append(part * (rng.randint(1, 40) if rng.random() < 0.1 else 1))
            if rng.random() < 0.5:
                parts.append(rng.choice(SPACES))
        texts["".join(parts)] = None
    return list(texts)


def lacks_bytes(ours: Tokenizer, text: str) -> bool:
    return any(ours._byte_ids[byte] is None for byte in text.encode())


def same_ids(three, texts) -> int:
    """How many texts were compared; the others hold bytes the vocabulary lacks."""
    ours, rust, tik = three
    kept = [text for text in texts if not lacks_bytes(ours, text)]
    expected = rust.encode_batch(kept)
    third = tik.encode_batch(kept, num_threads=1, allowed_special="all")
    for text, their, also in zip(kept, expected, third, strict=True):
        ids = ours.encode(text)
        assert ids == their.ids == also, repr(text)
        assert ours.decode(ids) == text
    return len(kept)


@pytest.mark.usefixtures("untyped")
def test_thousands_of_texts(three):
    texts = texts_of(list(three[0].special), N_TEXTS)
    assert same_ids(three, texts) >= 5_000


@pytest.mark.usefixtures("untyped")
def test_every_kind_of_character_beside_every_kind_of_space(three):
    """One of each category of Unicode in each block, with each space before it."""
    chosen = {}
    for low, high in RANGES.values():
        for c in map(chr, range(low, high)):
            chosen.setdefault((low, unicodedata.category(c)), c)
    texts = [
        f"a{space}{space}{c}{space}1{c}{space}{space}2{space}"
        for c in chosen.values()
        for space in SPACES
    ]
    assert len(chosen) > 60
    assert same_ids(three, texts) > 1_000


@pytest.mark.usefixtures("untyped")
def test_long_runs(three):
    runs = [
        "a",
        "ab",
        " ",
        "\n",
        "1",
        "🌍",
        "\u3000",
        "é",
        "'",
        "'s",
        " a",
        "日本",
        "\x85",
    ]
    assert same_ids(three, [run * 2_000 for run in runs]) == len(runs)


@pytest.mark.usefixtures("untyped")
@given(st.text(max_size=60))
def test_any_text(three, text):
    same_ids(three, [text])


@pytest.mark.usefixtures("untyped")
def test_markers_as_plain_text(three):
    ours, rust, tik = three
    plain = tokenizers.Tokenizer.from_str(rust.to_str())
    plain.encode_special_tokens = True
    for text in texts_of(list(ours.special), 400):
        if not lacks_bytes(ours, text):
            ids = ours.encode(text, special=False)
            assert ids == plain.encode(text).ids == tik.encode_ordinary(text)


@pytest.mark.parametrize("name", NAMES)
def test_ids_stand_in_the_order_of_the_merges(name):
    """Which is why tiktoken's rule, the smallest result first, is ours here."""
    ours = llmath.pretrained.tokenizer(name)
    ids = {token: i for i, token in enumerate(ours.vocabulary)}
    made = [ids[merge.replace(" ", "")] for merge in ours.merges]
    assert made == sorted(made)


def test_in_another_order_tiktoken_merges_otherwise():
    """bc was learnt first here, and has the larger id: to tiktoken it comes second."""
    alphabet = llmath.pretrained.tokenizer("gpt2").vocabulary[:256]
    ours = Tokenizer([*alphabet, "ab", "bc"], ["b c", "a b"], pattern="gpt2")
    assert ours.tokens(ours.encode("abc")) == ["a", "bc"]
    assert in_rust(ours).encode("abc").tokens == ["a", "bc"]
    assert ours.tokens(in_tiktoken(ours).encode("abc")) == ["ab", "c"]


# Training: ties


def trained_in_rust(text: str, vocab_size: int, **options) -> list[str]:
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False, **options)
    made.train_from_iterator([text], trainer)
    merges = json.loads(made.to_str())["model"]["merges"]
    return [" ".join(merge) for merge in merges]


ALPHABET = pre_tokenizers.ByteLevel.alphabet()


def test_a_tie_goes_to_the_smaller_ids_there_and_here():
    """ba is met before ab, equally often; a stands before b in the alphabet."""
    text = "ba ba abz abz"
    assert Tokenizer.train(text, 257).merges == ("a b",)
    assert trained_in_rust(text, 257, initial_alphabet=ALPHABET) == ["a b"]


def test_an_alphabet_of_the_text_alone_keeps_the_order_of_ties(shakespeare):
    """Their ids are then other numbers in the same order, so the merges are ours."""
    text = shakespeare[:200_000]
    theirs = trained_in_rust(text, 500)
    assert len(theirs) > 244, "fewer than 256 bytes occur"
    ours = Tokenizer.train(text, 256 + len(theirs))
    assert list(ours.merges) == theirs


def test_a_least_frequency_ends_the_merges_and_changes_none_before():
    text = "low low lower lowest new newer newest"
    ours = Tokenizer.train(text, 256 + 14).merges
    options = {"initial_alphabet": ALPHABET, "min_frequency": 3}
    theirs = trained_in_rust(text, 256 + 14, **options)
    assert 0 < len(theirs) < len(ours)
    assert list(ours[: len(theirs)]) == theirs


def test_where_the_first_pair_met_wins_a_tie_the_merges_are_others():
    """tiktoken's educational trainer takes the most frequent pair that it met first."""
    from tiktoken._educational import bpe_train

    text = "ba ba abz abz"
    ranks = bpe_train(text, 257, GPT2_PATTERN, visualise=None)
    assert max(ranks, key=ranks.get) == b"ba"
    assert Tokenizer.train(text, 257).merges == ("a b",)
    untied = "ab ab ab abc abc cd"  # ab 5 times, then abc twice: no ties
    ranks = bpe_train(untied, 258, GPT2_PATTERN, visualise=None)
    made = sorted(ranks, key=ranks.get)[256:]
    ours = Tokenizer.train(untied, 258)
    assert made == [ours.decode_bytes([i]) for i in (256, 257)]
