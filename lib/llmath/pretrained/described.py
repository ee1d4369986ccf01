"""config.json → values, each looked at before it is believed"""

from collections.abc import Mapping
from typing import Any

import torch

Fields = Mapping[str, Any]
_NEEDED = object()


def check_dtype(dtype: torch.dtype) -> None:
    """Refuse a type that weights cannot have."""
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(
            f"weights are floating-point numbers, torch.float32 for example, not "
            f"{dtype!r:.60}"
        )


def get(fields: Fields, key: str, default: Any = _NEEDED) -> Any:
    """The value of a key; one that is absent or null has its default, or is missed.

    One that is missed raises a ValueError.
    """
    value = fields.get(key)
    if value is not None:
        return value
    if default is _NEEDED:
        raise ValueError(f"config.json lacks {key!r}")
    return default


def only(fields: Fields, key: str, built: Any) -> None:
    """Refuse a setting that the library cannot compute; absent, it is as built."""
    value = get(fields, key, built)
    if value != built or type(value) is not type(built):
        raise ValueError(f"config.json says {key}={value!r}; only {built!r} is built")


def choose(fields: Fields, key: str, names: Mapping[str, str], default: str) -> str:
    """Our name for a setting that config.json gives in its own.

    A setting that is not built raises a ValueError that names it.
    """
    value = get(fields, key, default)
    if not isinstance(value, str) or value not in names:
        raise ValueError(
            f"config.json says {key}={value!r}; there is {', '.join(names)}"
        )
    return names[value]
