"""On a GPU: the fast paths beside the explicit one, this library beside transformers

    python benchmarks/gpu.py                                   as `make gpu` runs it
    python benchmarks/gpu.py --device cpu --toy --out FILE     the same, small, anywhere

Three questions, one file of answers (results/gpu.json): how far each path is from the
explicit one in float64, by type; whether torch.compile takes the model as one graph
with the same logits; and how fast a prefill and decoding are. Rounds alternate between
the contenders, so that whatever else the machine is doing hits all of them.
"""

import argparse
import sys
from pathlib import Path

import torch
import transformers
from agreement import TOLERANCES, Row, attempt, compare, compiled, differences
from clock import Sizes, speed, theirs
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
FORMAT = "llmath GPU checks, version 1"
FULL = Sizes(B=8, T=512, prompt=32, new=128, rounds=5)
TOY = Sizes(B=2, T=70, prompt=5, new=4, rounds=2)  # `online` sees two chunks of 70


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


@torch.no_grad()
def run(device: torch.device, *, toy: bool, backend: str) -> Row:
    """All answers, as they are stored."""
    sizes, types = (TOY, ["float32"]) if toy else (FULL, ["float32", "bfloat16"])
    found: dict[str, list[Row]] = {"differences": [], "compiled": [], "speed": []}
    for name, model in models(toy).items():
        model.to(device)
        ids = some_ids(model, sizes.B, sizes.T, device)
        rows = {
            "differences": differences(model, ids[:2]),
            "compiled": compiled(model, ids[:2, :128], backend),
            "speed": [],
        }
        for dtype in types:
            if not can_compute(device, float_type(dtype)):
                continue
            other = theirs(model, dtype)
            rows["differences"].append(beside_theirs(model, other, ids[:2], dtype))
            rows["speed"] += speed(
                model, other, ids, dtype=dtype, sizes=sizes, backend=backend
            )
        for kind, listed in rows.items():
            found[kind] += [{"model": name} | row for row in listed]
    return {
        "format": FORMAT,
        "provenance": provenance(device=device),
        "settings": sizes._asdict() | {"toy": toy, "backend": backend},
        "holds": all_hold(found["differences"] + found["compiled"]),
        **found,
    }


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


def show(result: Row) -> None:
    for row in [*result["differences"], *result["compiled"]]:
        name = f"{row['model']:20} {row['dtype']:8} {row.get('impl', ''):8}"
        kind = f"compiled ({row['backend']})" if "backend" in row else "eager"
        said = row.get("failed") or row.get("left_out")
        if said is None:
            said = f"off by {row['error']:.1e} of at most {row['tolerance']:.0e}"
        print(f"{name} {kind:20} {'holds' if row.get('holds') else 'NOT':5} {said}")
    for row in result["speed"]:
        name = (
            f"{row['model']:20} {row['dtype']:8} {row['task']:8} {row['contender']:28}"
        )
        if "failed" in row:
            print(f"{name} {row['failed']}")
            continue
        taken = row["working_bytes"]
        peak = "" if taken is None else f"{taken / 2**20:8.0f} MiB"
        spread = f"({row['slowest']:,.0f}–{row['fastest']:,.0f})"
        print(f"{name} {row['tokens_per_second']:12,.0f} tokens/s {spread} {peak}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--toy", action="store_true", help="models of a moment")
    arguments.add_argument("--out", type=Path, default=RESULTS)
    arguments.add_argument("--backend", default="inductor", help="of torch.compile")
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
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    result = run(device, toy=options.toy, backend=options.backend)
    show(result)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, result)
    if not result["holds"]:
        sys.exit(f"not everything holds: see {options.out}")


if __name__ == "__main__":
    main()
