"""vectors → vectors: a matrix, and perhaps a bias

PyTorch gives the library this one; here it is written out, for its backward rule.
"""


def linear(x, weight, bias=0.0):
    """y = W x + b"""
    return x @ weight.T + bias


def linear_backward(dy, x, weight):
    """∂x_t = Wᵀ∂y_t, ∂W = Σ_t ∂y_t x_tᵀ, ∂b = Σ_t ∂y_t   {eq:linear-backward}

    Rumelhart et al. 1986. dy (…, out), x (…, in) → dx (…, in), dW (out, in), db (out).

    For one vector δy_i = Σ_j W_ij δx_j + Σ_j x_j δW_ij + δb_i, so that
    δℒ = Σ_i ∂y_i δy_i has Σ_i ∂y_i W_ij before δx_j, ∂y_i x_j before δW_ij and ∂y_i
    before δb_i. All vectors use the same W and b, whose gradients are therefore sums.
    """
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return dy @ weight, drows.T @ rows, drows.sum(axis=0)
