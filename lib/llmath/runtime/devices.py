"""which device, which type of numbers, and which of them go together"""

from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

DTYPES = MappingProxyType(
    {
        "float64": ("float64", "fp64", "f64", "double"),
        "float32": ("float32", "fp32", "f32", "float"),
        "bfloat16": ("bfloat16", "bf16"),
        "float16": ("float16", "fp16", "f16", "half"),
    }
)


def devices() -> list[str]:
    """The devices of this machine, the fastest first: cuda:0, …, mps, cpu."""
    import torch

    found = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return [*found, *["mps"] * torch.backends.mps.is_available(), "cpu"]


def choose_device(name: str = "auto") -> "torch.device":
    """The device of this name; for "auto" the first of `devices`.

    A device that is not there is refused with those that are: no silent fallback.
    """
    import torch

    there = devices()
    if name == "auto":
        return torch.device(there[0])
    if name == "cuda" and there[0] == "cuda:0":
        return torch.device("cuda:0")
    if name not in there:
        raise ValueError(
            f"there is no device {name!r} here; there is {', '.join(there)}. "
            f'"auto" takes the first of them'
        )
    return torch.device(name)


def float_type(name: str) -> "torch.dtype":
    """The floating-point type of a name: "float32" or "fp32", "bf16", "half", …

    An unknown name raises a ValueError that lists the known ones.
    """
    import torch

    for full, names in DTYPES.items():
        if isinstance(name, str) and name.removeprefix("torch.") in names:
            return getattr(torch, full)
    raise ValueError(f"no floating-point type {name!r}; there is {', '.join(DTYPES)}")


def can_compute(device: "torch.device", dtype: "torch.dtype") -> bool:
    """Whether this device computes in this type, and without imitating it slowly.

    bfloat16 needs an NVIDIA GPU of 2020 or later (compute capability 8), where older
    ones imitate it; Apple's GPUs have no float64. A CPU can do all four types.

    What is no device raises a ValueError.
    """
    import torch

    _check_device(device)
    if device.type == "cuda" and dtype == torch.bfloat16:
        return torch.cuda.get_device_capability(device) >= (8, 0)
    known = (torch.float32, torch.bfloat16, torch.float16)
    if device.type not in ("cpu", "cuda"):
        return device.type == "mps" and dtype in known
    return dtype in (torch.float64, *known)


def _check_device(device: "torch.device") -> None:
    import torch

    if not isinstance(device, torch.device):
        raise ValueError(
            f"device is one that choose_device(…) gives, not {device!r:.60}"
        )


def autocast(
    device: "torch.device", dtype: "torch.dtype"
) -> AbstractContextManager[None]:
    """Within: matrix products in `dtype`, while weights and sums stay in float32.

    float32 is the context that changes nothing. Micikevicius et al. 2018, §3

    A type that the device cannot compute in raises a ValueError.
    """
    import torch

    if dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise ValueError(
            f"autocast lowers float32 to bfloat16 or float16, not to {dtype}"
        )
    if not can_compute(device, dtype):
        raise ValueError(f"{device} cannot compute in {dtype}: choose float16")
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def describe_device(device: "torch.device") -> dict[str, Any]:
    """The device in words and numbers: its name, its memory, what drives it.

    What is no device raises a ValueError.
    """
    import torch

    _check_device(device)
    found: dict[str, Any] = {"type": device.type, "threads": torch.get_num_threads()}
    if device.type != "cuda":
        return found
    about = torch.cuda.get_device_properties(device)
    return found | {
        "name": about.name,
        "memory_bytes": about.total_memory,
        "capability": f"{about.major}.{about.minor}",
        "cuda": torch.version.cuda,
        "tf32": torch.backends.cuda.matmul.allow_tf32,
    }
