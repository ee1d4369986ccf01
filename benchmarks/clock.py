"""How fast a prefill and decoding are, beside transformers, in alternating rounds"""

import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import transformers
from agreement import Row, attempt
from torch import Tensor, nn

from llmath.generate import generate
from llmath.model import Transformer
from llmath.pretrained import save_checkpoint
from llmath.runtime import float_type

Contenders = dict[str, Callable[[], object]]


class Sizes(NamedTuple):
    """B texts of T tokens are read; `new` are written behind `prompt` of the first."""

    B: int
    T: int
    prompt: int
    new: int
    rounds: int


def theirs(model: Transformer, dtype: str) -> nn.Module:
    """The same weights in transformers."""
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(model, folder)
        found = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=float_type(dtype), attn_implementation="sdpa"
        )
    return found.eval().requires_grad_(False).to(model.embedding.weight.device)


def waiting(device: torch.device) -> Callable[[], None]:
    """What waits until the device has done all it was told; a processor already has."""
    waits = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}
    return waits.get(device.type, lambda: None)


def clock(
    contenders: Contenders,
    *,
    tokens: dict[str, int],
    rounds: int,
    device: torch.device,
) -> list[Row]:
    """Tokens a second: medians of alternating rounds, after two to warm up.

    A contender that fails, in the warm-up or later, is listed with its reason and not
    timed.
    """
    wait = waiting(device)

    def seconds(function: Callable[[], object]) -> Row:
        wait()
        start = time.perf_counter()
        function()
        wait()
        return {"seconds": time.perf_counter() - start}

    rows = {name: attempt(warm_up, f, device) for name, f in contenders.items()}
    times = {name: [] for name, row in rows.items() if "failed" not in row}
    for _ in range(rounds):
        for name in list(times):
            found = attempt(seconds, contenders[name])
            if "failed" in found:
                rows[name] = found
                del times[name]
            else:
                times[name].append(found["seconds"])
    for name, found in times.items():
        rows[name] |= {
            "tokens_per_second": tokens[name] / statistics.median(found),
            "fastest": tokens[name] / min(found),
            "slowest": tokens[name] / max(found),
            "rounds": rounds,
        }
    return [{"contender": name} | row for name, row in rows.items()]


def warm_up(function: Callable[[], object], device: torch.device) -> Row:
    """Two rounds; what the second took of the GPU's memory beyond what was taken."""
    function()
    if device.type != "cuda":
        function()
        return {"working_bytes": None}
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    return {"working_bytes": torch.cuda.max_memory_allocated() - before}


def speed(
    model: Transformer,
    other: nn.Module,
    ids: Tensor,
    *,
    dtype: str,
    sizes: Sizes,
    backend: str,
) -> list[Row]:
    """Both tasks, both libraries, in one floating-point type."""
    model = copy.deepcopy(model).to(float_type(dtype))
    tasks = {
        "prefill": (reading(model, other, ids, backend), ids.numel()),
        "decode": (
            writing(model, other, ids[:1, : sizes.prompt], sizes.new),
            sizes.new,
        ),
    }
    rows = []
    for task, (contenders, tokens) in tasks.items():
        each = dict.fromkeys(contenders, tokens)
        found = clock(contenders, tokens=each, rounds=sizes.rounds, device=ids.device)
        rows += [{"dtype": dtype, "task": task} | row for row in found]
    return rows


def reading(
    model: Transformer, other: nn.Module, ids: Tensor, backend: str
) -> Contenders:
    torch.compiler.reset()
    fast = torch.compile(model, fullgraph=True, backend=backend)
    fast_other = torch.compile(other, backend=backend)
    return {
        "llmath explicit": lambda: model(ids),
        "llmath sdpa": lambda: model(ids, impl="sdpa"),
        "llmath sdpa, compiled": lambda: fast(ids, impl="sdpa"),
        "transformers sdpa": lambda: other(ids, use_cache=False),
        "transformers sdpa, compiled": lambda: fast_other(ids, use_cache=False),
    }


def writing(
    model: Transformer, other: nn.Module, prompt: Tensor, new: int
) -> Contenders:
    """Greedy, and never stopping early: the same number of steps for all."""

    def their_text(**options: Any) -> object:
        fixed = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
        fixed |= {"max_new_tokens": new, "attention_mask": torch.ones_like(prompt)}
        return other.generate(prompt, **fixed, **options)

    row = prompt[0].tolist()
    contenders = {
        "llmath explicit": lambda: generate(model, row, new),
        "llmath sdpa": lambda: generate(model, row, new, impl="sdpa"),
        "transformers sdpa": their_text,
    }
    if prompt.is_cuda:  # with a cache of fixed size transformers compiles by itself
        contenders["transformers sdpa, compiled"] = lambda: their_text(
            cache_implementation="static"
        )
    return contenders
