"""A text that is learnt in seconds, and a model that is smaller still"""

from dataclasses import replace

import pytest

from llmath.train import PRESETS

# Said over and over: after some dozens of steps the loss is far below ln 256.
TEXT = "The quick brown fox jumps over the lazy dog, and the dog sleeps on.\n" * 40


@pytest.fixture(scope="session")
def text_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "fox.txt"
    path.write_text(TEXT, "utf-8")
    return path


@pytest.fixture(scope="session")
def small(text_file):
    """Ten steps of a model of one block, in a fraction of a second."""
    base = PRESETS["baseline"]
    sizes = {"n_layers": 1, "d_model": 8, "n_heads": 2, "n_kv_heads": 2, "d_ff": 16}
    return replace(
        base,
        data=str(text_file),
        model=replace(base.model, **sizes, context_length=8),
        **{"steps": 10, "warmup": 2, "batch_size": 6, "sample_tokens": 12},
        **{"evaluate_every": 4, "save_every": 3, "device": "cpu"},
    )
