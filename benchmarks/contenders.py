"""Ways to compute a training step of one model: this library's, and transformers'

The same weights, the same rule of update. The two that are compared have the loss in
their compiled graph; `Engine` is what `llmath.train` computes a step with.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from clock import theirs
from torch import Tensor, nn
from torch.nn import functional as F

from llmath.config import ModelConfig
from llmath.gradient import clip_by_global_norm
from llmath.model import Transformer
from llmath.optim import Optimizer, make_optimizer
from llmath.runtime import autocast, float_type, seeded
from llmath.train import Engine, TrainConfig

Batch = tuple[Tensor, Tensor]
Gradient = Callable[[Batch], Tensor | float]  # adds to .grad, gives the loss

CLIP, RULE = 1.0, {"lr": 6e-4, "weight_decay": 0.1, "betas": (0.9, 0.95)}
PAIR = ("llmath, compiled", "transformers, compiled")
# How `Engine` computes; those that need most memory come first.
ENGINES = {
    "Engine, explicit": {"kernels": "explicit"},
    "Engine, fused kernels": {"kernels": "fused"},
    "Engine, compiled": {"kernels": "fused", "compile": True},
}
NAMES = (*ENGINES, *PAIR)


class Plan(NamedTuple):
    """A step of B windows with all of the model's context, in `dtype`."""

    config: ModelConfig
    B: int
    dtype: str
    rounds: int
    backend: str


@dataclass(frozen=True)
class Contender:
    """One way to compute the steps of one model."""

    model: nn.Module
    optimizer: Optimizer
    gradient: Gradient
    start: dict[str, Tensor]

    def step(self, batch: Batch) -> tuple[float, float]:
        """Gradient, clipping, update; the loss and the norm that there were."""
        loss = self.gradient(batch)
        norm = clip_by_global_norm(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss), norm

    def reset(self) -> None:
        """As before the first step; what memory the steps took is given back."""
        self.optimizer.zero_grad()
        self.optimizer.state.clear()
        self.model.load_state_dict(self.start)
        free()


def free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def contender(
    model: nn.Module, gradient: Gradient, *, impl: str = "fused"
) -> Contender:
    optimizer = make_optimizer(model, "adamw", impl=impl, **RULE)
    start = {name: t.to("cpu", copy=True) for name, t in model.state_dict().items()}
    return Contender(model, optimizer, gradient, start)


def make(name: str, plan: Plan, device: torch.device) -> Contender:
    """The contender of this name; all begin with the weights of one seed."""
    model = Transformer(plan.config)
    if name in ENGINES:
        how = {"dtype": plan.dtype, "device": str(device), **ENGINES[name]}
        how["compile"] = plan.backend if how.pop("compile", False) else "off"
        engine = Engine(model, TrainConfig(**how))
        return contender(engine.model, engine.gradient)
    model = model.to(device)
    if name == "llmath, compiled":
        return contender(model, bare(lambda x: model(x, impl="sdpa"), plan, device))
    other = theirs(model, "float32").requires_grad_(True)  # without dropout, as ours

    def logits(x: Tensor) -> Tensor:
        return other(x, use_cache=False).logits

    return contender(other, bare(logits, plan, device))


def bare(
    logits: Callable[[Tensor], Tensor], plan: Plan, device: torch.device
) -> Gradient:
    """Logits and loss as one compiled program, with nothing around it."""

    def mean_loss(x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(logits(x).float().flatten(0, 1), y.flatten())

    fast = torch.compile(mean_loss, backend=plan.backend, dynamic=False)

    def gradient(batch: Batch) -> Tensor:
        with autocast(device, float_type(plan.dtype)):
            loss = fast(*batch)
        loss.backward()
        return loss.detach()

    return gradient


def first(batch: Batch, B: int) -> Batch:
    return batch[0][:B], batch[1][:B]


def fitting(who: Contender, batch: Batch) -> int:
    """How many windows fit into memory: all of the batch, or half, or a quarter, …"""
    B = len(batch[0])
    while not fits(who, first(batch, B)):
        if B == 1:
            raise RuntimeError("not even a batch of one window fits into memory")
        B //= 2
    return B


def fits(who: Contender, batch: Batch) -> bool:
    """Two steps: the second has the optimizer's memory beside the activations."""
    try:
        for _ in range(2):
            who.step(batch)
        enough = True
    except torch.OutOfMemoryError:
        enough = False
    if not enough:
        torch.compiler.reset()  # a second size would be compiled for all sizes
    who.reset()  # behind the except: its error holds on to the activations
    return enough


def some_batch(plan: Plan, device: torch.device) -> Batch:
    shape = (plan.B, plan.config.context_length + 1)
    chance = seeded(0).torch("training")
    ids = torch.randint(plan.config.vocab_size, shape, generator=chance).to(device)
    return ids[:, :-1], ids[:, 1:]
