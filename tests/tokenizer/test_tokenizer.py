"""Tokenizer: worked by hand, against `tokenizers`, there and back, refusals"""

import doctest
import importlib
import itertools
import random
import time
import unicodedata
from pathlib import Path

import pytest
import tokenizers
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers

import llmath.pretrained
import llmath.tokenizer
from llmath.pretrained import find, gguf_tokenizer
from llmath.pretrained.gguf import GGUFFile
from llmath.tokenizer import (
    SPLITTERS,
    Tokenizer,
    byte_alphabet,
    split_gpt2,
    split_smollm,
)

ALPHABET = sorted(byte_alphabet(), key=byte_alphabet().get)


def tiny(*merges: str, special=(), pattern="gpt2") -> Tokenizer:
    """All 256 bytes (id = byte), what the merges make, then special tokens."""
    made = [merge.replace(" ", "") for merge in merges]
    tokens = [*ALPHABET, *made, *special]
    ids = range(len(tokens) - len(special), len(tokens))
    return Tokenizer(tokens, merges, pattern=pattern, special=ids)


# Worked by hand


def test_lowest_rank_first():
    """c was learnt to follow b before a was learnt to precede b: a + bc, not ab + c."""
    assert tiny("b c", "a b").encode("abc") == [ord("a"), 256]
    assert tiny("a b", "b c").encode("abc") == [256, ord("c")]


def test_merges_build_on_merges():
    tokenizer = tiny("l o", "lo w", "Ġ low", "e r")
    assert tokenizer.tokens(tokenizer.encode("low lower")) == ["low", " low", "er"]


def test_equal_pairs_merge_from_the_left():
    tokenizer = tiny("a a", "aa a")
    assert tokenizer.tokens(tokenizer.encode("aaaaa")) == ["aa", "aaa"]


def test_nothing_merges_across_pieces():
    """The pieces are "a" and " b": the merge of a with a space never meets them."""
    assert tiny("a Ġ").encode("a b") == [ord("a"), ord(" "), ord("b")]


def test_a_character_of_several_bytes():
    tokenizer = tiny()
    assert tokenizer.encode("é→") == [0xC3, 0xA9, 0xE2, 0x86, 0x92]
    assert tokenizer.tokens([0xC3, 0xA9, 32]) == [r"\xc3", r"\xa9", " "]
    assert tokenizer.decode([0xC3]) == "�"
    assert tokenizer.decode_bytes([0xC3, 0x00]) == b"\xc3\x00"


def test_special_tokens_stand_for_themselves():
    tokenizer = tiny("< |", special=["<|a|>", "<|a|>b"])
    assert tokenizer.encode("x<|a|>y") == [ord("x"), 257, ord("y")]
    assert tokenizer.encode("<|a|>b") == [258], "the longest marker wins"
    plain = tokenizer.encode("<|a|>", special=False)
    assert tokenizer.tokens(plain) == ["<|", "a", "|", ">"]
    assert tokenizer.decode([257, 120]) == "<|a|>x"


def test_splits():
    text = "I'll pay $1,250.50  for\n\n it's"
    assert split_gpt2(text) == [
        *("I", "'ll", " pay", " $", "1", ",", "250", ".", "50", " ", " for", "\n\n"),
        *(" it", "'s"),
    ]
    assert split_smollm("in 2024") == ["in", " ", "2", "0", "2", "4"]


def test_the_alphabet_is_one_to_one():
    alphabet = byte_alphabet()
    assert sorted(alphabet.values()) == list(range(256))
    assert alphabet["Ġ"] == 32
    assert alphabet["Ċ"] == 10
    assert alphabet["a"] == 97


def test_the_examples_in_the_docstrings():
    for name, least in {"pieces": 3, "merging": 1, "training": 2}.items():
        module = importlib.import_module(f"llmath.tokenizer.{name}")
        result = doctest.testmod(module)
        assert result.failed == 0
        assert result.attempted >= least
    result = doctest.testmod(llmath.tokenizer)
    assert result.failed == 0
    assert result.attempted >= 5


# Against `tokenizers`


@pytest.fixture(scope="module")
def file():
    return GGUFFile(find("smollm2-135m"))


@pytest.fixture(scope="module", params=["gpt2's own", *SPLITTERS])
def pair(request, file):
    """Ours and theirs: GPT-2's vocabulary, and SmolLM2's with either rule."""
    if request.param == "gpt2's own":
        ours = llmath.pretrained.tokenizer("gpt2")
    else:
        tokens = file.metadata["tokenizer.ggml.tokens"]
        merges = file.metadata["tokenizer.ggml.merges"]
        ours = Tokenizer(tokens, merges, pattern=request.param, special=range(17))
    theirs = tokenizers.Tokenizer(
        models.BPE(
            {token: i for i, token in enumerate(ours.vocabulary)},
            [tuple(merge.split(" ")) for merge in ours.merges],
        )
    )
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if request.param == "smollm":
        steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    theirs.pre_tokenizer = pre_tokenizers.Sequence(steps)
    theirs.decoder = decoders.ByteLevel()
    theirs.add_special_tokens(list(ours.special))
    return ours, theirs


TEXTS = [
    "",
    " ",
    "The cat that the dog chased ran away.",
    "understanding understanding  understanding",
    "I'm you're it's O'Neil don't WE'LL ’s ‘quoted’",
    "3.14159 in 2024, 1,000,000 and x2 y²½ Ⅷ ٣٤ १२",
    "Ünïcödé café naïve ZÜRICH e\u0301 vs é",
    "你好,世界!こんにちは 한국어 Привет мир مرحبا بالعالم नमस्ते שלום ไทย",
    "🌍🚀👩‍👩‍👧‍👦 emoji ❤️ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "a  b   c\n\n\td \n e  \n",
    "   leading and trailing   ",
    "def f(x):\n    return x**2  # comment\n",
    "\u00a0nbsp\u2003em\u3000ideographic\u200bzero\ufeffmark",
    "http://ex.org/a_b?c=d&e=%20#frag",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|<|im_end|><repo_name>x<file_sep>",
    "one<|endoftext|>two <|endoftext|> three<|endoftext|",
    "foo  2  3bar\t\t4\r\n5",
    "a" * 300 + " " * 300 + "1" * 50,
]


def fuzzed(n: int) -> list[str]:
    rng = random.Random(0)
    scripts = [(32, 127), (0xA0, 0x250), (0x370, 0x600), (0x900, 0x980)]
    scripts += [(0x2000, 0x2070), (0x3040, 0x30FF), (0x4E00, 0x5000), (0xAC00, 0xAD00)]
    scripts += [(0x1F300, 0x1F600)]
    pool = [chr(c) for low, high in scripts for c in range(low, high)]
    words = ["the", "of", "and", "it's", "they'll", "12", "345", "<|im_end|>", "."]
    words.append("<|endoftext|>")
    texts = []
    for _ in range(n):
        parts = rng.choices(pool, k=rng.randint(0, 25))
        parts += rng.choices([*words, " ", " ", "  ", "\n", "\t", "\r\n"], k=20)
        rng.shuffle(parts)
        texts.append("".join(parts))
    return texts


def assert_same(pair, texts) -> int:
    """Equal ids; where ours refuses a text, theirs must have lost a part of it."""
    ours, theirs = pair
    refused = 0
    for text, their in zip(texts, theirs.encode_batch(texts), strict=True):
        try:
            ids = ours.encode(text)
        except ValueError:
            refused += 1
            kept = theirs.decode(their.ids, skip_special_tokens=False)
            assert kept != text, repr(text)
            continue
        assert ids == their.ids, repr(text)
        assert ours.decode(ids) == text
    return refused


def test_same_ids_on_varied_texts(pair):
    assert assert_same(pair, TEXTS) == 0


@pytest.mark.usefixtures("untyped")
def test_same_ids_on_fuzzed_texts(pair):
    assert assert_same(pair, fuzzed(2500)) == 0


@pytest.mark.usefixtures("untyped")
def test_same_ids_on_real_texts(pair):
    """Prose, and some Python."""
    folder = Path(torch.__file__).parent / "nn" / "modules"
    texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.py"))[:6]]
    prose = Path(__file__).parents[1] / "data" / "text.txt"
    assert assert_same(pair, [*texts, prose.read_text("utf-8")]) == 0


@pytest.mark.usefixtures("untyped")
def test_same_ids_on_every_character(pair):
    """Each between letters, spaces and digits, where the rules of splitting differ."""
    characters = [chr(c) for c in range(0x3100) if unicodedata.category(chr(c)) != "Cn"]
    texts = [f"a{c} {c}b  {c}1{c}{c} \n{c}" for c in characters]
    assert len(texts) > 10_000
    assert assert_same(pair, texts) < 10  # control characters that SmolLM2 lacks


def test_special_tokens_as_plain_text(pair):
    ours, theirs = pair
    plain = tokenizers.Tokenizer.from_str(theirs.to_str())
    plain.encode_special_tokens = True
    for text in TEXTS:
        assert ours.encode(text, special=False) == plain.encode(text).ids


# There and back


@given(st.text())
def test_text_there_and_back(text):
    tokenizer = tiny("t h", "th e", "Ġ t", "Ã ©", special=["<|end|>"])
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode_bytes(ids) == text.encode()
    assert b"".join(tokenizer.decode_bytes([i]) for i in ids) == text.encode()


@given(st.binary())
def test_any_bytes_there_and_back(data):
    tokenizer = tiny("t h", "Ã ©", "ÿ ÿ", special=["<|end|>"])
    assert tokenizer.decode_bytes(tokenizer.encode_bytes(data)) == data


@given(st.text())
def test_the_bytes_of_a_text_have_its_ids(text):
    tokenizer = tiny("t h", "th e", "Ã ©", special=["<|end|>"])
    assert tokenizer.encode_bytes(text.encode()) == tokenizer.encode(text)


def test_bytes_that_are_no_text():
    """Merges work on bytes; é cut in half is no letter, so a piece of its own."""
    tokenizer = tiny("Ã ©", "ÿ ÿ", "a Ã", special=["<|x|>"])
    assert tokenizer.encode_bytes(b"a\xff\xff") == [97, 257]
    assert tokenizer.encode_bytes(b"\xc3\xa9\xc3") == [256, 0xC3]
    assert tokenizer.encode_bytes(b"a\xc3") == [97, 0xC3], "not merge 2: two pieces"
    assert tokenizer.encode_bytes(b"\xff<|x|>\xff") == [255, 259, 255]
    assert tokenizer.encode_bytes("\ud800".encode("utf-8", "surrogatepass")) == [
        *(0xED, 0xA0, 0x80)
    ]


@pytest.mark.parametrize("name", ["gpt2", "smollm2-135m"])
@pytest.mark.usefixtures("untyped")
def test_random_bytes_with_real_vocabularies(name):
    tokenizer, rng = llmath.pretrained.tokenizer(name), random.Random(0)
    lacking = [byte for byte in range(256) if tokenizer._byte_ids[byte] is None]
    assert name != "gpt2" or not lacking
    for _ in range(300):
        data = rng.randbytes(200).translate(None, bytes(lacking))
        assert tokenizer.decode_bytes(tokenizer.encode_bytes(data)) == data


def test_ids_there_and_back_may_differ():
    """decode ∘ encode = id, encode ∘ decode is not: ids that nobody would choose."""
    tokenizer = tiny("a b")
    assert tokenizer.encode(tokenizer.decode([97, 98])) == [256]


@given(st.text(alphabet="ab", max_size=60))
def test_the_queue_equals_the_definition(text):
    """The definition: look for the lowest rank, merge its leftmost pair, repeat."""
    merges = ["a b", "b a", "a a", "ab a", "ba b", "aa aa", "aba ab"]
    tokenizer = tiny(*merges)
    parts = list(text)
    while True:
        pairs = [" ".join(pair) for pair in itertools.pairwise(parts)]
        ranked = [merges.index(pair) for pair in pairs if pair in merges]
        if not ranked:
            break
        at = pairs.index(merges[min(ranked)])
        parts[at : at + 2] = ["".join(parts[at : at + 2])]
    assert tokenizer.tokens(tokenizer.encode(text)) == parts


@pytest.mark.usefixtures("untyped")
def test_pieces_join_to_the_text():
    for split in SPLITTERS.values():
        for text in [*TEXTS, *fuzzed(200)]:
            assert "".join(split(text)) == text


@pytest.mark.usefixtures("untyped")
def test_one_long_word_takes_no_quadratic_time():
    tokenizer = tiny(*(f"{a} {b}" for a in "abcd" for b in "abcd"))
    text = "".join(random.Random(0).choices("abcd", k=200_000))
    start = time.perf_counter()
    ids = tokenizer.encode(text)
    assert time.perf_counter() - start < 10
    assert tokenizer.decode(ids) == text


def test_smollm2(file):
    tokenizer = gguf_tokenizer.tokenizer(file)
    assert tokenizer.vocab_size == 49_152
    assert tokenizer.pattern == "smollm"
    assert list(tokenizer.special.values()) == list(range(17))
    assert tokenizer.tokens(tokenizer.encode("In 2024, 你好!")) == [
        *("In", " ", "2", "0", "2", "4", ",", " ", r"\xe4\xbd", r"\xa0"),
        *(r"\xe5\xa5", r"\xbd", "!"),
    ]


def test_gpt2():
    tokenizer = llmath.pretrained.tokenizer("gpt2")
    assert tokenizer.vocab_size == 50_257
    assert tokenizer.encode("The cat sat") == [464, 3797, 3332]
    assert tokenizer.tokens(tokenizer.encode("understanding")) == ["under", "standing"]
    assert tokenizer.tokens(tokenizer.encode(" understanding")) == [" understanding"]
    assert tokenizer.special == {"<|endoftext|>": 50_256}


@pytest.mark.usefixtures("untyped")
def test_shakespeare_there_and_back(shakespeare):
    tokenizer = llmath.pretrained.tokenizer("gpt2")
    ids = tokenizer.encode(shakespeare)
    assert tokenizer.decode(ids) == shakespeare
    assert ids == tokenizer.encode(shakespeare), "from memory as at first"


# What is refused


def refused(words, function, *args, **kwargs):
    with pytest.raises(ValueError, match=words):
        function(*args, **kwargs)


@pytest.mark.usefixtures("untyped")
def test_ids_that_are_none():
    tokenizer = tiny("a b")
    for function in (tokenizer.decode, tokenizer.decode_bytes, tokenizer.tokens):
        refused(r"0 to 256; got \[257, -1\]", function, [0, 257, -1])
        refused("row by row", function, torch.zeros(1, 3, dtype=torch.long))
        refused("whole numbers", function, [1.5])
    assert tokenizer.decode(torch.tensor([97, 256])) == "aab"


def test_a_byte_without_a_token_is_named():
    tokenizer = Tokenizer(["a", "b"], [], pattern="gpt2")
    assert tokenizer.encode("ab") == [0, 1]
    refused(r"'b!é' cannot be encoded.*byte 0x21|byte 0x21", tokenizer.encode, "ab!")
    refused("byte 0xC3", tokenizer.encode, "é")


def test_half_of_a_surrogate_pair_is_no_text():
    refused(r"character 2 of the text, '\\ud83d', is half", tiny().encode, "ab\ud83d")


@pytest.mark.usefixtures("untyped")
def test_text_is_text_and_bytes_are_bytes():
    refused("text is a str, not bytes; bytes go to encode_bytes", tiny().encode, b"a")
    refused("text is a str, not NoneType", tiny().encode, None)
    refused("data is bytes, not str", tiny().encode_bytes, "a")


@pytest.mark.usefixtures("untyped")
def test_what_is_no_table():
    for tokens in ("ab", ["a", 1], [None], None, 3):
        refused("tokens should be a row", Tokenizer, tokens, [], pattern="gpt2")
    for merges in ("a b", [("a", "b")]):
        refused("merges should be a row", Tokenizer, ["a"], merges, pattern="gpt2")
    for special in (["a"], [0.0], 3, [[1]]):
        kwargs = {"pattern": "gpt2", "special": special}
        refused("special should be a row", Tokenizer, ["a"], [], **kwargs)
    for pattern in (None, ["gpt2"], 3):
        refused("is none of", Tokenizer, ["a"], [], pattern=pattern)


@pytest.mark.usefixtures("untyped")
def test_only_text_is_split():
    for split in SPLITTERS.values():
        for text in (b"a", None, ["a"]):
            refused("text is a str, not", split, text)


def test_tables_that_do_not_fit_together():
    refused("0 and 1 are both 'a'", Tokenizer, ["a", "a"], [], pattern="gpt2")
    for tokens in (["a", ""], ["a", "a"]):
        kwargs = {"pattern": "gpt2", "special": [0, 1]}
        refused("each its own", Tokenizer, tokens, [], **kwargs)
    refused("pattern='gpt5' is none of", Tokenizer, ["a"], [], pattern="gpt5")
    for merge, missing in (("a b", "ab"), ("a c", "c"), ("ab", "ab"), ("", "")):
        words = f"merge 0, '{merge}', needs the token '{missing}'"
        refused(words, Tokenizer, ["a", "b"], [merge], pattern="gpt2")
    refused("token 'a→' holds '→'", Tokenizer, ["a→"], [], pattern="gpt2")
    refused(r"\[1\] are outside", Tokenizer, ["a"], [], pattern="gpt2", special=[1])
