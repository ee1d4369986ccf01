"""one seed → a generator for each purpose"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    import torch


@dataclass(frozen=True)
class Seeds:
    """One seed, and from it a seed of its own for each purpose.

    What is drawn for one purpose does not depend on how much another has drawn: a
    longer evaluation leaves the order of the training data as it was.

    >>> seeded(0).torch("weights").initial_seed() == seeded(0).number("weights")
    True

    A seed that is no whole number from 0 on raises a ValueError.
    """

    seed: int

    def __post_init__(self) -> None:
        whole = isinstance(self.seed, int) and not isinstance(self.seed, bool)
        if not whole or self.seed < 0:
            raise ValueError(f"a seed is a whole number from 0 on, got {self.seed!r}")

    def number(self, purpose: str) -> int:
        """The seed of this purpose: 63 bits of SHA-256("seed purpose")."""
        if not isinstance(purpose, str):
            raise ValueError(f"a purpose is a name, got {purpose!r:.60}")
        digest = hashlib.sha256(f"{self.seed} {purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def torch(self, purpose: str, device: str = "cpu") -> "torch.Generator":
        """A new generator of PyTorch, at its beginning."""
        import torch

        return torch.Generator(device).manual_seed(self.number(purpose))

    def numpy(self, purpose: str) -> "numpy.random.Generator":
        """A new generator of NumPy, at its beginning."""
        import numpy

        return numpy.random.default_rng(self.number(purpose))


def seeded(seed: int) -> Seeds:
    """The generators that follow from one number, each by its purpose."""
    return Seeds(seed)
