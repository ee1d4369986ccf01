"""A step of each optimizer beside PyTorch's: python benchmarks/optimizers.py

The parameters are those of a GPT-2 of about a million, with random gradients; on a GPU
where there is one. Rounds alternate between explicit, fused and PyTorch's own, so that
whatever else the machine is doing hits all; the medians are compared as ratios, above 1
where PyTorch's is slower.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from llmath.config import preset
from llmath.model import Transformer
from llmath.optim import OPTIMIZERS, make_optimizer

THEIRS = {
    "sgd": lambda ps: torch.optim.SGD(ps, lr=1e-3),
    "momentum": lambda ps: torch.optim.SGD(ps, lr=1e-3, momentum=0.9),
    "nesterov": lambda ps: torch.optim.SGD(ps, lr=1e-3, momentum=0.9, nesterov=True),
    "adam": lambda ps: torch.optim.Adam(ps, lr=1e-3),
    "amsgrad": lambda ps: torch.optim.Adam(ps, lr=1e-3, amsgrad=True),
    "adamw": lambda ps: torch.optim.AdamW(ps, lr=1e-3),
}


def one_million(device: str) -> Transformer:
    """Six layers of width 112 on bytes, with a gradient in every parameter."""
    model = Transformer(
        preset("tiny", n_layers=6, d_model=112, d_ff=448, n_heads=4)
    ).to(device)
    generator = torch.Generator().manual_seed(0)
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=generator).to(device)
    return model


def contenders(name: str, device: str) -> dict[str, Callable[[], object]]:
    """A step of each, on parameters of their own."""
    found = {
        impl: make_optimizer(one_million(device), name, lr=1e-3, impl=impl).step
        for impl in ("explicit", "fused")
    }
    if name in THEIRS:
        found["torch"] = THEIRS[name](one_million(device).parameters()).step
    else:  # PyTorch's Muon takes matrices alone
        model = one_million(device)
        inner = [p for n, p in model.named_parameters() if "blocks" in n and p.ndim > 1]
        outer = [p for p in model.parameters() if all(p is not q for q in inner)]
        muon = torch.optim.Muon(inner, lr=1e-3)
        adamw = torch.optim.AdamW(outer, lr=1e-3)
        found["torch"] = lambda: (muon.step(), adamw.step())
    return found


def medians(steps: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Seconds for a step, after three to warm up."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 3):
        for name, step in steps.items():
            wait()
            start = time.perf_counter()
            step()
            wait()
            if number >= 3:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds for a step, as ratios.")
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    size = sum(p.numel() for p in one_million(device).parameters())
    print(
        f"{size:,} parameters on {device}, torch {torch.__version__}, {rounds} rounds"
    )
    for name in OPTIMIZERS:
        found = medians(contenders(name, device), rounds=rounds)
        shown = (
            f"{impl} {1e3 * seconds:6.2f} ms (× {found['torch'] / seconds:4.2f})"
            for impl, seconds in found.items()
        )
        print(f"{name:10}", "   ".join(shown))


if __name__ == "__main__":
    main()
