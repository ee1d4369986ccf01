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
attribution.py    logits → what each part of the model adds to them directly
"""

from llmath.interpret.attribution import Attribution, logit_attribution
from llmath.interpret.effects import Patched, ablate, ablated, patch
from llmath.interpret.heads import HeadTable, RoleWeights, head_table, role_weights
from llmath.interpret.lens import lens_top, logit_lens
from llmath.interpret.roles import (
    Located,
    Role,
    Sentence,
    locate,
    role,
    role_names,
    word_positions,
)
from llmath.interpret.scores import (
    duplicate_token_score,
    induction_score,
    offset_score,
    previous_token_score,
    role_weight,
    role_wins,
    sink_score,
)
from llmath.interpret.sites import Site, head_sites, position_sites
from llmath.interpret.uncertainty import bootstrap_interval, wilson_interval

__all__ = [
    "Attribution",
    "HeadTable",
    "Located",
    "Patched",
    "Role",
    "RoleWeights",
    "Sentence",
    "Site",
    "ablate",
    "ablated",
    "bootstrap_interval",
    "duplicate_token_score",
    "head_sites",
    "head_table",
    "induction_score",
    "lens_top",
    "locate",
    "logit_attribution",
    "logit_lens",
    "offset_score",
    "patch",
    "position_sites",
    "previous_token_score",
    "role",
    "role_names",
    "role_weight",
    "role_weights",
    "role_wins",
    "sink_score",
    "wilson_interval",
    "word_positions",
]
