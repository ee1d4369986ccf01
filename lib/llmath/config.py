"""one frozen description of a model, checked when it is made

Model families differ only in these fields: nothing in the library asks for a model's
name. A value that the library cannot build is refused here, with the list of those
that it can.
"""

from dataclasses import dataclass, fields
from types import MappingProxyType

CHOICES = MappingProxyType(
    {
        "norm": ("rms",),
        "norm_position": ("pre",),
        "position": ("rope", "none"),
        "mlp": ("swiglu",),
    }
)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What has to be known to build a transformer.

    `n_kv_heads` key/value heads are shared by `n_heads` query heads: equal numbers are
    multi-head attention, one is multi-query, anything between is grouped.
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
    position: str = "rope"
    mlp: str = "swiglu"
    bias: bool = False
    tie_embeddings: bool = True
    norm_eps: float = 1e-5
    rope_base: float = 10_000.0

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
            if field.type is int and (
                not isinstance(value, int) or isinstance(value, bool) or value < 1
            ):
                raise ValueError(
                    f"{field.name} must be a whole number of at least 1, got {value!r}"
                )
            if field.type is float and not (
                isinstance(value, (int, float)) and 0 < value < float("inf")
            ):
                raise ValueError(f"{field.name} must be positive, got {value!r}")

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
