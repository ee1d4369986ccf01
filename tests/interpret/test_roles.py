"""Sentences: whole, distinct, balanced; words are found where they stand"""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmath import pretrained
from llmath.interpret import Sentence, locate, role, role_names, word_positions
from llmath.interpret.roles import batches

ROLES = [role(name) for name in role_names()]
EACH = pytest.mark.parametrize("role", ROLES, ids=lambda r: r.name)


@pytest.fixture(scope="module")
def tokenizer():
    return pretrained.tokenizer("smollm2-135m")


@pytest.fixture(scope="module")
def gpt2():
    return pretrained.tokenizer("gpt2")


def test_the_roles():
    assert role_names() == ["adjective_noun", "coreference", "subject_verb"]
    with pytest.raises(ValueError, match="no role 'object'; there is adjective_noun, "):
        role("object")


def test_one_sentence_of_each_role_written_out():
    """The nouns change places and the answer follows; so it does with the pronoun."""
    subjects, adjectives, pronouns = (
        role(name).sentences
        for name in ("subject_verb", "adjective_noun", "coreference")
    )
    text = "Last night the cat that the dog chased ran again"
    assert subjects[0] == Sentence(text, "ran", "cat", ("dog",), 0, "far")
    text = "Last night the dog that the cat chased ran again"
    assert subjects[1] == Sentence(text, "ran", "dog", ("cat",), 0, "far")
    text = "I saw that beside the window the door was green too"
    assert Sentence(text, "green", "door", ("window",), 0, "near") in adjectives
    text = "We know that the woman and the man met where she once lived"
    assert Sentence(text, "she", "woman", ("man",), 0, "far") in pronouns
    text = text.replace("she", "he")
    assert Sentence(text, "he", "man", ("woman",), 0, "near") in pronouns


@EACH
def test_there_are_enough_and_each_is_its_own(role):
    assert len({s.text for s in role.sentences}) == len(role.sentences) >= 60
    assert len({s.text for s in role.controls}) == len(role.controls) >= 60
    assert not {s.text for s in role.sentences} & {s.text for s in role.controls}
    assert role.source
    assert role.licence
    assert role.inspired_by
    assert role.question.endswith("?")


@EACH
@pytest.mark.parametrize("part", ["sentences", "controls"])
def test_neither_the_word_nor_the_order_nor_the_nearness_tells(role, part, tokenizer):
    sentences = getattr(role, part)
    targets = Counter(s.target for s in sentences)
    others = Counter(s.distractors[0] for s in sentences)
    assert targets == others  # each noun is right as often as it is wrong
    farther = 0
    for s in sentences:
        found = locate(s, tokenizer)
        far = found.target[0] < found.distractors[0][0]
        assert far == (s.target_is == "far"), s.text
        assert min(found.target[0], found.distractors[0][0]) > 0  # not on the sink
        farther += far
    assert farther == len(sentences) / 2


@EACH
def test_the_target_is_never_next_to_the_query(role, tokenizer):
    """A head that looks one place back must not pass for one that finds the role."""
    located = [locate(s, tokenizer) for s in role.sentences]
    distances = Counter(s.query - s.target[-1] for s in located)
    assert min(distances) >= 2
    assert len(distances) >= 4


@EACH
def test_every_word_is_one_token_for_both_models(role, tokenizer, gpt2):
    for s in (*role.sentences, *role.controls):
        for vocabulary in (tokenizer, gpt2):
            for word in (s.query, s.target, *s.distractors):
                assert len(word_positions(s.text, word, vocabulary)) == 1, (
                    word,
                    s.text,
                )


@EACH
def test_the_halves_share_no_pair_of_words(role):
    one, other = role.halves()
    assert len(one) == len(other) == len(role.sentences) / 2
    nouns = [{(s.target, s.distractors) for s in half} for half in (one, other)]
    assert not nouns[0] & nouns[1]


def test_words_of_several_tokens(tokenizer):
    """The query is read to its end; a target is all of its tokens."""
    s = Sentence("The hippopotamus saw Zbigniew chuckling", "chuckling", "hippopotamus",
                 ("Zbigniew",))  # fmt: skip
    found = locate(s, tokenizer)
    pieces = tokenizer.tokens(found.ids)
    assert "".join(pieces[i] for i in found.target) == " hippopotamus"
    assert "".join(pieces[i] for i in found.distractors[0]) == " Zbigniew"
    assert len(found.target) > 1
    assert len(found.distractors[0]) > 1
    assert len(word_positions(s.text, "chuckling", tokenizer)) > 1
    assert found.query == len(pieces) - 1


WORDS = st.lists(
    st.text("abcdeéüßñ漢字🙂𝕏", min_size=1, max_size=7),
    min_size=2,
    max_size=6,
    unique=True,
)


@given(WORDS, st.data(), st.sampled_from([" ", ", ", " – ", "\n"]))
def test_the_tokens_of_a_word_hold_it_whole(tokenizer, words, data, between):
    words = [w for w in words if w.isalpha()]  # 🙂 is no letter, and ends a word
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    text = between.join(words)
    at = word_positions(text, word, tokenizer)
    ids = tokenizer.encode(text)
    assert list(at) == list(range(at[0], at[-1] + 1))
    assert word.encode() in tokenizer.decode_bytes([ids[i] for i in at])
    for rest in (at[1:], at[:-1]):  # and none of them could be left out
        assert word.encode() not in tokenizer.decode_bytes([ids[i] for i in rest])


@pytest.mark.parametrize(
    ("text", "word", "words"),
    [
        ("The cats ran", "cat", "'cat' .* not at all in 'The cats ran'"),
        ("The Cat ran", "cat", "not at all"),
        ("The cat saw the cat", "cat", "occurs 2 times"),
        ("The cat", "", "one whole word"),
    ],
)
def test_words_that_have_no_one_place_are_named(tokenizer, text, word, words):
    with pytest.raises(ValueError, match=words):
        word_positions(text, word, tokenizer)


@pytest.mark.parametrize(
    ("query", "target", "distractors", "words"),
    [
        ("ran", "dog", ("ran",), r"'ran' \(tokens \(4,\)\) does not come before 'ran'"),
        ("dog", "ran", ("cat",), r"'ran' .* before 'dog' \(token 1\)"),
        ("ran", "dog", (), r"at least one distractor.*\('dog',\)"),
        ("ran", "dog", ("dog",), "all of them different"),
    ],
)
def test_sentences_that_cannot_be_scored(tokenizer, query, target, distractors, words):
    s = Sentence("The dog, cat ran", query, target, distractors)
    with pytest.raises(ValueError, match=words):
        locate(s, tokenizer)


def test_batches_are_of_one_length_and_lose_nobody(tokenizer):
    located = [locate(s, tokenizer) for s in ROLES[0].sentences]
    groups = batches(located, 10)
    assert sorted(i for group in groups for i in group) == list(range(len(located)))
    for group in groups:
        assert len(group) <= 10
        assert len({len(located[i].ids) for i in group}) == 1
    with pytest.raises(ValueError, match=r"batch_size should .* at least 1, got 0"):
        batches(located, 0)
