"""role → sentences, words → token positions

A role is a relation between two words of a sentence: a verb and its subject, an
adjective and its noun, a pronoun and the one it stands for. The files in `sentences/`
hold templates and words. Each template is filled with each row of words twice, the two
nouns changing places, and in half of the templates the target is the farther of the
two: neither a certain noun, nor the first, nor the nearer one is the answer more often
than the other.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import accumulate

from llmath.border import count, of_kind
from llmath.tokenizer import Tokenizer

_FOLDER = files("llmath.interpret") / "sentences"


@dataclass(frozen=True)
class Sentence:
    """A text in which `query` should look at `target`, and not at the distractors.

    All are words of the text, each found there exactly once. `row` says which words
    the template was filled with, `target_is` whether the target is "far" or "near".
    """

    text: str
    query: str
    target: str
    distractors: tuple[str, ...]
    row: int = 0
    target_is: str = ""


@dataclass(frozen=True)
class Role:
    """The sentences that have the role, and `controls` that look alike but do not."""

    name: str
    question: str
    source: str
    licence: str
    inspired_by: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    controls: tuple[Sentence, ...]

    def halves(self) -> tuple[tuple[Sentence, ...], tuple[Sentence, ...]]:
        """Sentences to choose a head on, and sentences of other words to report it on.

        The best of many heads looks better than it is on those it was chosen on.
        """
        even = tuple(s for s in self.sentences if s.row % 2 == 0)
        return even, tuple(s for s in self.sentences if s.row % 2)


@dataclass(frozen=True)
class Located:
    """A sentence in tokens: the place of its query, the places of the other words."""

    ids: tuple[int, ...]
    query: int
    target: tuple[int, ...]
    distractors: tuple[tuple[int, ...], ...]


def role_names() -> list[str]:
    """The roles that have sentences."""
    found = (path.name for path in _FOLDER.iterdir())
    return sorted(name.removesuffix(".json") for name in found if name[-5:] == ".json")


def role(name: str) -> Role:
    """The sentences of a role, filled in, in the order of its file.

    >>> role("subject_verb").sentences[0]
    Sentence(text='Last night the cat that the dog chased ran again', query='ran', ...)

    An unknown name raises a ValueError that lists the known ones.
    """
    if name not in role_names():
        raise ValueError(f"no role {name!r}; there is {', '.join(role_names())}")
    held = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    words, swap = held["words"], [tuple(pair) for pair in held["swap"]]
    sentences, controls = (
        tuple(
            s for t in held[part] for s in _fill(t, words[t.get("words", "main")], swap)
        )
        for part in ("templates", "controls")
    )
    about = {key: held[key] for key in ("question", "source", "licence")}
    inspired_by = tuple(held["inspired_by"])
    return Role(
        name, **about, inspired_by=inspired_by, sentences=sentences, controls=controls
    )


def _fill(template: dict, words: dict, swap: list[tuple[str, str]]) -> list[Sentence]:
    """The template with each row of words, and once more with `swap` swapped."""
    filled = []
    for number, row in enumerate(words["rows"]):
        straight = dict(zip(words["slots"], row, strict=True))
        partner = {a: b for pair in swap for a, b in (pair, pair[::-1])}
        swapped = {slot: straight[partner.get(slot, slot)] for slot in straight}
        for values in (straight, swapped):
            filled.append(
                Sentence(
                    text=template["text"].format(**values),
                    query=template["query"].format(**values),
                    target=template["target"].format(**values),
                    distractors=tuple(
                        word.format(**values) for word in template["distractors"]
                    ),
                    row=number,
                    target_is=template["target_is"],
                )
            )
    return filled


def word_positions(text: str, word: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The places of the tokens that hold a letter of the word, first to last.

    The word is found whole, and its letters as they are written: "cat" is neither in
    "cats" nor in "Cat". A word that occurs twice has no one place, and is refused.
    """
    of_kind(Tokenizer, tokenizer=tokenizer)
    of_kind(str, text=text, word=word)
    found = [m.span() for m in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text)]
    if not word.strip() or len(found) != 1:
        times = f"{len(found)} times" if found else "not at all"
        raise ValueError(
            f"{word!r} must be one whole word of the text, exactly once; it occurs "
            f"{times} in {text!r}"
        )
    start, end = (len(text[:i].encode()) for i in found[0])  # tokens are bytes
    ids = tokenizer.encode(text)
    ends = list(accumulate(len(tokenizer.decode_bytes([i])) for i in ids))
    starts = [0, *ends[:-1]]
    spans = enumerate(zip(starts, ends, strict=True))
    return tuple(i for i, (a, b) in spans if a < end and b > start)


def locate(sentence: Sentence, tokenizer: Tokenizer) -> Located:
    """The sentence's words as token positions.

    The query is the *last* token of its word, where all of the word has been read.
    Target and distractors are *all* tokens of theirs, whose weights are added up: a
    word of more tokens has more places to catch weight, which the swapped sentence of
    the pair makes up for. The sentences of `role` were chosen to have one token each in
    SmolLM2's vocabulary. Every target and distractor must end before the query.

    A word that is not found, or found twice, raises a ValueError that names it.
    """
    of_kind(Sentence, sentence=sentence)
    text = sentence.text
    query = word_positions(text, sentence.query, tokenizer)[-1]
    words = (sentence.target, *sentence.distractors)
    places = [word_positions(text, word, tokenizer) for word in words]
    if not sentence.distractors or len(set(words)) < len(words):
        raise ValueError(
            f"a target is compared with at least one distractor, all of them different "
            f"words; got {words} in {text!r}"
        )
    for word, at in zip(words, places, strict=True):
        if at[-1] >= query:
            raise ValueError(
                f"{word!r} (tokens {at}) does not come before {sentence.query!r} "
                f"(token {query}) in {text!r}: a causal model cannot look ahead"
            )
    return Located(tuple(tokenizer.encode(text)), query, places[0], tuple(places[1:]))


def batches(located: Sequence[Located], size: int) -> list[list[int]]:
    """Which sentences can run together, without padding: at most `size` of one kind.

    A kind has one number of tokens and one of distractors.

    A size below 1 raises a ValueError.
    """
    count(batch_size=size)
    kinds: dict[tuple[int, int], list[int]] = {}
    for i, s in enumerate(located):
        kinds.setdefault((len(s.ids), len(s.distractors)), []).append(i)
    return [
        kind[i : i + size] for kind in kinds.values() for i in range(0, len(kind), size)
    ]
