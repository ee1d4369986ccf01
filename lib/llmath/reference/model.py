"""ids → logits, and from the loss back to every parameter

A whole transformer, of any configuration that the library builds, in NumPy alone. The
parameters are a dictionary from the names of `Transformer.state_dict()` to arrays.
"""

import numpy as np

from llmath.reference.block import (
    block,
    block_backward,
    norm_layer,
    norm_layer_backward,
)
from llmath.reference.embedding import (
    embed,
    embed_backward,
    learned_positions,
    learned_positions_backward,
    sinusoidal_positions,
)
from llmath.reference.linear import linear, linear_backward
from llmath.reference.loss import cross_entropy, cross_entropy_backward


def shapes(config):
    """Name → shape of every parameter, in the order of the model"""
    V, D, F = config.vocab_size, config.d_model, config.d_ff
    keys = config.n_kv_heads * config.d_head
    inner = {"norm_attn": (D,), "attn.w_q": (D, D)}
    inner |= {"attn.w_k": (keys, D), "attn.w_v": (keys, D), "attn.w_o": (D, D)}
    inner |= {"norm_mlp": (D,), "mlp.w_gate": (F, D)}
    inner |= {"mlp.w_up": (F, D), "mlp.w_down": (D, F)}
    weights = {"embedding": (V, D), "position_embedding": (config.context_length, D)}
    for i in range(config.n_layers):
        weights |= {f"blocks.{i}.{name}": shape for name, shape in inner.items()}
    weights |= {"norm": (D,), "unembedding": (V, D)}

    found = {}
    for name, shape in weights.items():
        if _is_there(name, config):
            found[f"{name}.weight"] = shape
            found |= {f"{name}.bias": shape[:1]} if _is_biased(name, config) else {}
    return found


def _is_there(name, config):
    """Whether the configuration has this part at all"""
    last = name.rpartition(".")[-1]
    needs = {
        "position_embedding": config.position == "learned",
        "norm_attn": config.norm_position != "none",
        "norm_mlp": config.norm_position != "none",
        "w_gate": config.mlp == "swiglu",
        "norm": config.norm_position == "pre",
        "unembedding": not config.tie_embeddings,
    }
    return needs.get(last, True)


def _is_biased(name, config):
    """Tables have no bias and neither has RMSNorm, whatever `config.bias` says"""
    without = "embedding" in name or ("norm" in name and config.norm == "rms")
    return config.bias and not without


def draw(config, rng, *, std=0.02):
    """W ~ N(0, std²), and 1/√(2L) of that where it is added to the residual stream"""
    drawn = {}
    for name, shape in shapes(config).items():
        scale = std
        if name.endswith(("w_o.weight", "w_down.weight")):
            scale = std / np.sqrt(2 * config.n_layers)
        drawn[name] = scale * rng.standard_normal(shape)
        if "norm" in name or name.endswith("bias"):
            drawn[name] = np.full(shape, float(name.endswith("weight")))
    return drawn


def logits(config, parameters, ids):
    """z_t = W_U norm(x_t) behind the last block"""
    W = nested(parameters)
    x = _stream(ids, W, config)[-1]
    return linear(_last_norm(x, W, config), _head(W))


def loss(config, parameters, ids, targets):
    """ℒ = −(1/n) Σ log p(target)"""
    return cross_entropy(logits(config, parameters, ids), targets)


def gradients(config, parameters, ids, targets):
    """ℒ and ∂ℒ/∂θ for every parameter θ   {eq:backpropagation}; Rumelhart et al. 1986

    ids and targets (B, T) → the loss, and by name the gradients, in the shapes of the
    parameters.

    The steps of the model in the opposite order: from the loss to the logits, the head,
    the last norm, the blocks from the last to the first, and the tables. Of the forward
    pass only what entered each block is kept; `block_backward` computes the rest again.
    A table that is also the head is used twice, and gets two gradients
    {eq:tied-backward}.
    """
    W, positions = nested(parameters), np.arange(ids.shape[1])
    stream = _stream(ids, W, config)
    y = _last_norm(stream[-1], W, config)
    z = linear(y, _head(W))

    dz = cross_entropy_backward(z, targets)
    dx, dhead, _ = linear_backward(dz, y, _head(W))
    dW = {"blocks": {}}
    if config.norm_position == "pre":
        dx, dW["norm"] = norm_layer_backward(dx, stream[-1], W["norm"], config)
    for i in reversed(range(config.n_layers)):
        x, W_i = stream[i], W["blocks"][str(i)]
        dx, dW["blocks"][str(i)] = block_backward(dx, x, W_i, config, positions)
    dW |= _tables_backward(dx, dhead, ids, W, config)

    found = flat(dW)
    return cross_entropy(z, targets), {name: found[name] for name in parameters}


def _stream(ids, W, config):
    """What enters each block, and behind them what leaves the last"""
    positions = np.arange(ids.shape[1])
    x = embed(ids, W["embedding"]["weight"])
    if config.position == "learned":
        x = x + learned_positions(positions, W["position_embedding"]["weight"])
    if config.position == "sinusoidal":
        x = x + sinusoidal_positions(positions, config.d_model)
    stream = [x]
    for i in range(config.n_layers):
        stream.append(block(stream[-1], W["blocks"][str(i)], config, positions))
    return stream


def _last_norm(x, W, config):
    return norm_layer(x, W["norm"], config) if config.norm_position == "pre" else x


def _head(W):
    return W["unembedding" if "unembedding" in W else "embedding"]["weight"]


def _tables_backward(dx, dhead, ids, W, config):
    """The gradients of the tables of tokens and positions, and of the head"""
    dtable = embed_backward(dx, ids, W["embedding"]["weight"])
    found = {"embedding": {"weight": dtable}}
    if config.position == "learned":
        table, positions = W["position_embedding"]["weight"], np.arange(ids.shape[1])
        dP = dx.sum(axis=0)  # every text of the batch read the same P
        dtable_P = learned_positions_backward(dP, positions, table)
        found["position_embedding"] = {"weight": dtable_P}
    if config.tie_embeddings:
        return found | {"embedding": {"weight": dtable + dhead}}
    return found | {"unembedding": {"weight": dhead}}


def nested(parameters):
    """{"attn.w_q.weight": w} → {"attn": {"w_q": {"weight": w}}}"""
    tree = {}
    for name, value in parameters.items():
        *path, leaf = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[leaf] = value
    return tree


def flat(tree):
    """{"attn": {"w_q": {"weight": w}}} → {"attn.w_q.weight": w}"""
    names = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            names |= {f"{name}.{rest}": inner for rest, inner in flat(value).items()}
        else:
            names[name] = value
    return names
