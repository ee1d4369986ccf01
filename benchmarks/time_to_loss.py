"""How soon another recipe is where the classic one ends, in seconds and steps

    python benchmarks/time_to_loss.py              the table, results/time_to_loss.json
    python benchmarks/time_to_loss.py --search     fewest steps for each recipe as well

The classic recipe of a small GPT is trained to its end, on the characters of
Shakespeare; its loss on the whole validation text is the mark. The best recipe known
here, and the best with one choice at a time put back to the classic one, read the same
number of characters as each other. A recipe passes if it is at the mark or below in
half the time.

Every recipe is a list of flags of `python -m llmath.train`. The runs advance in turns,
a twentieth of their steps at a time, so that whatever else the machine is doing hits
all of them. Seconds are those of updates alone: on one thread the processor's, which
wait for nobody else, otherwise the clock's.
"""

import argparse
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from llmath.runtime import provenance, write_json
from llmath.scaling import parameters
from llmath.train import PRESETS, Corpus, Run, Step, TrainConfig, build_corpus, evaluate
from llmath.train.options import configured, parser

RESULTS = Path(__file__).resolve().parent.parent / "results" / "time_to_loss.json"
FORMAT = "llmath time to a loss, version 1"
ROUNDS = 20
GOAL = 0.5  # of the baseline's time

CHOICES = {
    "block": "--norm rms --position rope --mlp swiglu --d-ff 344 --no-tie-embeddings",
    "optimizer": "--optimizer muon --optimizer-impl explicit --lr 0.025 "
    "--adamw-lr 1e-2 --momentum 0.9 --clip none",
    "schedule": "--schedule linear --min-lr-ratio 0 --warmup 10",
    "batch": "--batch-size 16",
}
STEPS = 270  # of the best recipe
# What stands in a choice's place when it is put back: the preset's own values, but for
# a warm-up of 100 steps: a twentieth of 2,000, and more than a third of these.
PUT_BACK = {"schedule": "--warmup 10"}
TUNED = "--lr 4e-3"  # of AdamW in so few steps; the classic rate is made for many

Row = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """Flags of the loop that change the preset, and how many steps are made."""

    name: str
    flags: str
    steps: int

    @property
    def words(self) -> list[str]:
        changed = [*shlex.split(self.flags), "--steps", str(self.steps)]
        return ["--preset", "baseline", *changed]

    @property
    def config(self) -> TrainConfig:
        return configured(PRESETS["baseline"], vars(parser().parse_args(self.words)))

    @property
    def command(self) -> str:
        """As it is typed; a run with it comes to this row's weights."""
        out = "runs/" + self.name.replace(",", "").replace(" ", "-")
        return shlex.join(["python", "-m", "llmath.train", *self.words, "--out", out])


def recipes(steps: int = STEPS) -> list[Recipe]:
    """The classic one, the best, and the best with one choice put back.

    All but the classic one read as many characters as the best does.
    """
    made = [
        Recipe("baseline", "", PRESETS["baseline"].steps),
        combined("best", CHOICES, steps),
    ]
    for choice in CHOICES:
        changed = CHOICES | {choice: PUT_BACK.get(choice, "")}
        made.append(combined(f"{choice} put back", changed, steps))
    tuned = CHOICES | {"optimizer": TUNED}
    return [*made, combined("optimizer put back, rate tuned", tuned, steps)]


def combined(name: str, choices: dict[str, str], steps: int) -> Recipe:
    flags = " ".join(filter(None, choices.values()))
    best = Recipe("best", CHOICES["batch"], 2000).config.batch_size
    mine = Recipe(name, flags, 2000).config.batch_size
    return Recipe(name, flags, round(steps * best / mine))


def seconds_now() -> float:
    one = torch.get_num_threads() == 1
    return time.thread_time() if one else time.perf_counter()


class Timed:
    """A run that advances part by part; its updates are timed, and nothing else."""

    def __init__(self, recipe: Recipe, corpus: Corpus, rounds: int) -> None:
        self.recipe, self.corpus, self.rounds = recipe, corpus, rounds
        config = replace(recipe.config, sample_tokens=0)
        # The loop looks at a moment of the validation text; all of it is read once.
        few = corpus.validation[: config.model.context_length + 1]
        self.run = Run(config, corpus=replace(corpus, validation=few))
        self.records = iter(self.run)
        self.seconds, self.curve = 0.0, []

    def advance(self, part: int) -> None:
        """On to this part of all rounds; the curve gets the mean loss on the way."""
        end = self.run.config.steps * part // self.rounds
        losses = []
        while self.run.step < end:
            began = seconds_now()
            record = next(self.records)
            if isinstance(record, Step):
                self.seconds += seconds_now() - began
                losses.append(record.loss)
        if losses:
            mean = sum(losses) / len(losses)
            self.curve.append([self.run.step, round(self.seconds, 3), round(mean, 4)])

    def row(self) -> Row:
        """What came of it; the whole validation text is read now."""
        c, shape = self.run.config, self.run.model.config
        with self.run.engine.kernels():
            loss = evaluate(
                self.run.engine.forward, self.corpus.validation, shape.context_length
            )
        return {
            "recipe": self.recipe.name,
            "command": self.recipe.command,
            "parameters": parameters(shape).total,
            "steps": c.steps,
            "tokens": c.steps * c.batch_size * shape.context_length,
            "seconds": self.seconds,
            "loss": loss,
            "curve": self.curve,  # step, seconds, mean training loss since the last
        }


def trained(listed: list[Recipe], corpus: Corpus, rounds: int = ROUNDS) -> list[Row]:
    """A row for each of the recipes, which take turns."""
    runs = [Timed(recipe, corpus, rounds) for recipe in listed]
    for part in range(1, rounds + 1):
        for run in runs:
            run.advance(part)
        print(f"{part} of {rounds} rounds", flush=True)
    return [run.row() for run in runs]


def judged(rows: list[Row], baseline: Row) -> list[Row]:
    """How each stands beside the baseline; it passes at the mark in half the time."""
    return [
        row
        | {
            "time_ratio": (ratio := row["seconds"] / baseline["seconds"]),
            "reaches": (reaches := row["loss"] <= baseline["loss"]),
            "passes": reaches and ratio <= GOAL,
        }
        for row in rows
    ]


def fewest(recipe: Recipe, row: Row, mark: float, corpus: Corpus) -> Iterator[Row]:
    """Runs of other lengths, until the least that reaches the mark is known to 10 %.

    A schedule ends at its last step, so that each length is a run of its own. From the
    length in `row` twice as long or half as long, then between the last two; six runs
    at most.
    """
    short, enough, steps, loss = 0, None, row["steps"], row["loss"]
    for _ in range(6):
        short, enough = (short, steps) if loss <= mark else (steps, enough)
        if enough is not None and short and enough <= 1.1 * short:
            return
        if enough is None:
            steps = 2 * short
        else:
            steps = round((short * enough) ** 0.5) if short else enough // 2
        if steps <= max(short, recipe.config.warmup):
            return
        (found,) = trained([replace(recipe, steps=steps)], corpus, 1)
        loss = found["loss"]
        yield found


def as_table(rows: list[Row]) -> str:
    """Markdown."""
    lines = [
        "| recipe | steps | characters read | seconds | × baseline's "
        "| validation loss (nats) | at the mark in half the time |",
        "| :-- | --: | --: | --: | --: | --: | :-: |",
    ]
    for r in rows:
        told = "" if r["recipe"] == "baseline" else "yes" if r["passes"] else "no"
        lines.append(
            f"| {r['recipe']} | {r['steps']:,} | {r['tokens']:,} | {r['seconds']:.1f} "
            f"| {r['time_ratio']:.3f} | {r['loss']:.4f} | {told} |"
        )
    return "\n".join(lines)


def measured(
    corpus: Corpus, listed: list[Recipe], *, search: bool, rounds: int = ROUNDS
) -> Row:
    """All rows as they are stored; the first recipe is the baseline."""
    about = provenance(device=torch.device("cpu"))  # before hours pass
    rows = trained(listed, corpus, rounds)
    baseline, searched = rows[0], []
    if search:
        for recipe, row in zip(listed[1:], rows[1:], strict=True):
            searched += fewest(recipe, row, baseline["loss"], corpus)
    threads = torch.get_num_threads()
    return {
        "format": FORMAT,
        "provenance": about,
        "settings": {
            "threads": threads,
            "clock": "processor" if threads == 1 else "wall",
            "rounds": rounds,
            "goal": GOAL,
        },
        "text": {
            "train": len(corpus.train),
            "validation": len(corpus.validation),
            "characters": corpus.vocab_size,
        },
        "rows": judged(rows, baseline),
        "search": judged(searched, baseline),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--search", action="store_true", help="much longer")
    arguments.add_argument("--out", type=Path, default=RESULTS)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    corpus = build_corpus("shakespeare", "characters", vocab_size=256)
    result = measured(corpus, recipes(), search=options.search)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, result)
    print(as_table(result["rows"]))
    if result["search"]:
        print("\nOther numbers of steps:\n\n" + as_table(result["search"]))


if __name__ == "__main__":
    main()
