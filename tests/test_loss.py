"""surprisal and cross_entropy, in nats"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.loss import cross_entropy, surprisal


def test_by_hand():
    """p = 3/4 and 1/4: −ln p is ln(4/3) and ln 4."""
    logits = torch.tensor([[math.log(3), 0.0]] * 2, dtype=torch.float64)
    targets = torch.tensor([0, 1])
    expected = torch.tensor([math.log(4 / 3), math.log(4)], dtype=torch.float64)
    torch.testing.assert_close(surprisal(logits, targets), expected)
    torch.testing.assert_close(cross_entropy(logits, targets), expected.mean())


def test_the_books_two_examples():
    """p = 0.15 costs 1.897 nats, p = 0.95 costs 0.0513."""
    for p, nats in ((0.15, 1.8971), (0.95, 0.0513)):
        logits = torch.tensor([[math.log(p), math.log(1 - p)]])
        assert round(cross_entropy(logits, torch.tensor([0])).item(), 4) == nats


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary():
    logits = torch.zeros(2, 3, 49_152)
    loss = cross_entropy(logits, torch.zeros(2, 3, dtype=torch.long))
    assert math.isclose(loss.item(), math.log(49_152), rel_tol=1e-6)


def test_equals_pytorch():
    logits, targets = torch.randn(4, 5, 11).double(), torch.randint(0, 11, (4, 5))
    theirs = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(cross_entropy(logits, targets), theirs)


def test_gradient_is_p_minus_y():
    logits = torch.randn(5, 7).double().requires_grad_()
    targets = torch.randint(0, 7, (5,))
    surprisal(logits, targets).sum().backward()
    p = logits.detach().softmax(-1)
    y = torch.nn.functional.one_hot(targets, 7)
    torch.testing.assert_close(logits.grad, p - y)


@given(st.floats(-1e4, 1e4))
def test_a_shift_of_all_logits_changes_nothing(shift):
    logits = torch.tensor([[0.3, -1.2, 4.0]], dtype=torch.float64)
    target = torch.tensor([1])
    torch.testing.assert_close(
        surprisal(logits + shift, target), surprisal(logits, target), atol=1e-9, rtol=0
    )


@pytest.mark.usefixtures("untyped")
def test_refusals():
    logits = torch.zeros(2, 3, 5)
    with pytest.raises(ValueError, match=r"\(2, 4\), logits \(2, 3, 5\)"):
        cross_entropy(logits, torch.zeros(2, 4, dtype=torch.long))
    with pytest.raises(ValueError, match="1 of 6 lie outside: 5"):
        cross_entropy(logits, torch.tensor([[0, 0, 5], [0, 0, 0]]))
    with pytest.raises(ValueError, match="no targets"):
        cross_entropy(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long))
