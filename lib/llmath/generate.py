"""logits → next id → text, one token at a time"""

from collections.abc import Collection, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from llmath.attention import softmax
from llmath.cache import KVCache
from llmath.model import Transformer


def next_id(
    logits: Float[Tensor, " V"],
    *,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> int:
    """id ~ softmax(z / τ); at τ = 0 the limit, the id of the largest z.

    Chance comes from the generator and from nowhere else.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"a temperature is 0 or more, got {temperature}")
    if temperature == 0:
        return int(logits.argmax())
    if generator is None:
        raise ValueError(
            f"temperature={temperature} draws at random: pass "
            f"generator=torch.Generator().manual_seed(0) and the draw can be repeated"
        )
    p = softmax(logits.float() / temperature)
    return int(torch.multinomial(p, 1, generator=generator))


@torch.no_grad()
def generate(
    model: Transformer,
    ids: Sequence[int],
    n: int,
    *,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    stop: Collection[int] = (),
    impl: str = "explicit",
) -> list[int]:
    """Continue `ids` by up to `n` tokens; returns the prompt with its continuation.

    Ends early behind a token of `stop`. Each step feeds the model the one new token;
    what came before is in the cache.
    """
    ids, limit = list(ids), model.config.context_length
    if not ids:
        raise ValueError("a continuation needs at least one token to begin from")
    if n < 0:
        raise ValueError(f"cannot generate {n} tokens")
    if len(ids) + n > limit:
        raise ValueError(
            f"{len(ids)} tokens and {n} more exceed the model's context of {limit}"
        )
    device = model.embedding.weight.device
    cache, new = KVCache(), ids
    for _ in range(n):
        x = model.residual(torch.tensor([new], device=device), cache=cache, impl=impl)
        logits = model.unembed(x[:, -1])[0]
        new = [next_id(logits, temperature=temperature, generator=generator)]
        ids += new
        if new[0] in stop:
            break
    return ids
