"""(model, sentences) → one row per head, with baselines"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor

from llmath.border import count, of_kind
from llmath.interpret.roles import Located, Sentence, batches, locate
from llmath.interpret.scores import offset_score, role_weight, role_wins
from llmath.interpret.uncertainty import bootstrap_interval, wilson_interval
from llmath.model import Transformer
from llmath.probe import record
from llmath.tokenizer import Tokenizer


@dataclass(frozen=True)
class RoleWeights:
    """What every head gives, from the query of each sentence: each (n, L, H).

    `target` and `distractor` (the strongest one) are weights, `wins` is a truth.
    """

    target: Tensor
    distractor: Tensor
    wins: Tensor


@dataclass(frozen=True)
class HeadTable:
    """Every head beside its baselines; tensors (L, H), each a mean over sentences.

    `wins`: how often the target has more weight than every distractor, `weight`: how
    much it has; each with its interval (Wilson, bootstrap; see `uncertainty`).
    Baselines: `distractor`, the strongest distractor's weight; `control_wins` and
    `control_weight`, the same two scores where the sentences look alike but the role is
    absent; `offset`, the weight as many places back as the targets are, anywhere in
    the controls. `chance_wins` is the score of a head that prefers one of the words at
    random, `chance_weight` that of one that looks at every token evenly.

    `best` raises a ValueError for a column that is none, and for more heads than there
    are.
    """

    n: int
    n_controls: int
    wins: Tensor
    wins_low: Tensor
    wins_high: Tensor
    weight: Tensor
    weight_low: Tensor
    weight_high: Tensor
    distractor: Tensor
    control_wins: Tensor
    control_weight: Tensor
    offset: Tensor
    chance_wins: float
    chance_weight: float
    margin: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "margin", self.weight - self.distractor)

    def row(self, layer: int, head: int) -> dict[str, int | float]:
        """All numbers of one head, by name."""
        L, H = self.wins.shape
        of_kind(int, layer=layer, head=head)
        if not (0 <= layer < L and 0 <= head < H):
            raise ValueError(
                f"no head {layer}.{head} among {L} layers of {H} heads, counted from 0"
            )
        return {"layer": layer, "head": head} | {
            name: value[layer, head].item() if isinstance(value, Tensor) else value
            for name, value in vars(self).items()
        }

    def best(self, k: int = 5, *, by: str = "margin") -> list[dict[str, int | float]]:
        """The k heads that are highest in one of the columns, best first.

        The best of L·H heads is better by luck on the sentences that it was chosen on:
        report it on others (`Role.halves`). And the column decides who is best: `wins`
        counts heads with next to no weight, `margin` favours those with much.
        """
        column = vars(self).get(str(by))
        count(k=k)
        if not isinstance(column, Tensor):
            known = ", ".join(n for n, v in vars(self).items() if isinstance(v, Tensor))
            raise ValueError(f"no column {by!r} to choose by; there is {known}")
        if not 1 <= k <= column.numel():
            raise ValueError(
                f"there are {column.numel()} heads to choose from, not {k}"
            )
        order = column.flatten().argsort(descending=True, stable=True)[:k].tolist()
        return [self.row(*divmod(i, column.shape[1])) for i in order]


def role_weights(
    model: Transformer,
    tokenizer: Tokenizer,
    sentences: Sequence[Sentence],
    *,
    batch_size: int = 32,
) -> RoleWeights:
    """`role_weight` and `role_wins` of every head in every sentence, in their order."""
    located = _located(tokenizer, sentences)
    return _measure(model, located, batch_size)[0]


def head_table(
    model: Transformer,
    tokenizer: Tokenizer,
    sentences: Sequence[Sentence],
    controls: Sequence[Sentence],
    *,
    confidence: float = 0.95,
    batch_size: int = 32,
    seed: int = 0,
) -> HeadTable:
    """All heads of all layers, scored for one role and set beside their baselines.

    >>> subjects = role("subject_verb")
    >>> table = head_table(model, tokenizer, subjects.sentences, subjects.controls)
    >>> table.best(3)                # by margin, the weight beyond the distractor's

    A head that follows the role beats `chance_wins`, wins less in the controls, and
    gives its target more than its `offset`. `seed` is that of the bootstrap. Sentences
    of one length run together; nothing is padded.
    """
    located, n = _located(tokenizer, sentences), len(sentences)
    distances = Counter(s.query - s.target[-1] for s in located)
    run, _ = _measure(model, located, batch_size)
    control, offset = _measure(
        model, _located(tokenizer, controls), batch_size, distances
    )
    options = {"confidence": confidence}
    wins_low, wins_high = wilson_interval(run.wins.sum(0), n, **options)
    low, high = bootstrap_interval(run.target, seed=seed, **options)
    return HeadTable(
        n=n,
        n_controls=len(controls),
        wins=run.wins.double().mean(0),
        wins_low=wins_low,
        wins_high=wins_high,
        weight=run.target.double().mean(0),
        weight_low=low,
        weight_high=high,
        distractor=run.distractor.double().mean(0),
        control_wins=control.wins.double().mean(0),
        control_weight=control.target.double().mean(0),
        offset=offset,
        chance_wins=sum(1 / (1 + len(s.distractors)) for s in located) / n,
        chance_weight=sum(len(s.target) / (s.query + 1) for s in located) / n,
    )


def _measure(
    model: Transformer,
    located: Sequence[Located],
    batch_size: int,
    distances: Mapping[int, int] = MappingProxyType({}),
) -> tuple[RoleWeights, Tensor]:
    """The role's weights, and what the distances alone bring at every query: (L, H)."""
    of_kind(Transformer, model=model)
    heads = model.config.n_layers, model.config.n_heads
    target, distractor = (torch.zeros(len(located), *heads) for _ in range(2))
    wins = torch.zeros(len(located), *heads, dtype=torch.bool)
    offset, counted = torch.zeros(heads).double(), 0
    for chosen in batches(located, batch_size):
        batch = [located[i] for i in chosen]
        pattern = _patterns(model, batch)
        target[chosen], distractor[chosen], wins[chosen] = _role(pattern, batch)
        scores, times = _offsets(pattern, distances)
        offset, counted = offset + scores, counted + times
    if distances and not counted:
        raise ValueError(
            f"no control is long enough for any of the distances {sorted(distances)}"
        )
    return RoleWeights(target, distractor, wins), offset / max(counted, 1)


def _role(pattern: Tensor, batch: Sequence[Located]) -> tuple[Tensor, Tensor, Tensor]:
    """Target's weight, strongest distractor's weight, who wins: each (B, L, H)."""
    queries = torch.tensor([s.query for s in batch], device=pattern.device)
    targets = _mask([s.target for s in batch], pattern)
    columns = zip(*(s.distractors for s in batch), strict=True)
    others = torch.stack([_mask(places, pattern) for places in columns], dim=1)
    strongest = torch.stack(
        [role_weight(pattern, queries, places) for places in others.unbind(1)]
    ).amax(0)
    weight = role_weight(pattern, queries, targets)
    won = role_wins(pattern, queries, targets, others)
    return tuple(
        x.transpose(0, 1).cpu() for x in (weight.float(), strongest.float(), won)
    )


def _offsets(pattern: Tensor, distances: Mapping[int, int]) -> tuple[Tensor, int]:
    """Σ over sentences and distances of the weight that far back, and of how many.

    Each distance counts as often as the targets have it. Token 0, the sink, is not
    counted as a token at any distance.
    """
    B, T = pattern.shape[1], pattern.shape[-1]
    total, counted = torch.zeros(len(pattern), pattern.shape[2]).double(), 0
    for d, times in distances.items():
        if d + 1 < T:
            score = offset_score(pattern, d, start=d + 1)
            total += times * score.double().sum(1).cpu()
            counted += times * B
    return total, counted


def _located(tokenizer: Tokenizer, sentences: Sequence[Sentence]) -> list[Located]:
    of_kind(Sequence, sentences=sentences)
    if len(sentences) < 2:
        raise ValueError(f"a score needs at least 2 sentences, not {len(sentences)}")
    return [locate(sentence, tokenizer) for sentence in sentences]


@torch.no_grad()
def _patterns(model: Transformer, batch: Sequence[Located]) -> Tensor:
    """Every layer's pattern, (L, B, H, T, T); no logits are formed."""
    device = next(model.parameters()).device
    with record(model, "blocks.*.attn.pattern") as acts:
        model.residual(torch.tensor([s.ids for s in batch], device=device))
    return acts.stack("blocks.*.attn.pattern")


def _mask(places: Sequence[tuple[int, ...]], pattern: Tensor) -> Tensor:
    """True at the places of each sentence: (B, T)."""
    mask = torch.zeros(len(places), pattern.shape[-1], dtype=torch.bool)
    for row, at in zip(mask, places, strict=True):
        row[list(at)] = True
    return mask.to(pattern.device)
