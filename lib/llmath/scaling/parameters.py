"""config → numbers that are learnt"""

from dataclasses import dataclass

from llmath.border import of_kind
from llmath.config import ModelConfig
from llmath.scaling.ledger import Ledger, Row


@dataclass(frozen=True)
class Part:
    """A matrix, `rows` × `width`, and a vector beside it, `times` in a model."""

    name: str
    times: int
    formula: str
    rows: int = 0
    width: int = 0
    vector: int = 0

    @property
    def size(self) -> int:
        """How many numbers it holds, once."""
        return self.rows * self.width + self.vector


def parts(config: ModelConfig) -> list[Part]:
    """Every part a model of these families can have; `times` is 0 where it has none.

    What is no ModelConfig raises a ValueError.
    """
    of_kind(ModelConfig, config=config)
    c, L = config, config.n_layers
    D, F, V, K = c.d_model, c.d_ff, c.vocab_size, c.n_kv_heads * c.d_head
    norms = {"none": 0, "pre": 2 * L, "post": 2 * L}[c.norm_position]
    norm = {"formula": "D", "vector": D}
    if c.norm == "layer" and c.bias:
        norm = {"formula": "2 D", "vector": 2 * D}

    def linear(name: str, rows: int, width: int, letters: str, times: int = L) -> Part:
        beside = f" + {letters.split()[0]}" if c.bias else ""
        vector = rows if c.bias else 0
        return Part(name, times, letters + beside, rows, width, vector)

    return [
        Part("embedding", 1, "V D", V, D),
        Part("positions", int(c.position == "learned"), "S D", c.context_length, D),
        linear("attention.q", D, D, "D D"),
        linear("attention.k", K, D, "GE D"),
        linear("attention.v", K, D, "GE D"),
        linear("attention.o", D, D, "D D"),
        linear("mlp.gate", F, D, "F D", L if c.mlp == "swiglu" else 0),
        linear("mlp.up", F, D, "F D"),
        linear("mlp.down", D, F, "D F"),
        Part("norm.blocks", norms, **norm),
        Part("norm.last", int(c.norm_position == "pre"), **norm),
        Part("head", int(not c.tie_embeddings), "V D", V, D),
    ]


def parameters(config: ModelConfig) -> Ledger:
    """N = V D + L (2 D² + 2 GE D + 2 or 3 F D) + …   {eq:parameters}

    And norms and biases; Vaswani et al. 2017. Exact, part by part: the sum over
    `Transformer(config).parameters()`. A head that shares the table of embeddings is
    counted there, once.
    """
    rows = (Row(p.name, p.times, p.size, p.formula) for p in parts(config))
    return Ledger("Parameters", "parameters", tuple(rows))


def non_embedding(config: ModelConfig) -> int:
    """N without the tables of tokens and positions, and without the head.

    The N of the laws of Kaplan et al. 2020, §2.1, who found that with it models of
    different vocabularies and depths fall on one curve.
    """
    counted = parameters(config)
    return counted.total - sum(
        map(counted.__getitem__, ("embedding", "positions", "head"))
    )
