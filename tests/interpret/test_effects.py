"""Interventions: against models without the part; what is put back; circuits"""

import copy

import pytest
import torch

from llmath.config import ModelConfig
from llmath.interpret import (
    Patched,
    Site,
    ablate,
    ablated,
    head_sites,
    induction_score,
    patch,
    position_sites,
)
from llmath.loss import surprisal
from llmath.model import Transformer
from llmath.probe import record

CONFIG = ModelConfig(
    vocab_size=50, n_layers=3, d_model=24, n_heads=6, n_kv_heads=2, d_ff=32,
    context_length=64,
)  # fmt: skip
MODEL = Transformer(CONFIG).requires_grad_(False)
CLEAN = torch.tensor([[1, 2, 3, 4, 5, 6], [9, 8, 7, 6, 5, 4]])
CORRUPTED = torch.tensor([[1, 2, 40, 4, 5, 6], [9, 8, 41, 6, 5, 4]])
RIGHT, WRONG = torch.tensor([10, 11]), torch.tensor([20, 21])


def without(*weights):
    """The model with these matrices set to zero: `attn.w_o`, `mlp.w_down`, …"""
    model = copy.deepcopy(MODEL)
    for name, parameter in model.named_parameters():
        if any(w in name for w in weights):
            parameter.zero_()
    return model


def difference(model, ids):
    z = model(ids)[:, -1]
    return z[torch.arange(2), RIGHT] - z[torch.arange(2), WRONG]


@pytest.mark.parametrize(
    ("sites", "weights"),
    [
        (head_sites(MODEL), ["attn.w_o"]),
        ([Site(i, "attn") for i in range(3)], ["attn.w_o"]),
        ([Site(1, "mlp")], ["1.mlp.w_down"]),
        ([Site(2, "block")], ["2.attn.w_o", "2.mlp.w_down"]),
        ([Site(0, "attn"), Site(2, "mlp")], ["0.attn.w_o", "2.mlp.w_down"]),
    ],
)
def test_ablating_a_part_equals_a_model_without_its_weights(sites, weights):
    with ablated(MODEL, sites):
        logits = MODEL(CLEAN)
    assert torch.equal(logits, without(*weights)(CLEAN))
    assert not torch.equal(logits, MODEL(CLEAN))


def test_ablating_one_head_equals_a_model_without_its_columns_of_w_o():
    silent = copy.deepcopy(MODEL)
    silent.blocks[1].attn.w_o.weight[:, 4 * 4 : 5 * 4] = 0
    with ablated(MODEL, [Site(1, head=4)]):
        torch.testing.assert_close(MODEL(CLEAN), silent(CLEAN))


def test_the_change_of_the_loss_is_that_of_torch():
    sites = [Site(0, head=1), Site(2, "mlp")]
    losses = []
    for model in (MODEL, without("2.mlp.w_down")):
        if model is not MODEL:
            model.blocks[0].attn.w_o.weight[:, 4:8] = 0
        z = model(CLEAN)[:, :-1].transpose(1, 2)
        losses.append(
            torch.nn.functional.cross_entropy(z, CLEAN[:, 1:], reduction="none")
        )
    change = ablate(MODEL, CLEAN, sites)
    torch.testing.assert_close(change, losses[1] - losses[0], rtol=1e-4, atol=1e-6)
    assert change.shape == (2, 5)
    assert (change != 0).all()


def test_a_position_alone_leaves_the_past_alone():
    with ablated(MODEL, [Site(1, head=2, position=3), Site(2, "mlp", position=-3)]):
        after = MODEL(CLEAN)
    before = MODEL(CLEAN)
    assert torch.equal(after[:, :3], before[:, :3])
    assert (after[:, 3:] != before[:, 3:]).any(-1).all()


def test_the_mean_replaces_by_the_mean_over_texts_and_tokens():
    sites = [Site(1, head=2), Site(1, "mlp")]
    with record(MODEL, "blocks.1.attn.z", "blocks.1.mlp_out") as acts:
        MODEL(CORRUPTED)
    z, out = acts["blocks.1.attn.z"][:, 2], acts["blocks.1.mlp_out"]
    with (
        ablated(MODEL, sites, mean_over=CORRUPTED),
        record(MODEL, "blocks.1.*") as changed,
    ):
        MODEL(CLEAN)
    new = changed["blocks.1.attn.z"]
    mean = z.flatten(0, 1).mean(0).expand(2, 6, 4)
    torch.testing.assert_close(new[:, 2], mean)
    assert (new[:, [0, 1, 3, 4, 5]].std(2) > 0).all()  # the other heads are themselves
    mean = out.flatten(0, 1).mean(0).expand(2, 6, 24)
    torch.testing.assert_close(changed["blocks.1.mlp_out"], mean)


@pytest.mark.parametrize("layer", range(3))
def test_patching_the_whole_stream_gives_the_clean_logits(layer):
    everything = position_sites(MODEL, 6, "stream")[6 * layer : 6 * layer + 6]
    places = [Site(layer, "stream"), everything, Site(layer, "stream", position=-1)]
    run = patch(MODEL, CLEAN, CORRUPTED, places, right=RIGHT, wrong=WRONG)
    torch.testing.assert_close(run.clean, difference(MODEL, CLEAN))
    torch.testing.assert_close(run.corrupted, difference(MODEL, CORRUPTED))
    assert torch.equal(run.patched[0], run.clean)
    assert torch.equal(run.patched[1], run.clean)
    assert torch.equal(run.recovered()[:2], torch.ones(2))
    # one position is enough after the last block, and not before
    assert torch.equal(run.patched[2], run.clean) == (layer == 2)


def test_patching_what_is_the_same_in_both_texts_changes_nothing():
    places = [Site(1, head=3, position=1), Site(0, "mlp", position=4)]
    run = patch(MODEL, CLEAN, CORRUPTED, places, right=RIGHT, wrong=WRONG)
    assert torch.equal(run.patched[0], run.corrupted)  # before the changed token
    assert run.patched.shape == (2, 2)
    same = patch(MODEL, CLEAN, CLEAN, places, right=RIGHT, wrong=WRONG)
    assert torch.equal(same.patched, same.clean.expand(2, 2))
    with pytest.raises(ValueError, match="the same logit difference"):
        same.recovered()


def test_recovered_by_hand():
    """Means: clean 4, corrupted 0; patched 1, 4 and −2."""
    run = Patched(
        clean=torch.tensor([3.0, 5.0]),
        corrupted=torch.tensor([-1.0, 1.0]),
        patched=torch.tensor([[0.0, 2.0], [3.0, 5.0], [-2.0, -2.0]]),
    )
    assert run.recovered().tolist() == [0.25, 1.0, -0.5]


def test_the_circuit_of_a_model_written_by_hand(perfect, repeated):
    """Induction needs 0.0, which says what came before, and 1.0, which looks for it."""
    change = {
        (s.layer, s.head): ablate(perfect, repeated, [s])[:, 6:]
        for s in head_sites(perfect)
    }
    assert (change[0, 1] == 0).all()
    assert (change[1, 1] == 0).all()
    assert (change[0, 0] > 2).all()
    assert (change[1, 0] > 2).all()

    # 3 1 4 7 5 2 3 → 1; with another token in the place of the 1, that one
    clean = repeated[:1, :7]
    corrupted = clean.clone()
    corrupted[0, 1] = 6
    places = [*head_sites(perfect), Site(1, head=0, position=-1), Site(0, "mlp")]
    run = patch(
        perfect, clean, corrupted, places,
        right=torch.tensor([1]), wrong=torch.tensor([6]),
    )  # fmt: skip
    assert run.clean.item() == 50
    assert run.corrupted.item() == -50
    assert run.recovered().tolist() == [0, 0, 1, 0, 1, 0]


def test_the_best_induction_head_is_needed_to_repeat(smollm2):
    """Causal, in a real model: without it the second half is much harder to predict."""
    model, _ = smollm2
    g = torch.Generator().manual_seed(1)
    ids, others = torch.randint(1000, 49_000, (2, 1, 16), generator=g).repeat(1, 1, 2)

    def loss():
        return surprisal(model(ids)[:, 16:-1], ids[:, 17:]).mean().item()

    def harm(layer, head, **options):
        with ablated(model, [Site(layer, head=head)], **options):
            return loss() - before

    with record(model, "blocks.*.attn.pattern") as acts:
        before = loss()
    pattern = acts.stack("blocks.*.attn.pattern")
    score = induction_score(pattern, ids)[:, 0]
    best = divmod(int(score.argmax()), 9)
    some = sorted(harm(*divmod(i, 9)) for i in range(5, 270, 60))
    assert harm(*best) > 0.5  # nats per token
    assert abs(some[len(some) // 2]) < 0.1
    # a previous-token head two layers below, from which it learns what came before
    assert harm(16, 0) > 2
    # an early head whose zero ruins everything after it, and whose mean does not
    assert abs(harm(1, 5, mean_over=others)) < 0.2 < 2 < harm(1, 5)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Site(0, "heart"), "no part 'heart'; there is head, attn, mlp, block"),
        (lambda: Site(0), "a head if and only if it is one; .* head=None"),
        (lambda: Site(0, "mlp", head=1), "part='mlp', head=1"),
        (lambda: ablate(MODEL, CLEAN, []), "at least one"),
        (lambda: ablate(MODEL, CLEAN, [Site(3, head=0)]), "layer=3.* 3 layers with 6"),
        (lambda: ablate(MODEL, CLEAN, [Site(0, head=6)]), "head=6.* 3 layers with 6"),
        (lambda: ablate(MODEL, CLEAN, [Site(-1, "mlp")]), "layer=-1"),
        (
            lambda: ablate(MODEL, CLEAN, [Site(0, "mlp", position=6)]),
            "position=6.* outside a text of 6 tokens",
        ),
        (lambda: ablate(MODEL, CLEAN[:, :1], [Site(0, "mlp")]), r"got \(2, 1\)"),
        (lambda: ablate(MODEL, CLEAN[0], [Site(0, "mlp")]), r"got \(6,\)"),
        (lambda: patched(corrupted=CORRUPTED[:, :5]), r"got \(2, 6\) and \(2, 5\)"),
        (lambda: patched(right=RIGHT[:1]), r"2 right and 2 wrong.* got \(1,\), \(2,\)"),
        (lambda: patched(position=6), "−6 … 5; .* and 6"),
        (lambda: patched(places=[]), "at least one"),
        (lambda: patched(right=RIGHT + 40), "ids run from 0 to 49.*: 50, 51"),
    ],
)
def test_interventions_that_make_no_sense(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def patched(**changes):
    given = {"clean": CLEAN, "corrupted": CORRUPTED, "places": [Site(0, "mlp")]}
    return patch(MODEL, **given | {"right": RIGHT, "wrong": WRONG} | changes)
