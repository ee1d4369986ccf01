"""Backward rules one by one, on numbers that fit on paper"""

import numpy as np

from llmath.reference import embedding, linear, loss, mlp, norm, rope


def same(found, *expected):
    found = found if isinstance(found, tuple) else (found,)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, np.array(theirs), atol=1e-15)


def test_linear_by_hand():
    """Two vectors: what the second adds to ∂W and ∂b is (0, 2)(1, 1)ᵀ and (0, 2)."""
    W = np.array([[1.0, 2], [3, 4]])
    x, dy = np.array([[1.0, -1], [1, 1]]), np.array([[1.0, 10], [0, 2]])
    dx, dW, db = [[31, 42], [6, 8]], [[1, -1], [12, -8]], [1, 12]
    same(linear.linear_backward(dy, x, W), dx, dW, db)


def test_embed_by_hand():
    """Row 2 is read twice, rows 1 and 3 never."""
    dx = np.array([[1.0, 0], [0, 1], [5, 7]])
    table = [[0, 1], [0, 0], [6, 7], [0, 0]]
    same(embedding.embed_backward(dx, np.array([2, 0, 2]), np.ones((4, 2))), table)


def test_learned_positions_by_hand():
    """Two texts of two tokens, the first of them behind one that filled it up."""
    dP, places = np.arange(8.0).reshape(2, 2, 2), np.array([[0, 0], [0, 1]])
    found = embedding.learned_positions_backward(dP, places, np.ones((3, 2)))
    same(found, [[0 + 2 + 4, 1 + 3 + 5], [6, 7], [0, 0]])


def test_surprisal_by_hand():
    """p = (5, 2, 1)/8; the target is the second, and then p with the third."""
    z = np.log([[5.0, 2, 1], [5, 2, 1]])
    found = loss.surprisal_backward(np.array([8.0, 16]), z, np.array([1, 2]))
    same(found, [[5, -6, 1], [10, 4, -14]])


def test_cross_entropy_by_hand():
    z, targets = np.log([[5.0, 2, 1], [1, 1, 6]]), np.array([1, 2])
    halves = np.array([[5, -6, 1], [1, 1, -2]]) / 16
    same(loss.cross_entropy_backward(z, targets), halves)


def test_rms_norm_by_hand():
    """x = (1, 7): r = 5, n = (0.2, 1.4). ∂n = (5, 10), mean(n ⊙ ∂n) = 7.5."""
    x, gain, dy = np.array([1.0, 7]), np.array([5.0, 10]), np.ones(2)
    found = norm.rms_norm_backward(dy, x, gain, eps=0.0)
    same(found, [3.5 / 5, -0.5 / 5], [0.2, 1.4])


def test_layer_norm_by_hand():
    """x = (0, 0, 3): μ = 1, σ² = 2, s² = 4, n = (−½, −½, 1). ∂n = (6, 0, 0)."""
    x, dy = np.array([[0.0, 0, 3]]), np.array([[3.0, 0, 0]])
    found = norm.layer_norm_backward(dy, x, np.full(3, 2.0), eps=2.0)
    same(found, [[3.5 / 2, -2.5 / 2, -1 / 2]], [-1.5, 0, 0], [3, 0, 0])


def test_functions_of_one_number_by_hand():
    """All three have the slope ½ at 0; gelu at 1: Φ(1) + φ(1); silu at log 3: σ = ¾."""
    zero, two = np.zeros(1), np.full(1, 2.0)
    for name in ("silu", "gelu", "gelu_tanh"):
        same(getattr(mlp, f"{name}_backward")(two, zero), [1])
    slope = 0.8413447460685429 + 0.24197072451914337
    same(mlp.gelu_backward(two, np.ones(1)), [2 * slope])
    assert abs(mlp.gelu_tanh_backward(two, np.ones(1))[0] / 2 - slope) < 1e-3
    same(mlp.silu_backward(two, np.log([3.0])), [2 * (3 / 4 + np.log(3) * 3 / 16)])


def test_swiglu_by_hand():
    """gate = log 3, so that silu = ¾ log 3; up = 2."""
    found = mlp.swiglu_backward(np.full(1, 8.0), np.log([3.0]), np.full(1, 2.0))
    same(found, [16 * (3 / 4 + np.log(3) * 3 / 16)], [6 * np.log(3)])


def test_rope_by_hand():
    """A quarter turn takes (1, 0) to (0, 1); its gradient turns a quarter back."""
    quarter, y = np.array([np.pi / 2]), np.array([[0.0, 1]])
    same(rope.rope(np.array([[1.0, 0]]), quarter, base=100.0), [[0, 1]])
    same(rope.rope_backward(y, quarter, base=100.0), [[1, 0]])
