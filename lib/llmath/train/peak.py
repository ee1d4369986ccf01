"""device, type → how fast it could multiply: the 100 % of a model's FLOP utilisation

Known for common GPUs, from their makers' data sheets (dense products, no sparsity); of
anything else a product of two matrices is timed. The source says which.
"""

import re
import time
from dataclasses import dataclass

import torch

from llmath.border import of_kind, positive
from llmath.config import ModelConfig
from llmath.scaling import training_flops

# FLOP/s by words of the name, in float32 (with TF32 off) and in half precision, the
# longer names first. From the NVIDIA data sheets of each: where these count with
# sparsity, as those of Hopper and Ada do, half of it is the dense number.
KNOWN = (
    ("H200 NVL", 60e12, 835.5e12),
    ("H200", 67e12, 989e12),
    ("H100 NVL", 60e12, 835.5e12),
    ("H100 PCIe", 51e12, 756e12),
    ("H100", 67e12, 989e12),
    ("A100", 19.5e12, 312e12),
    ("L40S", 91.6e12, 362e12),
    ("L40", 90.5e12, 181e12),
    ("L4", 30.3e12, 121e12),
    ("V100", 15.7e12, 125e12),
    ("T4", 8.1e12, 65e12),
)
LONG_ENOUGH = 0.005  # seconds of one product
_HALVES = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Peak:
    """FLOP/s, and how that is known: "data sheet" or "measured".

    A rate that is not positive raises a ValueError.
    """

    flops: float
    source: str

    def __post_init__(self) -> None:
        positive(flops=self.flops)

    def utilisation(
        self, config: ModelConfig, T: int, tokens_per_second: float
    ) -> float:
        """MFU = tokens/s · (C_training(T) / T) / peak   {eq:mfu}

        Chowdhery et al. 2022, appendix B. It is what it is: above 1 the peak was too
        low, as one is that was measured while the machine was busy.
        """
        positive(tokens_per_second=tokens_per_second)
        return tokens_per_second * training_flops(config, T).total / T / self.flops


def find_peak(device: torch.device, dtype: torch.dtype) -> Peak:
    """The peak of this device in this type of numbers: looked up, or else measured.

    What is no device raises a ValueError.
    """
    if not isinstance(device, torch.device):
        raise ValueError(f"a device is one of choose_device(…), not {device!r:.60}")
    known = dtype in (torch.float32, *_HALVES) and device.type == "cuda"
    if known and not (dtype == torch.float32 and torch.backends.cuda.matmul.allow_tf32):
        looked_up = known_peak(torch.cuda.get_device_name(device))
        if looked_up is not None:
            return Peak(looked_up[dtype in _HALVES], "data sheet")
    return Peak(_measured(device, dtype), "measured")


def known_peak(name: str) -> tuple[float, float] | None:
    """FLOP/s in float32 and in half precision of a GPU by its name; None if unknown.

    The words are looked for whole: an "L40" is no L4, and an "RTX A1000" no A100.
    What is no name raises a ValueError.
    """
    of_kind(str, name=name)
    for words, single, half in KNOWN:
        if re.search(rf"\b{words}\b", name):
            return single, half
    return None


def _measured(device: torch.device, dtype: torch.dtype) -> float:
    """2 n³ operations by the fastest of several products of two (n × n).

    n is doubled until a product takes long enough for the machine to be busy with it:
    a processor may be far slower in float16 than in float32.
    """
    for n in (256, 512, 1024, 2048, 4096):
        a = torch.full((n, n), 0.5, device=device, dtype=dtype)
        seconds = min(_seconds(a) for _ in range(8))
        if seconds > LONG_ENOUGH:
            break
    return 2 * n**3 / seconds


def _seconds(a: torch.Tensor) -> float:
    start = time.perf_counter()
    (a @ a)[0, 0].item()  # waits until the product is there
    return time.perf_counter() - start
