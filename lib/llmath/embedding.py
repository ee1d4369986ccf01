"""ids, positions → vectors: a row of a table for each token"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from llmath.border import count, floats, of_kind, positive, tensors, wholes
from llmath.config import ModelConfig

# Where a token stands that only fills up a batch of texts of different lengths: behind
# every position that a model can have, so that the causal mask hides it from the text.
PADDING = 2**31 - 1


def embed(
    ids: Int[Tensor, "*batch T"], table: Float[Tensor, "V D"]
) -> Float[Tensor, "*batch T D"]:
    """x_t = onehot(id_t) W_E = row id_t of W_E   {eq:embedding}; Bengio et al. 2003, §2

    A token id outside 0 … V − 1 has no row and is refused.
    """
    _check_table(table)
    check_ids(ids, table.shape[0])
    tensors(ids=ids, table=table)
    return table[ids]


def check_ids(ids: Tensor, vocab_size: int) -> None:
    """Refuse what is not a token id, naming it: the border between text and tensors."""
    tensors(ids=ids)
    if ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            f"token ids are whole numbers, got dtype {ids.dtype}; "
            f"int64 and int32 are read"
        )
    if torch.compiler.is_compiling() or ids.is_meta:
        return  # a look at the values would break the compiled graph
    outside = (ids < 0) | (ids >= vocab_size)
    if outside.any():
        bad = ids[outside]
        shown = ", ".join(map(str, bad[:5].tolist())) + (", …" if len(bad) > 5 else "")
        raise ValueError(
            f"token ids run from 0 to {vocab_size - 1}; "
            f"{len(bad)} of {ids.numel()} lie outside: {shown}. "
            f"Was the text encoded by this model's own tokenizer?"
        )


def learned_positions(
    positions: Int[Tensor, "*rows T"], table: Float[Tensor, "S D"]
) -> Float[Tensor, "*rows T D"]:
    """P_t = row p_t of W_P   {eq:learned-positions}; Gehring et al. 2017, §3.1

    Learned like the table of tokens. The table has a row for each of the positions
    0 … S − 1 of the model's context, and none beyond.

    Positions outside the table raise a ValueError.
    """
    _check_table(table)
    wholes(positions=positions)
    tensors(positions=positions, table=table)
    if positions.numel() and not (torch.compiler.is_compiling() or positions.is_meta):
        low, high = int(positions.min()), int(positions.max())
        if low < 0 or high >= len(table):
            raise ValueError(
                f"positions {low} … {high} lie outside 0 … {len(table) - 1}: learned "
                f"positions end with their table"
            )
    return table[positions]


def sinusoidal_positions(
    positions: Int[Tensor, "*rows T"],
    d_model: int,
    *,
    base: float = 10_000.0,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "*rows T D"]:
    """P_{t,2i} = sin(t θ_i),  P_{t,2i+1} = cos(t θ_i)   {eq:sinusoidal-positions}

    Vaswani et al. 2017, §3.5. θ_i = base^{−2i/D}, as in `rope`. Moving by s turns each
    pair by the angle s θ_i, wherever it stood: P_{t+s} is a linear function of P_t, the
    same for every t.

    An odd width and positions that are not whole numbers raise a ValueError.
    """
    wholes(positions=positions)
    count(d_model=d_model)
    positive(base=base)
    if not dtype.is_floating_point:
        raise ValueError(f"sines are floating-point numbers, not {dtype}")
    if d_model % 2:
        raise ValueError(f"sines and cosines come in pairs; the width {d_model} is odd")
    i = torch.arange(d_model // 2, device=positions.device, dtype=dtype)
    angles = positions[..., None] * base ** (-2 * i / d_model)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def _check_table(table: Tensor) -> None:
    floats(table=table)
    if table.ndim != 2:
        raise ValueError(
            f"a table has rows and columns; its shape is {tuple(table.shape)}"
        )


class Embedding(nn.Module):
    """The table W_E (V × D), zero until a model draws or loads its weights.

    An id outside 0 … V − 1 raises a ValueError.
    """

    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__()
        count(vocab_size=vocab_size, d_model=d_model)
        self.weight = nn.Parameter(torch.zeros(vocab_size, d_model))

    def forward(self, ids: Int[Tensor, "*batch T"]) -> Float[Tensor, "*batch T D"]:
        return embed(ids, self.weight)


class LearnedPositions(nn.Module):
    """x_t + P_t from the table W_P, zero until a model draws or loads its weights."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(config.context_length, config.d_model))

    def forward(
        self, x: Float[Tensor, "B T D"], positions: Int[Tensor, "*rows T"]
    ) -> Float[Tensor, "B T D"]:
        read = positions.where(positions != PADDING, 0)  # no other token looks at it
        return x + learned_positions(read, self.weight)


class SinusoidalPositions(nn.Module):
    """x_t + P_t from `sinusoidal_positions`, with nothing to learn.

    Vaswani et al. multiply x, the rows of the table of tokens, by √D first (§3.4); here
    that is left to how the table is initialised.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.d_model = config.d_model

    def forward(
        self, x: Float[Tensor, "B T D"], positions: Int[Tensor, "*rows T"]
    ) -> Float[Tensor, "B T D"]:
        wide = torch.promote_types(x.dtype, torch.float32)
        P = sinusoidal_positions(positions, self.d_model, dtype=wide)
        return x + P.to(x.dtype)


def build_positions(config: ModelConfig) -> nn.Module | None:
    """Adds to each embedding what stands for its place; None where nothing does.

    What is no ModelConfig raises a ValueError.
    """
    of_kind(ModelConfig, config=config)
    kinds = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}
    return kinds[config.position](config) if config.position in kinds else None
