"""The figures' own byte-pair encoding, in Node, against the library's"""

from __future__ import annotations

import functools
import itertools
import json
import random
import subprocess

import pytest
import regex

from llmath.tokenizer import Tokenizer, byte_alphabet, count_words, learn_merges
from llmath.viz import live, tokenizer_tables
from prerendered_math import node_binary

N_TEXTS = 2000
LETTERS = list(byte_alphabet().values())
SNIPPETS = (
    "The cat sat.", "understanding", "'s", "'ll", "don't", " ", "  ", "\n", "\r\n",
    "\t", "\x00", "\x1c", "\x85", "\u00a0", "\u2028", "\u3000", "\ufeff", "\u200b",
    "127 + 677 = 804", "１２３", "Ⅻ", "½", "٣", "é", "e\u0301", "\u0301", "ß", "ſ",
    "日本語", "한국어", "ไทย", "हिन्दी", "العربية", "Ελλ", "🙂", "👩‍👩‍👧", "🇩🇪", "𝔸",
    "\U000e0041", "\U0001f9ea", "\U00050000", "def f(x):\n    return x", "==>", "$#@",
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_", "Ġ", "aaaa", "zzz", "\x04",
)  # fmt: skip


def fuzzed(seed: int, n: int) -> list[str]:
    """Snippets and signs from all over Unicode, but no halves of surrogate pairs."""
    chance = random.Random(seed)

    def sign() -> str:
        top = chance.choice((0x80, 0x250, 0x3000, 0x10000, 0x20000, 0x110000))
        code = chance.randrange(top)
        return "x" if 0xD800 <= code < 0xE000 else chr(code)

    def part() -> str:
        return chance.choice(SNIPPETS) if chance.random() < 0.6 else sign()

    return ["".join(part() for _ in range(chance.randrange(1, 12))) for _ in range(n)]


def in_node(code: str, given: object) -> object:
    """`code` knows the module as `bpe`, its cuts as `split`, and what is `given`."""
    lines = (
        f"const bpe = {live.expression('bpe')};",
        f"const split = bpe.splitters({json.dumps(tokenizer_tables.classes())});",
        "const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));",
        f"const found = {code};",
        "process.stdout.write(JSON.stringify(found));",
    )
    run = subprocess.run(
        [node_binary(), "-e", "\n".join(lines)],
        input=json.dumps(given), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(run.stdout)


def or_none(encode, text: str) -> list[int] | None:
    """None where the library refuses: SmolLM2 lacks tokens for some bytes."""
    try:
        return encode(text)
    except ValueError:
        return None


ENCODE = """(() => {
  const made = bpe.tokenizer(given.table, split);
  return given.texts.map((text) => [true, false].map((special) => {
    try {
      return made.encode(text, special).flatMap((piece) => piece.ids);
    } catch (error) {
      if (/cannot be encoded/.test(error.message)) return null;
      throw error;
    }
  }));
})()"""


@pytest.mark.parametrize("name", tokenizer_tables.TITLES)
def test_texts_are_encoded_as_the_library_does(name):
    tokenizer = tokenizer_tables.tokenizer(name)
    texts = fuzzed(1, N_TEXTS)
    given = {"table": tokenizer_tables.table(tokenizer), "texts": texts}
    for text, (marked, plain) in zip(texts, in_node(ENCODE, given), strict=True):
        assert marked == or_none(tokenizer.encode, text), repr(text)
        read_plainly = functools.partial(tokenizer.encode, special=False)
        assert plain == or_none(read_plainly, text), repr(text)


def test_of_markers_that_begin_alike_the_longer_is_read():
    tokens = [*byte_alphabet(), "ab", "<m>", "<m><n>", "(a|b)"]
    made = Tokenizer(tokens, ["a b"], pattern="gpt2", special=[257, 258, 259])
    texts = ["<m><n>ab<m>a", "(a|b)|ab", "<n><m>"]
    given = {"table": tokenizer_tables.table(made), "texts": texts}
    for text, (marked, _) in zip(texts, in_node(ENCODE, given), strict=True):
        assert marked == made.encode(text)


def test_every_sign_is_cut_as_the_library_cuts_it():
    """Letters, digits and spaces are those of Python, whatever Unicode Node has."""
    kinds = [r"\p{L}", r"\p{N}", r"\s"]
    signs = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    code = """["1" + given, "a" + given, "\\n" + given].map((text) =>
      split.gpt2(text).map((piece) => piece.length))"""
    found = in_node(code, signs)
    for start, lengths in zip("1a\n", found, strict=True):
        pieces = tokenizer_tables.tokenizer("gpt2")._split(start + signs)
        assert lengths == [len(p.encode("utf-16-le")) // 2 for p in pieces]
    counts = [len(regex.findall(kind, signs)) for kind in kinds]
    assert min(counts) > 20  # the ranges are not empty
    assert max(counts) > 100_000


LEARN = """given.map(([text, pieces, n]) => {
  const words = bpe.countWords(pieces ? split.gpt2(text) : [text]);
  return bpe.learn(words, n).map(({ pair, count, saved }) => [...pair, count, saved]);
})"""


def test_merges_are_those_that_the_library_learns():
    """Few signs, so that equally frequent pairs and overlaps are everywhere."""
    chance = random.Random(2)
    few = [
        "".join(chance.choices("aab \n", k=chance.randrange(40))) for _ in range(150)
    ]
    cases = [
        (text, pieces, n)
        for text in few + fuzzed(3, 150)
        for pieces, n in ((True, 40), (False, 12))
    ]
    for (text, pieces, n), found in zip(cases, in_node(LEARN, cases), strict=True):
        row = bytes(map(LETTERS.index, text.encode()))
        words = count_words([text]) if pieces else {row: 1}
        assert [(a, b) for a, b, *_ in found] == learn_merges(words, n), repr(text)


def test_merges_by_hand():
    """aaab has aa twice, ab once: aa merges first, and saves one token, not two."""
    found = in_node(LEARN, [("aaab", False, 9)])[0]
    a, b = 64, 65
    assert found == [[a, a, 2, 1], [a, b, 1, 1], [256, 257, 1, 1]]
    assert in_node(LEARN, [("", True, 5), ("", False, 5)]) == [[], []]


def test_the_commonest_pairs_are_counted_where_they_stand():
    code = "bpe.commonest(bpe.countWords(split.gpt2(given)), 3)"
    (a, b, c) = (64, 65, 66)
    assert in_node(code, "aaab bc") == [[[a, a], 2], [[a, b], 1], [[b, c], 1]]


STEPS = """(() => {
  const made = bpe.tokenizer(given.table, split);
  return given.texts.map((text) => made.steps(text));
})()"""


def test_each_step_merges_the_lowest_rank_leftmost():
    tokenizer = tokenizer_tables.tokenizer("gpt2")
    ranks, merged = tokenizer._ranks, tokenizer._merged
    texts = [" understanding", "aaaaaaa", "🙂", " Constantinople", "x"]
    given = {"table": tokenizer_tables.table(tokenizer), "texts": texts}
    for text, found in zip(texts, in_node(STEPS, given), strict=True):
        ids = found["start"]
        for step in found["all"]:
            known = [ranks.get(pair, 1e9) for pair in itertools.pairwise(ids)]
            place = known.index(min(known))
            assert (step["rank"], step["place"]) == (min(known), place)
            ids = [*ids[:place], merged[min(known)], *ids[place + 2 :]]
            assert ids == step["ids"]
        assert ids == tokenizer.encode(text)


def test_tokens_are_written_as_the_library_writes_them():
    """Whole characters as they are, stray bytes as \\xe4, also where they break off."""
    tokenizer = tokenizer_tables.tokenizer("gpt2")
    ids = [*range(0, tokenizer.vocab_size, 7), *range(300)]
    given = {"table": tokenizer_tables.table(tokenizer), "ids": ids}
    code = """(() => {
      const made = bpe.tokenizer(given.table, split);
      return given.ids.map((id) => bpe.readable(made.bytesOf(id)));
    })()"""
    assert in_node(code, given) == tokenizer.tokens(ids)


def test_half_of_a_pair_is_refused_in_words():
    code = "['a🙂\\ud83d', 'a\\udc00b', 'a🙂', ''].map((t) => bpe.refused(t) ?? null)"
    half, first, *fine = in_node(code, None)
    assert half.startswith("Character 3 of the text is half of a surrogate pair")
    assert first.startswith("Character 2 ")
    assert fine == [None, None]


@pytest.mark.parametrize("sign", ["a", "🙂", " ", "5", "!"], ids=repr)
def test_a_piece_of_100_000_signs_takes_no_time(sign):
    tokenizer = tokenizer_tables.tokenizer("book")
    table, text = tokenizer_tables.table(tokenizer), sign * 100_000
    found = in_node(ENCODE, {"table": table, "texts": [text]})[0]
    assert found == [tokenizer.encode(text)] * 2


def test_a_vocabulary_in_another_order_is_refused():
    odd = Tokenizer(["ab", "a", "b", "cd", "c", "d"], ["a b", "c d"], pattern="gpt2")
    with pytest.raises(ValueError, match="not in the order of its merges"):
        tokenizer_tables.table(odd)
    with pytest.raises(ValueError, match="'gpt3'; there is gpt2, smollm2, book"):
        tokenizer_tables.tokenizer("gpt3")
