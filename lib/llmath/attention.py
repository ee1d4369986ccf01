"""vectors → vectors, each token looking at the others

The formulas first, as functions; then the module, which owns the projections and calls
them. The explicit path is the definition; `impl="sdpa"` hands the same product to
PyTorch's fused kernel, which never forms the T × S pattern, and `impl="online"` shows
how such a kernel gets by without it.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from llmath.border import count, floats, of_kind, tensors
from llmath.border.attention import (
    check_heads,
    check_mask,
    check_positions,
    check_scores,
)
from llmath.cache import KVCache
from llmath.config import ModelConfig
from llmath.probe import Probe, unobserved
from llmath.rope import Turns, rope

Queries = Float[Tensor, "B H T E"]
Keys = Float[Tensor, "B G S E"]
Pattern = Float[Tensor, "B H T S"]
Mask = Bool[Tensor, "T S"] | Bool[Tensor, "B 1 T S"]  # one for all rows, or for each


def softmax(z: Float[Tensor, "*shape"], dim: int = -1) -> Float[Tensor, "*shape"]:
    """softmax(z)_i = e^{z_i} / Σ_j e^{z_j}   {eq:softmax}; Bridle 1990

    The largest z is subtracted first: the quotient is the same, and no e^z overflows.
    A row with NaN or ∞ in it gives NaN; one without any number is refused.
    """
    floats(z=z)
    if not -z.ndim <= dim < z.ndim or not z.shape[dim]:
        raise ValueError(f"no numbers along axis {dim} of the shape {tuple(z.shape)}")
    e = torch.exp(z - z.amax(dim, keepdim=True).detach())
    return e / e.sum(dim, keepdim=True)


def causal_mask(
    query_positions: Int[Tensor, "*rows T"], key_positions: Int[Tensor, "*rows S"]
) -> Bool[Tensor, "*rows T S"]:
    """mask_{ts} = (p_s ≤ p_t)   {eq:causal-mask}; Vaswani et al. 2017, §3.2.3

    True where the query at position p_t may look at the key at p_s: itself or the past.
    Positions are whole numbers; rows of them pair.

    Positions that are not whole numbers in the same rows raise a ValueError.
    """
    check_positions(query_positions, key_positions)
    return key_positions[..., None, :] <= query_positions[..., :, None]


def sliding_window_mask(
    query_positions: Int[Tensor, "*rows T"],
    key_positions: Int[Tensor, "*rows S"],
    window: int,
) -> Bool[Tensor, "*rows T S"]:
    """mask_{ts} = (p_t − w < p_s ≤ p_t)   {eq:sliding-window-mask}; Beltagy et al. 2020

    The causal mask cut off behind the last `window` positions, a token's own included.

    Positions that are not whole numbers in the same rows raise a ValueError, and a
    window below 1.
    """
    check_positions(query_positions, key_positions)
    count(window=window)
    distance = query_positions[..., :, None] - key_positions[..., None, :]
    return (distance >= 0) & (distance < window)


def is_triangle(mask: Mask) -> bool:
    """Whether t sees s exactly where s ≤ t, counting rows: what kernels call causal.

    A compiled graph cannot depend on values: there the answer is no.

    What is no tensor raises a ValueError.
    """
    tensors(mask=mask)
    T = mask.shape[0] if mask.ndim else 0
    if torch.compiler.is_compiling() or mask.shape != (T, T):
        return False
    return torch.equal(mask, torch.ones_like(mask).tril())


def repeat_heads(x: Keys, n_heads: int) -> Float[Tensor, "B H S E"]:
    """x̃_h = x_g,  g = ⌊h / (H/G)⌋   {eq:shared-heads}; Ainslie et al. 2023

    Query heads share key heads: one for each of the H query heads; with G = H, x
    itself.

    Heads that H is no multiple of raise a ValueError.
    """
    tensors(x=x)
    count(n_heads=n_heads)
    if x.ndim != 4 or not x.shape[1] or n_heads % x.shape[1]:
        raise ValueError(
            f"{n_heads} query heads cannot share those of the shape {tuple(x.shape)} "
            f"(B, G, S, E) evenly: H must be a multiple of G"
        )
    repeats = n_heads // x.shape[1]
    return x if repeats == 1 else x.repeat_interleave(repeats, dim=1)


def attention_scores(q: Queries, k: Keys) -> Pattern:
    """scores = Q Kᵀ / √E   {eq:attention-scores}; Vaswani et al. 2017, §3.2.1

    Where G < H key heads are shared, each is repeated first (`repeat_heads`).

    Queries and keys that do not fit each other (axes, type, device, batch, width, H no
    multiple of G) raise a ValueError.
    """
    check_heads(q, k)
    k = repeat_heads(k, q.shape[1])
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])


def attention_weights(
    q: Queries, k: Keys, mask: Mask | None = None, *, probe: Callable = unobserved
) -> Pattern:
    """A = softmax(Q Kᵀ / √E + M)   {eq:attention-weights}; Vaswani et al. 2017, §3.2.1

    M is 0 where `mask` is True and −∞ elsewhere; every row of A sums to 1. Scores that
    are not finite, and queries that may look at nothing, raise a ValueError.
    """
    scores = probe("scores", attention_scores(q, k))
    check_scores(scores)
    if mask is not None:
        check_mask(mask, q, k)
        scores = scores.masked_fill(~mask, -math.inf)
    return softmax(scores)


def attention(
    q: Queries,
    k: Keys,
    v: Keys,
    mask: Mask | None = None,
    *,
    impl: str = "explicit",
    triangle: bool = False,
    probe: Callable = unobserved,
) -> Queries:
    """O = A V = softmax(Q Kᵀ / √E + M) V   {eq:attention}; Vaswani et al. 2017, eq. 1

    `impl="sdpa"` computes the same O without A (and so cannot tell where a NaN arose),
    `impl="online"` does so in the open: `online_attention`. With `triangle=True` the
    mask is known to be one (`is_triangle`), and the kernel need not read it.

    Tensors that do not fit each other, a mask that blinds a query and an unknown `impl`
    raise a ValueError; so do scores that are not finite, where they are formed.
    """
    check_heads(q, k, v)
    if triangle and (mask is None or mask.shape != (q.shape[2],) * 2):
        raise ValueError(
            f"triangle=True speaks of a mask {(q.shape[2],) * 2} that is given as well"
        )
    if impl == "online":
        return online_attention(q, k, v, mask)
    if impl == "sdpa":
        return _sdpa(q, k, v, mask, triangle)
    if impl != "explicit":
        raise ValueError(f'impl={impl!r} is neither "online", "explicit" nor "sdpa"')
    A = probe("pattern", attention_weights(q, k, mask, probe=probe))
    return A @ repeat_heads(v, q.shape[1])


def online_attention(
    q: Queries, k: Keys, v: Keys, mask: Mask | None = None, *, chunk: int = 64
) -> Queries:
    """O = A V, some keys at a time   {eq:online-attention}; Milakov & Gimelshein 2018

    Their algorithm 3, as in Dao et al. 2022. Of the keys so far each query keeps the
    highest score m, ℓ = Σ e^{s − m} and O = Σ e^{s − m} v; where `chunk` more keys
    raise m, both shrink by e^{m_old − m}.

    A chunk below 1, and what `attention` refuses, raise a ValueError.
    """
    check_heads(q, k, v)
    count(chunk=chunk)
    if mask is not None:
        check_mask(mask, q, k)
    m = q.new_full((*q.shape[:3], 1), torch.finfo(q.dtype).min)  # −∞ would give ∞ − ∞
    total, out = torch.zeros_like(m), torch.zeros_like(q)
    for start in range(0, k.shape[2], chunk):
        here = slice(start, start + chunk)
        scores = attention_scores(q, k[:, :, here])
        check_scores(scores)
        if mask is not None:
            scores = scores.masked_fill(~mask[..., here], -math.inf)
        m_old, m = m, torch.maximum(m, scores.amax(-1, keepdim=True).detach())
        shrink, e = torch.exp(m_old - m), torch.exp(scores - m)
        total = shrink * total + e.sum(-1, keepdim=True)
        out = shrink * out + e @ repeat_heads(v[:, :, here], q.shape[1])
    return out / total


def _sdpa(q: Queries, k: Keys, v: Keys, mask: Mask | None, triangle: bool) -> Queries:
    if triangle:
        mask = None
    if mask is not None:
        check_mask(mask, q, k)
    shared = q.shape[1] != k.shape[1]  # asked for without need, it costs some kernels
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=triangle, enable_gqa=shared
    )


class Attention(nn.Module):
    """Projects to q, k, v; rotates q and k; attends; projects back.

    Probes: `q` and `k` after rotation, `v`, and `z`, what each head brings home; on the
    explicit path `scores` (before the mask) and `pattern`.

    What does not fit raises a ValueError, as in `attention`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        of_kind(ModelConfig, config=config)
        self.config = config
        d, d_kv = config.d_model, config.n_kv_heads * config.d_head
        self.w_q = nn.Linear(d, d, bias=config.bias)
        self.w_k = nn.Linear(d, d_kv, bias=config.bias)
        self.w_v = nn.Linear(d, d_kv, bias=config.bias)
        self.w_o = nn.Linear(d, d, bias=config.bias)
        self.q, self.k, self.v = Probe(), Probe(), Probe()
        self.scores, self.pattern, self.z = Probe(), Probe(), Probe()

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        positions: Int[Tensor, "*rows T"],
        mask: Mask,
        *,
        turns: Turns | None = None,
        triangle: bool = False,
        impl: str = "explicit",
        cache: KVCache | None = None,
        layer: int = 0,
    ) -> Float[Tensor, "B T D"]:
        q, k, v = (self._split(w(x)) for w in (self.w_q, self.w_k, self.w_v))
        if self.config.position == "rope":
            how = {"base": self.config.rope_base, "scaling": self.config.rope_scaling}
            q, k = (rope(y, positions, **how, turns=turns) for y in (q, k))
        q, k, v = self.q(q), self.k(k), self.v(v)
        if cache is not None:
            k, v = cache.extend(layer, k, v)
        how = {"impl": impl, "triangle": triangle, "probe": self._probe}
        z = self.z(attention(q, k, v, mask, **how))
        return self.w_o(z.transpose(1, 2).flatten(2))  # (B T D): the heads side by side

    def _split(self, x: Float[Tensor, "B T width"]) -> Float[Tensor, "B heads T E"]:
        return x.reshape(*x.shape[:2], -1, self.config.d_head).transpose(1, 2)

    def _probe(self, name: str, x: Tensor) -> Tensor:
        return getattr(self, name)(x)
