"""The logit lens: what a model says that ends after some of its blocks"""

import copy

import pytest
import torch

from llmath.config import ModelConfig, preset
from llmath.interpret import lens_top, logit_lens
from llmath.model import Transformer

LLAMA = ModelConfig(
    vocab_size=50, n_layers=3, d_model=24, n_heads=6, n_kv_heads=2, d_ff=32,
    context_length=64, tie_embeddings=False,
)  # fmt: skip
IDS = torch.tensor([[1, 2, 3, 4], [9, 8, 7, 6]])


@pytest.mark.parametrize("config", [LLAMA, preset("tiny", n_layers=3)])
def test_each_layer_is_a_model_cut_off_after_it(config):
    model = Transformer(config)
    lens = logit_lens(model, IDS)
    assert lens.shape == (4, 2, 4, config.vocab_size)
    assert not lens.requires_grad
    for depth in range(4):
        shorter = copy.deepcopy(model)
        shorter.blocks = shorter.blocks[:depth]
        assert torch.equal(lens[depth], shorter(IDS)), depth


def test_asking_for_some_positions_gives_those():
    model = Transformer(LLAMA)
    some = logit_lens(model, IDS, positions=[3, -4])
    torch.testing.assert_close(some, logit_lens(model, IDS)[:, :, [3, 0]])
    with pytest.raises(ValueError, match=r"positions \[4\] .* text of 4 tokens"):
        logit_lens(model, IDS, positions=[4])


def test_the_top_is_that_of_the_lens():
    model = Transformer(LLAMA)
    ids, p = lens_top(model, IDS, k=50)
    lens = logit_lens(model, IDS)
    assert ids.shape == p.shape == (4, 2, 4, 50)
    torch.testing.assert_close(p.sum(-1), torch.ones(4, 2, 4))
    torch.testing.assert_close(lens.softmax(-1).gather(-1, ids), p)
    assert torch.equal(lens_top(model, IDS)[0][..., 0], lens.argmax(-1))
    for k, words in ((0, "at least 1, got 0"), (51, "k lies in 1 … 50, not 51")):
        with pytest.raises(ValueError, match=words):
            lens_top(model, IDS, k=k)


def test_a_real_model_settles_on_its_answer_late(smollm2):
    model, tokenizer = smollm2
    ids = torch.tensor([tokenizer.encode("The capital of France is")])
    top, p = lens_top(model, ids)
    said = [tokenizer.decode([i]) for i in top[:, 0, -1, 0].tolist()]
    assert said[-1] == " Paris"
    assert " Paris" not in said[:15]
    assert p[-1, 0, -1, 0] == p[-1, 0, -1, 0].clamp(0.1, 1)
