"""a lookup's weights → what goes wrong in exercises about them

Four formulas that the library has no use for: a sharper query, kernel weights, the
Jacobian of softmax, and how large a score is.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from llmath.mistakes.slips import Exercise, Function, Slips, combine, quarters
from llmath.reference import attention as right

# Weights p of a query q → the weights of βq.
SHARPENINGS: Slips = {
    None: lambda p, beta: np.where(p > 0, p**beta, 0.0),
    "A key with weight 0 was forbidden and must stay so: with β = 0, 0⁰ = 1 brings it "
    "back.": lambda p, beta: p**beta,
    "β multiplies the weights and cancels in the quotient; it multiplies the *scores*, "
    "so it is an exponent: p^β.": lambda p, beta: p * beta,
    "The softmax of β log p is right where p > 0; but log 0 = −∞, and with β = 0 the "
    "product 0 · (−∞) is NaN.": lambda p, beta: np.exp(beta * np.log(p)),
    "The softmax of β p: but p is a weight already, its score was log p.": (
        lambda p, beta: np.exp(beta * p)
    ),
}
SHARES: Slips = {
    None: lambda powered: powered / powered.sum(axis=-1, keepdims=True),
    "The powers of p do not sum to 1: divide by their sum.": lambda powered: powered,
}


def _sharpen(power: Function, share: Function) -> Function:
    return lambda p, beta: share(power(p, beta))


# W_Q and W_K → the standard deviation of q·k = x W_Qᵀ W_K x'.
SCORE_MATRICES: Slips = {
    None: lambda W_Q, W_K: W_Q.T @ W_K,
    "W_Q W_Kᵀ has E rows; q·k = xᵀ W_Qᵀ W_K x' needs the one with D rows.": (
        lambda W_Q, W_K: W_Q @ W_K.T
    ),
    "The product is taken entry by entry; it is a matrix product, W_Qᵀ W_K.": (
        lambda W_Q, W_K: W_Q * W_K
    ),
}
SPREADS: Slips = {
    None: lambda M: np.sqrt((M**2).sum()),
    "This is the variance; its root is asked for.": lambda M: (M**2).sum(),
    "The trace of the product is not enough: every pair of entries of x and x' "
    "contributes, so all entries of W_Qᵀ W_K count.": lambda M: np.abs(np.trace(M)),
    "It is the root of the *sum* of the squares, not of their mean.": (
        lambda M: np.sqrt((M**2).mean())
    ),
    "This is the largest singular value; the variance sums over all of them, which is "
    "the Frobenius norm.": lambda M: np.linalg.norm(M, 2),
}


def _score_std(matrix: Function, spread: Function) -> Function:
    return lambda W_Q, W_K: np.asarray(spread(matrix(W_Q, W_K)))


# (q, k, h) → the exponents of a Gaussian kernel, one row for each query.
def _squares(q: np.ndarray, k: np.ndarray) -> np.ndarray:
    return ((q[:, None] - k[None]) ** 2).sum(axis=-1)


EXPONENTS: Slips = {
    None: lambda q, k, h: -_squares(q, k) / (2 * h**2),
    "The 2 is missing: the exponent is −‖q − k‖²/(2h²).": lambda q, k, h: (
        -_squares(q, k) / h**2
    ),
    "The bandwidth h is squared, as the distance is.": lambda q, k, h: (
        -_squares(q, k) / (2 * h)
    ),
    "The distance is not squared; a Gaussian kernel takes ‖q − k‖².": (
        lambda q, k, h: -np.sqrt(_squares(q, k)) / (2 * h**2)
    ),
    "The sign is wrong: *near* keys weigh more.": lambda q, k, h: (
        _squares(q, k) / (2 * h**2)
    ),
    "That is the softmax of q·k/h². It agrees where all keys are equally long; here "
    "they are not.": lambda q, k, h: q @ k.T / h**2,
}
KERNEL_SHARES: Slips = {
    None: right.softmax,
    "The kernels are not divided by their sum over the keys.": np.exp,
    "The kernels are divided by their sum over the queries; each query shares out its "
    "weight among the keys.": lambda z: right.softmax(z, 0),
}


def _kernel_weights(exponent: Function, share: Function) -> Function:
    return lambda q, k, h: share(exponent(q, k, h))


def _outer(p: np.ndarray) -> np.ndarray:
    return p[..., :, None] * p[..., None, :]


# Weights p → the matrix ∂p_j/∂z_l.
JACOBIANS: Slips = {
    None: lambda p: p[..., None] * np.eye(p.shape[-1]) - _outer(p),
    "Off the diagonal it is not 0: raising one score lowers every other weight, by "
    "p_j p_l.": lambda p: (p * (1 - p))[..., None] * np.eye(p.shape[-1]),
    "The sign is wrong: raising a score raises its own weight.": lambda p: (
        _outer(p) - p[..., None] * np.eye(p.shape[-1])
    ),
    "The diagonal is p_j (1 − p_j) = p_j − p_j²: p_j p_l is subtracted there as "
    "well.": lambda p: (
        p[..., None] * np.eye(p.shape[-1]) - _outer(p) * (1 - np.eye(p.shape[-1]))
    ),
    "The factor p_j in front is missing: p_j (δ_jl − p_l).": lambda p: (
        np.eye(p.shape[-1]) - _outer(p) / p[..., :, None]
    ),
    "The minus is a plus off the diagonal.": lambda p: (
        p[..., None] * np.eye(p.shape[-1]) + _outer(p) * (1 - 2 * np.eye(p.shape[-1]))
    ),
}

_P = np.array([[0.625, 0.25, 0.125, 0.0], [0.5, 0.0, 0.0, 0.5]])
_SEEN = np.array([[0.625, 0.25, 0.125], [0.25, 0.25, 0.5]])
_Q, _K = quarters((4, 3), (5, 3))

LOOKUP: Mapping[str, Exercise] = MappingProxyType(
    {
        "sharpen": Exercise(
            call="sharpen(p, beta)",
            right=_sharpen(SHARPENINGS[None], SHARES[None]),
            cases={
                "β = 2": (_P, np.array(2.0)),
                "β = 1/2": (_P, np.array(0.5)),
                "β = 0": (_P, np.array(0.0)),
            },
            variants=combine(_sharpen, SHARPENINGS, SHARES),
        ),
        "score_std": Exercise(
            call="score_std(W_Q, W_K)",
            right=_score_std(SCORE_MATRICES[None], SPREADS[None]),
            cases={
                "E = 3, D = 4": (_Q.T, _K[:4].T),
                "E = 4, D = 3": (_Q, _K[:4]),
            },
            variants=combine(_score_std, SCORE_MATRICES, SPREADS),
        ),
        "kernel_weights": Exercise(
            call="kernel_weights(q, k, h)",
            right=_kernel_weights(EXPONENTS[None], KERNEL_SHARES[None]),
            cases={
                "4 queries, 5 keys, h = 1": (_Q, _K, np.array(1.0)),
                "4 queries, 5 keys, h = 2": (_Q, _K, np.array(2.0)),
            },
            variants=combine(_kernel_weights, EXPONENTS, KERNEL_SHARES),
        ),
        "softmax_jacobian": Exercise(
            call="softmax_jacobian(p)",
            right=JACOBIANS[None],
            cases={
                "p = (5/8, 2/8, 1/8)": (_SEEN[0],),
                "p = (1/4, 1/4, 1/2)": (_SEEN[1],),
            },
            variants=combine(lambda jacobian: jacobian, JACOBIANS),
        ),
    }
)
