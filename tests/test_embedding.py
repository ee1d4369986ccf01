"""embed: rows of a table, and ids that have none"""

import pytest
import torch

from llmath.embedding import Embedding, check_ids, embed

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
