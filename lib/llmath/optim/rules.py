"""θ, g and what is remembered → θ: SGD, momentum, Nesterov, Adam, AdamW

Every function changes its tensors in place and returns `theta`. `step` counts from 1;
what is remembered (b, m, v) is zero before the first step.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from llmath.optim.checks import check_numbers, check_tensors


@torch.no_grad()
def sgd_update(
    theta: Float[Tensor, "*shape"],
    g: Float[Tensor, "*shape"],
    *,
    lr: float,
    weight_decay: float = 0.0,
) -> Float[Tensor, "*shape"]:
    """θ_t = θ_{t−1} − η g_t   {eq:sgd}; Robbins & Monro 1951

    Coupled weight decay adds λ θ to the gradient {eq:coupled-decay}, as it does in
    `momentum_update`, `nesterov_update` and `adam_update`.

    Tensors that differ in shape and numbers out of range raise a ValueError.
    """
    check_tensors(theta=theta, g=g)
    check_numbers(lr=lr, weight_decay=weight_decay)
    g = g.add(theta, alpha=weight_decay)  # g_t ← g_t + λ θ_{t−1}
    return theta.sub_(g, alpha=lr)  # θ_t = θ_{t−1} − η g_t


@torch.no_grad()
def momentum_update(
    theta: Float[Tensor, "*shape"],
    g: Float[Tensor, "*shape"],
    b: Float[Tensor, "*shape"],
    *,
    step: int,
    lr: float,
    momentum: float = 0.9,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
) -> Float[Tensor, "*shape"]:
    """b_t = μ b_{t−1} + (1 − δ) g_t,  θ_t = θ_{t−1} − η b_t   {eq:momentum}

    Polyak 1964, with a dampening δ. The first gradient is taken whole, b₁ = g₁,
    whatever δ is. Without dampening a steady gradient ends up worth 1/(1 − μ) of its
    size: ten times with μ = 0.9.

    Tensors that differ in shape and numbers out of range raise a ValueError.
    """
    check_tensors(theta=theta, g=g, b=b)
    check_numbers(step=step, lr=lr, weight_decay=weight_decay)
    check_numbers(momentum=momentum, dampening=dampening)
    g = g.add(theta, alpha=weight_decay)  # g_t ← g_t + λ θ_{t−1}
    taken = 1.0 if step == 1 else 1 - dampening
    b.mul_(momentum).add_(g, alpha=taken)  # b_t = μ b_{t−1} + (1 − δ) g_t
    return theta.sub_(b, alpha=lr)  # θ_t = θ_{t−1} − η b_t


@torch.no_grad()
def nesterov_update(
    theta: Float[Tensor, "*shape"],
    g: Float[Tensor, "*shape"],
    b: Float[Tensor, "*shape"],
    *,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Float[Tensor, "*shape"]:
    """b_t = μ b_{t−1} + g_t,  θ_t = θ_{t−1} − η (g_t + μ b_t)   {eq:nesterov}

    Nesterov 1983; Sutskever et al. 2013, §2.1. Here θ is the point that looks ahead, at
    which the gradient is taken (Bengio et al. 2013, §3.5).

    Tensors that differ in shape and numbers out of range raise a ValueError.
    """
    check_tensors(theta=theta, g=g, b=b)
    check_numbers(lr=lr, momentum=momentum, weight_decay=weight_decay)
    g = g.add(theta, alpha=weight_decay)  # g_t ← g_t + λ θ_{t−1}
    b.mul_(momentum).add_(g)  # b_t = μ b_{t−1} + g_t
    ahead = g.add(b, alpha=momentum)  # g_t + μ b_t
    return theta.sub_(ahead, alpha=lr)  # θ_t = θ_{t−1} − η (g_t + μ b_t)


@torch.no_grad()
def adam_update(
    theta: Float[Tensor, "*shape"],
    g: Float[Tensor, "*shape"],
    m: Float[Tensor, "*shape"],
    v: Float[Tensor, "*shape"],
    v_max: Float[Tensor, "*shape"] | None = None,
    *,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Float[Tensor, "*shape"]:
    """θ_t = θ_{t−1} − η m̂_t / (√v̂_t + ε)   {eq:adam}; Kingma & Ba 2015, algorithm 1

    With `v_max` it is AMSGrad (Reddi et al. 2018, algorithm 2): the largest v so far
    stands in for v {eq:amsgrad}, with Adam's correction for its start at zero.

    Tensors that differ in shape and numbers out of range raise a ValueError.
    """
    remembered = {"m": m, "v": v} | ({} if v_max is None else {"v_max": v_max})
    check_tensors(theta=theta, g=g, **remembered)
    check_numbers(step=step, lr=lr, eps=eps, weight_decay=weight_decay)
    check_numbers(beta1=beta1, beta2=beta2)
    g = g.add(theta, alpha=weight_decay)  # g_t ← g_t + λ θ_{t−1}
    m.lerp_(g, 1 - beta1)  # m_t = β₁ m_{t−1} + (1 − β₁) g_t
    v.lerp_(g * g, 1 - beta2)  # v_t = β₂ v_{t−1} + (1 − β₂) g_t²
    if v_max is not None:
        v = torch.maximum(v_max, v, out=v_max)  # v̄_t = max(v̄_{t−1}, v_t)
    m_hat = m / (1 - beta1**step)  # m̂_t = m_t / (1 − β₁ᵗ)
    v_hat = v / (1 - beta2**step)  # v̂_t = v_t / (1 − β₂ᵗ)
    return theta.sub_(lr * m_hat / (v_hat.sqrt() + eps))  # θ_t = θ_{t−1} − η m̂_t / …


@torch.no_grad()
def adamw_update(
    theta: Float[Tensor, "*shape"],
    g: Float[Tensor, "*shape"],
    m: Float[Tensor, "*shape"],
    v: Float[Tensor, "*shape"],
    *,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Float[Tensor, "*shape"]:
    """θ_t = (1 − η λ) θ_{t−1} − η m̂_t / (√v̂_t + ε)   {eq:adamw}

    Loshchilov & Hutter 2019, algorithm 2, with the rate on the decay as well, as in
    PyTorch: theirs is η_t λ, of a schedule η_t alone. The decay goes past the moments,
    so that a weight with large gradients decays as fast as one with small ones.

    Tensors that differ in shape and numbers out of range raise a ValueError.
    """
    check_tensors(theta=theta, g=g, m=m, v=v)
    check_numbers(step=step, lr=lr, eps=eps, weight_decay=weight_decay)
    check_numbers(beta1=beta1, beta2=beta2)  # all of it before θ is changed
    theta.mul_(1 - lr * weight_decay)  # θ ← (1 − η λ) θ_{t−1}
    options = {"beta1": beta1, "beta2": beta2, "eps": eps}
    return adam_update(theta, g, m, v, step=step, lr=lr, **options)  # without λ
