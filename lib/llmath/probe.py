"""named activations, read while the model runs

A `Probe` is the identity with a name. Models pass every tensor worth looking at through
one; `record` listens at the probes that are asked for and at no others, and `replace`
puts another tensor in the place of what passes.

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

Replacement = Tensor | Callable[[Tensor], Tensor]

_BLOCK = re.compile(r"^blocks\.\d+\.")


class Probe(nn.Module):
    """x ↦ x: a place in the model where an activation can be read, or changed."""

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

    A name that was not recorded, or through which nothing passed, raises a ValueError
    that says why.
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


@contextmanager
def replace(
    model: nn.Module, replacements: Mapping[str, Replacement]
) -> Iterator[None]:
    """Inside the block, what these probes pass on is another tensor.

    >>> with replace(model, {"blocks.3.attn.z": lambda z: 0 * z}):
    ...     model(ids)                       # no head of block 3 brings anything home

    Names or patterns, as for `record`. A function is given (a copy of) the activation,
    which it may change in place, and gives one of the same shape, dtype and device; a
    tensor stands in as it is, and must have all three too. Gradients flow through
    either. A replacement that nothing has asked for at the end of the block raises a
    ValueError, because whatever was measured there was not its effect.

    Blocks nest, and act from the outermost inwards: a `record` around a `replace` sees
    what the model computed there, a `record` inside it sees what was put in its place,
    and of two replacements the inner one is given the outer one's result.
    """
    probes = dict(_probes(model))
    chosen = _chosen(list(probes), replacements)
    calls = dict.fromkeys(chosen, 0)
    with ExitStack() as hooks:
        for name, new in chosen.items():
            handle = probes[name].register_forward_hook(_put(name, new, calls))
            hooks.callback(handle.remove)
        yield
    if unused := [name for name, n in calls.items() if not n]:
        raise ValueError(
            f"replaced, but nothing has passed through: {_some(unused)}. Did the model "
            f"run inside the `with` block? The scores and the pattern exist only with "
            f'impl="explicit".'
        )


def _chosen(
    names: list[str], replacements: Mapping[str, Replacement]
) -> dict[str, Replacement]:
    """Which probe gets which replacement: each one at most."""
    if not replacements or not isinstance(replacements, Mapping):
        raise ValueError(f"say what to replace; there is {_some(names)}")
    chosen: dict[str, Replacement] = {}
    asked: dict[str, str] = {}
    for pattern, new in replacements.items():
        if not (isinstance(new, Tensor) or callable(new)):
            raise ValueError(
                f"{pattern!r} can be replaced by a tensor, or by a function of the "
                f"activation; got {new!r:.40}"
            )
        for name in _matching(names, pattern):
            if name in chosen:
                raise ValueError(
                    f"{name!r} is matched by {asked[name]!r} and by {pattern!r}; to "
                    f"apply one replacement after the other, nest two blocks"
                )
            chosen[name], asked[name] = new, pattern
    return chosen


def _put(name: str, new: Replacement, calls: dict[str, int]) -> Callable[..., Tensor]:
    def hook(module: nn.Module, args: tuple[Tensor, ...], old: Tensor) -> Tensor:
        calls[name] += 1
        result = new if isinstance(new, Tensor) else new(old.clone())
        if not isinstance(result, Tensor):
            raise ValueError(
                f"the replacement of {name!r} returned {result!r:.40}; the model needs "
                f"a tensor"
            )
        needed, got = _kind(old), _kind(result)
        if got != needed:
            raise ValueError(
                f"{name!r} needs {needed}; its replacement is {got}. A tensor fits one "
                f"shape alone; a function serves every one."
            )
        return result

    return hook


def _kind(x: Tensor) -> str:
    return f"{tuple(x.shape)} of {x.dtype} on {x.device}"


def _listen(activations: Activations, name: str) -> Callable[..., None]:
    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        activations._seen[name] = output.detach()

    return hook


def _probes(model: nn.Module) -> list[tuple[str, Probe]]:
    if not isinstance(model, nn.Module):
        raise ValueError(f"a model is an nn.Module, got {model!r:.40}")
    return [(n, m) for n, m in model.named_modules() if isinstance(m, Probe)]


def _matching(names: list[str], pattern: str) -> list[str]:
    named = isinstance(pattern, str)
    chosen = [name for name in names if named and fnmatchcase(name, pattern)]
    if not chosen:
        raise ValueError(f"no probe matches {pattern!r}; there is {_some(names)}")
    return chosen


def _some(names: list[str]) -> str:
    """A readable list: blocks repeat their names, so each is shown once, with a `*`."""
    shown = names if len(names) <= 40 else [_BLOCK.sub("blocks.*.", n) for n in names]
    return ", ".join(dict.fromkeys(shown)) or "none at all"
