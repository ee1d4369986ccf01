"""Block: two additions to the residual stream, each of a normalised view of it"""

import torch

from llmath.attention import causal_mask
from llmath.block import Block
from llmath.config import ModelConfig

CONFIG = ModelConfig(
    vocab_size=50,
    n_layers=1,
    d_model=24,
    n_heads=6,
    n_kv_heads=2,
    d_ff=32,
    context_length=64,
)
POSITIONS = torch.arange(5)
MASK = causal_mask(POSITIONS, POSITIONS)


def test_it_is_pre_norm():
    block, x = Block(CONFIG), torch.randn(2, 5, 24)
    for norm in (block.norm_attn, block.norm_mlp):
        torch.nn.init.normal_(norm.weight)
    middle = x + block.attn(block.norm_attn(x), POSITIONS, MASK)
    after = middle + block.mlp(block.norm_mlp(middle))
    torch.testing.assert_close(block(x, POSITIONS, MASK), after)


def test_without_updates_the_stream_flows_on_unchanged():
    block, x = Block(CONFIG), torch.randn(2, 5, 24)
    torch.nn.init.zeros_(block.attn.w_o.weight)
    torch.nn.init.zeros_(block.mlp.w_down.weight)
    assert torch.equal(block(x, POSITIONS, MASK), x)


def test_both_paths_agree():
    block, x = Block(CONFIG).double(), torch.randn(2, 5, 24).double()
    torch.testing.assert_close(
        block(x, POSITIONS, MASK), block(x, POSITIONS, MASK, impl="sdpa")
    )
