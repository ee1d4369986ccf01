"""what autograd keeps until the backward pass"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass
class Saved:
    """What autograd keeps until the backward pass, counted while it is kept."""

    bytes: int = 0


@contextmanager
def saved_for_backward(besides: "Iterable[torch.Tensor]" = ()) -> Iterator[Saved]:
    """Bytes that autograd saves within, each storage once, `besides` left out.

    With the weights left out, what remains are the activations of a training step:

    >>> with saved_for_backward(model.parameters()) as saved:
    ...     loss = cross_entropy(model(x), y)
    >>> saved.bytes

    What is no tensor among `besides` raises a ValueError.
    """
    from torch.autograd.graph import saved_tensors_hooks

    saved, seen = Saved(), {}  # storages are held, so that no address comes twice
    for tensor in besides:
        if not hasattr(tensor, "untyped_storage"):
            raise ValueError(f"besides are tensors, got {tensor!r:.60}")
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()

    def keep(tensor: "torch.Tensor") -> "torch.Tensor":
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen[storage.data_ptr()] = storage
            saved.bytes += storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        yield saved
