"""logits → next id → text, one token at a time

`generate` follows one continuation of each prompt, `beam_search` several at once. Both
feed the model only what is new; what came before is in the cache. Prompts of different
lengths share a batch: what fills up the shorter ones stands at `embedding.PADDING`.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from llmath.border import count, described, number, of_kind
from llmath.cache import KVCache
from llmath.embedding import PADDING, check_ids
from llmath.model import Transformer
from llmath.sampling import Sampling, next_id

__all__ = ["Beam", "beam_search", "generate", "next_id"]

Ids = Sequence[int]
Generators = torch.Generator | Sequence[torch.Generator] | None


@torch.no_grad()
def generate(
    model: Transformer,
    ids: Ids | Sequence[Ids],
    n: int,
    *,
    generator: Generators = None,
    stop: Collection[int] = (),
    impl: str = "explicit",
    **rules: int | float | None,
) -> list[int] | list[list[int]]:
    """Continue `ids` by up to `n` tokens; returns the prompt with its continuation.

    Ends early behind a token of `stop`. Each token is chosen by `Sampling(**rules)`:
    greedily, unless a temperature above 0 and a generator are given.

    A list of prompts gives a list of answers: to each what it would get alone. Where
    chance plays a part, that holds for a list of generators, one for each prompt; a
    single one serves them in turn.

    An empty prompt, ids outside the vocabulary, a negative n, more tokens than the
    context holds and a temperature without a generator raise a ValueError.
    """
    stop = _stops(stop)
    if not _is_batch(ids):
        return generate(
            model, [ids], n, generator=generator, stop=stop, impl=impl, **rules
        )[0]
    texts = _checked(model, ids, n)
    sampling, generators = Sampling(**rules), _one_each(generator, len(texts))
    going, new, cache = list(range(len(texts))), texts, KVCache()
    for _ in range(n):
        logits = _next_logits(model, new, cache, impl)
        for i, z in zip(going, logits, strict=True):
            before = torch.tensor(texts[i], device=z.device)
            texts[i] = [*texts[i], sampling.draw(z, before, generators[i])]
        rows = [row for row, i in enumerate(going) if texts[i][-1] not in stop]
        if not rows:
            break
        if len(rows) < len(going):  # a finished text is read no further
            cache.select(torch.tensor(rows, device=logits.device))
        going = [going[row] for row in rows]
        new = [texts[i][-1:] for i in going]
    return texts


class Beam(NamedTuple):
    """A text and what it is worth: ln p(continuation) / (its length)^α"""

    ids: list[int]
    score: float


@torch.no_grad()
def beam_search(
    model: Transformer,
    ids: Ids | Sequence[Ids],
    n: int,
    *,
    beams: int = 4,
    length_penalty: float = 0.0,
    stop: Collection[int] = (),
    impl: str = "explicit",
) -> list[Beam] | list[list[Beam]]:
    """The likeliest continuations of `beams` followed   {eq:beam-score}; Lowerre 1976

    At each step all open texts are extended by every token, and the likeliest `beams`
    extensions stay open; those among them that end in a token of `stop` are finished.
    Over when `n` tokens are added, or when no open text can still beat the worst of
    `beams` finished ones. Returned best first.

    Texts are ranked by ln p / length^α, α = `length_penalty` ≥ 0, in nats: at 0 by
    their probability, which shrinks with every token; at 1 by the mean per token. One
    beam is `generate` without a temperature. A list of prompts gives a list of answers.

    Refused as in `generate` (ValueError), and fewer than one beam.
    """
    stop = _stops(stop)
    if not _is_batch(ids):
        options = {"length_penalty": length_penalty, "stop": stop, "impl": impl}
        return beam_search(model, [ids], n, beams=beams, **options)[0]
    count(beams=beams)
    number(length_penalty=length_penalty)
    if not 0 <= length_penalty < float("inf"):
        raise ValueError(f"a length penalty is 0 or more, got {length_penalty}")
    new, cache = _checked(model, ids, n), KVCache()
    searches = [_Search(text, n, beams, length_penalty, stop) for text in new]
    open_ones = [search for search in searches if not search.done]
    while open_ones:
        log_p = _next_logits(model, new, cache, impl).double().log_softmax(-1)
        if log_p.isnan().any():
            raise ValueError("no text is likelier than another: the logits hold NaN")
        rows, start = [], 0
        for search in open_ones:
            end = start + len(search.open)
            parents = search.advance(log_p[start:end])
            rows += [] if search.done else [start + parent for parent in parents]
            start = end
        open_ones = [search for search in open_ones if not search.done]
        if rows != list(range(start)):
            cache.select(torch.tensor(rows, dtype=torch.long, device=log_p.device))
        new = [ids[-1:] for search in open_ones for ids, _ in search.open]
    return [search.best() for search in searches]


class _Search:
    """The beams of one prompt: open ones with ln p as score, finished ones ranked."""

    def __init__(
        self, prompt: Ids, n: int, beams: int, alpha: float, stop: Collection[int]
    ) -> None:
        self.prompt, self.n, self.beams = prompt, n, beams
        self.alpha, self.stop = alpha, frozenset(stop)
        self.open, self.finished = [Beam(list(prompt), 0.0)], []

    def advance(self, log_p: Float[Tensor, "beams V"]) -> list[int]:
        """Extend by one token; for each text that stays open, which one it extends."""
        scores = log_p.new_tensor([score for _, score in self.open])
        total = (scores[:, None] + log_p).flatten()
        # A text has at most one extension for each token of `stop`: enough stay open.
        enough = min(len(total), (1 + len(self.stop)) * self.beams)
        before, self.open, parents = self.open, [], []
        found = zip(*(x.tolist() for x in total.topk(enough)), strict=True)
        for rank, (score, place) in enumerate(found):
            parent, token = divmod(place, log_p.shape[1])
            beam = Beam([*before[parent].ids, token], score)
            if token not in self.stop:
                if len(self.open) < self.beams:
                    self.open.append(beam)
                    parents.append(parent)
            elif rank < self.beams:
                self.finished.append(self._ranked(beam))
        self.finished = sorted(self.finished, key=_falling)[: self.beams]
        return parents

    @property
    def done(self) -> bool:
        if not self.open or len(self.open[0].ids) == len(self.prompt) + self.n:
            return True
        if len(self.finished) < self.beams:
            return False
        # ln p only falls, and counts least at the full length.
        return self.open[0].score / self.n**self.alpha <= self.finished[-1].score

    def best(self) -> list[Beam]:
        """Open texts stand behind finished ones that they can no longer beat."""
        beams = self.finished + [self._ranked(beam) for beam in self.open]
        return sorted(beams, key=_falling)[: self.beams]

    def _ranked(self, beam: Beam) -> Beam:
        length = max(1, len(beam.ids) - len(self.prompt))
        return Beam(beam.ids, beam.score / length**self.alpha)


def _falling(beam: Beam) -> float:
    return -beam.score


def _next_logits(
    model: Transformer, new: list[list[int]], cache: KVCache, impl: str
) -> Float[Tensor, "B V"]:
    """Read each row's new ids; the logits behind the last of them."""
    device = model.embedding.weight.device
    lengths = torch.tensor([len(row) for row in new], device=device)
    longest = int(lengths.max())
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in new], device=device)
    positions = None
    if (lengths < longest).any():  # only at the start: later each row has one new id
        counted = torch.arange(longest, device=device)
        positions = counted.where(counted < lengths[:, None], PADDING)
    x = model.residual(ids, positions=positions, cache=cache, impl=impl)
    return model.unembed(x[torch.arange(len(new), device=device), lengths - 1])


def _is_batch(ids: Ids | Sequence[Ids]) -> bool:
    if not isinstance(ids, Sequence) or isinstance(ids, (str, bytes)):
        raise ValueError(
            f"ids are a list of whole numbers, or a list of such lists; got "
            f"{described(ids)}. Of a tensor: ids.tolist()"
        )
    return len(ids) > 0 and isinstance(ids[0], Sequence)


def _stops(stop: Collection[int]) -> frozenset[int]:
    if not isinstance(stop, Collection) or not all(isinstance(i, int) for i in stop):
        raise ValueError(f"stop is a list of token ids, got {stop!r:.60}")
    return frozenset(stop)


def _checked(model: Transformer, prompts: Sequence[Ids], n: int) -> list[list[int]]:
    """The prompts as lists of their own; refused where they cannot be continued."""
    of_kind(Transformer, model=model)
    limit = model.config.context_length
    texts = [_checked_prompt(prompt, model.config.vocab_size) for prompt in prompts]
    if not isinstance(n, int) or n < 0:
        raise ValueError(f"cannot generate {described(n)} tokens")
    longest = max(map(len, texts))
    if longest + n > limit:
        raise ValueError(
            f"{longest} tokens and {n} more exceed the model's context of {limit}"
        )
    return texts


def _checked_prompt(prompt: Ids, vocab_size: int) -> list[int]:
    if not isinstance(prompt, Sequence) or not all(
        hasattr(i, "__index__") for i in prompt
    ):
        raise ValueError(f"a prompt is a list of whole numbers, got {prompt!r:.60}")
    if not prompt:
        raise ValueError("a continuation needs at least one token to begin from")
    check_ids(torch.tensor(prompt), vocab_size)
    return list(map(int, prompt))


def _one_each(generator: Generators, B: int) -> Sequence[torch.Generator | None]:
    if not isinstance(generator, Sequence):
        return [generator] * B
    if len(generator) != B:
        raise ValueError(
            f"{B} prompts need {B} generators or one; got {len(generator)}"
        )
    return generator
