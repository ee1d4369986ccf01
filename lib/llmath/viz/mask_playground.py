"""queries, keys, values of a few tokens → what a mask and an order do to attention

The JavaScript computes attention itself on these small tensors; `shown` does the same
with the library's functions, for whatever state the reader has set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import traitlets

from llmath.viz.attention_explorer import label
from llmath.viz.live import LiveFigure

if TYPE_CHECKING:
    from torch import Tensor

MASKS = ("none", "causal", "window", "prefix", "padding")
PLACES = "0123456789ab"  # a token each: an order of tokens is a word of these
WORDS = ("The", " dog", " chased", " a", " small", " cat")


class Shown(NamedTuple):
    """What the figure shows, place by place in the order chosen."""

    weights: Tensor  # T T
    outputs: Tensor  # T E
    change: Tensor  # T: max |Δ| of the token's output against the first order
    pairs: int  # that the mask leaves


def checked(tokens: Sequence[str], tensors: dict[str, Any]) -> dict[str, np.ndarray]:
    """q, k, v as float32 of one shape (T, E); ValueError with the shapes otherwise."""
    arrays = {n: np.asarray(x, np.float32) for n, x in tensors.items()}
    shapes = {n: a.shape for n, a in arrays.items()}
    if not 2 <= len(tokens) <= len(PLACES):
        raise ValueError(
            f"{len(tokens)} tokens; the playground has room for 2 to {len(PLACES)}"
        )
    width = arrays["q"].shape[-1] if arrays["q"].ndim else 0
    if width % 2 or width == 0 or set(shapes.values()) != {(len(tokens), width)}:
        raise ValueError(
            f"{len(tokens)} tokens need q, k and v of one shape ({len(tokens)}, E) "
            f"with an even E, not {shapes}"
        )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has entries that are NaN or infinite")
    return arrays


def read(
    model: Any, tokenizer: Any, sentence: str, layer: int, head: int
) -> tuple[list[str], dict[str, np.ndarray]]:
    """One head's tokens and its q, k, v before any rotation, each (T, E)."""
    import torch

    from llmath.probe import record
    from llmath.rope import rope

    config = model.config
    if not (0 <= layer < config.n_layers and 0 <= head < config.n_heads):
        raise ValueError(
            f"head {layer}.{head}: the model has layers 0 … {config.n_layers - 1} of "
            f"heads 0 … {config.n_heads - 1}"
        )
    if config.position != "rope":
        raise ValueError(
            f'this model has position="{config.position}": its heads do not turn q and '
            "k by position. Give MaskPlayground its q, k, v yourself."
        )
    ids = tokenizer.encode(sentence)
    device = next(model.parameters()).device
    with torch.no_grad(), record(model, f"blocks.{layer}.attn.[qkv]") as acts:
        model(torch.tensor([ids], device=device))
    shared = head // (config.n_heads // config.n_kv_heads)
    found = {}
    for name, place in (("q", head), ("k", shared), ("v", shared)):
        x = acts[f"blocks.{layer}.attn.{name}"][0, place].double().cpu()
        if name != "v":  # turning back by −t leaves what was there before the rotation
            x = rope(x, -torch.arange(len(ids)), base=config.rope_base)
        found[name] = x.numpy()
    return tokenizer.tokens(ids), found


class MaskPlayground(LiveFigure):
    """A few tokens under a mask and in an order of the reader's, with RoPE or without.

    q, k and v (T, E) stay each token's own while it is moved. The state can be set from
    Python too: `mask` (one of MASKS), `window` and `prefix` (how many positions), `pad`
    and `token` (the padding and the chosen token, by their first place), `order` (a
    word such as "021345": which token stands where) and `positions` (RoPE on or off).
    """

    module = "mask_playground"
    height = 720
    linked = ("mask", "window", "prefix", "pad", "order", "positions", "token")
    labels = traitlets.List().tag(sync=True)
    tensors = traitlets.Bytes().tag(sync=True)  # q, k, v: float32, little-endian
    base = traitlets.Float(10_000.0).tag(sync=True)
    about = traitlets.Unicode().tag(sync=True)  # where the numbers come from
    order = traitlets.Unicode().tag(sync=True)
    mask = traitlets.Enum(MASKS, "causal").tag(sync=True)
    window = traitlets.Int(2).tag(sync=True)
    prefix = traitlets.Int(2).tag(sync=True)
    pad = traitlets.Int(0).tag(sync=True)
    token = traitlets.Int(0).tag(sync=True)
    positions = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, tokens: Sequence[str], q: Any, k: Any, v: Any, **kwargs: Any
    ) -> None:
        arrays = checked(tokens, {"q": q, "k": k, "v": v})
        kwargs.setdefault("order", PLACES[: len(tokens)])
        kwargs.setdefault("alt", self.description(tokens))
        kwargs.setdefault("token", len(tokens) - 1)
        packed = b"".join(arrays[n].astype("<f4").tobytes() for n in "qkv")
        labels = [label(token, place) for place, token in enumerate(tokens)]
        super().__init__(labels=labels, tensors=packed, **kwargs)

    @classmethod
    def from_seed(
        cls, tokens: Sequence[str] = WORDS, *, width: int = 8, seed: int = 0, **kw: Any
    ) -> MaskPlayground:
        """Standard normal q, k and v: they mean nothing, the masks do."""
        q, k, v = np.random.default_rng(seed).normal(size=(3, len(tokens), width))
        about = f"q, k, v: standard normal, width {width}, seed {seed}"
        return cls(tokens, q, k, v, about=about, **kw)

    @classmethod
    def from_model(
        cls, model: Any, tokenizer: Any, sentence: str, layer: int, head: int, **kw: Any
    ) -> MaskPlayground:
        """q, k, v of a real head, as it computes them from the sentence."""
        tokens, found = read(model, tokenizer, sentence, layer, head)
        width = found["q"].shape[-1]
        about = f"q, k, v: head {layer}.{head} on “{sentence}”, width {width}"
        return cls(tokens, **found, base=model.config.rope_base, about=about, **kw)

    @staticmethod
    def description(tokens: Sequence[str]) -> str:
        return (
            f"Mask playground: attention among {len(tokens)} tokens, whose order, mask "
            "and positions you choose; the weights, and how far each output moves."
        )

    def shown(self) -> Shown:
        """The state as it is now, computed with `llmath.attention` in float64."""
        first = self._attend(PLACES[: len(self.labels)])
        weights, outputs, mask = self._attend(self.order)
        places = [PLACES.index(c) for c in self.order]
        change = (outputs - first[1][places]).abs().amax(-1)
        return Shown(weights, outputs, change, int(mask.sum()))

    def _attend(self, order: str) -> tuple[Tensor, Tensor, Tensor]:
        import torch

        from llmath.attention import attention, attention_weights
        from llmath.rope import rope

        size, at = len(order), [PLACES.index(c) for c in order]
        raw = np.frombuffer(self.tensors, "<f4").reshape(3, 1, 1, size, -1)
        q, k, v = torch.from_numpy(raw[..., at, :]).double()
        if self.positions:
            q, k = (rope(x, torch.arange(size), base=self.base) for x in (q, k))
        mask = self._allowed(at)
        weights = attention_weights(q, k, mask)[0, 0]
        return weights, attention(q, k, v, mask)[0, 0], mask

    def _allowed(self, at: list[int]) -> Tensor:
        """True where a query (row) may look at a key; padding goes with its token."""
        import torch

        from llmath.attention import causal_mask, sliding_window_mask

        place = torch.arange(len(at))
        causal = causal_mask(place, place)
        return {
            "none": torch.ones_like(causal),
            "causal": causal,
            "window": sliding_window_mask(place, place, self.window),
            "prefix": causal | (place < self.prefix),
            "padding": (torch.tensor(at) != self.pad).expand(len(at), -1),
        }[self.mask]

    def choices(self, name: str) -> Any:
        tokens = len(self.labels)
        widths = list(range(1, tokens + 1))
        known = {"window": widths, "prefix": widths, "pad": tokens, "token": tokens}
        known["order"] = PLACES[:tokens]
        return known[name] if name in known else super().choices(name)

    @traitlets.validate("window", "prefix", "pad", "token")
    def _within(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        first = 1 if name in ("window", "prefix") else 0
        last = len(self.labels) - 1 + first
        if not first <= value <= last:
            raise ValueError(f"{name} = {value}: it goes from {first} to {last}")
        return value

    @traitlets.validate("order")
    def _permutation(self, proposal: dict[str, Any]) -> str:
        places = PLACES[: len(self.labels)]
        if sorted(proposal["value"]) != sorted(places):
            raise ValueError(
                f"order = {proposal['value']!r}: each of {places!r} once, as in "
                f"{places[::-1]!r}"
            )
        return proposal["value"]
