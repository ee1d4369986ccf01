"""Trains and saves at every step, and is killed at it over and over

python saving.py FOLDER KILLS: each child goes on with the run in FOLDER and says which
steps it knows to be saved; at a random moment it is killed without a warning. Prints
what each said, and how it ended, as JSON. PyTorch is loaded once: children are forked.
"""

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from llmath.train import PRESETS, Corpus, Run

IDS = np.arange(600) * np.arange(600) % 7
_BASE = PRESETS["baseline"]
_SIZES = {"n_layers": 1, "d_model": 32, "n_heads": 2, "n_kv_heads": 2, "d_ff": 64}
CONFIG = replace(
    _BASE,
    model=replace(_BASE.model, **_SIZES, context_length=8),
    **{"steps": 100_000, "schedule": "constant", "warmup": 5, "batch_size": 2},
    **{"evaluate_every": 100_000, "save_every": 1, "keep": 3, "device": "cpu"},
)


def corpus() -> Corpus:
    return Corpus(IDS, IDS[:40], 7)


def child(folder: Path, said: int) -> None:
    """Says where it begins, and each step once its checkpoint must be on the disk."""
    resume = (folder / "config.json").is_file()
    run = Run(CONFIG, corpus=corpus(), folder=folder, resume=resume)
    os.write(said, f"{run.step}\n".encode())
    for record in run:
        if record.step > 1:  # the one before it is saved when it is handed out
            os.write(said, f"{record.step - 1}\n".encode())


def killed(folder: Path, chance: random.Random) -> dict[str, object]:
    """One child, killed some time after it has saved."""
    hears, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child(folder, said)
        finally:
            os._exit(1)  # a child that ends by itself has failed
    os.close(said)
    heard = b""
    while heard.count(b"\n") < 3 and (more := os.read(hears, 4096)):
        heard += more  # it has begun, and saved
    time.sleep(chance.uniform(0, 0.04))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    while more := os.read(hears, 4096):
        heard += more
    os.close(hears)
    steps = [int(line) for line in heard.split(b"\n")[:-1]]
    half = len(list((folder / "checkpoints").glob("*.part")))
    return {
        "steps": steps,
        "killed": os.WTERMSIG(status) == signal.SIGKILL,
        "half": half,
    }


def main() -> None:
    torch.set_num_threads(1)
    folder, chance = Path(sys.argv[1]), random.Random(0)
    Run(CONFIG, corpus=corpus())  # loads what is loaded at the first use
    print(json.dumps([killed(folder, chance) for _ in range(int(sys.argv[2]))]))


if __name__ == "__main__":
    main()
