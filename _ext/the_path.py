"""From text to an update: which chapter and which file of the library is where

The one place that says so. A chapter gets its title and its link from its page as soon
as that is in the contents; until then its working title stands here, without a link. A
file that the library lists and no step names, or the other way round, stops the build.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One row of the picture; `to` is the station that its arrow leads to."""

    arrow: str
    files: tuple[str, ...]
    chapters: tuple[int, ...] = ()
    pages: tuple[str, ...] = ()
    to: str = ""


START = "text"
STEPS = (
    Step("split", ("tokenizer",), (1,), to="ids"),
    Step("look up", ("data", "words", "embedding"), (2,), to="vectors"),
    Step(
        "mix, again and again",
        ("rope", "norm", "cache", "attention", "mlp", "block"),
        (3, 4),
        to="blocks",
    ),
    Step("score every token", ("model",), (4,), to="logits"),
    Step("compare with what came", ("loss",), (5,), to="loss"),
    Step("differentiate", ("gradient",), (6,), to="gradient"),
    Step("take a step", ("optim", "schedule"), (7,), to="update"),
    Step("logits → next id → text", ("sampling", "generate"), (5,)),
    Step("text → a trained model", ("train", "checkpoint"), (7,)),
    Step("how large, how good", ("scaling",), (8,)),
    Step("looking inside", ("probe", "interpret"), (9,)),
    Step("a model from a file", ("pretrained",), (10,)),
    Step("do it yourself", ("swap", "mistakes", "exercise"), (), ("how-to",)),
    Step("once more, in NumPy", ("reference",), (), ("equations",)),
    Step(
        "under all of it",
        ("notation", "border", "config", "runtime", "viz"),
        (),
        ("chapters/refresher", "notation"),
    ),
)
BACK = "θ ← θ − η∇ℒ"  # from the update back to the weights
TITLES = {
    1: "Tokenization",
    2: "Embeddings",
    3: "Attention",
    4: "Transformer blocks",
    5: "Loss and prediction",
    6: "Gradients",
    7: "Training",
    8: "Scaling laws",
    9: "Does it understand?",
    10: "From base model to assistant",
}


def problems(listed: list[str], chapters: set[int], steps=STEPS) -> list[str]:
    """What the steps lack or have too much, given the library's list and the book's."""
    named = [file for step in steps for file in step.files]
    known = {chapter for step in steps for chapter in step.chapters}
    return [
        *(f"lib/llmath's {f} is in no step of the path" for f in listed
          if f not in named),
        *(f"the path names {f}, which llmath does not list" for f in named
          if f not in listed),
        *(f"the path names {f} twice" for f in sorted(set(named))
          if named.count(f) > 1),
        *(f"chapter {c} is in no step of the path" for c in sorted(chapters - known)),
        *(f"chapter {c} of the path has no title" for c in sorted(known)
          if c not in TITLES),
    ]  # fmt: skip
