"""gradient → update

A rule is a pure function that changes a tensor in place, one line of code for each
line of mathematics. An optimizer owns what the rule remembers and calls it.

>>> optimizer = make_optimizer(model, "adamw", lr=3e-4, weight_decay=0.1)
>>> cross_entropy(model(x), y).backward()
>>> optimizer.step()

checks.py       which numbers and tensors a rule can work with
rules.py        θ, g and what is remembered → θ: SGD, momentum, Nesterov, Adam, AdamW
spectral.py     a matrix → its nearest orthogonal one; Muon's rule
base.py         what every optimizer does: the step, its state, what it refuses
optimizers.py   SGD, Adam, AdamW
muon.py         Muon
groups.py       model → groups of parameters → optimizer, by name
"""

from llmath.optim.base import Optimizer
from llmath.optim.groups import OPTIMIZERS, OPTIONS, make_optimizer, parameter_groups
from llmath.optim.muon import Muon
from llmath.optim.optimizers import SGD, Adam, AdamW
from llmath.optim.rules import (
    adam_update,
    adamw_update,
    momentum_update,
    nesterov_update,
    sgd_update,
)
from llmath.optim.spectral import CUBIC, QUINTIC, muon_update, orthogonalize

__all__ = [
    "CUBIC",
    "OPTIMIZERS",
    "OPTIONS",
    "QUINTIC",
    "SGD",
    "Adam",
    "AdamW",
    "Muon",
    "Optimizer",
    "adam_update",
    "adamw_update",
    "make_optimizer",
    "momentum_update",
    "muon_update",
    "nesterov_update",
    "orthogonalize",
    "parameter_groups",
    "sgd_update",
]
