"""keys and values of the tokens read so far

A token of a causal model never changes what came before it, so earlier keys and values
are kept instead of computed again: one new token costs one row of attention.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from llmath.border import count, floats, wholes
from llmath.embedding import PADDING

New = Float[Tensor, "B G T E"]
All = Float[Tensor, "B G S E"]


class KVCache:
    """An empty cache; `model(ids, cache=cache)` reads it and adds to it.

    Room grows by doubling. A forward pass that fails half-way leaves the cache as it
    was: what a pass writes counts only from `commit` on.

    Keys of another batch, model, type or device, and keys with gradients, raise a
    ValueError.
    """

    def __init__(self) -> None:
        self._stores: list[Tensor] = []  # per layer: keys and values, (2 B G room E)
        self._positions: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self._positions is None else self._positions.shape[-1]

    @property
    def positions(self) -> Int[Tensor, "*rows S"]:
        """Where the cached tokens stand, in the order in which they came.

        One list for all rows of the batch, or one for each, as they were committed.
        """
        if self._positions is None:
            return torch.empty(0, dtype=torch.long)
        return self._positions

    def extend(self, layer: int, k: New, v: New) -> tuple[All, All]:
        """Write new keys and values behind the old ones; return all of them."""
        self._check_new(layer, k, v)
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

    def followed_by(self, positions: Int[Tensor, "*new T"]) -> Int[Tensor, "*rows S"]:
        """Where the cached tokens stand and, behind them, new ones."""
        old = self.positions.to(positions)
        if old.ndim == positions.ndim == 1:
            return torch.cat((old, positions))
        rows = torch.broadcast_shapes(old.shape[:-1], positions.shape[:-1])
        return torch.cat([p.expand(*rows, -1) for p in (old, positions)], dim=-1)

    def next_position(self) -> Int[Tensor, "*rows"]:
        """The position behind the last cached token, of each row where they differ."""
        if not len(self):
            return torch.tensor(0)
        return self.positions.where(self.positions != PADDING, -1).amax(-1) + 1

    def commit(self, positions: Int[Tensor, "*rows T"]) -> None:
        """The pass is complete: its tokens, at these positions, are now remembered."""
        wholes(positions=positions)
        self._positions = self.followed_by(positions)

    def select(self, rows: Int[Tensor, " B"]) -> None:
        """Keep these rows of the batch, in this order; one may be taken repeatedly."""
        wholes(rows=rows)
        B = self._stores[0].shape[1] if self._stores else 0
        if rows.ndim != 1 or ((rows < 0) | (rows >= B)).any():
            raise ValueError(
                f"rows are some of 0 … {B - 1} of the batch; got {rows.tolist()!r:.60}"
            )
        self._stores = [store[:, rows] for store in self._stores]
        if self.positions.ndim > 1:
            self._positions = self.positions[rows]

    def _check_new(self, layer: int, k: New, v: New) -> None:
        count(0, layer=layer)
        floats(k=k, v=v)
        if k.ndim != 4 or k.shape != v.shape or k.dtype != v.dtype:
            raise ValueError(
                f"every key needs one value, both (B, G, T, E) of one dtype; got "
                f"{tuple(k.shape)} of {k.dtype} and {tuple(v.shape)} of {v.dtype}"
            )
        if layer > len(self._stores):
            raise ValueError(
                f"layers come in order: the next is {len(self._stores)}, not {layer}"
            )

    def _room(self, layer: int, k: New, end: int) -> Tensor:
        """This layer's store, with room for at least `end` tokens shaped like k."""
        if layer == len(self._stores):
            self._stores.append(k.new_empty(2, *k.shape[:2], 0, k.shape[3]))
        store = self._stores[layer]
        if _kind(store[0]) != _kind(k):
            raise ValueError(
                f"the cache holds {_described(store[0])}; the new keys are "
                f"{_described(k)}. One cache serves one batch of one model: start a "
                f"new one."
            )
        if store.shape[3] < end:
            room = max(end, 2 * store.shape[3])
            grown = k.new_empty(2, *k.shape[:2], room, k.shape[3])
            grown[:, :, :, : len(self)] = store[:, :, :, : len(self)]
            self._stores[layer] = grown
        return self._stores[layer]


def _kind(k: Tensor) -> tuple[object, ...]:
    return k.dtype, k.device, k.shape[:2], k.shape[3]


def _described(k: Tensor) -> str:
    B, G, _, E = k.shape
    return f"{k.dtype} on {k.device}: batch {B}, {G} heads of width {E}"
