"""ids → vectors: a row of the table for each token"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def embed(
    ids: Int[Tensor, "*batch T"], table: Float[Tensor, "V D"]
) -> Float[Tensor, "*batch T D"]:
    """x_t = onehot(id_t) W_E, which is row id_t of W_E; Bengio et al. 2003, §2

    A token id outside 0 … V − 1 has no row and is refused.
    """
    check_ids(ids, table.shape[0])
    return table[ids]


def check_ids(ids: Tensor, vocab_size: int) -> None:
    """Refuse what is not a token id, naming it: the border between text and tensors."""
    if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise ValueError(f"token ids are whole numbers, got dtype {ids.dtype}")
    if torch.compiler.is_compiling():
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


class Embedding(nn.Module):
    """The table W_E (V × D), zero until a model draws or loads its weights."""

    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(vocab_size, d_model))

    def forward(self, ids: Int[Tensor, "*batch T"]) -> Float[Tensor, "*batch T D"]:
        return embed(ids, self.weight)
