"""A transformer written by hand, whose four heads are perfect in their professions"""

import pytest
import torch

from llmath.config import ModelConfig
from llmath.model import Transformer

V, T, E = 8, 12, 20
TOKEN, PLACE, BEFORE = slice(0, V), slice(V, V + T), slice(V + T, V + T + V)
SURE = 3000.0  # a score ahead by SURE / √E leaves nothing for the others: e^−670 = 0


@pytest.fixture(scope="session")
def perfect() -> Transformer:
    """Two blocks of two heads; the residual stream holds one-hot vectors.

    Coordinates: the token, its place, and (written by head 0.0) the token before it.
    0.0 looks one place back; 0.1 at the first token, and brings nothing; 1.0 at tokens
    whose forerunner is the current token, and writes them down as the next one; 1.1
    at earlier copies of the current token, and brings nothing.
    """
    config = ModelConfig(
        vocab_size=V, n_layers=2, d_model=2 * E, n_heads=2, n_kv_heads=2, d_ff=1,
        context_length=T, norm_position="none", position="learned", mlp="gelu",
    )  # fmt: skip
    model = Transformer(config).requires_grad_(False)
    for parameter in model.parameters():
        parameter.zero_()
    model.embedding.weight[:, TOKEN] = torch.eye(V)
    model.position_embedding.weight[:, PLACE] = torch.eye(T)
    first, second = (block.attn for block in model.blocks)
    tokens, places, c = slice(0, V), slice(0, T), SURE**0.5

    first.w_q.weight[places, PLACE] = c * torch.diag(torch.ones(T - 1), 1)
    first.w_k.weight[places, PLACE] = c * torch.eye(T)
    first.w_v.weight[tokens, TOKEN] = torch.eye(V)
    first.w_o.weight[BEFORE, tokens] = torch.eye(V)

    first.w_q.weight[E, PLACE] = c  # wherever it stands, it asks for place 0
    first.w_k.weight[E, PLACE.start] = c

    second.w_q.weight[tokens, TOKEN] = c * torch.eye(V)
    second.w_k.weight[tokens, BEFORE] = c * torch.eye(V)
    second.w_k.weight[tokens, PLACE.start] = -c  # place 0 saw itself; nobody before it
    second.w_v.weight[tokens, TOKEN] = torch.eye(V)
    second.w_o.weight[TOKEN, tokens] = 50 * torch.eye(V)

    copies, itself = slice(E, E + V), slice(E + V, E + V + T)
    second.w_q.weight[copies, TOKEN] = c * torch.eye(V)
    second.w_k.weight[copies, TOKEN] = c * torch.eye(V)
    second.w_q.weight[itself, PLACE] = -c / 2 * torch.eye(T)  # but not for itself
    second.w_k.weight[itself, PLACE] = c / 2 * torch.eye(T)
    return model.eval()


@pytest.fixture
def repeated() -> torch.Tensor:
    """Sentences that say six tokens twice."""
    order = [[3, 1, 4, 7, 5, 2], [0, 6, 5, 3, 1, 7], [2, 7, 1, 0, 4, 6]]
    return torch.tensor(order).repeat(1, 2)
