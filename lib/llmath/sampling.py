"""logits → chances → the next id

Each rule is a function from logits to logits: −∞ stands for a token that cannot come.
`Sampling` composes them in one order, and `next_id` draws.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from llmath.attention import softmax
from llmath.border import NoNumber, floats, number, of_kind, tensors, wholes

Logits = Float[Tensor, "*batch V"]


def top_k(logits: Logits, k: int) -> Logits:
    """z_i where z_i ≥ the k-th largest z, −∞ elsewhere   {eq:top-k}; Fan et al. 2018

    Equal logits are treated alike: where the k-th largest occurs more than once, more
    than k tokens stay. With k ≥ V all do.

    A k below 1 and logits that are NaN raise a ValueError.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"top-k keeps a whole number of at least 1 token, got {k!r}")
    _check(logits)
    k = min(k, logits.shape[-1])
    return _keep(logits, logits >= logits.topk(k).values[..., -1:])


def top_p(logits: Logits, p: float) -> Logits:
    """z_i where i ∈ N, −∞ elsewhere   {eq:top-p}; Holtzman et al. 2020, §3.1

    The nucleus N is the smallest set of the likeliest tokens whose probabilities add up
    to at least p: a token is left out when those before it already do. The likeliest
    one always stays; of equals, the lower id comes first.

    A p outside (0, 1] and logits that are NaN raise a ValueError.
    """
    _check(logits)
    number(p=p)
    if not 0 < p <= 1:
        raise ValueError(f"top-p is a probability above 0 and at most 1, got {p}")
    ordered, ids = _wide(logits).sort(descending=True, stable=True)
    chances = softmax(ordered)
    before = chances.cumsum(-1) - chances
    inside = torch.zeros_like(before, dtype=torch.bool)
    return _keep(logits, inside.scatter(-1, ids, (before < p) | (p == 1)))


def min_p(logits: Logits, p: float) -> Logits:
    """z_i where p_i ≥ p max_j p_j, −∞ elsewhere   {eq:min-p}; Nguyen et al. 2024, §3

    In logits the condition reads z_i ≥ max_j z_j + ln p: no softmax is needed.

    A p outside [0, 1] and logits that are NaN raise a ValueError.
    """
    _check(logits)
    number(p=p)
    if not 0 <= p <= 1:
        raise ValueError(f"min-p is a part of the largest probability, 0 … 1; got {p}")
    if p == 0:
        return logits
    wide = _wide(logits)
    return _keep(logits, wide >= wide.amax(-1, keepdim=True) + math.log(p))


def repetition_penalty(
    logits: Logits, ids: Int[Tensor, "*batch T"], penalty: float
) -> Logits:
    """z_i / θ where z_i > 0, θ z_i where z_i < 0   {eq:repetition-penalty}

    For i among `ids`; Keskar et al. 2019, §4.1. Dividing, as in the paper, would make a
    token with a negative logit *more* likely; multiplying there penalises every token
    that has come before.

    A penalty that is not positive and ids outside the vocabulary raise a ValueError.
    """
    number(penalty=penalty)
    if not 0 < penalty < math.inf:
        raise ValueError(f"a repetition penalty is positive, got {penalty}")
    _check(logits)
    _check_before(logits, ids)
    ids = ids.long()
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    less = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, less, logits)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen: from these logits, in this order

    repetition penalty, temperature, top-k, top-p, min-p; each sees what the one before
    it left. None and 1.0 leave a rule out. At temperature 0 the largest logit behind
    the penalty is taken, and the three cuts have nothing to do.

    A number outside the range of its rule raises a ValueError when the rules are made.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        number(temperature=self.temperature, repetition_penalty=self.repetition_penalty)
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"a temperature is 0 or more, got {self.temperature}")
        self.logits(torch.zeros(1))  # each rule checks its own number

    def logits(
        self, logits: Logits, ids: Int[Tensor, "*batch T"] | None = None
    ) -> Logits:
        """The logits of the distribution that is drawn from; `ids` came before."""
        z = _wide(logits)
        if self.repetition_penalty != 1:
            if ids is None:
                ids = torch.empty(*z.shape[:-1], 0, dtype=torch.long, device=z.device)
            z = repetition_penalty(z, ids, self.repetition_penalty)
        if self.temperature:
            z = z / self.temperature
        cuts = ((top_k, self.top_k), (top_p, self.top_p), (min_p, self.min_p))
        for cut, limit in cuts:
            if limit is not None:
                z = cut(z, limit)
        return z

    def draw(
        self,
        logits: Float[Tensor, " V"],
        ids: Int[Tensor, " T"] | None = None,
        generator: torch.Generator | None = None,
    ) -> int:
        """id ~ softmax(z), z = `self.logits(…)`; at temperature 0 the largest z's id.

        Chance comes from the generator and from nowhere else.
        """
        floats(logits=logits)
        if logits.ndim != 1 or not len(logits) or logits.is_meta:
            raise ValueError(
                f"one token is drawn from the logits of one row, (V); got "
                f"{tuple(logits.shape)} on {logits.device}"
            )
        if not logits.max().isfinite():  # NaN counts as the largest
            raise NoNumber(
                f"no token can be chosen: the largest of {len(logits)} logits is "
                f"{logits.max()}"
            )
        z = self.logits(logits, ids)
        if self.temperature == 0:
            return int(z.argmax())
        if generator is None:
            raise ValueError(
                f"temperature={self.temperature} draws at random: pass "
                f"generator=torch.Generator().manual_seed(0) and the draw can be "
                f"repeated"
            )
        of_kind(torch.Generator, generator=generator)
        if not z.max().isfinite():
            raise ValueError(
                f"the largest logit is {z.max()} after temperature={self.temperature} "
                f"and repetition_penalty={self.repetition_penalty}: too extreme for "
                f"{z.dtype}; temperature=0 takes the likeliest token"
            )
        return int(torch.multinomial(softmax(z), 1, generator=generator))


def next_id(
    logits: Float[Tensor, " V"],
    *,
    ids: Int[Tensor, " T"] | None = None,
    generator: torch.Generator | None = None,
    **rules: int | float | None,
) -> int:
    """id ~ softmax(z / τ)   {eq:temperature}

    Cut as in `Sampling`; at τ = 0 the id of the largest z. The rules are `Sampling`'s,
    by name: next_id(z, temperature=0.8, top_p=0.9, …). Only the repetition penalty
    looks at `ids`, the tokens that came before.
    """
    return Sampling(**rules).draw(logits, ids, generator)


def _check(logits: Tensor) -> None:
    floats(logits=logits)
    if not logits.ndim or not logits.shape[-1]:
        raise ValueError(f"logits of no token: the shape is {tuple(logits.shape)}")
    if not logits.is_meta and logits.isnan().any():
        raise ValueError(
            f"{int(logits.isnan().sum())} of {logits.numel()} logits are NaN: no token "
            f"is more or less likely than that"
        )


def _check_before(logits: Tensor, ids: Tensor) -> None:
    wholes(ids=ids)
    tensors(logits=logits, ids=ids)
    V = logits.shape[-1]
    if ids.shape[:-1] != logits.shape[:-1] or ids.ndim != logits.ndim:
        raise ValueError(
            f"each row of logits has its own ids before it; the shapes are "
            f"{tuple(logits.shape)} and {tuple(ids.shape)}"
        )
    if not ids.is_meta and ((ids < 0) | (ids >= V)).any():
        raise ValueError(
            f"ids {int(ids.min())} … {int(ids.max())} lie outside 0 … {V - 1}"
        )


def _wide(logits: Tensor) -> Tensor:
    """In float32 at least: a bfloat16 sum of a vocabulary keeps three digits."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _keep(logits: Tensor, kept: Bool[Tensor, "*batch V"]) -> Tensor:
    return logits.masked_fill(~kept, -math.inf)
