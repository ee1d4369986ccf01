"""exercise → the right answer, and the usual wrong ones

Each exercise knows how its function is called, on what it is tried, and the mistakes
that everybody makes once, each as the formula that it amounts to. Mistakes combine: the
weights that come out when √E *and* the mask are forgotten are recognised too. A file
here has the mistakes in the formulas of the library's file of the same name;
`lookup.py` has those in exercises about a single lookup, `text.py` those about bytes
and tokens of a text, `backward.py` those in the backward rules of `reference/`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from llmath.mistakes.attention import ATTENTION
from llmath.mistakes.backward import BACKWARD
from llmath.mistakes.embedding import EMBEDDING
from llmath.mistakes.lookup import LOOKUP
from llmath.mistakes.loss import LOSS
from llmath.mistakes.mlp import MLP
from llmath.mistakes.norm import NORM
from llmath.mistakes.rope import ROPE
from llmath.mistakes.slips import Exercise
from llmath.mistakes.text import TEXT
from llmath.mistakes.tokenizer import TOKENIZER

__all__ = ["EXERCISES", "Exercise"]

EXERCISES: Mapping[str, Exercise] = MappingProxyType(
    {
        **TEXT,
        **TOKENIZER,
        **EMBEDDING,
        **ROPE,
        **NORM,
        **ATTENTION,
        **LOOKUP,
        **BACKWARD,
        **MLP,
        **LOSS,
    }
)
