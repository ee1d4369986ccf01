"""A small real problem: four layers and a temperature, on fixed data"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


class Problem:
    """Parameters with matrices, vectors and a number; `loss` is smooth in all."""

    def __init__(
        self,
        dtype: torch.dtype = torch.float64,
        *,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        generator = torch.Generator().manual_seed(seed)

        def drawn(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        self.x = drawn(12, 5).to(device, dtype)
        self.y = torch.randint(0, 3, (12,), generator=generator).to(device)
        shapes = ((8, 5), (8,), (8, 8), (8, 8), (3, 8), (3,))
        first = [0.5 * drawn(*shape) for shape in shapes]
        first.append(torch.ones((), dtype=torch.float64))
        self.parameters = [p.to(device, dtype).requires_grad_() for p in first]

    def loss(self) -> Tensor:
        w1, b1, w2, w3, w4, b4, scale = self.parameters
        hidden = torch.tanh(torch.tanh(self.x @ w1.T + b1) @ w2.T)
        hidden = hidden + torch.tanh(hidden @ w3.T)
        logits = scale * (hidden @ w4.T + b4)
        return torch.nn.functional.cross_entropy(logits, self.y)

    def gradients(self) -> float:
        """Sets `.grad` anew; gives the loss."""
        for p in self.parameters:
            p.grad = None
        loss = self.loss()
        loss.backward()
        return loss.item()

    def run(self, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
        losses = []
        for _ in range(steps):
            losses.append(self.gradients())
            optimizer.step()
        return losses


def distance(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """The largest ‖a − b‖ / ‖b‖ of all pairs of tensors."""
    pairs = zip(ours, theirs, strict=True)
    return max(((a - b).norm() / b.norm()).item() for a, b in pairs)


@pytest.fixture
def problem() -> type[Problem]:
    return Problem


@pytest.fixture
def far() -> Callable[[list[Tensor], list[Tensor]], float]:
    return distance
