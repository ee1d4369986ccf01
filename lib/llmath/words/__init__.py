"""word → vector: published ones, and what people say of words

>>> vectors = glove()                       # 400,000 words, the most frequent first
>>> vectors.nearest(vectors["king"], 3)     # the word itself, then its neighbours
>>> analogies()["family"][0]
('boy', 'girl', 'brother', 'sister')
>>> similarities()[0]
('old', 'new', 1.58)

vectors.py   words and a table → neighbours of a vector
glove.py     a pinned package → the words and vectors of GloVe
parquet.py   the one file format that these words come in → strings
judged.py    pinned packages → analogies, and how similar people find two words
"""

from llmath.words.glove import glove
from llmath.words.judged import analogies, similarities
from llmath.words.vectors import WordVectors

__all__ = ["WordVectors", "analogies", "glove", "similarities"]
