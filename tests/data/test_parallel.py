"""The parallel sentences: as many in each language, each in its own script"""

import unicodedata

import pytest

from llmath.data import language_codes, parallel_sentences

SCRIPTS = {  # the first word of the name that Unicode gives the script's letters
    "English": "LATIN", "German": "LATIN", "French": "LATIN", "Spanish": "LATIN",
    "Turkish": "LATIN", "Finnish": "LATIN", "Russian": "CYRILLIC", "Greek": "GREEK",
    "Arabic": "ARABIC", "Hindi": "DEVANAGARI", "Thai": "THAI", "Chinese": "CJK",
    "Japanese": "CJK HIRAGANA KATAKANA", "Korean": "HANGUL",
}  # fmt: skip
CODES = ["en", "de", "fr", "es", "tr", "fi", "ru", "el", "ar", "hi", "th",
         "zh-Hans", "ja", "ko"]  # fmt: skip
SENTENCES = parallel_sentences()


def test_languages_english_first():
    assert list(SENTENCES) == list(SCRIPTS)
    assert language_codes() == dict(zip(SCRIPTS, CODES, strict=True))
    assert "The cat that the dog chased ran away." in SENTENCES["English"]


@pytest.mark.parametrize("language", SCRIPTS)
def test_a_language_is_whole(language):
    sentences = SENTENCES[language]
    assert len(sentences) == len(SENTENCES["English"]) == 12
    assert len(set(sentences)) == 12
    for sentence in sentences:
        assert unicodedata.is_normalized("NFC", sentence)
        assert sentence == " ".join(sentence.split())  # no stray space, none strange
        assert sentence.isprintable()


@pytest.mark.parametrize("language", SCRIPTS)
def test_letters_are_of_the_languages_script(language):
    """Letters and the marks on them; "o" for "о" would spoil every count of bytes."""
    text = "".join(SENTENCES[language])
    letters = [c for c in text if unicodedata.category(c)[0] in "LM"]
    found = {unicodedata.name(c).split()[0].split("-")[0] for c in letters}
    assert found == set(SCRIPTS[language].split())


def test_no_sentence_stands_in_two_languages():
    everything = [s for sentences in SENTENCES.values() for s in sentences]
    assert len(set(everything)) == len(everything) == 14 * 12


def test_each_call_gives_its_own_lists():
    parallel_sentences()["English"].clear()
    assert parallel_sentences() == SENTENCES
