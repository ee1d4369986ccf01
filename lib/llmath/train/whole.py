"""a run from its beginning to its end"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmath.model import Transformer
from llmath.tokenizer import Tokenizer
from llmath.train.corpora import Corpus
from llmath.train.loop import Run
from llmath.train.metrics import Evaluation, Record, Step
from llmath.train.settings import TrainConfig


@dataclass(frozen=True)
class Result:
    """The trained model, what was reported on the way, and where it was saved last."""

    model: Transformer
    tokenizer: Tokenizer | None
    steps: list[Step]
    evaluations: list[Evaluation]
    saved: Path | None


def train(
    config: TrainConfig,
    *,
    corpus: Corpus | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    callback: Callable[[Run, Record], Any] | None = None,
) -> Result:
    """Train from the beginning, or from the last checkpoint, to the last step.

    `callback(run, record)` is called with every `Step` and `Evaluation`, when it has
    happened; `run.model` is the model so far and `run.stop()` ends the run early. The
    records of a run that goes on begin where it does. Nothing is printed.

    What `Run` refuses raises a ValueError.
    """
    run = Run(config, corpus=corpus, folder=folder, resume=resume)
    records: dict[type, list[Any]] = {Step: [], Evaluation: []}
    for record in run:
        records[type(record)].append(record)
        if callback is not None:
            callback(run, record)
    seen = (records[Step], records[Evaluation])
    return Result(run.model, run.corpus.tokenizer, *seen, run.saved)
