"""one run in several processes: each computes its rows of the same batch

Started by `torchrun`, which tells every process its number and how many there are. The
gradients are added up before the update, so that all make the same one; the first alone
writes files.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from llmath.border import count, of_kind

_TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@dataclass(frozen=True)
class Processes:
    """How many processes make this run, and which of them this one is.

    A number that is not below how many there are raises a ValueError.
    """

    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        count(world=self.world)
        count(0, rank=self.rank)
        if self.rank >= self.world:
            raise ValueError(f"of {self.world} processes none is number {self.rank}")

    @property
    def first(self) -> bool:
        """Whether this one writes the files."""
        return self.rank == 0

    def mine(self, parts: list) -> list:
        """This process's share of what comes in equally many parts for each."""
        each = len(parts) // self.world
        return parts[self.rank * each : (self.rank + 1) * each]

    def total(self, value: float, device: torch.device) -> float:
        """The sum over all processes, in float64 where the device has it."""
        if self.world == 1:
            return value
        dtype = torch.float32 if device.type == "mps" else torch.float64
        summed = torch.tensor(value, dtype=dtype, device=device)
        dist.all_reduce(summed)
        return summed.item()

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether one of the processes says yes."""
        return self.total(float(flag), device) > 0

    def wait(self) -> None:
        """Until all have come this far."""
        if self.world > 1:
            dist.barrier()

    def together(self, model: nn.Module) -> nn.Module:
        """The model, averaging its gradients over the processes when they are made."""
        of_kind(nn.Module, model=model)
        return model if self.world == 1 else DistributedDataParallel(model)


ALONE = Processes()


@contextmanager
def launched(device: str = "auto") -> Iterator[tuple[Processes, str]]:
    """The processes that torchrun started, and this one's device; alone without it.

    Within, they are connected: by NCCL between GPUs, each process with its own, by Gloo
    between processors.

    An environment that tells only half of what is needed raises a ValueError.
    """
    told = {name: os.environ[name] for name in _TOLD if name in os.environ}
    if not told:
        yield ALONE, device
        return
    if missing := [name for name in _TOLD if name not in told]:
        raise ValueError(
            f"the environment sets {', '.join(told)} but not {', '.join(missing)}: "
            f"start several processes by torchrun"
        )
    rank, world, local = (_whole(name, told[name]) for name in _TOLD)
    asked = device == "auto" or device.startswith("cuda")
    gpus = asked and torch.cuda.is_available()
    if gpus:
        torch.cuda.set_device(local)
    options: dict[str, Any] = {"rank": rank, "world_size": world}
    dist.init_process_group("nccl" if gpus else "gloo", **options)
    try:
        yield Processes(rank, world), f"cuda:{local}" if gpus else device
    finally:
        dist.destroy_process_group()


def _whole(name: str, value: str) -> int:
    if not value.isdecimal():
        raise ValueError(f"{name}={value!r} should be a whole number: use torchrun")
    return int(value)
