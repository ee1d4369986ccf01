"""plain sentences in several languages, each the translation of the others

What tokenizers are compared on: the same things said, so that the numbers of tokens can
be divided by each other.
"""

import json
from pathlib import Path


def _languages() -> dict[str, dict]:
    return json.loads(Path(__file__).with_name("parallel.json").read_text("utf-8"))


def parallel_sentences() -> dict[str, list[str]]:
    """{language: its sentences}: sentence i says the same in every language.

    Twelve everyday sentences in fourteen languages and nine ways to write, English
    first, all in NFC. Written and translated for this book, and so from no corpus that
    a tokenizer has learnt from. Each translation says what is usual in its language,
    not word for word what stands in English; they have not all been read by people
    whose first language it is.
    """
    return {name: row["sentences"] for name, row in _languages().items()}


def language_codes() -> dict[str, str]:
    """{language: its BCP 47 tag}, for the `lang` of a page: "Chinese" is "zh-Hans"."""
    return {name: row["code"] for name, row in _languages().items()}
