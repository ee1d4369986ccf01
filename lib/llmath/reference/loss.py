"""logits, targets → loss, in nats"""

import numpy as np

from llmath.reference.attention import softmax


def surprisal(logits, targets):
    """−log p(target), p = softmax(logits)"""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def cross_entropy(logits, targets):
    """ℒ = −(1/n) Σ log p(target)"""
    return surprisal(logits, targets).mean()


def surprisal_backward(ds, logits, targets):
    """∂z = ∂s (softmax(z) − onehot(y))   {eq:surprisal-backward}; Bridle 1990

    ds (…), logits (…, V) and targets (…) → the gradient of the logits (…, V).

    s = log Σ_v e^{z_v} − z_y. The first term has the derivative e^{z_v} / Σ e^{z},
    which is softmax(z)_v; the second, −1 for the target and 0 elsewhere.
    """
    onehot = targets[..., None] == np.arange(logits.shape[-1])
    return ds[..., None] * (softmax(logits) - onehot)


def cross_entropy_backward(logits, targets):
    """∂z_t = (softmax(z_t) − onehot(y_t)) / n   {eq:cross-entropy-backward}

    Bridle 1990. logits (…, V) and targets (…) → the gradient of the logits (…, V).

    Where every backward pass begins: ∂ℒ/∂ℒ = 1, and each of the n surprisals has the
    weight 1/n in their mean. What is left is what the model believed less what was
    true; it vanishes where the two agree.
    """
    return surprisal_backward(np.full(targets.shape, 1 / targets.size), logits, targets)
