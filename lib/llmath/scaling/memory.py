"""config → bytes of weights, cache and training"""

from types import MappingProxyType

from llmath.border import count, of_kind
from llmath.config import ModelConfig
from llmath.scaling.ledger import Ledger, Row
from llmath.scaling.parameters import Part, parameters, parts

FLOATS = MappingProxyType({"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2})
# GGUF's encodings: (numbers in a block, its bytes), the scale and offset among them.
BLOCKS = MappingProxyType({"Q8_0": (32, 34), "Q4_0": (32, 18), "Q4_1": (32, 20)})


def weight_bytes(
    config: ModelConfig, dtype: str = "float32", *, embedding: str | None = None
) -> Ledger:
    """bytes = Σ numbers × bytes of one   {eq:weight-bytes}

    In GGUF a block of 32 numbers shares a scale. `dtype` is a floating-point type or an
    encoding of GGUF: Q8_0, Q4_0, Q4_1. Encoded are matrices; vectors stay in float32.
    `embedding` is the encoding of the tables and the head where it is another than the
    rest, as it often is (Q8_0 beside Q4_1).
    """
    tables = ("embedding", "positions", "head")
    rows = []
    for part in parts(config):
        kind = embedding if embedding and part.name in tables else dtype
        rows.append(Row(part.name, part.times, _bytes(part, kind), part.formula))
    return Ledger(f"Weights in {dtype}", "bytes", tuple(rows))


def cache_bytes(
    config: ModelConfig, T: int, *, B: int = 1, dtype: str = "float32"
) -> Ledger:
    """bytes = 2 L B T G E × bytes of one   {eq:cache-bytes}

    A key and a value for each token and layer. Shazeer 2019, §3; G < H heads make it
    smaller by H/G, Ainslie et al. 2023. `KVCache` keeps room for at most twice as many,
    so that growing seldom copies.

    A negative T, a B below 1 and an unknown type raise a ValueError.
    """
    of_kind(ModelConfig, config=config)
    count(B=B)
    count(0, T=T)
    each = B * T * config.n_kv_heads * config.d_head * _width(dtype)
    formula = f"{_width(dtype)} B T GE"
    rows = (Row(name, config.n_layers, each, formula) for name in ("keys", "values"))
    return Ledger(f"Cache of {B} × {T} tokens in {dtype}", "bytes", tuple(rows))


def training_bytes(config: ModelConfig, dtype: str = "float32") -> Ledger:
    """bytes = N (weights + gradients + Adam's m and v)   {eq:training-bytes}

    Rajbhandari et al. 2020, §3.1. In float32 16 bytes a parameter. In half precision 16
    as well: weights and gradients take 2 each, but updates are too small for them, and
    a float32 copy of the weights is kept beside the moments. Activations come on top of
    this, in proportion to B T.
    """
    N, width = parameters(config).total, _width(dtype)
    wide = max(width, 4)
    rows = (
        Row("weights", N, width, f"{width}"),
        Row("gradients", N, width, f"{width}"),
        Row("copy", N if width < 4 else 0, wide, f"{wide}"),
        Row("moments.m", N, wide, f"{wide}"),
        Row("moments.v", N, wide, f"{wide}"),
    )
    return Ledger(f"Training with Adam in {dtype}", "bytes", rows)


def _bytes(part: Part, dtype: str) -> int:
    if not isinstance(dtype, str) or dtype not in BLOCKS:
        return part.size * _width(dtype)
    numbers, size = BLOCKS[dtype]
    if part.width % numbers:
        raise ValueError(
            f"{dtype} stores {numbers} numbers in a block, and the rows of {part.name} "
            f"have {part.width}: choose a floating-point type for it"
        )
    return part.rows * part.width // numbers * size + part.vector * FLOATS["float32"]


def _width(dtype: str) -> int:
    if not isinstance(dtype, str) or dtype not in FLOATS:
        raise ValueError(
            f"no type {dtype!r} here; there is {', '.join(FLOATS)}; and for weights "
            f"{', '.join(BLOCKS)}"
        )
    return FLOATS[dtype]
