"""rope: rotations of pairs, and what their dot products depend on"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.attention import Attention
from llmath.config import RopeScaling, preset
from llmath.exercise import using
from llmath.model import Transformer
from llmath.probe import record
from llmath.rope import (
    ntk_base,
    rope,
    rope_angles,
    rope_frequencies,
    rope_turns,
    slow_evenly,
    slow_llama3,
)

seeds = st.integers(0, 2**31)
places = st.integers(0, 5000)


def vectors(seed, *shape):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


def at(*positions):
    return torch.tensor(positions)


def test_angles_by_hand():
    """E = 4, base 100: θ = 1, 1/10."""
    angles = rope_angles(at(0, 3), 4, base=100.0, dtype=torch.float64)
    close(angles, torch.tensor([[0, 0], [3, 0.3]], dtype=torch.float64))


def test_neighbours_turn_together_by_hand():
    """With base (2/π)² = θ_1^{−2} at E = 4, position 1 turns the second pair by π/2."""
    x = torch.tensor([[1.0, 0.0, 5.0, 7.0]], dtype=torch.float64)
    turned = rope(x, at(1), base=(2 / math.pi) ** 2)
    close(turned[0, :2], torch.tensor([math.cos(1), math.sin(1)], dtype=torch.float64))
    close(turned[0, 2:], torch.tensor([-7.0, 5.0], dtype=torch.float64))


def test_equals_the_rotation_of_each_pair():
    x = vectors(0, 2, 3, 6, 8)
    angles = rope_angles(torch.arange(6), 8, base=1e4, dtype=torch.float64)
    cos, sin = angles.cos(), angles.sin()
    turned = rope(x, torch.arange(6), base=1e4)
    close(turned[..., 0::2], x[..., 0::2] * cos - x[..., 1::2] * sin)
    close(turned[..., 1::2], x[..., 0::2] * sin + x[..., 1::2] * cos)


def test_it_takes_what_is_no_block_of_memory():
    x = vectors(0, 3, 6, 17)[..., 1::2].transpose(0, 1)
    turned = rope(x, torch.arange(3), base=1e4)
    assert torch.equal(turned, rope(x.contiguous(), torch.arange(3), base=1e4))


def test_equals_transformers_up_to_the_order_of_the_coordinates():
    """Theirs pairs i with i + E/2: reading even, then odd coordinates is the same."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    x = vectors(1, 1, 2, 6, 8)
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    angles = rope_angles(torch.arange(6), 8, base=1e4, dtype=torch.float64)
    both = torch.cat((angles, angles), -1)[None]
    theirs, _ = apply_rotary_pos_emb(
        x[..., order], x[..., order], both.cos(), both.sin()
    )
    close(rope(x, torch.arange(6), base=1e4)[..., order], theirs)


@given(seeds, places, places, st.integers(0, 3000))
def test_scores_depend_on_the_distance_alone(seed, s, t, shift):
    q, k = vectors(seed, 1, 8), vectors(seed + 1, 1, 8)

    def score(t, s):
        return rope(q, at(t), base=1e4) @ rope(k, at(s), base=1e4).T

    close(score(t + shift, s + shift), score(t, s), 1e-9)


@given(seeds, places)
def test_lengths_stay(seed, t):
    x = vectors(seed, 1, 8)
    close(rope(x, at(t), base=1e4).norm(), x.norm())


@given(seeds, places, places)
def test_turning_twice_adds_the_positions(seed, s, t):
    x = vectors(seed, 1, 8)
    twice = rope(rope(x, at(s), base=1e4), at(t), base=1e4)
    close(twice, rope(x, at(s + t), base=1e4), 1e-9)


def test_position_zero_is_the_identity():
    x = vectors(0, 2, 1, 8)
    assert torch.equal(rope(x, at(0), base=1e4), x)


def test_half_precision_rounds_the_answer_and_not_the_angle():
    x = vectors(0, 1, 8)
    turned = rope(x.bfloat16(), at(8001), base=1e4)
    assert turned.dtype == torch.bfloat16
    close(turned.double(), rope(x, at(8001), base=1e4), 4e-2)


# Pairs i and i + E/2


def test_half_split_by_hand():
    """Position 1 turns the pair of 1 and 5 by 1, the pair of 0 and 7 by π/2."""
    x = torch.tensor([[1.0, 0.0, 5.0, 7.0]], dtype=torch.float64)
    turned = rope(x, at(1), base=(2 / math.pi) ** 2, pairs="half-split")
    c, s = math.cos(1), math.sin(1)
    expected = [[c - 5 * s, -7.0, s + 5 * c, 0.0]]
    close(turned, torch.tensor(expected, dtype=torch.float64))


def test_half_split_equals_transformers():
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    q, k = vectors(1, 1, 2, 6, 8), vectors(2, 1, 2, 6, 8)
    angles = rope_angles(torch.arange(6), 8, base=1e4, dtype=torch.float64)
    both = torch.cat((angles, angles), -1)[None]
    theirs = apply_rotary_pos_emb(q, k, both.cos(), both.sin())
    for x, expected in zip((q, k), theirs, strict=True):
        close(rope(x, torch.arange(6), base=1e4, pairs="half-split"), expected)


@given(seeds, st.integers(1, 8), places)
def test_half_split_is_interleaved_in_another_order(seed, n_pairs, t):
    x = vectors(seed, 3, 2 * n_pairs)
    order = [*range(0, 2 * n_pairs, 2), *range(1, 2 * n_pairs, 2)]
    there = rope(x[:, order], at(0, 1, t), base=1e4, pairs="half-split")
    assert torch.equal(there, rope(x, at(0, 1, t), base=1e4)[:, order])


# Longer contexts

LLAMA31 = RopeScaling(
    kind="llama3", factor=8.0, low=1.0, high=4.0, original_context=8192
)
LINEAR = RopeScaling(kind="linear", factor=4.0)


def theirs(kind: str, d_head: int, base: float, *, context=8192, length=None, **told):
    """The frequencies of transformers, in float32."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = LlamaConfig(
        hidden_size=d_head,
        num_attention_heads=1,
        max_position_embeddings=context,
        rope_parameters={"rope_type": kind, "rope_theta": base, **told},
    )
    return ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"), length)[0].double()


def test_linear_scaling_equals_transformers():
    ours = rope_frequencies(64, base=1e4, scaling=LINEAR, dtype=torch.float64)
    close(ours, theirs("linear", 64, 1e4, factor=4.0), 1e-6)


@pytest.mark.parametrize("factor", [2.0, 8.0, 32.0])
def test_llama3_scaling_equals_transformers(factor):
    told = {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    told["original_max_position_embeddings"] = 8192
    expected = theirs("llama3", 128, 5e5, context=131_072, factor=factor, **told)
    scaling = RopeScaling(**{**vars(LLAMA31), "factor": factor})
    ours = rope_frequencies(128, base=5e5, scaling=scaling, dtype=torch.float64)
    assert ((ours - expected) / expected).abs().max() < 1e-5
    plain = rope_frequencies(128, base=5e5, dtype=torch.float64)
    assert (ours == plain).sum() > 20, "fast pairs stay"
    assert torch.isclose(ours, plain / factor).sum() > 20, "slow pairs are slowed"


def test_ntk_scaling_equals_transformers():
    """Their dynamic kind, at a length where s = 2·3000/1000 − 1 = 5."""
    told = {"context": 1000, "length": 3000, "factor": 2.0}
    expected = theirs("dynamic", 64, 1e4, **told)
    base = ntk_base(1e4, d_head=64, factor=5.0)
    close(rope_frequencies(64, base=base, dtype=torch.float64), expected, 1e-6)


def test_scalings_by_hand():
    theta = torch.tensor([1.0, 0.1, 0.01], dtype=torch.float64)
    close(slow_evenly(theta, factor=4.0), theta / 4)
    turns = 2 * math.pi / 10 * theta  # 10, 1 and 0.1 in 100 positions
    slowed = slow_llama3(turns, factor=4.0, low=0.5, high=2.0, original_context=100)
    expected = [1.0, 0.1 / 3 + 0.1 * 2 / 3 / 4, 0.0025]
    scale = 2 * math.pi / 10
    close(slowed, scale * torch.tensor(expected, dtype=torch.float64))  # γ = 1, 1/3, 0


@given(st.integers(2, 64).map(lambda n: 2 * n), st.floats(1, 64))
def test_ntk_slows_the_last_pair_by_the_factor_and_the_first_not_at_all(d_head, s):
    plain = rope_frequencies(d_head, base=1e4, dtype=torch.float64)
    base = ntk_base(1e4, d_head=d_head, factor=s)
    ratio = plain / rope_frequencies(d_head, base=base, dtype=torch.float64)
    assert ratio[0] == 1
    assert ratio[-1].item() == pytest.approx(s, rel=1e-9)
    assert (ratio.diff() >= -1e-12).all()


def test_linear_scaling_is_a_fraction_of_the_position():
    x = vectors(0, 1, 8)
    close(rope(x, at(12), base=1e4, scaling=LINEAR), rope(x, at(3), base=1e4))


def test_a_model_of_a_scaled_configuration_turns_more_slowly():
    changes = {"norm": "rms", "position": "rope", "mlp": "swiglu", "bias": False}
    config = preset("tiny", **changes, rope_scaling=LINEAR)
    attention, x = Attention(config).requires_grad_(False), vectors(0, 1, 2, 64).float()
    mask = torch.ones(2, 2).tril().bool()
    with record(attention, "q") as acts:
        attention(x, at(4, 8), mask)
    q = attention.w_q(x).unflatten(-1, (4, -1)).transpose(1, 2)
    close(acts["q"], rope(q, at(1, 2), base=config.rope_base), 1e-6)
    ids = torch.arange(40)[None]
    plain = preset("tiny", **changes)
    with torch.no_grad():
        a, b = Transformer(config)(ids), Transformer(plain)(ids)
    assert torch.equal(a[:, 0], b[:, 0])
    assert not torch.equal(a[:, 5:], b[:, 5:])


def test_a_readers_rope_serves_plain_models_and_is_refused_in_scaled_ones():
    """It would turn them as if they were not scaled, and nobody would be told."""
    changes = {"norm": "rms", "position": "rope", "mlp": "swiglu", "bias": False}
    ids = torch.arange(4)[None]

    def readers(x, positions, *, base):
        return rope(x, positions, base=base)

    plain = Transformer(preset("tiny", **changes))
    scaled = Transformer(preset("tiny", **changes, rope_scaling=LINEAR))
    expected = plain(ids)
    with using(rope=readers):
        assert torch.equal(plain(ids), expected)
        with pytest.raises(ValueError, match="a model without rope_scaling"):
            scaled(ids)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "yarn"}, "type 'yarn' is not built; there is linear, llama3"),
        ({"factor": 0.0}, "factor of llama3 must be positive, got 0.0"),
        ({"factor": True}, "factor of llama3 must be positive, got True"),
        ({"factor": math.nan}, "got nan"),
        ({"low": None}, "low of llama3 must be positive, got None"),
        ({"original_context": "8192"}, "original_context of llama3 .*'8192'"),
        ({"low": 4.0}, "low=4.0 must be less than high=4.0"),
        ({"kind": "linear"}, "linear scaling has a factor alone"),
    ],
    ids=str,
)
def test_scalings_that_are_none(changes, words):
    with pytest.raises(ValueError, match=words):
        RopeScaling(**{**vars(LLAMA31), **changes})


def test_positions_by_row_turn_each_row_alone():
    x, positions = vectors(0, 2, 3, 4, 8), torch.tensor([[0, 1, 2, 3], [7, 5, 9, 8]])
    turned = rope(x, positions, base=1e4)
    for row in (0, 1):
        close(turned[row], rope(x[row], positions[row], base=1e4))
    close(rope(x[:, 0], positions, base=1e4), turned[:, 0])


def test_turns_at_hand_change_nothing():
    x = vectors(0, 2, 3, 4, 8)
    for positions in (torch.arange(4), torch.arange(8).view(2, 4)):
        for dtype in (torch.float64, torch.float32, torch.bfloat16):
            wide = torch.promote_types(dtype, torch.float32)
            turns = rope_turns(positions, 8, base=1e4, dtype=wide)
            turned = rope(x.to(dtype), positions, base=1e4, turns=turns)
            assert torch.equal(turned, rope(x.to(dtype), positions, base=1e4))
            assert turned.dtype == dtype


@pytest.mark.usefixtures("untyped")
def test_refusals():
    with pytest.raises(ValueError, match="'halves' is not built; there is interleav"):
        rope(vectors(0, 1, 8), at(0), base=1e4, pairs="halves")
    for d_head, factor in ((2, 2.0), (5, 2.0), (8, 0.0)):
        with pytest.raises(
            ValueError, match=f"got d_head={d_head} and factor={factor}"
        ):
            ntk_base(1e4, d_head=d_head, factor=factor)
    with pytest.raises(ValueError, match="must be a RopeScaling, got 'linear'"):
        preset("smollm2-135m", rope_scaling="linear")
    with pytest.raises(ValueError, match="must be even, got 7"):
        rope(vectors(0, 1, 7), at(0), base=1e4)
    with pytest.raises(ValueError, match="2 tokens, but there are 3 positions"):
        rope(vectors(0, 2, 8), at(0, 1, 2), base=1e4)
    with pytest.raises(ValueError, match=r"\(2, 3, 8\), the positions have \(4, 3\)"):
        rope(vectors(0, 2, 3, 8), torch.zeros(4, 3).long(), base=1e4)
