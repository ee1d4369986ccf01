"""What `shown` says: counts of pairs, and who notices that the order has changed"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given
from hypothesis import strategies as st

from llmath.probe import record
from llmath.viz import MaskPlayground
from llmath.viz.mask_playground import MASKS, read

SIZE = 6
orders = st.permutations("012345").map("".join)
EXACT = 1e-12  # float64; sums in another order differ by their rounding


def playground(**state):
    return MaskPlayground.from_seed(**state)


@pytest.mark.parametrize(
    ("state", "pairs"),
    [({"mask": "none"}, 36), ({"mask": "causal"}, 21),
     ({"mask": "window", "window": 1}, 6), ({"mask": "window", "window": 3}, 15),
     ({"mask": "window", "window": 6}, 21), ({"mask": "prefix", "prefix": 1}, 21),
     ({"mask": "prefix", "prefix": 3}, 24), ({"mask": "prefix", "prefix": 6}, 36),
     ({"mask": "padding", "pad": 2}, 30)],
    ids=str,
)  # fmt: skip
def test_pairs_by_hand(state, pairs):
    found = playground(**state).shown()
    assert found.pairs == pairs == int((found.weights > 0).sum())


@given(orders, st.sampled_from(["none", "padding"]))
def test_without_order_every_output_moves_with_its_token(order, mask):
    figure = playground(mask=mask, pad=3)
    first = figure.shown().outputs
    figure.order = order
    found = figure.shown()
    assert found.change.max() < EXACT
    assert (found.outputs - first[[int(c) for c in order]]).abs().max() < EXACT


@given(orders.filter(lambda order: order != "012345"))
def test_a_causal_mask_tells_who_came_before(order):
    """A token keeps its output where the set of those before it is the same."""
    change = playground(mask="causal", order=order).shown().change
    for place, token in enumerate(order):
        same = set(order[:place]) == set("012345"[: int(token)])
        assert (change[place] < EXACT) == same


def test_positions_notice_what_no_mask_does_not():
    figure = playground(mask="none", positions=True)
    assert figure.shown().change.max() == 0
    figure.order = "543210"
    assert figure.shown().change.min() > 1e-3


@pytest.mark.parametrize("mask", MASKS)
def test_weights_are_shares(mask):
    found = playground(mask=mask, order="215340", positions=True).shown()
    assert (found.weights.sum(-1) - 1).abs().max() < EXACT


@pytest.mark.parametrize("head", [7, 8])  # of three that share a key head
def test_a_real_head_is_its_own(smollm2, head):
    """With RoPE on and the causal mask it is what the head did when the model ran."""
    model, tokenizer = smollm2
    text = "The cat that the dog chased ran"
    figure = MaskPlayground.from_model(model, tokenizer, text, 13, head, positions=True)
    found = figure.shown()
    ids = torch.tensor([tokenizer.encode(text)])
    with torch.no_grad(), record(model, "blocks.13.attn.*") as acts:
        model(ids, impl="explicit")
    pattern, z = (acts[f"blocks.13.attn.{n}"][0, head] for n in ("pattern", "z"))
    assert (found.weights - pattern).abs().max() < 1e-5
    assert (found.outputs - z).abs().max() < 1e-4
    assert figure.labels[1] == "cat"
    with pytest.raises(ValueError, match=r"head 30\.0: .*0 … 29"):
        read(model, tokenizer, text, 30, 0)


def test_a_model_without_rope_is_refused(smollm2):
    class Config:
        n_layers, n_heads, position = 1, 1, "learned"

    class Model:
        config = Config()

    with pytest.raises(ValueError, match='position="learned"'):
        read(Model(), smollm2[1], "a b", 0, 0)


ROWS = np.ones((2, 4))


@pytest.mark.parametrize(
    ("tokens", "q", "says"),
    [(["a"], ROWS[:1], "1 tokens"), (["a"] * 13, np.ones((13, 4)), "13 tokens"),
     (["a", "b"], np.ones((3, 4)), r"shape \(2, E\)"),
     (["a", "b"], np.ones((2, 3)), "even E"), (["a", "b"], np.ones(()), "even E"),
     (["a", "b"], np.full((2, 4), np.nan), "q has entries that are NaN")],
)  # fmt: skip
def test_bad_tensors_are_explained(tokens, q, says):
    others = np.ones((len(tokens), 4))
    with pytest.raises(ValueError, match=says):
        MaskPlayground(tokens, q, others, others)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("window", 0, "from 1 to 6"), ("prefix", 7, "from 1 to 6"),
     ("pad", 6, "from 0 to 5"), ("token", -1, "from 0 to 5"),
     ("order", "01234", "each of '012345' once"), ("order", "012344", "once")],
)  # fmt: skip
def test_state_stays_inside(name, value, says):
    with pytest.raises(ValueError, match=says):
        setattr(playground(), name, value)
    with pytest.raises(traitlets.TraitError):
        playground().mask = "iron"
