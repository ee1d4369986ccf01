"""embed: rows of a table, and ids that have none; positions, learned and sinusoidal"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.config import preset
from llmath.embedding import (
    PADDING,
    Embedding,
    LearnedPositions,
    SinusoidalPositions,
    build_positions,
    check_ids,
    embed,
    learned_positions,
    sinusoidal_positions,
)
from llmath.rope import rope

TABLE = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def test_by_hand():
    ids = torch.tensor([[2, 0]])
    assert embed(ids, TABLE).tolist() == [[[5.0, 6.0], [1.0, 2.0]]]


def test_is_a_product_with_one_hot_vectors():
    ids = torch.randint(0, 3, (2, 7))
    one_hot = torch.nn.functional.one_hot(ids, 3).float()
    assert torch.equal(embed(ids, TABLE), one_hot @ TABLE)


def test_gradient_counts_how_often_a_row_was_read():
    table = TABLE.clone().requires_grad_()
    embed(torch.tensor([[2, 0, 2]]), table).sum().backward()
    assert table.grad.tolist() == [[1, 1], [0, 0], [2, 2]]


def test_module_holds_the_table():
    layer = Embedding(3, 2)
    assert not layer.weight.any()
    layer.weight.data.copy_(TABLE)
    assert layer(torch.tensor([[1, 1, 2]])).tolist() == [[[3, 4], [3, 4], [5, 6]]]


def test_ids_outside_are_named():
    with pytest.raises(ValueError, match=r"0 to 2; 2 of 4 lie outside: 3, -1\. Was"):
        embed(torch.tensor([[0, 3, 1, -1]]), TABLE)


def test_of_many_ids_outside_five_are_named():
    with pytest.raises(ValueError, match=r"9 of 9 .*: 7, 7, 7, 7, 7, …"):
        embed(torch.full((3, 3), 7), TABLE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.complex64])
def test_ids_are_whole_numbers(dtype):
    with pytest.raises(ValueError, match=f"whole numbers, got dtype {dtype}"):
        check_ids(torch.ones(1, 2, dtype=dtype), 3)


# Positions


def test_learned_positions_are_rows():
    assert learned_positions(torch.tensor([2, 0]), TABLE).tolist() == [[5, 6], [1, 2]]
    x = torch.ones(2, 2, 64)
    layer = LearnedPositions(preset("tiny"))
    assert torch.equal(layer(x, torch.tensor([5, 3])), x)
    layer.weight.data.normal_()
    assert torch.equal(layer(x, torch.tensor([5, 3])), x + layer.weight[[5, 3]])


@pytest.mark.parametrize("bad", [[0, 3], [-1, 2]])
def test_learned_positions_end_with_their_table(bad):
    with pytest.raises(ValueError, match=rf"{bad[0]} … {bad[1]} lie outside 0 … 2"):
        learned_positions(torch.tensor(bad), TABLE)


def test_sinusoidal_positions_by_hand():
    """D = 4 and base 100: θ = 1 and 1/10."""
    P = sinusoidal_positions(torch.tensor([0, 2]), 4, base=100.0)
    by_hand = [[0, 1, 0, 1], [math.sin(2), math.cos(2), math.sin(0.2), math.cos(0.2)]]
    torch.testing.assert_close(P, torch.tensor(by_hand))


@given(st.integers(0, 5000), st.integers(-2000, 2000), st.sampled_from([2, 8, 64]))
def test_sinusoidal_positions_shift_linearly(t, s, D):
    """P_{t+s} = R_s P_t with rotations R_s that do not know t, by their definition."""
    theta = 10_000.0 ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    R = torch.block_diag(
        *(
            torch.tensor(
                [
                    [math.cos(s * w), math.sin(s * w)],
                    [-math.sin(s * w), math.cos(s * w)],
                ],
                dtype=torch.float64,
            )
            for w in theta.tolist()
        )
    )
    t = torch.tensor([t, t + s])
    P = sinusoidal_positions(t, D, dtype=torch.float64)
    torch.testing.assert_close(P[1], R @ P[0], atol=1e-10, rtol=0)


def test_products_of_sinusoidal_positions_know_distances_alone():
    P = sinusoidal_positions(torch.arange(60), 32, dtype=torch.float64)
    products = P @ P.T
    for distance in range(60):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert torch.allclose(products.diagonal(), torch.tensor(16.0).double())


def test_sinusoidal_positions_are_rope_of_one_vector():
    """Turning (0, 1, 0, 1, …) by −t: rope's angles, sine before cosine."""
    x = torch.tensor([0.0, 1.0] * 8, dtype=torch.float64).expand(1, 1, 9, 16)
    turned = rope(x, -torch.arange(9), base=10_000.0)[0, 0]
    P = sinusoidal_positions(torch.arange(9), 16, dtype=torch.float64)
    torch.testing.assert_close(turned, P)


def test_sinusoidal_layer_adds_in_the_stream_s_own_precision():
    layer, places = SinusoidalPositions(preset("tiny")), torch.tensor([0, 100, 7])
    assert not list(layer.parameters())
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        y = layer(torch.zeros(2, 3, 64, dtype=dtype), places)
        assert y.dtype == dtype
        expected = sinusoidal_positions(places, 64, dtype=torch.float64)
        torch.testing.assert_close(y[1].double(), expected, atol=4e-3, rtol=0)


def test_an_odd_width_has_no_pairs():
    with pytest.raises(ValueError, match="the width 7 is odd"):
        sinusoidal_positions(torch.arange(3), 7)


def test_the_configuration_chooses_the_positions():
    kinds = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}
    kinds |= {"rope": type(None), "none": type(None)}
    for position, kind in kinds.items():
        assert isinstance(build_positions(preset("tiny", position=position)), kind)


def test_positions_by_row_are_those_of_each_row():
    positions = torch.tensor([[0, 2, 1], [2, 0, 0]])
    learned = learned_positions(positions, TABLE)
    sines = sinusoidal_positions(positions, 6)
    for row in (0, 1):
        assert torch.equal(learned[row], learned_positions(positions[row], TABLE))
        assert torch.equal(sines[row], sinusoidal_positions(positions[row], 6))


def test_padding_needs_no_row_of_its_own():
    layer = LearnedPositions(preset("tiny", context_length=3, d_model=8))
    layer.weight.data.normal_()
    x = torch.zeros(1, 2, 8)
    assert torch.equal(layer(x, torch.tensor([1, PADDING]))[0, 0], layer.weight[1])
    assert layer(x, torch.tensor([[1, PADDING]])).isfinite().all()
    assert sinusoidal_positions(torch.tensor([PADDING]), 6).isfinite().all()
