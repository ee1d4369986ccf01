"""Attention maps in, the same weights out; typed sentences are always answered"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmath.viz import AttentionExplorer
from llmath.viz.attention_explorer import STEPS, label, look, pack, unpack
from samples import maps_of

HALF_STEP = 0.5 / STEPS + 1e-12  # 7.6e-6
weights = st.floats(0, 1)


def sentence(text="the cat ran", **kwargs):
    words = text.split()
    tokens = [words[0], *(" " + w for w in words[1:])]
    return text, tokens, maps_of(2, 3, len(tokens), **kwargs)


@given(arrays(np.float64, (2, 3, 5, 5), elements=weights), st.booleans())
def test_packing_is_exact_to_half_a_step(maps, causal):
    maps = np.tril(maps) if causal else maps
    data = pack(maps, causal=causal)
    assert len(data) == 2 * 3 * (15 if causal else 25) * 2
    back = unpack(data, 5, layers=2, heads=3, causal=causal)
    assert np.abs(back - maps).max() <= HALF_STEP


def test_packing_by_hand():
    """Row by row, little-endian: 1 is ff ff, a half is rounded to even, 00 80."""
    maps = np.array([[[[1.0, 0.0], [0.5, 0.5]]]])
    assert pack(maps, causal=True) == b"\xff\xff\x00\x80\x00\x80"
    assert pack(maps, causal=False) == b"\xff\xff\x00\x00\x00\x80\x00\x80"


@pytest.mark.parametrize(
    ("token", "place", "shown"),
    [("The", 0, "The"), (" cat", 1, "cat"), ("ing", 2, "-ing"), (".", 3, "."),
     ("\n", 1, "↵"), (" ", 1, "␣"), ("</b>", 1, "</b>"),
     (" incomprehensibly", 1, "incomprehensi…")],
)  # fmt: skip
def test_labels(token, place, shown):
    assert label(token, place) == shown


def test_masks_are_noticed():
    figure = AttentionExplorer([sentence(causal=True), sentence(causal=False)])
    assert [s["causal"] for s in figure.sentences] == [True, False]


def test_query_may_be_a_word():
    figure = AttentionExplorer([sentence("a cat ran"), sentence("so it goes on")],
                               query="cat")  # fmt: skip
    assert [s["query"] for s in figure.sentences] == [1, 3]  # where absent: the last
    assert figure.query == 1
    assert AttentionExplorer([sentence()], query=0).query == 0


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([], "at least one"),
        ([("x", ["a", "b"], np.zeros((1, 1, 3, 3)))], r"2 tokens .* \(1, 1, 3, 3\)"),
        ([("x", [], np.zeros((1, 1, 0, 0)))], "0 tokens"),
        ([("x", ["a"], np.full((1, 1, 1, 1), np.nan))], "nan"),
        ([("x", ["a"], np.full((1, 1, 1, 1), 1.5))], "1.5"),
        ([("x", ["a"], np.full((1, 1, 1, 1), -0.5))], "-0.5"),
        ([sentence(), ("x", ["a"], np.ones((1, 1, 1, 1)))], "one model"),
    ],
)
def test_bad_input_is_explained(bad, says):
    with pytest.raises(ValueError, match=says):
        AttentionExplorer(bad)


@pytest.mark.parametrize(
    ("name", "value"), [("layer", 2), ("head", 3), ("query", 3), ("sentence", 1)]
)
def test_state_stays_inside(name, value):
    figure = AttentionExplorer([sentence()])
    with pytest.raises(ValueError, match=f"{name} = {value}"):
        setattr(figure, name, value)
    with pytest.raises(traitlets.TraitError):
        figure.view = "pie"


def asked(figure, text):
    """The page sends a request with a new number, and waits for its answer."""
    figure.request = {"text": text, "number": figure.request.get("number", 0) + 1}
    assert figure.answer["number"] == figure.request["number"]
    return figure.answer["message"]


def test_typed_sentences_are_always_answered():
    def recompute(text):
        if text == "broken":
            raise RuntimeError("no such thing")
        return sentence(text)[1:]

    figure = AttentionExplorer([sentence()], recompute=recompute, max_tokens=4)
    assert asked(figure, "  ") == "Type a sentence first."
    assert asked(figure, "one two three four five").startswith("5 tokens")
    with pytest.raises(RuntimeError):
        figure.request = {"text": "broken", "number": 7}
    assert "failed" in figure.answer["message"]
    assert len(figure.sentences) == 1
    assert asked(figure, "a dog sat there") == ""
    assert figure.sentences[1]["title"] == "a dog sat there"
    assert (figure.sentence, figure.query) == (1, 3)


def test_the_static_page_does_not_offer_what_it_cannot_do(static):
    figure = AttentionExplorer([sentence()], recompute=lambda text: None)
    assert figure.editable is False


def test_weights_are_the_models_own(smollm2):
    """Head 13.8, read by the figure, against the softmax of its queries and keys."""
    model, tokenizer = smollm2
    text = "The cat that the dog chased ran away."
    tokens, maps = look(model, tokenizer, text)
    assert "".join(tokens) == text
    assert maps.shape == (30, 9, 9, 9)

    from llmath.probe import record

    ids = torch.tensor([tokenizer.encode(text)])
    with torch.no_grad(), record(model, "blocks.13.attn.[qk]") as acts:
        model(ids)
    q, k = acts["blocks.13.attn.q"][0, 8], acts["blocks.13.attn.k"][0, 8 // 3]
    scores = (q @ k.T / q.shape[-1] ** 0.5).masked_fill(~torch.ones(9, 9).tril().bool(),
                                                        -torch.inf)  # fmt: skip
    assert np.abs(maps[13, 8] - scores.softmax(-1).numpy()).max() < 1e-5

    figure = AttentionExplorer.from_model(model, tokenizer, [text], query="ran")
    back = unpack(figure.sentences[0]["weights"], 9, layers=30, heads=9, causal=True)
    assert np.abs(back - maps).max() <= HALF_STEP + 1e-7
    assert figure.query == tokens.index(" ran")
    assert asked(figure, "The dogs bark") == ""
    assert figure.sentences[1]["labels"] == ["The", "dogs", "bark"]
