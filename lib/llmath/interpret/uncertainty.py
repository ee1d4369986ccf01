"""counts, samples → confidence intervals

Both treat the sentences as independent draws. Sentences made from one template and a
few words are not: the intervals say how much more of the same would move a number, and
nothing about other sentences.
"""

import math
from statistics import NormalDist

import torch
from torch import Tensor

from llmath.border import count, number, tensors


def wilson_interval(
    successes: Tensor, n: int, *, confidence: float = 0.95
) -> tuple[Tensor, Tensor]:
    """(p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n)   {eq:wilson}

    Wilson 1927. The low and the high end, one pair for each count of successes among n.
    Unlike p̂ ± z σ it stays inside [0, 1] and has a width at 0 and at n.

    Counts outside 0 … n, n below 1 and a confidence outside (0, 1) raise a ValueError.
    """
    z = NormalDist().inv_cdf((1 + _checked(confidence)) / 2)
    tensors(successes=successes)
    count(n=n)
    if not successes.numel() or successes.isnan().any():
        raise ValueError(f"successes are counted, got {successes.tolist()!r:.60}")
    if bool((successes < 0).any()) or bool((successes > n).any()):
        raise ValueError(
            f"successes lie in 0 … n with n ≥ 1; got n={n} and successes from "
            f"{successes.min().item()} to {successes.max().item()}"
        )
    p = successes.double() / n
    middle = p + z**2 / (2 * n)
    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)).sqrt()
    scale = 1 + z**2 / n
    return ((middle - half) / scale).clamp(min=0), ((middle + half) / scale).clamp(
        max=1
    )


def bootstrap_interval(
    samples: Tensor, *, confidence: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """[Q_α(x̄*), Q_{1−α}(x̄*)], x̄* a mean of n drawn with replacement   {eq:bootstrap}

    Efron 1979. `samples` has the n samples along axis 0; the low and the high end have
    the shape of the rest. All of the rest is resampled together, from the one seed.

    Fewer than two samples, NaN, and a confidence outside (0, 1) raise a ValueError.
    """
    tensors(samples=samples)
    count(draws=draws)
    count(0, seed=seed)
    if samples.is_floating_point() and samples.isnan().any():
        raise ValueError(
            f"{int(samples.isnan().sum())} of {samples.numel()} samples are NaN"
        )
    if samples.ndim < 1 or len(samples) < 2:
        raise ValueError(
            f"a mean has a spread from two samples on; got shape "
            f"{tuple(samples.shape)} and draws={draws}"
        )
    tail = (1 - _checked(confidence)) / 2
    n, generator = len(samples), torch.Generator().manual_seed(seed)
    drawn = torch.randint(n, (draws, n), generator=generator)
    counts = torch.zeros(draws, n, dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))
    flat = samples.detach().cpu().double().reshape(n, -1)
    means = (counts @ flat / n).sort(dim=0).values
    low, high = math.floor(tail * (draws - 1)), math.ceil((1 - tail) * (draws - 1))
    return means[low].view(samples.shape[1:]), means[high].view(samples.shape[1:])


def _checked(confidence: float) -> float:
    number(confidence=confidence)
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
    return confidence
