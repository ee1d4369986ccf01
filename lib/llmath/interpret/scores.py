"""pattern → scores: where a head looks, in one number per sentence

Each score reads patterns of any number of layers at once: those of one block,
(B, H, T, T), or stacked ones, (L, B, H, T, T). A score says where a head *looks*. What
it does with what it finds there is a question for `ablate` and `patch`.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from llmath.border import count, floats, tensors, wholes

Square = Float[Tensor, "*layers B H T T"]
PerHead = Float[Tensor, "*layers B H"]


def offset_score(
    pattern: Float[Tensor, "*batch T T"], offset: int, *, start: int = 1
) -> Float[Tensor, "*batch"]:
    """mean_t A_{t,t−d}, t = max(d, start), …   {eq:offset-score}

    The weight on the token d places back. Confounded with whatever tends to stand d
    places back. In a short text it is high for every head: the query at position t
    shares its weight among t + 1 keys only, so skip the first queries with `start`.

    A pattern that is not square, and an offset or a start outside the text, raise a
    ValueError.
    """
    T = _tokens(pattern)
    count(0, offset=offset, start=start)
    first = max(offset, start)
    if not 0 <= offset < T or not 0 <= start < T:
        raise ValueError(
            f"no query of {T} tokens looks {offset} places back from position {start} "
            f"or later: the offset and the start lie in 0 … {T - 1}"
        )
    return pattern.diagonal(-offset, -2, -1)[..., first - offset :].mean(-1)


def previous_token_score(
    pattern: Float[Tensor, "*batch T T"], *, start: int = 1
) -> Float[Tensor, "*batch"]:
    """mean_t A_{t,t−1}, t = start, …, T − 1   {eq:offset-score}; Elhage et al. 2021

    Confounded with every relation between neighbours: an adjective and its noun, a
    verb and its object. A head scored for those has to be measured at a distance.

    A pattern that is not square and a start outside 1 … T − 1 raise a ValueError.
    """
    count(0, start=start)
    if not 1 <= start < _tokens(pattern):
        raise ValueError(
            f"the first query with a token before it is 1, the last "
            f"{_tokens(pattern) - 1}; got start={start}"
        )
    return offset_score(pattern, 1, start=start)


def sink_score(
    pattern: Float[Tensor, "*batch T T"], *, start: int = 1
) -> Float[Tensor, "*batch"]:
    """mean_t A_{t,0}, t = start, …   {eq:sink-score}; Xiao et al. 2024

    The weight on the first token. Query 0 sees nothing else and is never counted.
    Confounded with everything that the first token means: do not let a word that you
    want to measure stand there.

    A pattern that is not square and a start outside 1 … T − 1 raise a ValueError.
    """
    T = _tokens(pattern)
    count(0, start=start)
    if not 1 <= start < T:
        raise ValueError(
            f"query 0 has no choice but the first token; start with one of "
            f"1 … {T - 1}, not {start}"
        )
    return pattern[..., start:, 0].mean(-1)


def duplicate_token_score(pattern: Square, ids: Int[Tensor, "B T"]) -> PerHead:
    """mean_t Σ_s A_{ts}, s < t with id_s = id_t   {eq:duplicate-token-score}

    Wang et al. 2023. Over the queries t whose token occurred before; a sentence without
    one is refused. In natural text confounded with looking at names, or at punctuation:
    use repeated random tokens.
    """
    _check_ids(pattern, ids)
    return _mean_weight(pattern, _earlier_copies(ids), "whose token occurred before")


def induction_score(pattern: Square, ids: Int[Tensor, "B T"]) -> PerHead:
    """mean_t Σ_s A_{ts}, s ≤ t with id_{s−1} = id_t   {eq:induction-score}

    Olsson et al. 2022. "Prefix matching": the weight on what came after earlier copies
    of the current token. On repeated random tokens of period p confounded with a head
    that looks p − 1 places back, whatever stands there: vary p. In natural text
    confounded with any head that finds likely continuations. That the head also makes
    the model *copy* is a second claim, which needs `ablate`.

    Ids that do not fit the pattern, and a sentence in which no token comes back, raise
    a ValueError.
    """
    _check_ids(pattern, ids)
    copies = _earlier_copies(ids)
    after = torch.zeros_like(copies)
    after[..., 1:] = copies[..., :-1]
    return _mean_weight(pattern, after, "whose token occurred before")


def role_weight(
    pattern: Square, queries: Int[Tensor, " B"], targets: Bool[Tensor, "B T"]
) -> PerHead:
    """Σ_s A_{qs}, over the tokens s of the target   {eq:role-weight}

    What the query q gives to a word. One query per sentence; `targets` is True at every
    token of the word that it should look at. Confounded with the word's position
    (first? nearest? always d places back?) and frequency: compare with distractors,
    controls and `offset_score`.

    Queries outside the text, and masks of another shape, raise a ValueError.
    """
    rows = _rows(pattern, queries)
    _check_words(pattern, targets=targets)
    return (rows * targets[:, None].to(pattern.dtype)).sum(-1)


def role_wins(
    pattern: Square,
    queries: Int[Tensor, " B"],
    targets: Bool[Tensor, "B T"],
    distractors: Bool[Tensor, "B others T"],
) -> Bool[Tensor, "*layers B H"]:
    """Σ_{s∈target} A_{qs} > Σ_{s∈k} A_{qs} for every distractor k   {eq:role-wins}

    A tie is lost. With the weights as small as 10⁻⁶ a head still wins or loses: read it
    together with `role_weight`. Clark et al. 2019 ask more of a head, that no word at
    all has more weight; that leaves out heads which keep most of theirs on the sink.

    Queries outside the text, masks of another shape and no distractor at all raise a
    ValueError.
    """
    _check_words(pattern, targets=targets, distractors=distractors)
    rows = _rows(pattern, queries).double()  # sums of one row, in one order
    target = (rows * targets[:, None]).sum(-1)
    others = (rows[..., None, :] * distractors[:, None]).sum(-1)
    return (target[..., None] > others).all(-1)


def _rows(pattern: Tensor, queries: Tensor) -> Tensor:
    """What the one query of each sentence gives to every key: (*layers, B, H, T)"""
    T = _tokens(pattern)
    wholes(queries=queries)
    tensors(pattern=pattern, queries=queries)
    if pattern.ndim < 4 or queries.shape != (pattern.shape[-4],):
        raise ValueError(
            f"a pattern (…, B, H, T, T) needs one query for each of the B texts; got "
            f"{tuple(pattern.shape)} and {tuple(queries.shape)}"
        )
    if not bool(((queries >= 0) & (queries < T)).all()):
        raise ValueError(f"queries {queries.tolist()} lie outside 0 … {T - 1}")
    return pattern[..., torch.arange(len(queries)), :, queries, :].movedim(0, -3)


def _earlier_copies(ids: Tensor) -> Bool[Tensor, "B T T"]:
    same = ids[:, :, None] == ids[:, None, :]
    return same.tril(-1)


def _mean_weight(pattern: Tensor, wanted: Tensor, which: str) -> Tensor:
    """The weight on the wanted keys, averaged over the queries that have any."""
    has = wanted.any(-1)  # B T
    if not bool(has.any(-1).all()):
        rows = (~has.any(-1)).nonzero()[:, 0].tolist()
        raise ValueError(
            f"sentences {rows} of the batch have no query {which}: there is nothing to "
            f"average over"
        )
    weight = (pattern * wanted[:, None].to(pattern.dtype)).sum(-1)  # *layers B H T
    counted = (weight * has[:, None]).sum(-1)
    return counted / has.sum(-1, keepdim=True)


def _check_words(pattern: Tensor, **words: Tensor) -> None:
    """True at the tokens of the words: (B, T), or (B, others, T) with one at least."""
    tensors(pattern=pattern, **words)
    for name, at in words.items():
        axes = "B others T" if name == "distractors" else "B T"
        ends = (at.shape[0], at.shape[-1]) if at.ndim else ()
        wanted = (pattern.shape[-4], pattern.shape[-1]) if pattern.ndim >= 4 else None
        fits = at.dtype == torch.bool and at.ndim == len(axes.split()) and at.numel()
        if not fits or ends != wanted:
            raise ValueError(
                f"{name} are booleans ({axes}) for a pattern (…, B, H, T, T); got "
                f"{at.dtype} of {tuple(at.shape)} for {tuple(pattern.shape)}"
            )


def _tokens(pattern: Tensor) -> int:
    floats(pattern=pattern)
    if pattern.ndim < 2 or pattern.shape[-1] != pattern.shape[-2]:
        raise ValueError(
            f"a score reads one pattern of a whole text, T queries by T keys; got the "
            f"shape {tuple(pattern.shape)}"
        )
    return pattern.shape[-1]


def _check_ids(pattern: Tensor, ids: Tensor) -> None:
    T = _tokens(pattern)
    wholes(ids=ids)
    tensors(pattern=pattern, ids=ids)
    if pattern.ndim < 4 or ids.shape != (pattern.shape[-4], T):
        raise ValueError(
            f"a pattern (…, B, H, T, T) needs ids (B, T); got {tuple(pattern.shape)} "
            f"and {tuple(ids.shape)}"
        )
