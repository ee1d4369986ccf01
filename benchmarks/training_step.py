"""A training step beside transformers: python benchmarks/training_step.py

Forward, backward, clipping and AdamW, on a processor in float32. The same architecture
in its own words (GPT2LMHeadModel, LlamaForCausalLM), with the same weights, the same
batch and PyTorch's scaled dot product attention on both sides. Before a clock is
believed, both make three steps from the same beginning, and their losses must agree.

Rounds alternate between the contenders; the median is of the ratios within a round,
above 1 where transformers is slower. On a busy machine `--threads 1` is fairer: it
counts the processor's seconds, which wait for nobody else.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace

import torch
import transformers
from clock import theirs
from smollm2 import print_environment, seconds
from torch import Tensor
from torch.nn import functional as F

from llmath.config import ModelConfig, preset
from llmath.model import Transformer
from llmath.optim import make_optimizer
from llmath.runtime import seeded
from llmath.train import Engine, TrainConfig

SIZES = {"vocab_size": 1024, "n_layers": 4, "d_model": 128, "n_heads": 4}
LR, BETAS, DECAY, CLIP = 1e-3, (0.9, 0.99), 0.1, 1.0
TOLERANCE = 1e-5  # of a loss, behind two updates; float32 knows it to about 1e-6
REFERENCE = "transformers"

Batch = tuple[Tensor, Tensor]
Contenders = dict[str, Callable[[], float]]


def families(context: int) -> dict[str, ModelConfig]:
    """About a million parameters each, in the manner of both families."""
    sizes = SIZES | {"context_length": context}
    llama = preset("llama-3-8b", **sizes, n_kv_heads=2, d_ff=352, rope_scaling=None)
    return {
        "gpt2": preset("gpt2", **sizes, n_kv_heads=4, d_ff=512),
        "llama": replace(llama, rope_base=10_000.0),
    }


def ours(model: Transformer, batch: Batch, kernels: str) -> Callable[[], float]:
    """A step of the loop: its engine, its clipping, its AdamW."""
    rule = "explicit" if kernels == "explicit" else "fused"
    how = {"lr": LR, "betas": BETAS, "weight_decay": DECAY, "clip": CLIP}
    config = TrainConfig(model=model.config, kernels=kernels, device="cpu", **how)
    engine = Engine(model, config)
    del how["clip"]
    optimizer = make_optimizer(engine.model, "adamw", **how, impl=rule)

    def step() -> float:
        loss = engine.gradient(batch)
        engine.update(optimizer)
        return loss

    return step


def other(model: Transformer, batch: Batch) -> Callable[[], float]:
    """The same in transformers and PyTorch: decay on matrices alone, fused AdamW."""
    found = theirs(model, "float32").requires_grad_(True).train()
    for module in found.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # their GPT-2 forgets a tenth, and this one nothing
    matrices = [p for p in found.parameters() if p.ndim > 1]
    vectors = [p for p in found.parameters() if p.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": DECAY},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, fused=True)
    x, y = batch

    def step() -> float:
        logits = found(x, use_cache=False).logits
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(found.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def contenders(config: ModelConfig, batch: Batch) -> Contenders:
    """Each with weights of its own, all from the same beginning; theirs comes last."""

    def drawn() -> Transformer:
        return Transformer(config, seed=0)

    return {
        "llmath explicit": ours(drawn(), batch, "explicit"),
        "llmath fused": ours(drawn(), batch, "fused"),
        REFERENCE: other(drawn(), batch),
    }


def disagreement(steps: Contenders) -> float:
    """The largest difference of a loss from theirs in three steps; they fall as well.

    The first compares the models, the second the update, the third what it remembers.
    """
    losses = {name: [step() for _ in range(3)] for name, step in steps.items()}
    base = losses[REFERENCE]
    if not base[0] > base[1] > base[2]:
        raise ValueError(f"no step is made: losses {base} do not fall")
    return max(
        abs(a - b) for row in losses.values() for a, b in zip(row, base, strict=True)
    )


def timed(steps: Contenders, rounds: int) -> dict[str, list[float]]:
    """Seconds of every round, in turns; the three steps before were the warm-up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(seconds(step))
    return times


def compared(name: str, config: ModelConfig, batch: Batch, rounds: int) -> bool:
    """Print a line for each contender; False, and no times, where losses differ."""
    steps = contenders(config, batch)
    off = disagreement(steps)
    agrees = off <= TOLERANCE
    print(f"{name:6} losses of three steps differ by {off:.1e} (≤ {TOLERANCE:.0e})")
    if not agrees:
        return False
    times = timed(steps, rounds)
    for contender, found in times.items():
        ratios = [b / t for b, t in zip(times[REFERENCE], found, strict=True)]
        spread = f"{1e3 * min(found):.1f}–{1e3 * max(found):.1f}"
        median = statistics.median(found)
        rate = batch[0].numel() / median
        print(
            f"{name:6} {contender:16} {1e3 * median:8.1f} ms ({spread} ms) "
            f"{rate:9,.0f} tokens/s   × {statistics.median(ratios):5.2f}"
        )
    return True


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--batch", type=int, default=12, help="windows in a batch")
    arguments.add_argument("--context", type=int, default=64, help="tokens in each")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print_environment()
    chance = seeded(0).torch("ids")
    shape = (options.batch, options.context + 1)
    ids = torch.randint(SIZES["vocab_size"], shape, generator=chance)
    batch = (ids[:, :-1], ids[:, 1:])
    agree = [
        compared(name, config, batch, options.rounds)
        for name, config in families(options.context).items()
    ]
    if not all(agree):
        sys.exit("the losses differ: these are not the same models, so nothing is told")


if __name__ == "__main__":
    main()
