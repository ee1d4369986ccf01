"""logits, targets → loss, in nats"""

import numpy as np


def surprisal(logits, targets):
    """−log p(target), p = softmax(logits)"""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def cross_entropy(logits, targets):
    """ℒ = −(1/n) Σ log p(target)"""
    return surprisal(logits, targets).mean()
