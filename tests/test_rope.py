"""rope: rotations of pairs, and what their dot products depend on"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.rope import rope, rope_angles, rope_turns

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
    with pytest.raises(ValueError, match="must be even, got 7"):
        rope(vectors(0, 1, 7), at(0), base=1e4)
    with pytest.raises(ValueError, match="2 tokens, but there are 3 positions"):
        rope(vectors(0, 2, 8), at(0, 1, 2), base=1e4)
    with pytest.raises(ValueError, match=r"\(2, 3, 8\), the positions have \(4, 3\)"):
        rope(vectors(0, 2, 3, 8), torch.zeros(4, 3), base=1e4)
