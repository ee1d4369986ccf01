"""words and a table → neighbours of a vector"""

from collections.abc import Collection, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from llmath.border import count, floats


class WordVectors:
    """Words, and a row of a table for each: `table` (V, D), `words`, `index`.

    Words that stand twice, and a table with another number of rows, raise a ValueError.
    """

    def __init__(self, words: Sequence[str], table: Float[Tensor, "V D"]) -> None:
        floats(table=table)
        self.words, self.table = list(words), table
        self.index = {word: row for row, word in enumerate(self.words)}
        if table.ndim != 2 or not len(self.index) == len(self.words) == len(table):
            raise ValueError(
                f"each word has one row: {len(self.words)} words, "
                f"{len(self.index)} of them different, and a table of shape "
                f"{tuple(table.shape)}"
            )

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def __getitem__(self, word: str) -> Float[Tensor, " D"]:
        return self.table[self.rows([word])[0]]

    def rows(self, words: Iterable[str]) -> list[int]:
        """Where the words stand; one that is not there raises a ValueError."""
        words = list(words)
        missing = [word for word in words if word not in self.index]
        if missing:
            raise ValueError(
                f"{len(missing)} of {len(words)} words have no vector: "
                f"{', '.join(map(repr, missing[:5]))}. `word in vectors` asks first"
            )
        return [self.index[word] for word in words]

    def nearest(
        self, vector: Float[Tensor, " D"], n: int = 10, *, without: Collection[str] = ()
    ) -> list[tuple[str, float]]:
        """The n words whose vectors have the greatest cosines with this one.

        A word of the table is its own nearest neighbour, unless it is left out.
        A vector of length zero, or of another width, raises a ValueError.
        """
        count(n=n)
        floats(vector=vector)
        if vector.shape != self.table.shape[1:] or not vector.norm() > 0:
            raise ValueError(
                f"a cosine needs a vector of width {self.table.shape[1]} that is not "
                f"zero; got shape {tuple(vector.shape)}"
            )
        left_out = self.rows(without)
        lengths = self.table.norm(dim=1).clamp(min=torch.finfo(self.table.dtype).tiny)
        cosines = self.table @ vector / (lengths * vector.norm())
        cosines[left_out] = -torch.inf
        best = cosines.topk(min(n, len(self) - len(set(left_out))))
        found = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [(self.words[row], cosine) for row, cosine in found]
