"""ledgers: what a model holds, computes and keeps, counted part by part

>>> parameters(preset("gpt2")).total
124439808
>>> forward_flops(preset("gpt2"), 1024)["attention.scores"]
19327352832

ledger.py       rows that add up, as a table to read
parameters.py   config → numbers that are learnt
flops.py        config, tokens → multiplications and additions; what hardware made of it
memory.py       config → bytes of weights, cache and training
"""

from llmath.scaling.flops import (
    approximate_training_flops,
    approximation_error,
    forward_flops,
    generation_flops,
    mfu,
    training_flops,
)
from llmath.scaling.ledger import Ledger, Row
from llmath.scaling.memory import cache_bytes, training_bytes, weight_bytes
from llmath.scaling.parameters import non_embedding, parameters

__all__ = [
    "Ledger",
    "Row",
    "approximate_training_flops",
    "approximation_error",
    "cache_bytes",
    "forward_flops",
    "generation_flops",
    "mfu",
    "non_embedding",
    "parameters",
    "training_bytes",
    "training_flops",
    "weight_bytes",
]
