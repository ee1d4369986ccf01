"""keys and values of the tokens read so far

A token of a causal model never changes what came before it, so earlier keys and values
are kept instead of computed again: one new token costs one row of attention.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

New = Float[Tensor, "B G T E"]
All = Float[Tensor, "B G S E"]


class KVCache:
    """An empty cache; `model(ids, cache=cache)` reads it and adds to it.

    Room grows by doubling. A forward pass that fails half-way leaves the cache as it
    was: what a pass writes counts only from `commit` on.
    """

    def __init__(self) -> None:
        self._stores: list[Tensor] = []  # per layer: keys and values, (2 B G room E)
        self._positions: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self._positions is None else len(self._positions)

    @property
    def positions(self) -> Int[Tensor, " S"]:
        """Where the cached tokens stand, in the order in which they came."""
        if self._positions is None:
            return torch.empty(0, dtype=torch.long)
        return self._positions

    def extend(self, layer: int, k: New, v: New) -> tuple[All, All]:
        """Write new keys and values behind the old ones; return all of them."""
        if torch.is_grad_enabled() and (k.requires_grad or v.requires_grad):
            raise ValueError(
                "a cache holds values, not gradients: run under torch.no_grad(), "
                "or train without a cache"
            )
        start, end = len(self), len(self) + k.shape[2]
        store = self._room(layer, k, end)
        store[0, :, :, start:end] = k
        store[1, :, :, start:end] = v
        return store[0, :, :, :end], store[1, :, :, :end]

    def commit(self, positions: Int[Tensor, " T"]) -> None:
        """The pass is complete: its tokens, at these positions, are now remembered."""
        self._positions = torch.cat((self.positions.to(positions), positions))

    def _room(self, layer: int, k: New, end: int) -> Tensor:
        """This layer's store, with room for at least `end` tokens shaped like k."""
        if layer == len(self._stores):
            self._stores.append(k.new_empty(2, *k.shape[:2], 0, k.shape[3]))
        store = self._stores[layer]
        held, new = _kind(store[0]), _kind(k)
        if held != new:
            raise ValueError(
                f"the cache holds {held}; the new keys are {new}. One cache serves one "
                f"batch of one model: start a new one."
            )
        if store.shape[3] < end:
            room = max(end, 2 * store.shape[3])
            grown = k.new_empty(2, *k.shape[:2], room, k.shape[3])
            grown[:, :, :, : len(self)] = store[:, :, :, : len(self)]
            self._stores[layer] = grown
        return self._stores[layer]


def _kind(k: Tensor) -> str:
    B, G, _, E = k.shape
    return f"{k.dtype} on {k.device}: batch {B}, {G} heads of width {E}"
