"""device, dtype, chance and provenance: what a run stands on

Nothing here changes a setting. A device is chosen and handed on, chance comes from
generators that one seed makes, a result is written whole or not at all and says where
it comes from. PyTorch and NumPy are imported by the functions that need them alone.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy
    import torch

DTYPES = MappingProxyType(
    {
        "float64": ("float64", "fp64", "f64", "double"),
        "float32": ("float32", "fp32", "f32", "float"),
        "bfloat16": ("bfloat16", "bf16"),
        "float16": ("float16", "fp16", "f16", "half"),
    }
)
_PACKAGES = ("torch", "numpy", "transformers", "tokenizers", "safetensors")


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
    """The floating-point type of a name: "float32" or "fp32", "bf16", "half", …"""
    import torch

    for full, names in DTYPES.items():
        if name.removeprefix("torch.") in names:
            return getattr(torch, full)
    raise ValueError(f"no floating-point type {name!r}; there is {', '.join(DTYPES)}")


def can_compute(device: "torch.device", dtype: "torch.dtype") -> bool:
    """Whether this device computes in this type, and without imitating it slowly.

    bfloat16 needs an NVIDIA GPU of 2020 or later (compute capability 8), where older
    ones imitate it; Apple's GPUs have no float64. A CPU can do all four types.
    """
    import torch

    if device.type == "cuda" and dtype == torch.bfloat16:
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "mps":
        return dtype != torch.float64
    return dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def autocast(
    device: "torch.device", dtype: "torch.dtype"
) -> AbstractContextManager[None]:
    """Within: matrix products in `dtype`, while weights and sums stay in float32.

    float32 is the context that changes nothing. Micikevicius et al. 2018, §3
    """
    import torch

    if dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise ValueError(
            f"autocast lowers float32 to bfloat16 or float16, not to {dtype}"
        )
    if not can_compute(device, dtype):
        raise ValueError(f"{device} cannot compute in {dtype}: choose float16")
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


@dataclass(frozen=True)
class Seeds:
    """One seed, and from it a seed of its own for each purpose.

    What is drawn for one purpose does not depend on how much another has drawn: a
    longer evaluation leaves the order of the training data as it was.

    >>> seeded(0).torch("weights").initial_seed() == seeded(0).number("weights")
    True
    """

    seed: int

    def __post_init__(self) -> None:
        whole = isinstance(self.seed, int) and not isinstance(self.seed, bool)
        if not whole or self.seed < 0:
            raise ValueError(f"a seed is a whole number from 0 on, got {self.seed!r}")

    def number(self, purpose: str) -> int:
        """The seed of this purpose: 63 bits of SHA-256("seed purpose")."""
        digest = hashlib.sha256(f"{self.seed} {purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def torch(self, purpose: str, device: str = "cpu") -> "torch.Generator":
        """A new generator of PyTorch, at its beginning."""
        import torch

        return torch.Generator(device).manual_seed(self.number(purpose))

    def numpy(self, purpose: str) -> "numpy.random.Generator":
        """A new generator of NumPy, at its beginning."""
        import numpy

        return numpy.random.default_rng(self.number(purpose))


def seeded(seed: int) -> Seeds:
    """The generators that follow from one number, each by its purpose."""
    return Seeds(seed)


@contextmanager
def replacing(path: str | PathLike) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the old one's place when all went well.

    Whoever reads meanwhile, or after a crash, finds the old file or the new one.
    """
    path = Path(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(draft, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # on the disk before the old file goes
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: str | PathLike, value: Any) -> None:
    """Write a result, whole or not at all; NaN and ∞, which JSON lacks, are refused."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    with replacing(path) as file:
        file.write(text.encode() + b"\n")


def provenance(
    *, device: "torch.device | None" = None, command: list[str] | None = None
) -> dict[str, Any]:
    """Where a result comes from: commit, command, versions, machine, time (UTC).

    Stored with every number that is not computed again by a build. `changed` says
    whether files differed from the commit. A library outside a git checkout has no
    commit (None). With a device, the GPU and its driver are named too.
    """
    root = Path(__file__).parents[2]
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain", "--untracked-files=no")
    found = {
        "commit": commit,
        "changed": None if status is None else bool(status),
        "command": _command(sys.argv if command is None else command, root),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
    }
    return found if device is None else found | {"device": describe_device(device)}


def describe_device(device: "torch.device") -> dict[str, Any]:
    """The device in words and numbers: its name, its memory, what drives it."""
    import torch

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


def _command(argv: list[str], root: Path) -> str:
    """As it can be typed in the repository: no path of this one machine."""
    script = Path(argv[0]) if argv else Path()
    if script.is_absolute() and script.is_relative_to(root):
        script = script.relative_to(root)
    name = script.name if script.is_absolute() else str(script)
    return shlex.join([name, *argv[1:]])


def _git(root: Path, *arguments: str) -> str | None:
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None  # a machine without git
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's own name where the system tells it, else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
