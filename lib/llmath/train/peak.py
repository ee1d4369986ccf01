"""device, type → how fast it could multiply: the 100 % of a model's FLOP utilisation

Known for common GPUs, from their makers' data sheets (dense products, no sparsity); of
anything else a product of two matrices is timed. The source says which.
"""

import time
from dataclasses import dataclass

import torch

from llmath.config import ModelConfig
from llmath.scaling import training_flops

# FLOP/s by a part of the name, in float32 (with TF32 off) and in half precision.
KNOWN = (
    ("H200", 67e12, 989e12),
    ("H100 PCIe", 51e12, 756e12),
    ("H100", 67e12, 989e12),
    ("A100", 19.5e12, 312e12),
    ("L40S", 91.6e12, 362e12),
    ("L4", 30.3e12, 121e12),
    ("V100", 15.7e12, 125e12),
    ("T4", 8.1e12, 65e12),
)
_HALVES = (torch.bfloat16, torch.float16)


@dataclass
class Peak:
    """FLOP/s, and how that is known: "data sheet", "measured", "reached".

    A step that is faster than a measured peak shows that the machine was busy when it
    was measured: what it reached is the peak from then on.
    """

    flops: float
    source: str

    def utilisation(
        self, config: ModelConfig, T: int, tokens_per_second: float
    ) -> float:
        """MFU = tokens/s · (C_training(T) / T) / peak   {eq:mfu}, at most 1."""
        reached = tokens_per_second * training_flops(config, T).total / T
        if reached > self.flops:
            self.flops, self.source = reached, "reached"
        return reached / self.flops


def find_peak(device: torch.device, dtype: torch.dtype) -> Peak:
    """The peak of this device in this type of numbers: looked up, or else measured.

    What is no device raises a ValueError.
    """
    if not isinstance(device, torch.device):
        raise ValueError(f"a device is one of choose_device(…), not {device!r:.60}")
    known = dtype in (torch.float32, *_HALVES) and device.type == "cuda"
    if known and not (dtype == torch.float32 and torch.backends.cuda.matmul.allow_tf32):
        name = torch.cuda.get_device_name(device)
        for part, single, half in KNOWN:
            if part in name:
                return Peak(half if dtype in _HALVES else single, "data sheet")
    return Peak(_measured(device, dtype), "measured")


def _measured(device: torch.device, dtype: torch.dtype) -> float:
    """2 n³ operations by the fastest of several products of two (n × n)."""
    n = 4096 if device.type != "cpu" else 512
    a = torch.full((n, n), 0.5, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(8):
        start = time.perf_counter()
        (a @ a)[0, 0].item()  # waits until the product is there
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best
