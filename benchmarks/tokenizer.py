"""The tokenizer beside Rust's: python benchmarks/tokenizer.py

Training on, and encoding of, Shakespeare's works (5 MB), by this library (pure Python),
by Hugging Face's `tokenizers` and, for encoding and decoding, by tiktoken, which has no
trainer of its own; all in one process. Rounds alternate between them, so that whatever
else the machine is doing hits all; the medians are compared as ratios, above 1 where
this one is faster. Results are checked to be the same before the clock is.

This library remembers the pieces that it has met: "llmath" meets them all again,
"llmath, new" is built for each round and has met none.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable

import regex
import tiktoken
import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from llmath import pretrained
from llmath.data import shakespeare
from llmath.tokenizer import Tokenizer
from llmath.tokenizer.pieces import GPT2_PATTERN, to_bytes

Contenders = dict[str, Callable[[], object]]


def compare(title: str, contenders: Contenders, *, rounds: int, size: int) -> None:
    """Medians of alternating rounds; the ratios are to each of the others."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, function in contenders.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        spread = f"{min(times[name]):.2f}–{max(times[name]):.2f}"
        print(
            f"{title:16} {name:12} {median:6.2f} s ({spread} s) "
            f"{size / 1e6 / median:6.1f} MB/s "
            + "".join(
                f"  {other} × {medians[other] / median:.2f}"
                for other in ("tokenizers", "tiktoken")
                if other in medians and other != name
            )
        )


def train_theirs(text: str, vocab_size: int) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def same_in_rust(ours: Tokenizer) -> tokenizers.Tokenizer:
    vocabulary = {token: i for i, token in enumerate(ours.vocabulary)}
    merges = [tuple(merge.split(" ")) for merge in ours.merges]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(list(ours.special))
    return tokenizer


def same_in_tiktoken(ours: Tokenizer) -> tiktoken.Encoding:
    ranks = {to_bytes(t): i for i, t in enumerate(ours.vocabulary[:50_256])}
    return tiktoken.Encoding(
        "gpt2", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={}
    )


def print_environment() -> None:
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}, "
        f"regex {regex.__version__}, tokenizers {tokenizers.__version__}, "
        f"tiktoken {tiktoken.__version__}"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    rounds = arguments.parse_args().rounds
    print_environment()
    text = shakespeare()

    for vocab_size in (1_024, 10_000):
        ours = Tokenizer.train(text, vocab_size)
        theirs = json.loads(train_theirs(text, vocab_size).to_str())
        merges = theirs["model"]["merges"]
        assert ours.merges == tuple(" ".join(pair) for pair in merges)
        contenders = {
            "llmath": lambda: Tokenizer.train(text, vocab_size),  # noqa: B023
            "tokenizers": lambda: train_theirs(text, vocab_size),  # noqa: B023
        }
        title = f"train to {vocab_size:,}"
        compare(title, contenders, rounds=rounds, size=len(text))

    ours = pretrained.tokenizer("gpt2")
    theirs = same_in_rust(ours)
    ids = ours.encode(text)
    assert ids == theirs.encode(text).ids
    third = same_in_tiktoken(ours)
    assert ids == third.encode_ordinary(text)
    new = iter([pretrained.tokenizer("gpt2") for _ in range(rounds)])
    contenders = {
        "llmath": lambda: ours.encode(text),
        "llmath, new": lambda: next(new).encode(text),
        "tokenizers": lambda: theirs.encode(text).ids,
        "tiktoken": lambda: third.encode_ordinary(text),
    }
    compare("encode as GPT-2", contenders, rounds=rounds, size=len(text))
    contenders = {
        "llmath": lambda: ours.decode(ids),
        "tokenizers": lambda: theirs.decode(ids),
        "tiktoken": lambda: third.decode(ids),
    }
    compare("decode", contenders, rounds=rounds, size=len(text))


if __name__ == "__main__":
    main()
