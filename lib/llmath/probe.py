"""named activations, read while the model runs

A `Probe` is the identity with a name. Models pass every tensor worth looking at through
one; `record` listens at the probes that are asked for and at no others.

>>> with record(model, "blocks.*.attn.pattern") as acts:
...     model(ids)
>>> acts["blocks.3.attn.pattern"].shape          # (B, H, T, S)
>>> acts.stack("blocks.*.attn.pattern").shape    # (L, B, H, T, S)
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

_BLOCK = re.compile(r"^blocks\.\d+\.")


class Probe(nn.Module):
    """x ↦ x: a place in the model where an activation can be read, or changed.

    A forward hook that returns a tensor replaces the activation from here on.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x


def unobserved(name: str, x: Tensor) -> Tensor:
    """The probe of a function that is called on its own: nobody listens."""
    return x


def names(model: nn.Module) -> list[str]:
    """The name of every probe in the model, in the order in which they were built."""
    return [name for name, _ in _probes(model)]


class Activations(Mapping):
    """The tensors seen by the probes that `record` was asked for.

    Each holds the *latest* forward pass of the block, detached. A probe through which
    nothing has passed is listed among the names; reading it explains why it is empty.
    """

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._seen: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name in self._seen:
            return self._seen[name]
        if name not in self._names:
            raise ValueError(
                f"no activation {name!r} was recorded; recorded: {_some(self._names)}"
            )
        raise ValueError(
            f"{name!r} was asked for, but nothing has passed through it. Has the model "
            f"run inside the `with` block? The scores and the pattern exist only with "
            f'impl="explicit"; no other path forms them.'
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def stack(self, pattern: str) -> Tensor:
        """All recorded activations whose name matches, stacked along a new axis 0."""
        chosen = _matching(self._names, pattern)
        tensors = [self[name] for name in chosen]
        shapes = {tuple(t.shape) for t in tensors}
        if len(shapes) > 1:
            raise ValueError(
                f"{pattern!r} matches activations of different shapes, which do not "
                f"stack: {sorted(shapes)}"
            )
        return torch.stack(tensors)


@contextmanager
def record(model: nn.Module, *patterns: str) -> Iterator[Activations]:
    """Listen at every probe whose name matches; `*` stands for anything.

    Names, or patterns that match no name, raise a ValueError that lists the names.
    """
    probes = dict(_probes(model))
    if not patterns:
        raise ValueError(f"say what to record; there is {_some(list(probes))}")
    chosen = dict.fromkeys(n for p in patterns for n in _matching(list(probes), p))
    activations = Activations(list(chosen))
    with ExitStack() as hooks:
        for name in chosen:
            handle = probes[name].register_forward_hook(_listen(activations, name))
            hooks.callback(handle.remove)
        yield activations


def _listen(activations: Activations, name: str) -> Callable[..., None]:
    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        activations._seen[name] = output.detach()

    return hook


def _probes(model: nn.Module) -> list[tuple[str, Probe]]:
    return [(n, m) for n, m in model.named_modules() if isinstance(m, Probe)]


def _matching(names: list[str], pattern: str) -> list[str]:
    chosen = [name for name in names if fnmatchcase(name, pattern)]
    if not chosen:
        raise ValueError(f"no probe matches {pattern!r}; there is {_some(names)}")
    return chosen


def _some(names: list[str]) -> str:
    """A readable list: blocks repeat their names, so each is shown once, with a `*`."""
    shown = names if len(names) <= 40 else [_BLOCK.sub("blocks.*.", n) for n in names]
    return ", ".join(dict.fromkeys(shown)) or "none at all"
