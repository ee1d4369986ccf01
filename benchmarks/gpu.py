"""On a GPU: the fast paths beside the explicit one, this library beside transformers

    python benchmarks/gpu.py                                   as `make gpu` runs it
    python benchmarks/gpu.py --device cpu --toy --out FILE     the same, small, anywhere

Four questions, one file of answers (results/gpu.json): how far each path is from the
explicit one in float64, by type; whether torch.compile takes the model as one graph
with the same logits; how fast a prefill, decoding and a training step are; and whether
the tests that need a GPU pass on this one. Rounds alternate between the contenders, so
that whatever else the machine is doing hits all of them. A part that fails is told with
its reason, and the others go on.
"""

import argparse
import sys
from pathlib import Path

import torch
import transformers
from agreement import TOLERANCES, Row, attempt, compare, compiled, differences, tried
from clock import Sizes, speed, theirs
from contenders import Plan, free
from gpu_training import training
from printed import show
from programs import gpu_tests, loop
from torch import Tensor

from llmath.config import ModelConfig, preset
from llmath.model import Transformer
from llmath.pretrained import load
from llmath.runtime import (
    can_compute,
    choose_device,
    float_type,
    provenance,
    seeded,
    write_json,
)

RESULTS = Path(__file__).resolve().parent.parent / "results" / "gpu.json"
FORMAT = "llmath GPU checks, version 2"
FULL = Sizes(B=8, T=512, prompt=32, new=128, rounds=5)
TOY = Sizes(B=2, T=70, prompt=5, new=4, rounds=2)  # `online` sees two chunks of 70
PARTS = ("paths", "training", "loop", "tests")


def step_plan(toy: bool, backend: str) -> Plan:
    """A training step: a GPT-2 of 124 M parameters with the whole of its context."""
    if toy:
        config = preset("tiny", n_layers=1, context_length=32)
        return Plan(config, B=4, dtype="float32", rounds=2, backend=backend)
    return Plan(preset("gpt2"), B=32, dtype="bfloat16", rounds=20, backend=backend)


def models(toy: bool) -> dict[str, Transformer]:
    """By name, in float32: pretrained weights, and drawn ones in known shapes."""
    if toy:
        small = {"n_layers": 1, "d_model": 64, "n_heads": 4, "n_kv_heads": 2}
        small |= {"vocab_size": 256, "d_ff": 96, "context_length": 128}
        return {
            "toy llama": drawn(preset("llama-3-8b", **small)),
            "toy gpt2": drawn(preset("tiny", n_layers=1)),
        }
    wide = preset("llama-3-8b", n_layers=2, vocab_size=32_000)
    return {
        "smollm2-135m": load("smollm2-135m")[0],
        "gpt2": drawn(preset("gpt2")),
        "llama-3-8b, 2 layers": drawn(wide),
    }


def drawn(config: ModelConfig) -> Transformer:
    return Transformer(config).eval().requires_grad_(False)


def some_ids(model: Transformer, B: int, T: int, device: torch.device) -> Tensor:
    chance = seeded(0).torch("ids")
    return torch.randint(model.config.vocab_size, (B, T), generator=chance).to(device)


def run(
    device: torch.device, *, toy: bool, backend: str, parts: tuple[str, ...] = PARTS
) -> Row:
    """All answers, as they are stored; None where a part was left out or failed."""
    sizes, plan = (TOY if toy else FULL), step_plan(toy, backend)
    characters = 20_000 if toy else None
    how = {
        "paths": lambda: paths(device, sizes, toy=toy, backend=backend),
        "training": lambda: training(plan, device),
        "loop": lambda: loop(plan, device, characters=characters),
        "tests": lambda: gpu_tests(device),
    }
    found, failed = dict.fromkeys(PARTS), []
    for name in parts:
        found[name], why = tried(how[name])
        free()
        if why is not None:
            failed.append({"part": name, "required": True, "holds": False, "why": why})
    step = plan._asdict() | {"config": vars(plan.config)}
    asked = {"toy": toy, "backend": backend, "training": step}
    return {
        "format": FORMAT,
        "provenance": provenance(device=device),
        "settings": sizes._asdict() | asked,
        "holds": all_hold([*failed, *demands(found)]),
        "failed": failed,
        "left_out": [name for name in PARTS if name not in parts],
        **(found.pop("paths") or {}),
        **found,
    }


def demands(found: Row) -> list[Row]:
    """The rows of all parts that can hold or not, each with whether it has to."""
    paths = found["paths"] or {}
    rows = [*paths.get("differences", []), *paths.get("compiled", [])]
    rows += found["tests"] or []
    steps = found["training"] or {}
    told = [*steps.get("rows", []), *([found["loop"]] if found["loop"] else [])]
    return rows + [{"required": True} | row for row in told]


def paths(device: torch.device, sizes: Sizes, *, toy: bool, backend: str) -> Row:
    """Models that compute logits: how far off, in one graph or not, how fast."""
    found: dict[str, list[Row]] = {"differences": [], "compiled": [], "speed": []}
    types = ("float32",) if toy else ("float32", "bfloat16")
    for name, model in models(toy).items():
        rows, why = tried(one_model, model, device, sizes, types, backend)
        if why is not None:
            row = {"dtype": "all", "required": True, "holds": False, "failed": why}
            rows = {"differences": [row]}
        for kind, listed in rows.items():
            found[kind] += [{"model": name} | row for row in listed]
    return found


@torch.no_grad()
def one_model(
    model: Transformer,
    device: torch.device,
    sizes: Sizes,
    types: tuple[str, ...],
    backend: str,
) -> dict[str, list[Row]]:
    ids = some_ids(model.to(device), sizes.B, sizes.T, device)
    rows = {
        "differences": differences(model, ids[:2]),
        "compiled": compiled(model, ids[:2, :128], backend),
        "speed": [],
    }
    how = {"sizes": sizes, "backend": backend}
    for dtype in types:
        if can_compute(device, float_type(dtype)):
            other = theirs(model, dtype)
            rows["differences"].append(beside_theirs(model, other, ids[:2], dtype))
            rows["speed"] += speed(model, other, ids, dtype=dtype, **how)
    model.cpu()
    return rows


def beside_theirs(
    model: Transformer, other: torch.nn.Module, ids: Tensor, dtype: str
) -> Row:
    """What is timed is the same model: their logits beside our explicit float32."""
    about = {"dtype": dtype, "required": True, "impl": "theirs", "reference": "float32"}
    tolerance = TOLERANCES[dtype]
    return about | attempt(
        lambda: compare(other(ids, use_cache=False).logits, model(ids), tolerance)
    )


def all_hold(rows: list[Row]) -> bool:
    demanded = [row for row in rows if row["required"] and "left_out" not in row]
    return bool(demanded) and all(row["holds"] for row in demanded)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--toy", action="store_true", help="models of a moment")
    arguments.add_argument("--out", type=Path, default=RESULTS)
    arguments.add_argument("--backend", default="inductor", help="of torch.compile")
    told = "these alone; the others are listed as left out"
    which = {"nargs": "+", "choices": PARTS, "default": PARTS}
    arguments.add_argument("--parts", **which, help=told)
    options = arguments.parse_args()
    try:
        device = choose_device(options.device)
    except ValueError as error:
        sys.exit(
            f"{error}.\nWithout a GPU the same script runs small:\n"
            f"  python benchmarks/gpu.py --device cpu --toy --out _build/gpu.json"
        )
    if options.out.resolve() == RESULTS and (device.type == "cpu" or options.toy):
        sys.exit("results/gpu.json is a GPU's, at full size: name another file (--out)")
    if options.out.resolve() == RESULTS and set(options.parts) != set(PARTS):
        sys.exit("results/gpu.json has all parts: name another file (--out)")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    how = {"toy": options.toy, "backend": options.backend}
    result = run(device, parts=tuple(options.parts), **how)
    show(result)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, result)
    if not result["holds"]:
        sys.exit(f"not everything holds: see {options.out}")


if __name__ == "__main__":
    main()
