"""SmolLM2-135M in this library beside transformers: python benchmarks/smollm2.py

The same file, the same ids, in one process. Rounds alternate between the two, so that
whatever else the machine is doing hits both; the medians are compared as a ratio.
On a busy machine one thread (`--threads 1`) is the fairer comparison.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import transformers

from llmath.generate import generate
from llmath.pretrained import find, load

PROSE = Path(__file__).parent.parent / "tests" / "data" / "text.txt"
NEW_TOKENS = 50

Contender = tuple[str, Callable[[], object]]


def seconds(function: Callable[[], object]) -> float:
    """By the clock; on one thread of the processor's, which waits for nobody else."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    function()
    return clock() - start


def compare(title: str, contenders: list[Contender], *, rounds: int, tokens: int = 0):
    """Medians of alternating rounds; the ratio is to the last of the contenders.

    It is the median of the ratios within a round, which a load that comes and goes
    between rounds does not touch.
    """
    times: dict[str, list[float]] = {name: [] for name, _ in contenders}
    for _ in range(rounds):
        for name, function in contenders:
            times[name].append(seconds(function))
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = times[contenders[-1][0]]
    for name, median in medians.items():
        spread = f"{min(times[name]):.3f}–{max(times[name]):.3f}"
        rate = f"{tokens / median:8.1f} tokens/s" if tokens else " " * 17
        ratio = statistics.median(b / t for b, t in zip(base, times[name], strict=True))
        print(
            f"{title:8} {name:22} {median:7.3f} s ({spread} s) {rate}   × {ratio:5.2f}"
        )


def load_theirs(path: Path) -> torch.nn.Module:
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    )
    return model.eval()


def theirs_with(model: torch.nn.Module, implementation: str, ids: torch.Tensor):
    model.set_attn_implementation(implementation)
    return model(ids, use_cache=False).logits


def print_environment() -> None:
    print(
        f"{platform.processor() or platform.machine()}, "
        f"{len(os.sched_getaffinity(0))} cores, {torch.get_num_threads()} threads, "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}, float32"
    )


@torch.no_grad()
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = arguments.parse_args()
    rounds = options.rounds
    torch.set_num_threads(options.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print_environment()

    path = find("smollm2-135m")
    contenders = [
        ("llmath", lambda: load("smollm2-135m")),
        ("transformers", lambda: load_theirs(path)),
    ]
    compare("load", contenders, rounds=min(rounds, 3))

    (model, tokenizer), theirs = load("smollm2-135m"), load_theirs(path)
    ids = torch.tensor([tokenizer.encode(PROSE.read_text("utf-8"))])
    contenders = [
        ("llmath explicit", lambda: model(ids)),
        ("llmath sdpa", lambda: model(ids, impl="sdpa")),
        ("transformers eager", lambda: theirs_with(theirs, "eager", ids)),
        ("transformers sdpa", lambda: theirs_with(theirs, "sdpa", ids)),
    ]
    compare("prefill", contenders, rounds=rounds, tokens=ids.shape[1])

    prompt = ids[0, :20].tolist()
    options = {"max_new_tokens": NEW_TOKENS, "do_sample": False, "eos_token_id": None}
    contenders = [
        ("llmath explicit", lambda: generate(model, prompt, NEW_TOKENS)),
        ("llmath sdpa", lambda: generate(model, prompt, NEW_TOKENS, impl="sdpa")),
        ("transformers sdpa", lambda: theirs.generate(ids[:, :20], **options)),
    ]
    compare("decode", contenders, rounds=rounds, tokens=NEW_TOKENS)


if __name__ == "__main__":
    main()
