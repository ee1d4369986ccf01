"""text → a trained model: the loop

    python -m llmath.train --preset tiny --out runs/first
    python -m llmath.train --out runs/first --resume
    torchrun --nproc-per-node 2 -m llmath.train --preset book --out runs/second

>>> result = train(preset("tiny"), callback=lambda run, record: curve.add(record))
>>> for record in Run(preset("tiny")):      # the same, step by step
...     print(record.step, record.loss)

ranges.py       which numbers a run can have
settings.py     one frozen description of a run
presets.py      whole recipes by their names, and settings ↔ JSON
corpora.py      text → (tokenizer, ids to learn from, ids to be judged by)
step.py         batch → gradient, in parts or with less memory
distributed.py  one run in several processes
engine.py       how a model is computed here: device, type, kernels, processes
evaluate.py     model, validation text → loss, bits per byte, a sample
metrics.py      what a run reports, one line of JSON each
peak.py         device → how fast it could multiply
lock.py         one process at a time in the folder of a run
folder.py       where a run keeps what it does
keeper.py       a run ↔ its checkpoints: which stay, which are known to be good
start.py        what a run begins with
diverged.py     a number that is none → what is said about it
loop.py         update after update, looked at and saved on the way
whole.py        a run from its beginning to its end
options.py      settings ↔ flags
console.py      what a run looks like in a terminal
"""

from llmath.train.corpora import (
    Corpus,
    build_corpus,
    byte_tokenizer,
    character_tokenizer,
    open_corpus,
)
from llmath.train.distributed import ALONE, Processes, launched
from llmath.train.diverged import Diverged
from llmath.train.engine import Engine
from llmath.train.evaluate import bits_per, evaluate, sample
from llmath.train.loop import Run
from llmath.train.metrics import Evaluation, Step, read_metrics
from llmath.train.peak import Peak, find_peak
from llmath.train.presets import PRESETS, preset
from llmath.train.settings import TrainConfig
from llmath.train.step import accumulate, fused_kernels, in_parts, recomputing
from llmath.train.whole import Result, train

__all__ = [
    "ALONE",
    "PRESETS",
    "Corpus",
    "Diverged",
    "Engine",
    "Evaluation",
    "Peak",
    "Processes",
    "Result",
    "Run",
    "Step",
    "TrainConfig",
    "accumulate",
    "bits_per",
    "build_corpus",
    "byte_tokenizer",
    "character_tokenizer",
    "evaluate",
    "find_peak",
    "fused_kernels",
    "in_parts",
    "launched",
    "open_corpus",
    "preset",
    "read_metrics",
    "recomputing",
    "sample",
    "train",
]
