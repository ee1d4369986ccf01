"""settings → how this model is computed here: device, type, kernels, processes"""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor

from llmath.border import of_kind
from llmath.gradient import NotFinite, clip_by_global_norm
from llmath.model import Transformer
from llmath.runtime import autocast, can_compute, choose_device, float_type
from llmath.train.distributed import ALONE, Processes
from llmath.train.settings import TrainConfig
from llmath.train.step import Batch, accumulate, fused_kernels, in_parts, recomputing


def choose(config: TrainConfig) -> tuple[torch.device, torch.dtype]:
    """The device of these settings, and the type that it computes in.

    A device that is not there, and a type it cannot compute in, raise a ValueError.
    """
    device, dtype = choose_device(config.device), float_type(config.dtype)
    if not can_compute(device, dtype):
        raise ValueError(
            f"{device} cannot compute in {config.dtype}: choose another dtype"
        )
    return device, dtype


class Engine:
    """Computes gradients and losses of one model as the settings say.

    What `choose` refuses raises a ValueError.
    """

    def __init__(
        self, model: Transformer, config: TrainConfig, *, processes: Processes = ALONE
    ) -> None:
        of_kind(Transformer, model=model)
        self.config, self.processes = config, processes
        self.device, self.dtype = choose(config)
        wide = torch.promote_types(self.dtype, torch.float32)
        self.model = model.to(self.device, wide)
        self.parallel = processes.together(self.model)
        self.training = self.parallel
        if config.compile != "off":
            self.training = torch.compile(self.parallel, backend=config.compile)
        # Made once: another one at every step would be compiled at every step.
        self.recomputed = recomputing(
            self.model.blocks if config.activation_checkpointing else []
        )
        half = self.dtype == torch.float16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=half)
        self.fuses = config.kernels == "fused" and config.compile == "off"
        self._impl = "explicit" if config.kernels == "explicit" else "sdpa"

    def forward(self, ids: Tensor) -> Tensor:
        """Logits, as they are computed when nothing is learnt from them."""
        with self.lower():
            return self.model(ids, impl=self._impl)

    def lower(self) -> AbstractContextManager[None]:
        """Within: matrix products in the type of the settings."""
        if self.dtype == torch.float64:
            return nullcontext()  # the weights are in float64 themselves
        return autocast(self.device, self.dtype)

    @contextmanager
    def kernels(self) -> Iterator[None]:
        """Within: norms and activations by the kernels that the settings ask for.

        A compiled model keeps its formulas, whatever they ask for: torch.compile makes
        fused kernels of those itself, and cannot look into PyTorch's own.
        """
        c = self.model.config
        norm = None if c.norm_position == "none" else c.norm
        with ExitStack() as stack:
            if self.fuses:
                stack.enter_context(fused_kernels(norm, c.mlp))
            yield

    def gradient(self, batch: Batch) -> float:
        """Adds the gradient of the whole batch, over all processes; returns the loss.

        A batch with fewer windows than there are parts raises a ValueError.
        """
        world = self.processes.world
        parts = in_parts(batch, world * self.config.accumulate)
        mine = [
            (x.to(self.device), y.to(self.device))
            for x, y in self.processes.mine(parts)
        ]
        n = batch[1].numel()
        with self.kernels(), self.recomputed:
            within = partial(self._part, last=len(mine) - 1)
            loss = accumulate(
                self._logits, mine, n=n, scale=self._scaled, within=within
            )
        return self.processes.total(loss.item(), self.device)

    def _logits(self, ids: Tensor) -> Tensor:
        with self.lower():
            return self.training(ids, impl=self._impl)

    def _scaled(self, loss: Tensor) -> Tensor:
        """Float16's scale; and processes are averaged where they should be added."""
        return self.scaler.scale(loss * self.processes.world)

    def _part(self, part: int, *, last: int) -> AbstractContextManager:
        """Gradients go to the other processes once, after the last part."""
        quiet = self.processes.world > 1 and part < last
        return self.parallel.no_sync() if quiet else nullcontext()

    def update(self, optimizer: torch.optim.Optimizer) -> float | None:
        """Clips and makes the update; the norm before clipping.

        Of float16 the scale may have been too large: then nothing is updated, the scale
        is halved, and the norm is None. A norm that is not finite for another reason
        raises a NotFinite, a ValueError, and nothing is updated.
        """
        limit = math.inf if self.config.clip is None else self.config.clip
        self.scaler.unscale_(optimizer)
        try:
            norm = clip_by_global_norm(self.model.parameters(), limit)
        except NotFinite as error:
            scaled = self.scaler.is_enabled() and self.scaler.get_scale() >= 1
            if not scaled or not error.where:  # the norm alone: nothing is left out
                raise
            norm = None
        self.scaler.step(optimizer)  # leaves out what is not finite
        self.scaler.update()
        optimizer.zero_grad()
        return norm
