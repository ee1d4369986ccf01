"""Direct logit attribution: the parts sum to the logits; each is its own path"""

import pytest
import torch

from llmath.config import ModelConfig, preset
from llmath.interpret import logit_attribution
from llmath.model import Transformer
from llmath.probe import record

LLAMA = ModelConfig(
    vocab_size=50, n_layers=3, d_model=24, n_heads=6, n_kv_heads=2, d_ff=32,
    context_length=64, tie_embeddings=False,
)  # fmt: skip
GPT2 = preset("tiny", n_layers=3, vocab_size=50)
BARE = preset("tiny", n_layers=2, vocab_size=50, norm_position="none", bias=False)
IDS = torch.tensor([[1, 2, 3, 4], [9, 8, 7, 6]])
RIGHT, WRONG = torch.tensor([10, 11]), torch.tensor([20, 21])


def random_model(config):
    """Every weight different from its start, biases and gains too."""
    model = Transformer(config).double().requires_grad_(False)
    g = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=g).double())
    return model


@pytest.mark.parametrize("config", [LLAMA, GPT2, BARE], ids=["llama", "gpt2", "bare"])
@pytest.mark.parametrize("position", [-1, 1])
def test_the_parts_sum_to_the_difference_of_the_logits(config, position):
    model = random_model(config)
    parts = logit_attribution(model, IDS, right=RIGHT, wrong=WRONG, position=position)
    z = model(IDS)[:, position]
    expected = z[[0, 1], RIGHT] - z[[0, 1], WRONG]
    torch.testing.assert_close(parts.total(), expected, rtol=1e-10, atol=1e-10)
    assert parts.heads.shape == (config.n_layers, config.n_heads, 2)
    assert parts.mlps.shape == (config.n_layers, 2)
    assert (parts.bias != 0).all() == config.bias


def test_a_part_is_the_derivative_along_what_it_adds():
    """With the length held fixed: the logits, differentiated along c, times length."""
    model = random_model(LLAMA)
    with record(model, "blocks.1.mlp_out", "blocks.2.attn.z") as acts:
        x = model.residual(IDS)[:, -1]
    length = x.square().mean(-1, keepdim=True).add(1e-5).sqrt()

    def difference(y):
        z = (y / length * model.norm.weight) @ model.unembedding.weight.T
        return z[[0, 1], RIGHT] - z[[0, 1], WRONG]

    parts = logit_attribution(model, IDS, right=RIGHT, wrong=WRONG)
    mlp = acts["blocks.1.mlp_out"][:, -1]
    torch.testing.assert_close(parts.mlps[1], difference(x) - difference(x - mlp))
    z = torch.zeros(2, 24).double()
    z[:, 4 * 3 : 4 * 4] = acts["blocks.2.attn.z"][:, 3, -1]
    head = model.blocks[2].attn.w_o(z)
    torch.testing.assert_close(parts.heads[2, 3], difference(x) - difference(x - head))


def test_in_the_model_written_by_hand_one_head_writes_the_answer(perfect, repeated):
    parts = logit_attribution(
        perfect, repeated[:1, :7], right=torch.tensor([1]), wrong=torch.tensor([4])
    )
    assert parts.heads[:, :, 0].tolist() == [[0, 0], [50, 0]]
    assert parts.embedding.item() == parts.mlps.abs().sum().item() == 0


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"right": RIGHT[:1]}, r"2 texts need 2 right and wrong ids; got \(1,\)"),
        ({"wrong": WRONG + 30}, "from 0 to 49.*: 50, 51"),
        ({"position": 4}, "position 4 is outside a text of 4"),
    ],
)
def test_questions_that_make_no_sense(changes, words):
    given = {"right": RIGHT, "wrong": WRONG} | changes
    with pytest.raises(ValueError, match=words):
        logit_attribution(Transformer(LLAMA), IDS, **given)


@pytest.mark.parametrize(
    "config", [preset("tiny", norm_position="post"), preset("tiny", residual=False)]
)
def test_a_stream_that_is_no_sum_is_refused(config):
    with pytest.raises(ValueError, match="nothing rescales is a sum of its parts"):
        logit_attribution(Transformer(config), IDS, right=RIGHT, wrong=WRONG)
