"""Backward rules one by one: against autograd, against differences, what they leave

Worked by hand they are in test_rules_by_hand.py; those of softmax and attention have
their own file, test_backward.py.
"""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmath import embedding, loss, mlp, norm, rope
from llmath.config import RopeScaling
from llmath.reference import embedding as ref_embedding
from llmath.reference import linear as ref_linear
from llmath.reference import loss as ref_loss
from llmath.reference import mlp as ref_mlp
from llmath.reference import norm as ref_norm
from llmath.reference import rope as ref_rope

SLOWED = {"kind": "llama3", "factor": 4.0, "low": 1.0, "high": 4.0}
TURNING = {"base": 100.0}
TURNING_SLOWLY = TURNING | {"scaling": RopeScaling(**SLOWED, original_context=8)}
NORM = {"eps": 0.01}  # no smaller: of a vector of two numbers LayerNorm keeps a sign
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(2, 4))


def vector_rules(B, T, pairs, seed):
    """name → arrays; the formula, the library's, and the rule, as functions of them"""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, B, T, 2 * pairs))
    gain, bias, *W = rng.standard_normal((7, 2 * pairs))
    W, b = np.array(W), rng.standard_normal(5)
    return {
        "linear": (
            (x, W, b),
            ref_linear.linear,
            torch.nn.functional.linear,
            lambda dy, x, W, b: ref_linear.linear_backward(dy, x, W),
        ),
        "rms_norm": (
            (x, gain),
            partial(ref_norm.rms_norm, **NORM),
            partial(norm.rms_norm, **NORM),
            partial(ref_norm.rms_norm_backward, **NORM),
        ),
        "layer_norm": (
            (x, gain, bias),
            partial(ref_norm.layer_norm, **NORM),
            partial(norm.layer_norm, **NORM),
            lambda dy, x, g, b: ref_norm.layer_norm_backward(dy, x, g, **NORM),
        ),
        "silu": ((x,), ref_mlp.silu, mlp.silu, ref_mlp.silu_backward),
        "gelu": ((x,), ref_mlp.gelu, mlp.gelu, ref_mlp.gelu_backward),
        "gelu_tanh": (
            (x,),
            ref_mlp.gelu_tanh,
            mlp.gelu_tanh,
            ref_mlp.gelu_tanh_backward,
        ),
        "swiglu": ((x, y), ref_mlp.swiglu, mlp.swiglu, ref_mlp.swiglu_backward),
    }


def token_rules(B, T, pairs, seed):
    """The same for functions that also read whole numbers, which have no gradient."""
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal((B, T, 2 * pairs)), rng.standard_normal((B, T, 5))
    table, ids = rng.standard_normal((5, 3)), rng.integers(0, 5, (B, T))
    tokens, places = torch.tensor(ids), ids[0]
    return {
        "embed": (
            (table,),
            lambda W: ref_embedding.embed(ids, W),
            lambda W: embedding.embed(tokens, W),
            lambda dx, W: ref_embedding.embed_backward(dx, ids, W),
        ),
        "learned_positions": (
            (table,),
            lambda W: ref_embedding.learned_positions(places, W),
            lambda W: embedding.learned_positions(tokens[0], W),
            lambda dP, W: ref_embedding.learned_positions_backward(dP, places, W),
        ),
        "surprisal": (
            (z,),
            lambda z: ref_loss.surprisal(z, ids),
            lambda z: loss.surprisal(z, tokens),
            lambda ds, z: ref_loss.surprisal_backward(ds, z, ids),
        ),
        "cross_entropy": (
            (z,),
            lambda z: ref_loss.cross_entropy(z, ids),
            lambda z: loss.cross_entropy(z, tokens),
            lambda scale, z: scale * ref_loss.cross_entropy_backward(z, ids),
        ),
        "rope": turning(x, places, TURNING),
        "rope by row": turning(x, ids, TURNING),
        "slowed rope": turning(x, places, TURNING_SLOWLY),
    }


def turning(x, positions, how):
    return (
        (x,),
        lambda x: ref_rope.rope(x, positions, **how),
        lambda x: rope.rope(x, torch.tensor(positions), **how),
        lambda dy, x: ref_rope.rope_backward(dy, positions, **how),
    )


def rules(*size_and_seed):
    return vector_rules(*size_and_seed) | token_rules(*size_and_seed)


NAMES = sorted(rules(1, 1, 1, 0))


def gradients(backward, dy, given_):
    found = backward(dy, *given_)
    return found if isinstance(found, tuple) else (found,)


def far(a, b):
    """‖a − b‖ / ‖b‖"""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("name", NAMES)
@given(sizes, seeds)
@settings(max_examples=20)
def test_rule_is_autograds(name, size, seed):
    arrays, formula, library, backward = rules(*size, seed)[name]
    dy = np.random.default_rng(seed).standard_normal(np.shape(formula(*arrays)))
    leaves = [torch.tensor(x, requires_grad=True) for x in arrays]
    library(*leaves).backward(torch.tensor(dy))
    mine = gradients(backward, dy, arrays)
    for gradient, leaf in zip(mine, leaves, strict=True):
        assert gradient.shape == leaf.shape
        assert far(gradient, leaf.grad.numpy()) <= 1e-10


@pytest.mark.parametrize("name", NAMES)
def test_central_differences_agree(name):
    arrays, formula, _, backward = rules(2, 3, 3, 0)[name]
    rng = np.random.default_rng(1)
    dy = rng.standard_normal(np.shape(formula(*arrays)))
    mine = gradients(backward, dy, arrays)
    for place, gradient in enumerate(mine):
        direction, losses = rng.standard_normal(gradient.shape), []
        for h in (1e-5, -1e-5):
            moved = list(arrays)
            moved[place] = arrays[place] + h * direction
            losses.append((dy * formula(*moved)).sum())
        slope = (losses[0] - losses[1]) / 2e-5
        assert slope == pytest.approx((gradient * direction).sum(), rel=1e-7)


# What a formula ignores has no gradient


@given(sizes, seeds)
def test_norms_ignore_length_and_layer_norm_a_shift(size, seed):
    x, gain, *_ = rules(*size, seed)["layer_norm"][0]
    dy = np.random.default_rng(seed).standard_normal(x.shape)
    dx, _ = ref_norm.rms_norm_backward(dy, x, gain, eps=0.0)
    np.testing.assert_allclose((x * dx).sum(axis=-1), 0, atol=1e-11)
    dx, _, _ = ref_norm.layer_norm_backward(dy, x, gain, eps=0.0)
    np.testing.assert_allclose((x * dx).sum(axis=-1), 0, atol=1e-9)
    np.testing.assert_allclose(dx.sum(axis=-1), 0, atol=1e-9)


@given(sizes, seeds)
def test_a_loss_ignores_what_is_added_to_all_logits(size, seed):
    (z,), _, _, backward = rules(*size, seed)["cross_entropy"]
    np.testing.assert_allclose(backward(1.0, z).sum(axis=-1), 0, atol=1e-14)


@given(sizes, seeds)
def test_turning_back_undoes_turning(size, seed):
    (x,), formula, _, backward = rules(*size, seed)["slowed rope"]
    np.testing.assert_allclose(backward(formula(x), x), x, atol=1e-12)
