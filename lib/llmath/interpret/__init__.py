"""activations → measurements

Where heads look, and what depends on it. A score is a pure function of a pattern; a
table runs the model over many sentences and puts every head beside its baselines; an
intervention changes an activation and measures what that does to the prediction.

scores.py         pattern → scores
roles.py          role → sentences, words → token positions
uncertainty.py    counts, samples → confidence intervals
heads.py          (model, sentences) → one row per head, with baselines
sites.py          places in the model at which one can intervene
effects.py        (model, ids, sites) → what the prediction loses or regains
lens.py           (model, ids) → what each layer would predict
"""

from llmath.interpret.scores import (
    duplicate_token_score,
    induction_score,
    offset_score,
    previous_token_score,
    role_weight,
    role_wins,
    sink_score,
)

__all__ = [
    "duplicate_token_score",
    "induction_score",
    "offset_score",
    "previous_token_score",
    "role_weight",
    "role_wins",
    "sink_score",
]
