"""places in the model at which one can intervene"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from llmath.border import count, described, of_kind
from llmath.model import Transformer

# The activations that a part of a block passes on; those of "head" have a head axis.
PARTS = MappingProxyType(
    {
        "head": ("attn.z",),
        "attn": ("attn_out",),
        "mlp": ("mlp_out",),
        "block": ("attn_out", "mlp_out"),
        "stream": ("resid_post",),
    }
)


@dataclass(frozen=True)
class Site:
    """A part of one block, at one position or at all of them.

    >>> Site(13, head=8)                   # what head 13.8 brings home, everywhere
    >>> Site(13, "mlp", position=-1)       # what the block's MLP adds to the last token

    `part` is "head" (before W_O mixes the heads), "attn" or "mlp" (what is added to the
    residual stream), "block" (both), or "stream" (the residual stream after the block).

    A part that does not exist, and a head where there are none, raise a ValueError.
    """

    layer: int
    part: str = "head"
    head: int | None = None
    position: int | None = None

    def __post_init__(self) -> None:
        for name in ("layer", "head", "position"):
            value = getattr(self, name)
            if value is not None and type(value) is not int:
                raise ValueError(f"{name} is a whole number, got {described(value)}")
        if not isinstance(self.part, str) or self.part not in PARTS:
            raise ValueError(f"no part {self.part!r}; there is {', '.join(PARTS)}")
        if (self.part == "head") != (self.head is not None):
            raise ValueError(
                f"a site names a head if and only if it is one; got part="
                f"{self.part!r}, head={self.head}: Site({self.layer}, head=0)"
            )

    def names(self) -> list[str]:
        """The probes that it changes."""
        return [f"blocks.{self.layer}.{name}" for name in PARTS[self.part]]

    def index(self) -> tuple[int | slice, ...]:
        """Where in such an activation, (B, H, T, E) or (B, T, D), it is."""
        every = slice(None)
        position = every if self.position is None else self.position
        return (every, *(() if self.head is None else (self.head,)), position)


def head_sites(model: Transformer) -> list[Site]:
    """Every head of the model: layer by layer, L·H of them.

    What is no Transformer raises a ValueError.
    """
    of_kind(Transformer, model=model)
    layers, heads = range(model.config.n_layers), range(model.config.n_heads)
    return [Site(layer, head=head) for layer in layers for head in heads]


def position_sites(model: Transformer, n_tokens: int, part: str) -> list[Site]:
    """One part of every block at every position: layer by layer, L·T of them.

    An unknown part, and fewer than one token, raise a ValueError.
    """
    of_kind(Transformer, model=model)
    count(n_tokens=n_tokens)
    layers = range(model.config.n_layers)
    return [Site(n, part, position=t) for n in layers for t in range(n_tokens)]


def check_sites(model: Transformer, sites: Sequence[Site]) -> None:
    """Refuse sites that this model does not have, with what it has."""
    of_kind(Transformer, model=model)
    if not isinstance(sites, Sequence) or not sites:
        raise ValueError(f"say at which sites: at least one, in a list; got {sites!r}")
    for site in sites:
        of_kind(Site, site=site)
    limits = model.config.n_layers, model.config.n_heads
    for site in sites:
        if not 0 <= site.layer < limits[0] or not 0 <= (site.head or 0) < limits[1]:
            raise ValueError(
                f"{site} is not in this model of {limits[0]} layers with {limits[1]} "
                f"heads each, counted from 0"
            )


def overwrite(
    sites: Sequence[Site], value: Callable[[str, Tensor], Tensor]
) -> dict[str, Callable[[Tensor], Tensor]]:
    """For `replace`: at the sites, value(name, x) stands in for the activation x."""
    by_name: dict[str, list[Site]] = {}
    for site in sites:
        for name in site.names():
            by_name.setdefault(name, []).append(site)
    return {name: _writer(name, here, value) for name, here in by_name.items()}


def _writer(
    name: str, sites: list[Site], value: Callable[[str, Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    def write(x: Tensor) -> Tensor:
        T, new = x.shape[-2], value(name, x)
        for site in sites:
            if site.position is not None and not -T <= site.position < T:
                raise ValueError(f"{site} is outside a text of {T} tokens")
            x[site.index()] = new[site.index()]
        return x

    return write
