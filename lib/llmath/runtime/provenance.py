"""where a result comes from"""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmath.runtime.devices import describe_device

if TYPE_CHECKING:
    import torch

_PACKAGES = ("torch", "numpy", "transformers", "tokenizers", "safetensors")


def provenance(
    *, device: "torch.device | None" = None, command: list[str] | None = None
) -> dict[str, Any]:
    """Where a result comes from: commit, command, versions, machine, time (UTC).

    Stored with every number that is not computed again by a build. `changed` says
    whether files differed from the commit. A library outside a git checkout has no
    commit (None). With a device, the GPU and its driver are named too.
    """
    root = Path(__file__).parents[3]
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
