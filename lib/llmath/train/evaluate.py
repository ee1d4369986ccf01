"""model, validation text → loss in nats, in bits per byte, and a sample"""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from llmath.border import count, number, of_kind
from llmath.data import windows
from llmath.generate import generate
from llmath.loss import surprisal
from llmath.model import Transformer
from llmath.train.corpora import Corpus
from llmath.train.distributed import ALONE, Processes


@torch.no_grad()
def evaluate(
    forward: Callable[[Tensor], Tensor],
    ids: Integer[np.ndarray, " n"],
    T: int,
    *,
    B: int = 64,
    device: torch.device | str = "cpu",
    processes: Processes = ALONE,
) -> float:
    """ℒ = −(1/(n − 1)) Σ_t ln p(id_t)   {eq:whole-loss}

    The mean surprisal of all ids but the first, each predicted once from what its
    window of T holds before it. Sums are taken in float64: a mean of means would weigh
    the short window at the end too much.

    Fewer than T + 1 ids raise a ValueError.
    """
    of_kind(Processes, processes=processes)
    device, nats = torch.device(device), 0.0
    for i, (x, y) in enumerate(windows(ids, T, B)):
        if i % processes.world != processes.rank:
            continue
        logits = forward(x.to(device))
        wide = torch.promote_types(logits.dtype, torch.float32)
        each = surprisal(logits.to(wide), y.to(device))
        nats += each.cpu().double().sum().item()
    return processes.total(nats, device) / (len(ids) - 1)


def bits_per(loss: float, tokens: int, units: int) -> float:
    """bits per unit = ℒ n / (u ln 2)   {eq:bits-per-unit}

    What the `tokens` n of a text cost, at a mean of ℒ nats, for each of its `units`
    (bytes or characters): the same scale whatever the tokens are.

    A loss that is not finite and counts below 1 raise a ValueError.
    """
    number(loss=loss)
    if not math.isfinite(loss):
        raise ValueError(f"a loss of {loss} nats has no bits: it should be finite")
    count(tokens=tokens, units=units)
    return loss * tokens / units / math.log(2)


def bits_of(loss: float, corpus: Corpus) -> dict[str, float | None]:
    """`bits_per` byte and character of the validation text, whose loss this is.

    None where a corpus has no text; what is no corpus raises a ValueError.
    """
    of_kind(Corpus, corpus=corpus)
    units = corpus.predicted or (None, None)
    n = len(corpus.validation) - 1
    names = ("bits_per_byte", "bits_per_character")
    return {
        name: None if u is None else bits_per(loss, n, u)
        for name, u in zip(names, units, strict=True)
    }


def sample(
    model: Transformer,
    prompt: list[int],
    n: int,
    *,
    temperature: float = 0.8,
    generator: torch.Generator,
) -> list[int]:
    """The prompt and `n` tokens that the model writes after it.

    A text longer than the context goes on from the latter half of the last one.

    An empty prompt and a negative n raise a ValueError.
    """
    of_kind(Transformer, model=model)
    count(0, n=n)
    context = model.config.context_length
    text = list(prompt)
    while n > 0:
        seen = text if len(text) < context else text[-max(1, context // 2) :]
        new = min(n, context - len(seen))
        if new < 1:
            raise ValueError(f"a context of {context} leaves no room to write in")
        rules = {"temperature": temperature, "generator": generator}
        text += generate(model, seen, new, **rules)[len(seen) :]
        n -= new
    return text
