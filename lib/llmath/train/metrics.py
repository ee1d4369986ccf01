"""what a run reports, one line of JSON each: metrics.jsonl

A line is written in one piece, so that a run that is killed leaves whole lines, and at
most one half at the end. A run that goes on drops that half, and the lines of the steps
that it will do again.
"""

import json
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from llmath.border import count
from llmath.runtime import replacing


@dataclass(frozen=True, kw_only=True)
class Step:
    """One update: the loss before it, the rate and the gradient that it was made with.

    `seconds` are those of the run so far, `tokens` all that it has read. Where float16
    overflowed, the update was left out (`skipped`) and there is no gradient norm.
    """

    step: int
    loss: float
    lr: float
    gradient_norm: float | None
    tokens: int
    tokens_per_second: float
    mfu: float
    seconds: float
    skipped: bool = False


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The whole validation text after `step` updates, and what the model writes.

    Without a tokenizer there are no bytes, no characters and no sample.
    """

    step: int
    loss: float
    bits_per_byte: float | None
    bits_per_character: float | None
    sample: str | None
    seconds: float


Record = Step | Evaluation
# What the machine, and not the mathematics, decides.
CLOCK = ("seconds", "tokens_per_second", "mfu", "time")


class Metrics:
    """The file of a run; every call of `write` adds a whole line."""

    def __init__(self, path: str | PathLike) -> None:
        self.path = Path(path)

    def write(self, kind: str, **fields: Any) -> None:
        """Add a line; NaN and ∞ are no JSON and raise a ValueError."""
        text = json.dumps({"kind": kind, **fields}, ensure_ascii=False, allow_nan=False)
        with open(self.path, "ab", buffering=0) as file:
            file.write(text.encode() + b"\n")

    def record(self, record: Record, time: str) -> None:
        """Add what happened, at this time."""
        kind = type(record).__name__.lower()
        self.write(kind, **asdict(record), time=time)

    def cut(self, step: int | None) -> None:
        """Keep the whole lines up to and with this step; with None, no line."""
        if not self.path.is_file():
            return
        kept = [] if step is None else read_metrics(self.path)
        lines = [json.dumps(x, ensure_ascii=False) for x in kept if x["step"] <= step]
        with replacing(self.path) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())


def read_metrics(path: str | PathLike) -> list[dict[str, Any]]:
    """Every whole line of a metrics file; a half one at the end is left out.

    A line in between that is no JSON raises a ValueError that names it.
    """
    *lines, _ = Path(path).read_bytes().split(b"\n")  # after the last \n: a half line
    found = []
    for i, line in enumerate(lines, start=1):
        try:
            found.append(json.loads(line))
            count(0, step=found[-1]["step"])
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path}, line {i}: no record of a run: {error}"
            ) from error
    return found
