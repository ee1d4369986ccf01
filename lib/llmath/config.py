"""one frozen description of a model, checked when it is made

Model families differ only in these fields: nothing in the library asks for a model's
name. A value that the library cannot build is refused here, with the list of those
that it can.
"""

from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

CHOICES = MappingProxyType(
    {
        "norm": ("rms", "layer"),
        "norm_position": ("pre", "post", "none"),
        "position": ("rope", "learned", "sinusoidal", "none"),
        "mlp": ("swiglu", "gelu", "gelu_tanh"),
    }
)


@dataclass(frozen=True, kw_only=True)
class RopeScaling:
    """How the turning of rotary positions is slowed, for texts longer than in training.

    "linear" divides every frequency by `factor`. "llama3" does so to the pairs that
    turn less than `low` times in `original_context` positions, to those that turn more
    than `high` times not at all, and in between by degrees.

    An unknown kind, a factor that is not positive and numbers that do not belong to the
    kind raise a ValueError.
    """

    kind: str
    factor: float
    low: float | None = None
    high: float | None = None
    original_context: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "llama3"):
            raise ValueError(
                f"rotary scaling of type {self.kind!r} is not built; there is linear, "
                f"llama3"
            )
        needed = {"factor": self.factor}
        others = {n: getattr(self, n) for n in ("low", "high", "original_context")}
        if self.kind == "llama3":
            needed |= others
        elif any(value is not None for value in others.values()):
            raise ValueError(f"linear scaling has a factor alone, got {others}")
        for name, value in needed.items():
            if not _is_positive(value):
                raise ValueError(
                    f"{name} of {self.kind} must be positive, got {value!r}"
                )
        context = self.original_context
        if context is not None and not isinstance(context, int):
            raise ValueError(f"original_context counts positions, got {context!r}")
        if self.kind == "llama3" and not self.low < self.high:
            raise ValueError(f"low={self.low} must be less than high={self.high}")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What has to be known to build a transformer.

    `n_kv_heads` key/value heads are shared by `n_heads` query heads: equal numbers are
    multi-head attention, one is multi-query, anything between is grouped. `bias` is
    that of the projections and of LayerNorm; the head that makes logits has none.
    A token looks at the last `window` positions, its own included; None: at all of them
    (Mistral's is 4096: Jiang et al. 2023, §2).

    Sizes that are no whole numbers from 1 on, heads that do not divide, and choices
    that are not built raise a ValueError that names the field.
    """

    vocab_size: int
    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    d_ff: int
    context_length: int
    norm: str = "rms"
    norm_position: str = "pre"
    residual: bool = True
    position: str = "rope"
    mlp: str = "swiglu"
    bias: bool = False
    tie_embeddings: bool = True
    norm_eps: float = 1e-5
    rope_base: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    window: int | None = None

    @property
    def d_head(self) -> int:
        """E = D / H"""
        return self.d_model // self.n_heads

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_heads()
        for name, built in CHOICES.items():
            value = getattr(self, name)
            if value not in built:
                options = ", ".join(map(repr, built))
                raise ValueError(f"{name}={value!r} is not built; there is {options}")

    def _check_numbers(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is bool and not isinstance(value, bool):
                raise ValueError(f"{field.name} must be True or False, got {value!r}")
            optional = field.type == int | None
            counts = field.type is int or (optional and value is not None)
            if counts and (
                not isinstance(value, int) or isinstance(value, bool) or value < 1
            ):
                raise ValueError(
                    f"{field.name} must be a whole number of at least 1"
                    f"{', or None' * optional}, got {value!r}"
                )
            if field.type is float and not _is_positive(value):
                raise ValueError(f"{field.name} must be positive, got {value!r}")
        if not isinstance(self.rope_scaling, (RopeScaling, type(None))):
            raise ValueError(
                f"rope_scaling must be a RopeScaling, got {self.rope_scaling!r:.80}"
            )

    def _check_heads(self) -> None:
        if self.d_model % self.n_heads:
            raise ValueError(
                f"d_model={self.d_model} does not divide into n_heads={self.n_heads} "
                f"equal heads"
            )
        if self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_heads={self.n_heads} cannot share n_kv_heads={self.n_kv_heads} "
                f"evenly: H must be a multiple of G"
            )
        if self.position == "rope" and self.d_head % 2:
            raise ValueError(
                f"rotary positions turn pairs, so the head width must be even; "
                f"d_model / n_heads = {self.d_head}"
            )
        if self.position == "sinusoidal" and self.d_model % 2:
            raise ValueError(
                f"sinusoidal positions come in pairs, so the width must be even; "
                f"d_model = {self.d_model}"
            )


def _is_positive(value: Any) -> bool:
    """A number above 0, and not infinite."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 < value < float("inf")


def preset(name: str, **changes: Any) -> ModelConfig:
    """The shape of a known model, or of a variant of it: `preset("gpt2", bias=False)`.

    Shapes alone: `pretrained.load` brings weights.

    An unknown name raises a ValueError that lists the known ones.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"no preset {name!r}; there is {', '.join(PRESETS)}")
    known = [field.name for field in fields(ModelConfig)]
    if unknown := changes.keys() - set(known):
        raise ValueError(
            f"a configuration has no {', '.join(sorted(unknown))}; it has "
            f"{', '.join(known)}"
        )
    return replace(PRESETS[name], **changes)


def _gpt2(n_layers: int, d_model: int, n_heads: int, **others: int) -> ModelConfig:
    """Radford et al. 2019, table 2; d_ff = 4 d_model and heads of width 64."""
    sizes = {"vocab_size": 50_257, "context_length": 1024} | others
    return ModelConfig(
        **sizes,
        n_layers=n_layers,
        d_model=d_model,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        d_ff=4 * d_model,
        norm="layer",
        position="learned",
        mlp="gelu_tanh",
        bias=True,
    )


PRESETS = MappingProxyType(
    {
        "tiny": _gpt2(2, 64, 4, vocab_size=256, context_length=128),  # bytes
        "gpt2": _gpt2(12, 768, 12),
        "gpt2-medium": _gpt2(24, 1024, 16),
        "gpt2-large": _gpt2(36, 1280, 20),
        "gpt2-xl": _gpt2(48, 1600, 25),
        "smollm2-135m": ModelConfig(
            vocab_size=49_152,
            n_layers=30,
            d_model=576,
            n_heads=9,
            n_kv_heads=3,
            d_ff=1536,
            context_length=8192,
            rope_base=100_000.0,
        ),
        "llama-3-8b": ModelConfig(
            vocab_size=128_256,
            n_layers=32,
            d_model=4096,
            n_heads=32,
            n_kv_heads=8,
            d_ff=14_336,
            context_length=8192,
            rope_base=500_000.0,
            tie_embeddings=False,
        ),
    }
)
