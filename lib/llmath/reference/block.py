"""vectors → vectors: two additions to the residual stream

A layer is a function of its input x, of its parameters W and of the configuration. W is
a dictionary, in which the parts of a layer have dictionaries of their own, down to the
arrays `weight` and `bias`. The gradient with respect to W is a dictionary of the same
shape.
"""

from llmath.reference.attention import (
    attention,
    attention_backward,
    causal_mask,
    sliding_window_mask,
)
from llmath.reference.linear import linear, linear_backward
from llmath.reference.mlp import (
    gelu,
    gelu_backward,
    gelu_tanh,
    gelu_tanh_backward,
    swiglu,
    swiglu_backward,
)
from llmath.reference.norm import (
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from llmath.reference.rope import rope, rope_backward

GELUS = {"gelu": (gelu, gelu_backward), "gelu_tanh": (gelu_tanh, gelu_tanh_backward)}


def norm_layer(x, W, config):
    """norm(x), the one that the configuration asks for"""
    if config.norm == "rms":
        return rms_norm(x, W["weight"], eps=config.norm_eps)
    return layer_norm(x, W["weight"], W.get("bias", 0.0), eps=config.norm_eps)


def norm_layer_backward(dy, x, W, config):
    """The rule of the norm that the configuration asks for

    RMSNorm's {eq:rms-norm-backward} or LayerNorm's {eq:layer-norm-backward}. dy and x
    (B, T, D) → dx (B, T, D) and the gradients of gain and bias, in the shape of W.
    """
    rule = rms_norm_backward if config.norm == "rms" else layer_norm_backward
    dx, *dW = rule(dy, x, W["weight"], eps=config.norm_eps)
    return dx, _as_in(W, *dW)


def attention_layer(x, W, config, positions):
    """Y = Z W_Oᵀ,  Z = attention(R Q, R K, V),  Q = X W_Qᵀ, K = X W_Kᵀ, V = X W_Vᵀ"""
    q, k, v = _queries_keys_values(x, W, config, positions)
    z = attention(q, k, v, _mask(config, positions))
    return _linear(_joined(z), W["w_o"])


def attention_layer_backward(dy, x, W, config, positions):
    """∂X = ∂Q W_Q + ∂K W_K + ∂V W_V   {der:input-gradient}; Vaswani et al. 2017, §3.2.2

    dy and x (B, T, D) → dx (B, T, D) and the gradients of w_q, w_k, w_v and w_o.

    The lines of `attention_layer` from the last to the first: back through W_O, through
    the lookup of each head {eq:attention-backward}, through the rotation of queries and
    keys, and through the three projections. Those all read the same x, so that three
    gradients arrive there and add up.
    """
    q, k, v = _queries_keys_values(x, W, config, positions)
    mask = _mask(config, positions)
    z = _joined(attention(q, k, v, mask))
    dz, dW_o = _linear_backward(dy, z, W["w_o"])
    dq, dk, dv = attention_backward(_heads(dz, config), q, k, v, mask)
    if config.position == "rope":
        dq, dk = (rope_backward(d, positions, **_turning(config)) for d in (dq, dk))
    dx, dW = 0, {}
    for name, d in {"w_q": dq, "w_k": dk, "w_v": dv}.items():
        arrives, dW[name] = _linear_backward(_joined(d), x, W[name])
        dx = dx + arrives
    return dx, dW | {"w_o": dW_o}


def mlp_layer(x, W, config, positions=None):
    """y = W_down h,  h = swiglu(W_gate x, W_up x)  or  gelu(W_up x)"""
    if config.mlp == "swiglu":
        h = swiglu(_linear(x, W["w_gate"]), _linear(x, W["w_up"]))
    else:
        h = GELUS[config.mlp][0](_linear(x, W["w_up"]))
    return _linear(h, W["w_down"])


def mlp_layer_backward(dy, x, W, config, positions=None):
    """∂x = W_upᵀ∂up + W_gateᵀ∂gate  or  W_upᵀ∂up   {eq:mlp-backward}; Shazeer 2020

    dy and x (B, T, D) → dx (B, T, D) and the gradients of w_down, w_up and w_gate.

    From W_down comes ∂h, from the rule of `swiglu` or of the gelu what its arguments
    get. Two projections read x where there is a gate: their gradients add up.
    """
    up = _linear(x, W["w_up"])
    if config.mlp == "swiglu":
        gate = _linear(x, W["w_gate"])
        dh, dW_down = _linear_backward(dy, swiglu(gate, up), W["w_down"])
        dgate, dup = swiglu_backward(dh, gate, up)
        dx_gate, dW_gate = _linear_backward(dgate, x, W["w_gate"])
        dx_up, dW_up = _linear_backward(dup, x, W["w_up"])
        return dx_gate + dx_up, {"w_gate": dW_gate, "w_up": dW_up, "w_down": dW_down}
    bent, bent_backward = GELUS[config.mlp]
    dh, dW_down = _linear_backward(dy, bent(up), W["w_down"])
    dx, dW_up = _linear_backward(bent_backward(dh, up), x, W["w_up"])
    return dx, {"w_up": dW_up, "w_down": dW_down}


LAYERS = {
    "attn": (attention_layer, attention_layer_backward),
    "mlp": (mlp_layer, mlp_layer_backward),
}


def addition(x, part, W, config, positions):
    """x ← x + layer(norm(x)), or as the configuration has it; `part`: attn or mlp"""
    layer, _ = LAYERS[part]
    pre, post = (config.norm_position == where for where in ("pre", "post"))
    read = norm_layer(x, W[f"norm_{part}"], config) if pre else x
    update = layer(read, W[part], config, positions)
    written = x + update if config.residual else update
    return norm_layer(written, W[f"norm_{part}"], config) if post else written


def addition_backward(dy, x, part, W, config, positions):
    """∂x = ∂y + J_normᵀ J_layerᵀ ∂y   {eq:block-backward}; He et al. 2016, eq. 5

    dy and x (B, T, D) → dx (B, T, D) and the gradients of the layer and of its norm.

    x + update hands the gradient of the sum to both terms as it is. One copy goes back
    along the stream, whatever the layer does; the other through the layer and what it
    read. They meet in x and add up. In post-norm the sum has been normed, and no copy
    comes by without passing the norm.
    """
    layer, layer_backward = LAYERS[part]
    pre, post = (config.norm_position == where for where in ("pre", "post"))
    W_norm, dW_norm = W.get(f"norm_{part}"), None
    read = norm_layer(x, W_norm, config) if pre else x
    if post:
        update = layer(read, W[part], config, positions)
        written = x + update if config.residual else update
        dy, dW_norm = norm_layer_backward(dy, written, W_norm, config)
    dx, dW = layer_backward(dy, read, W[part], config, positions)
    if pre:
        dx, dW_norm = norm_layer_backward(dx, x, W_norm, config)
    gradients = {part: dW} | ({f"norm_{part}": dW_norm} if pre or post else {})
    return (dy + dx if config.residual else dx), gradients


def block(x, W, config, positions):
    """x ← x + attn(norm(x)),  x ← x + mlp(norm(x))"""
    for part in LAYERS:
        x = addition(x, part, W, config, positions)
    return x


def block_backward(dy, x, W, config, positions):
    """The two additions, the second one first   {eq:block-backward}; He et al. 2016

    dy and x (B, T, D) → dx (B, T, D) and the gradients of W, in the shape of W.
    """
    middle = addition(x, "attn", W, config, positions)
    dmiddle, dW_mlp = addition_backward(dy, middle, "mlp", W, config, positions)
    dx, dW_attn = addition_backward(dmiddle, x, "attn", W, config, positions)
    return dx, dW_attn | dW_mlp


def _queries_keys_values(x, W, config, positions):
    q, k, v = (_heads(_linear(x, W[f"w_{name}"]), config) for name in "qkv")
    if config.position == "rope":
        q, k = (rope(y, positions, **_turning(config)) for y in (q, k))
    return q, k, v


def _turning(config):
    return {"base": config.rope_base, "scaling": config.rope_scaling}


def _mask(config, positions):
    if config.window is None:
        return causal_mask(positions, positions)
    return sliding_window_mask(positions, positions, config.window)


def _heads(x, config):
    """(B, T, heads · E) → (B, heads, T, E)"""
    return x.reshape(*x.shape[:2], -1, config.d_head).swapaxes(1, 2)


def _joined(x):
    """(B, heads, T, E) → (B, T, heads · E)"""
    return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)


def _linear(x, W):
    return linear(x, W["weight"], W.get("bias", 0.0))


def _linear_backward(dy, x, W):
    dx, *dW = linear_backward(dy, x, W["weight"])
    return dx, _as_in(W, *dW)


def _as_in(W, dweight, dbias=None):
    """The gradients of those parameters that the layer has"""
    found = {"weight": dweight, "bias": dbias}
    return {name: found[name] for name in W}
