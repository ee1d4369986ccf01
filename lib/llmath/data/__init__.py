"""ids → batches (x, y): what a model reads, and what it should have said

>>> path = encode_to_file("works.ids", shakespeare(), tokenizer)
>>> train, validation = split(load_ids(path, tokenizer))
>>> x, y = next(Batches(train, 128, 32, seed=0))   # (B, T) each; y is x one later

corpora.py      texts: a pinned one, or any file in UTF-8
parallel.py     the same sentences in several languages
stored.py       text → ids on disk, mapped into memory when they are read
batches.py      ids → (x, y): at random to learn from, all in order to be judged by
sources.py      states → symbols: a language whose every probability is known
languages.py    rules → sources: three languages whose entropy is known exactly
counting.py     tokens → how many, how often, how many different ones
"""

from llmath.data.batches import Batches, random_batch, split, windows
from llmath.data.corpora import bridge, read_text, shakespeare
from llmath.data.counting import (
    ZipfFit,
    bytes_per_token,
    expected_types,
    heaps_types,
    zipf_fit,
)
from llmath.data.languages import (
    centre_embedding,
    markov_chain,
    stationary,
    zipf_facts,
)
from llmath.data.parallel import language_codes, parallel_sentences
from llmath.data.sources import Source
from llmath.data.stored import encode_to_file, fingerprint, load_ids

__all__ = [
    "Batches",
    "Source",
    "ZipfFit",
    "bridge",
    "bytes_per_token",
    "centre_embedding",
    "encode_to_file",
    "expected_types",
    "fingerprint",
    "heaps_types",
    "language_codes",
    "load_ids",
    "markov_chain",
    "parallel_sentences",
    "random_batch",
    "read_text",
    "shakespeare",
    "split",
    "stationary",
    "windows",
    "zipf_facts",
    "zipf_fit",
]
