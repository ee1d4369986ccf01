"""ids → logits"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from llmath.attention import Mask, causal_mask, is_triangle, sliding_window_mask
from llmath.block import Block
from llmath.border import count, floats, of_kind, tensors
from llmath.cache import KVCache
from llmath.config import ModelConfig
from llmath.embedding import PADDING, Embedding, build_positions
from llmath.norm import build_norm
from llmath.rope import Turns, rope_turns


class Transformer(nn.Module):
    """A decoder-only transformer, built from one frozen configuration.

    z = norm(x) W_U behind the last block   {eq:logits}; Radford et al. 2019, §2.3

    New weights are drawn from `seed` alone: the same seed is the same model
    {eq:initialisation}.

    The last norm belongs to pre-norm, whose stream nothing else keeps at one length.

    Ids outside the vocabulary, and positions outside the context, raise a ValueError.
    """

    def __init__(self, config: ModelConfig, *, seed: int = 0) -> None:
        super().__init__()
        of_kind(ModelConfig, config=config)
        count(0, seed=seed)
        self.config = config
        with torch.random.fork_rng(devices=[]):  # PyTorch's layers draw when made
            self.embedding = Embedding(config.vocab_size, config.d_model)
            self.position_embedding = build_positions(config)
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
            pre = config.norm_position == "pre"
            self.norm = build_norm(config) if pre else nn.Identity()
            if not config.tie_embeddings:
                self.unembedding = nn.Linear(
                    config.d_model, config.vocab_size, bias=False
                )
        self._initialise(torch.Generator().manual_seed(seed))

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        *,
        positions: Int[Tensor, "*rows T"] | None = None,
        cache: KVCache | None = None,
        impl: str = "explicit",
    ) -> Float[Tensor, "B T V"]:
        """Logits for the token after each of these.

        `positions` count on from the cache (from 0 without one) unless they are given:
        (T) for all rows of the batch, or (B, T), where tokens that only fill up a row
        stand at `embedding.PADDING` and change nothing for the others. With a cache,
        `ids` are only the tokens that it does not hold yet.
        """
        x = self.residual(ids, positions=positions, cache=cache, impl=impl)
        return self.unembed(x)

    def residual(
        self,
        ids: Int[Tensor, "B T"],
        *,
        positions: Int[Tensor, "*rows T"] | None = None,
        cache: KVCache | None = None,
        impl: str = "explicit",
    ) -> Float[Tensor, "B T D"]:
        """The residual stream after the last block, before the last norm."""
        self._check_input(ids, cache)
        plain = positions is None and cache is None and self.config.window is None
        known = plain and torch.compiler.is_compiling()  # where no values are known
        positions = self._positions(ids, positions, cache)
        mask = self._mask(positions, cache)
        x = self.embedding(ids)
        if self.position_embedding is not None:
            x = self.position_embedding(x, positions)
        once = {  # the same for all layers
            "turns": self._turns(positions, x.dtype),
            "triangle": impl == "sdpa" and (known or is_triangle(mask)),
        }
        for i, block in enumerate(self.blocks):
            x = block(x, positions, mask, impl=impl, cache=cache, layer=i, **once)
        if cache is not None:
            cache.commit(positions)
        return x

    def unembed(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch V"]:
        """logits = norm(x) W_U; of an earlier layer's residual, the "logit lens"."""
        table = self.embedding if self.config.tie_embeddings else self.unembedding
        floats(x=x)
        tensors(weights=table.weight, x=x)
        if x.dtype != table.weight.dtype:
            raise ValueError(f"the weights are {table.weight.dtype}, x is {x.dtype}")
        return nn.functional.linear(self.norm(x), table.weight)

    def _check_input(self, ids: Tensor, cache: KVCache | None) -> None:
        tensors(weights=self.embedding.weight, ids=ids)
        if ids.ndim != 2 or not ids.numel():
            raise ValueError(
                f"ids need the shape (batch, tokens), with at least one token; got "
                f"{tuple(ids.shape)}. For one text: torch.tensor([encode(text)])"
            )
        if cache is not None:
            of_kind(KVCache, cache=cache)

    def _mask(self, positions: Tensor, cache: KVCache | None) -> Mask:
        seen = positions if cache is None else cache.followed_by(positions)
        positions = positions.expand(*seen.shape[:-1], -1)
        if self.config.window is None:
            mask = causal_mask(positions, seen)
        else:
            mask = sliding_window_mask(positions, seen, self.config.window)
        return mask if mask.ndim == 2 else mask[:, None]  # the same for every head

    def _turns(self, positions: Tensor, dtype: torch.dtype) -> Turns | None:
        c = self.config
        if c.position != "rope":
            return None
        wide = torch.promote_types(dtype, torch.float32)
        how = {"base": c.rope_base, "scaling": c.rope_scaling, "dtype": wide}
        return rope_turns(positions, c.d_head, **how)

    def _positions(
        self, ids: Tensor, positions: Tensor | None, cache: KVCache | None
    ) -> Int[Tensor, "*rows T"]:
        """Where these tokens stand; refuses positions that the model cannot mean."""
        T, limit = ids.shape[1], self.config.context_length
        start = torch.tensor(0) if cache is None else cache.next_position()
        if positions is None:
            end = T if cache is None else int(start.max()) + T
            if end > limit:
                raise ValueError(f"{end} tokens exceed the model's context of {limit}")
            counted = torch.arange(T, device=ids.device)
            return (
                counted if cache is None else start.to(ids.device)[..., None] + counted
            )
        of_kind(Tensor, positions=positions)
        integer = positions.dtype in (torch.int64, torch.int32)
        if positions.shape not in ((T,), ids.shape) or not integer or positions.is_meta:
            raise ValueError(
                f"positions need one whole number for each of the {T} tokens; got "
                f"shape {tuple(positions.shape)}, {positions.dtype}"
            )
        positions = positions.to(ids.device)
        if not torch.compiler.is_compiling():
            self._check_positions(positions, start.to(ids.device))
        return positions

    def _check_positions(self, positions: Tensor, start: Tensor) -> None:
        limit = self.config.context_length
        outside = (positions < start[..., None]) | (positions >= limit)
        if (outside & (positions != PADDING)).any():
            real = positions[positions != PADDING]
            raise ValueError(
                f"positions {int(real.min())} … {int(real.max())} lie outside "
                f"{int(start.max())} … {limit - 1}: the context is {limit} and the "
                f"cache holds the first {int(start.max())}"
            )

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        """N(0, 0.02²); what is added to the residual stream, 1/√(2L) of that.

        Radford et al. 2019, §2.3: 2L additions then keep the variance of one.
        """
        adds_to_residual = ("w_o.weight", "w_down.weight")
        for name, parameter in self.named_parameters():
            if parameter.is_meta or "norm" in name:
                continue
            if name.endswith("bias"):
                parameter.zero_()
                continue
            scale = 1.0
            if name.endswith(adds_to_residual):
                scale = 1 / math.sqrt(2 * self.config.n_layers)
            drawn = torch.empty(parameter.shape, device="cpu")  # the same everywhere
            parameter.copy_(drawn.normal_(std=0.02 * scale, generator=generator))
