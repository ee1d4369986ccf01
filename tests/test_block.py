"""Block: two additions to the residual stream, each of a normalised view of it"""

from dataclasses import replace

import pytest
import torch

from llmath.attention import causal_mask
from llmath.block import Block
from llmath.config import ModelConfig
from llmath.probe import record

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


# Other arrangements


def stirred(**changes):
    block, x = Block(replace(CONFIG, **changes)), torch.randn(2, 5, 24)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return block, x


def test_post_norm_normalises_the_sum():
    block, x = stirred(norm="layer", norm_position="post", bias=True)
    middle = block.norm_attn(x + block.attn(x, POSITIONS, MASK))
    after = block.norm_mlp(middle + block.mlp(middle))
    torch.testing.assert_close(block(x, POSITIONS, MASK), after)


def test_without_norms():
    block, x = stirred(norm_position="none")
    middle = x + block.attn(x, POSITIONS, MASK)
    torch.testing.assert_close(block(x, POSITIONS, MASK), middle + block.mlp(middle))
    assert not [name for name, _ in block.named_parameters() if "norm" in name]


@pytest.mark.parametrize("norm_position", ["pre", "none"])
def test_without_a_residual_stream(norm_position):
    block, x = stirred(residual=False, norm_position=norm_position)
    middle = block.attn(block.norm_attn(x), POSITIONS, MASK)
    after = block.mlp(block.norm_mlp(middle))
    torch.testing.assert_close(block(x, POSITIONS, MASK), after)


@pytest.mark.parametrize("norm_position", ["pre", "post", "none"])
def test_the_probes_show_the_sums(norm_position):
    block, x = stirred(norm_position=norm_position)
    with record(block, "resid_*", "*_out") as acts:
        y = block(x, POSITIONS, MASK)
    assert torch.equal(acts["resid_post"], y)
    ends = (lambda x, norm: norm(x)) if norm_position == "post" else (lambda x, norm: x)
    middle = ends(acts["resid_pre"] + acts["attn_out"], block.norm_attn)
    torch.testing.assert_close(acts["resid_mid"], middle)
    after = ends(acts["resid_mid"] + acts["mlp_out"], block.norm_mlp)
    torch.testing.assert_close(acts["resid_post"], after)
