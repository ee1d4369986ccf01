"""The book's own model: trained, stored step by step, and checked

    python benchmarks/book_model.py      ten minutes of training on two cores, and two
                                         more of looking at what came of it

It trains in _build/book_model by `python -m llmath.train`; stopped on the way and
called again, it goes on. What is stored in results/book is whole or is not there:

step-*.gguf      the model after so many steps, in Q8_0, with its tokenizer
metrics.jsonl    what the run reported; of the steps, some hundreds
about.json       provenance, settings, and of each file: its loss, a sample, its SHA-256
"""

import argparse
import hashlib
import json
import math
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llmath.checkpoint import checkpoints, load_checkpoint, load_model
from llmath.model import Transformer
from llmath.pretrained import load_gguf, save_gguf
from llmath.pretrained.gguf import GGUFFile
from llmath.pretrained.gguf_writer import as_stored, write_gguf
from llmath.runtime import provenance, seeded, write_json
from llmath.tokenizer import Tokenizer
from llmath.train import (
    Corpus,
    TrainConfig,
    bits_per,
    evaluate,
    fused_kernels,
    open_corpus,
    preset,
    read_metrics,
    sample,
)
from llmath.train.__main__ import main as train
from llmath.train.corpora import cut, read_source
from llmath.train.folder import read_settings
from llmath.train.presets import as_json

ROOT = Path(__file__).resolve().parent.parent
RESULTS, WORK = ROOT / "results" / "book", ROOT / "_build" / "book_model"
FORMAT = "llmath book model, version 1"
RECIPE = "--preset book --device cpu"
STEPS = preset("book").steps
LARGEST = 20_000_000  # bytes of the whole folder
FEW = 20_000  # characters of the validation text that a test reads again
PROMPT = "The"

Row = dict[str, Any]


def kept_steps(steps: int) -> list[int]:
    """0, 1, 2, 4, 8, … while the model learns fastest, then six at even distances."""
    early = [2**i for i in range(8) if 2**i < max(2, steps / 8)]
    return sorted({0, *early, *(math.ceil(steps * i / 6) for i in range(1, 7))})


def trained(work: Path, steps: int, extra: str = "") -> None:
    """From the beginning, or on from where a run was stopped."""
    words = ["--out", str(work)]
    if (work / "config.json").is_file():
        words += ["--resume"]
    else:
        work.parent.mkdir(parents=True, exist_ok=True)
        words += [*shlex.split(f"{RECIPE} {extra}"), "--steps", str(steps)]
        words += ["--evaluate-every", str(math.ceil(steps / 6))]
        words += ["--keep-steps", *map(str, kept_steps(steps))]
    if status := train(words):
        sys.exit(status)
    reached = load_checkpoint(checkpoints(work / "checkpoints")[-1]).step
    if reached < read_settings(work).steps:
        sys.exit(f"stopped behind step {reached}; the same command goes on from there")


def read_back(path: Path, corpus: Corpus) -> Transformer:
    """The model of a stored file; the file and its tokenizer are what was written.

    Another file when it is written again, or other ids, raise a ValueError.
    """
    file, again = GGUFFile(path), path.with_suffix(".again")
    write_gguf(again, file.metadata, as_stored(file), kinds=file.kinds)
    same = again.read_bytes() == path.read_bytes()
    again.unlink()
    if not same:
        raise ValueError(f"{path.name} is another file when it is written again")
    model, tokenizer = load_gguf(path)
    ids = corpus.validation.tolist()
    if tokenizer.encode(tokenizer.decode(ids)) != ids:
        raise ValueError(f"the tokenizer in {path.name} gives the text other ids")
    return model


def whole_loss(model: Transformer, ids: np.ndarray) -> float:
    """Nats for each token of a text, by the fast path of the loop."""
    with fused_kernels(model.config.norm, model.config.mlp):
        return evaluate(
            lambda x: model(x, impl="sdpa"), ids, model.config.context_length
        )


def few_ids(settings: TrainConfig, tokenizer: Tokenizer, n: int) -> np.ndarray:
    """The first n characters of the validation text, read from its source again."""
    _, text = cut(read_source(settings.data), settings.validation)
    return np.array(tokenizer.encode(text[:n]), np.uint32)


def written(model: Transformer, corpus: Corpus, n: int) -> str:
    """What the model says behind the prompt; the same chance for all of them."""
    generator = seeded(0).torch("book", "cpu")
    prompt = corpus.tokenizer.encode(PROMPT)
    ids = sample(model, prompt, n, temperature=0.8, generator=generator)
    return corpus.tokenizer.decode(ids)


def stored(path: Path, step: int, corpus: Corpus, settings: TrainConfig) -> Row:
    """What is told of one file, all of it measured on the file as it is read back."""
    model, data = read_back(path, corpus), path.read_bytes()
    loss = whole_loss(model, corpus.validation)
    return {
        "step": step,
        "file": path.name,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "tokens": step * settings.batch_size * settings.model.context_length,
        "loss": loss,
        "bits_per_byte": in_bits(loss, corpus),
        "few_loss": whole_loss(model, few_ids(settings, corpus.tokenizer, FEW)),
        "sample": written(model, corpus, settings.sample_tokens),
    }


def in_bits(loss: float, corpus: Corpus) -> float:
    return bits_per(loss, len(corpus.validation) - 1, corpus.predicted[0])


def thinned(lines: list[Row], steps: int) -> list[Row]:
    """All that is rare, the first hundred steps, and some hundreds of the others."""
    every = math.ceil(steps / 500)
    return [
        line
        for line in lines
        if line["kind"] != "step" or line["step"] <= 100 or not line["step"] % every
    ]


def exported(work: Path, out: Path) -> Row:
    """All files of the folder; what about.json says is returned."""
    settings, corpus = read_settings(work), open_corpus(work)
    lines = read_metrics(work / "metrics.jsonl")
    rows = []
    for path in checkpoints(work / "checkpoints"):
        step = load_checkpoint(path).step
        if step not in settings.keep_steps:
            continue
        file, model = out / f"step-{step:06d}.gguf", load_model(path)
        save_gguf(model, corpus.tokenizer, file)
        rows.append(stored(file, step, corpus, settings))
        print(f"step {step}: {rows[-1]['loss']:.4f} nats a token", flush=True)
    kept = [json.dumps(x, ensure_ascii=False) for x in thinned(lines, settings.steps)]
    (out / "metrics.jsonl").write_text("\n".join(kept) + "\n", "utf-8")
    exact = whole_loss(model, corpus.validation)  # the last one's, before it is rounded
    about = {
        "format": FORMAT,
        "provenance": provenance(device=torch.device("cpu")),
        "training": training(lines, settings),
        "settings": as_json(settings),
        "text": {
            "train_tokens": len(corpus.train),
            "validation_tokens": len(corpus.validation),
            "validation_bytes": corpus.predicted[0],
            "few_characters": FEW,
        },
        "float32": {"loss": exact, "bits_per_byte": in_bits(exact, corpus)},
        "checkpoints": rows,
    }
    write_json(out / "about.json", about)
    return about


def training(lines: list[Row], settings: TrainConfig) -> Row:
    """How long it took, and where: as the run itself reported, each time it began."""
    begun = [line["provenance"] for line in lines if line["kind"] == "run"]
    steps = [line for line in lines if line["kind"] == "step"]
    size = settings.batch_size * settings.model.context_length
    return {
        "provenance": begun,
        "threads": torch.get_num_threads(),
        "seconds": steps[-1]["seconds"],  # with its looks at the validation text
        "update_seconds": sum(size / line["tokens_per_second"] for line in steps),
        "tokens": steps[-1]["tokens"],
    }


def put(work: Path, out: Path) -> Row:
    """Export beside the place, then move there; an older folder goes at that moment.

    A folder that comes out larger than it may be raises a ValueError.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".book-") as beside:
        new = Path(beside) / "new"
        new.mkdir()
        about = exported(work, new)
        size = sum(path.stat().st_size for path in new.iterdir())
        if size > LARGEST:
            raise ValueError(f"{size:,} bytes are more than {LARGEST:,}: keep fewer")
        if out.exists():
            os.replace(out, Path(beside) / "old")
        os.replace(new, out)
    return about


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--steps", type=int, default=STEPS)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--work", type=Path, default=WORK)
    arguments.add_argument("--out", type=Path, default=RESULTS)
    arguments.add_argument("--flags", default="", help="of llmath.train, for a trial")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    trained(options.work, options.steps, options.flags)
    about = put(options.work, options.out)
    exact, last = about["float32"], about["checkpoints"][-1]
    for name, row in (("float32", exact), ("Q8_0", last)):
        bits = row["bits_per_byte"]
        print(f"{name:8} {row['loss']:.5f} nats a token, {bits:.5f} bits a byte")
    print(f"Stored in {options.out}: {len(about['checkpoints'])} checkpoints")


if __name__ == "__main__":
    main()
