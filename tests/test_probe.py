"""record, replace, names and Probe: activations, read and changed by name"""

import copy

import pytest
import torch
from torch import nn

from llmath.config import ModelConfig
from llmath.model import Transformer
from llmath.probe import Probe, names, record, replace

CONFIG = ModelConfig(
    vocab_size=50,
    n_layers=3,
    d_model=24,
    n_heads=6,
    n_kv_heads=2,
    d_ff=32,
    context_length=64,
)
IDS = torch.arange(10)[None]


@pytest.fixture
def model():
    return Transformer(CONFIG)


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_names_are_listed(model):
    listed = names(model)
    assert len(listed) == len(set(listed)) == 3 * 12
    for name in ["q", "k", "v", "scores", "pattern", "z"]:
        assert f"blocks.2.attn.{name}" in listed
    for name in ["resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post"]:
        assert f"blocks.0.{name}" in listed
    assert "blocks.0.mlp.hidden" in listed


def test_reads_what_it_is_asked_for_and_nothing_else(model):
    with record(model, "blocks.*.attn.pattern", "blocks.1.attn.q") as acts:
        assert hooks(model) == 4
        model(IDS)
    assert hooks(model) == 0
    assert len(acts) == 4
    assert list(acts)[-1] == "blocks.1.attn.q"
    assert acts["blocks.1.attn.q"].shape == (1, 6, 10, 4)
    stacked = acts.stack("blocks.*.attn.pattern")
    assert stacked.shape == (3, 1, 6, 10, 10)
    for i in range(3):
        assert torch.equal(stacked[i], acts[f"blocks.{i}.attn.pattern"])
    assert not stacked.requires_grad


def test_the_residual_stream_is_a_sum(model):
    with record(model, "*") as acts:
        model(IDS)
    for i in range(3):
        seen = {name: acts[f"blocks.{i}.{name}"] for name in ("attn_out", "mlp_out")}
        pre, mid, post = (
            acts[f"blocks.{i}.resid_{where}"] for where in ("pre", "mid", "post")
        )
        torch.testing.assert_close(mid, pre + seen["attn_out"])
        torch.testing.assert_close(post, mid + seen["mlp_out"])
    assert torch.equal(acts["blocks.0.resid_post"], acts["blocks.1.resid_pre"])


def test_recording_changes_nothing(model):
    before = model(IDS)
    with record(model, "*"):
        assert torch.equal(model(IDS), before)


def test_the_latest_pass_counts(model):
    with record(model, "blocks.0.attn.pattern") as acts:
        model(IDS)
        model(IDS[:, :4])
    assert acts["blocks.0.attn.pattern"].shape == (1, 6, 4, 4)


def test_hooks_are_gone_after_an_error(model):
    with pytest.raises(RuntimeError), record(model, "*"):
        raise RuntimeError
    assert hooks(model) == 0


def test_recordings_may_be_nested(model):
    with record(model, "*.q") as outer, record(model, "*.k") as inner:
        model(IDS)
    assert outer.stack("*.q").shape == (3, 1, 6, 10, 4)
    assert inner.stack("*.k").shape == (3, 1, 2, 10, 4)


def test_an_unknown_name_lists_those_that_exist(model):
    listed = r"there is blocks\.\d\.attn\.q, .*blocks\.2\.mlp_out"
    with pytest.raises(ValueError, match=f"no probe matches 'attn.pattern'; {listed}"):
        record(model, "attn.pattern").__enter__()
    with pytest.raises(ValueError, match=listed.replace("there is ", "")):
        record(model).__enter__()
    with pytest.raises(ValueError, match="there is none at all"):
        record(nn.Linear(2, 2), "x").__enter__()


def test_a_long_list_names_a_block_only_once():
    blocks = nn.ModuleList(nn.ModuleDict({"inner": Probe()}) for _ in range(50))
    model = nn.ModuleDict({"blocks": blocks})
    with pytest.raises(ValueError, match=r"there is blocks\.\*\.inner$"):
        record(model, "none").__enter__()


def test_reading_a_name_that_was_not_recorded(model):
    with record(model, "blocks.0.attn.q") as acts:
        model(IDS)
    with pytest.raises(ValueError, match=r"attn.k' .*recorded: blocks.0.attn"):
        acts["blocks.0.attn.k"]
    with pytest.raises(ValueError, match="no probe matches"):
        acts.stack("*.k")
    assert "blocks.0.attn.k" not in acts


@pytest.mark.parametrize("name", ["scores", "pattern"])
def test_what_the_fast_path_never_computes_says_so(model, name):
    with record(model, "blocks.*.attn.*") as acts:
        model(IDS, impl="sdpa")
    assert acts["blocks.0.attn.z"].shape == (1, 6, 10, 4)
    with pytest.raises(ValueError, match='exist only with impl="explicit"'):
        acts[f"blocks.0.attn.{name}"]


def test_nothing_to_read_before_the_model_has_run(model):
    with record(model, "*") as acts, pytest.raises(ValueError, match="Has the model"):
        acts.stack("*.pattern")


def test_different_shapes_do_not_stack(model):
    with record(model, "blocks.0.attn.*") as acts:
        model(IDS)
    with pytest.raises(ValueError, match=r"different shapes.*\(1, 2, 10, 4\)"):
        acts.stack("blocks.0.attn.*")


# Replacing


def test_what_was_there_put_back_changes_nothing(model):
    with record(model, "*") as acts:
        before = model(IDS)
    for name in acts:
        with replace(model, {name: acts[name]}):
            assert torch.equal(model(IDS), before), name
    with replace(model, {"*": lambda x: x}):
        assert torch.equal(model(IDS), before)
    assert hooks(model) == 0


def test_a_replacement_acts_on_what_comes_after_it(model):
    before = model(IDS)
    with record(model, "*.attn_out") as acts, replace(model, {"blocks.1.attn.z": zero}):
        after = model(IDS)
    assert (acts["blocks.0.attn_out"] != 0).any()
    assert (acts["blocks.1.attn_out"] == 0).all()
    assert not torch.equal(after, before)
    assert torch.equal(model(IDS), before)


def zero(x):
    return 0 * x


def test_replacing_at_every_place_equals_a_model_without_it(model):
    silent = copy.deepcopy(model)
    with torch.no_grad():
        for block in silent.blocks:
            block.attn.w_o.weight.zero_()
    with replace(model, {"blocks.*.attn.z": zero}):
        assert torch.equal(model(IDS), silent(IDS))


def test_a_function_may_write_into_what_it_is_given(model):
    """And nobody else sees it: a recording outside keeps what was there before."""

    def cut(x):
        x[:, :, 3] = 0
        return x

    with record(model, "blocks.0.attn.v") as alone:
        model(IDS)
    changed = {"blocks.0.attn.v": cut}
    with record(model, "blocks.0.attn.v") as acts, replace(model, changed):
        model(IDS)
    assert torch.equal(acts["blocks.0.attn.v"], alone["blocks.0.attn.v"])


def test_blocks_act_from_the_outermost_inwards(model):
    name = "blocks.0.mlp_out"
    double, add = (lambda x: 2 * x), (lambda x: x + 1)
    with record(model, name) as plain:
        model(IDS)
    with (
        record(model, name) as outer,
        replace(model, {name: double}),
        record(model, name) as middle,
        replace(model, {name: add}),
        record(model, name) as inner,
    ):
        model(IDS)
    assert torch.equal(outer[name], plain[name])
    assert torch.equal(middle[name], 2 * plain[name])
    assert torch.equal(inner[name], 2 * plain[name] + 1)


def test_gradients_flow_through_a_replacement(model):
    """d logits / d what was put in, against finite differences; and a cut."""
    model.double()
    name = "blocks.1.attn.z"
    with record(model, name) as acts:
        model(IDS)
    z = acts[name][..., :2, :].clone().requires_grad_()

    def logit(z):
        with replace(model, {name: lambda x: torch.cat((z, x[..., 2:, :]), dim=-2)}):
            return model(IDS)[0, -1, 0]

    assert torch.autograd.gradcheck(logit, z)
    with replace(model, {name: zero}):
        model(IDS).sum().backward()
    assert (model.blocks[0].mlp.w_down.weight.grad != 0).any()  # around the heads
    assert (model.blocks[1].attn.w_v.weight.grad == 0).all()  # cut off
    assert (model.blocks[1].attn.w_o.weight.grad == 0).all()
    tensor = acts[name].clone().requires_grad_()
    with replace(model, {name: tensor}):
        model(IDS).sum().backward()
    assert (tensor.grad != 0).any()


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (lambda x: None, r"'blocks.0.attn.z' returned None; the model needs a tensor"),
        (
            lambda x: x[:, :1],
            r"needs \(1, 6, 10, 4\) of torch.float32.* \(1, 1, 10, 4\)",
        ),
        (lambda x: x.double(), r"is \(1, 6, 10, 4\) of torch.float64 on cpu"),
        (torch.zeros(1, 6, 9, 4), r"is \(1, 6, 9, 4\) of torch.float32 on cpu"),
        (torch.zeros(1, 6, 10, 4, device="meta"), "on meta"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_stays_behind(model, new, words):
    with (
        pytest.raises(ValueError, match=words),
        replace(model, {"blocks.0.attn.z": new}),
    ):
        model(IDS)
    assert hooks(model) == 0


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("replacements", "words"),
    [
        ({}, "say what to replace; there is blocks.0"),
        ({"attn.z": zero}, "no probe matches 'attn.z'; there is blocks.0"),
        (
            {"*.z": zero, "blocks.0.*.z": zero},
            r"matched by '\*.z' and by 'blocks.0.*z'",
        ),
        ({"blocks.0.attn.z": 0}, "by a tensor, or by a function .*; got 0"),
    ],
)
def test_replacements_that_make_no_sense(model, replacements, words):
    with pytest.raises(ValueError, match=words):
        replace(model, replacements).__enter__()
    assert hooks(model) == 0


def test_a_replacement_that_never_happened_says_so(model):
    words = r"through: blocks.0.attn.z\. Did the model run"
    with (
        pytest.raises(ValueError, match=words),
        replace(model, {"blocks.0.attn.z": zero}),
    ):
        pass
    with (
        pytest.raises(ValueError, match=r'0.attn.pattern.*impl="explicit"'),
        replace(model, {"blocks.0.attn.pattern": zero}),
    ):
        model(IDS, impl="sdpa")
    with pytest.raises(RuntimeError), replace(model, {"*.z": zero}):
        raise RuntimeError  # the first error is the one to see
    assert hooks(model) == 0
