"""ids → (x, y): at random to learn from, all in order to be judged by

A window of T + 1 ids makes T predictions: from the ids up to one place, the id at the
next. x is the window without its last id, y without its first.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor

from llmath.border import count, number, of_kind

Ids = Integer[np.ndarray, " n"]
Parts = tuple[Integer[np.ndarray, " train"], Integer[np.ndarray, " validation"]]
Batch = tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]


def split(ids: Ids, validation: float = 0.1) -> Parts:
    """(train, validation): the last part is kept back, and nothing is shuffled.

    Shuffled, windows of the one part would overlap with the other's. Both are views.

    A part outside (0, 1), or one that leaves nothing to either side, raises a
    ValueError.
    """
    _check_ids(ids)
    number(validation=validation)
    if not 0 < validation < 1:
        raise ValueError(f"the part kept back lies between 0 and 1, not {validation}")
    kept_back = round(len(ids) * validation)
    if not 0 < kept_back < len(ids):
        raise ValueError(
            f"{validation} of {len(ids)} ids leaves {len(ids) - kept_back} to learn "
            f"from and {kept_back} to be judged by: both parts need some"
        )
    return ids[:-kept_back], ids[-kept_back:]


def random_batch(ids: Ids, T: int, B: int, *, generator: np.random.Generator) -> Batch:
    """x_{bt} = id_{s_b + t},  y_{bt} = id_{s_b + t + 1}   {eq:random-batch}

    s_b uniform on 0 … n − T − 1.
    The starts are drawn with replacement and from the generator alone.

    A corpus shorter than T + 1 ids, and sizes below 1, raise a ValueError.
    """
    _check(ids, T, B)
    of_kind(np.random.Generator, generator=generator)
    return _pairs(ids, T, generator.integers(0, len(ids) - T, B))


def windows(ids: Ids, T: int, B: int) -> Iterator[Batch]:
    """All of it in order, once: every id but the first is the target exactly once.

    Windows lie side by side, B of them in a batch. What is left at the end comes last,
    as one shorter window. A mean over batches must weigh each by `y.numel()`.

    A corpus shorter than T + 1 ids, and sizes below 1, raise a ValueError.
    """
    _check(ids, T, B)
    return _windows(ids, T, B)


def _windows(ids: Ids, T: int, B: int) -> Iterator[Batch]:
    full, rest = divmod(len(ids) - 1, T)
    for first in range(0, full, B):
        yield _pairs(ids, T, T * np.arange(first, min(first + B, full)))
    if rest:
        yield _pairs(ids, rest, np.array([full * T]))


class Batches:
    """`random_batch` again and again, without end; the i-th follows from seed and i.

    So `batches[i]` can be asked for at any time, and two numbers are all there is to
    remember: `restore(state())` goes on as if nothing had happened.

    A corpus shorter than T + 1 ids, sizes below 1, a seed below 0 and a state that is
    none raise a ValueError.
    """

    def __init__(self, ids: Ids, T: int, B: int, *, seed: int) -> None:
        _check(ids, T, B)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"a seed is a whole number from 0 on, got {seed!r}")
        self.ids, self.T, self.B, self.seed, self.step = ids, T, B, seed, 0

    def __getitem__(self, i: int) -> Batch:
        if not isinstance(i, (int, np.integer)) or i < 0:
            raise ValueError(
                f"batches are counted from 0 on and have no end; got {i!r:.60}"
            )
        chance = np.random.SeedSequence(self.seed, spawn_key=(i,))
        generator = np.random.default_rng(chance)
        return random_batch(self.ids, self.T, self.B, generator=generator)

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Batch:
        batch = self[self.step]
        self.step += 1
        return batch

    def state(self) -> dict[str, Any]:
        """What `restore` needs: plain numbers, as JSON keeps them."""
        return self._kind() | {"step": self.step}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; refused where the batches would be others."""
        if not isinstance(state, dict) or state.keys() != self.state().keys():
            raise ValueError(f"a state has {sorted(self.state())}, not {state!r:.200}")
        kind = self._kind()
        if other := {n: state[n] for n in kind if state[n] != kind[n]}:
            mine = {name: kind[name] for name in other}
            raise ValueError(
                f"the state is of batches with {other}, these have {mine}: they would "
                f"not go on as before"
            )
        count(0, step=state["step"])
        self.step = state["step"]

    def _kind(self) -> dict[str, int]:
        n = len(self.ids)
        return {"n_ids": n, "T": self.T, "B": self.B, "seed": self.seed}


def _pairs(ids: Ids, T: int, starts: Integer[np.ndarray, " B"]) -> Batch:
    """(x, y) of the windows that begin there."""
    every = np.lib.stride_tricks.sliding_window_view(np.asarray(ids), T)  # no copy
    x, y = (torch.from_numpy(every[s].astype(np.int64)) for s in (starts, starts + 1))
    return x, y


def _check(ids: Ids, T: int, B: int) -> None:
    _check_ids(ids)
    for n in (T, B):
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(
                f"a batch has windows of 1 id and more: got T={T!r}, B={B!r}"
            )
    if len(ids) < T + 1:
        raise ValueError(
            f"{len(ids)} ids are too few for a context of T={T}, which needs {T + 1} "
            f"(T to read and one more to predict): choose T ≤ {len(ids) - 1}, or a "
            f"longer text"
        )


def _check_ids(ids: Ids) -> None:
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"ids are one row of whole numbers in NumPy, got {_described(ids)}; "
            f"of a list: np.array(ids)"
        )


def _described(ids: Any) -> str:
    if isinstance(ids, np.ndarray):
        return f"{ids.dtype} of shape {ids.shape}"
    return type(ids).__name__
