"""A model's parameters in groups; optimizers by name"""

import pytest
import torch
from torch import nn

from llmath.config import preset
from llmath.loss import cross_entropy
from llmath.model import Transformer
from llmath.optim import (
    OPTIMIZERS,
    OPTIONS,
    SGD,
    Adam,
    AdamW,
    Muon,
    make_optimizer,
    parameter_groups,
)
from llmath.schedule import cosine

GPT2 = preset("tiny", d_model=16, d_ff=32, context_length=16)
LLAMA = preset(
    "smollm2-135m",
    **{"vocab_size": 256, "n_layers": 2, "d_model": 16, "n_heads": 4},
    **{"n_kv_heads": 2, "d_ff": 32, "context_length": 16},
)
UNTIED = preset("tiny", d_model=16, d_ff=32, context_length=16, tie_embeddings=False)
MODELS = {"gpt2": GPT2, "llama": LLAMA, "untied": UNTIED}
CLASSES = {"sgd": SGD, "momentum": SGD, "nesterov": SGD, "adam": Adam}
CLASSES |= {"amsgrad": Adam, "adamw": AdamW, "muon": Muon}


@pytest.fixture(params=MODELS)
def model(request) -> Transformer:
    return Transformer(MODELS[request.param])


def each_once(groups, model) -> bool:
    """Every parameter of the model, tied tables once, in exactly one place."""
    held = [id(p) for group in groups for p in group["params"]]
    return sorted(held) == sorted(map(id, model.parameters()))


def names(group, model) -> set[str]:
    held = set(map(id, group["params"]))
    return {n for n, p in model.named_parameters() if id(p) in held}


def test_matrices_decay_and_vectors_do_not(model):
    groups = parameter_groups(model, weight_decay=0.1, lr=0.5)
    assert each_once(groups, model)
    matrices, vectors = groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)
    assert matrices["lr"] == vectors["lr"] == 0.5
    still = names(vectors, model)
    assert still == {
        n for n, _ in model.named_parameters() if "norm" in n or n.endswith("bias")
    }
    assert "embedding.weight" in names(matrices, model)


def test_a_real_model_by_the_numbers():
    """SmolLM2: 7 matrices a block and the tied table; 2 norms a block and the last."""
    with torch.device("meta"):
        model = Transformer(preset("smollm2-135m"))
    matrices, vectors = parameter_groups(model, weight_decay=0.1, lr=1.0)
    assert each_once([matrices, vectors], model)
    assert len(matrices["params"]) == 30 * 7 + 1
    assert sum(p.numel() for p in vectors["params"]) == (30 * 2 + 1) * 576


def test_what_is_not_trained_is_in_no_group():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    groups = parameter_groups(model, weight_decay=0.1, lr=1.0)
    held = [id(p) for group in groups for p in group["params"]]
    assert held == [id(model[1].weight), id(model[1].bias)]


def test_without_vectors_there_is_one_group():
    tied = nn.ModuleList([nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)])
    tied[1].weight = tied[0].weight
    (group,) = parameter_groups(tied, weight_decay=0.1, lr=1.0)
    assert len(group["params"]) == 1


@pytest.mark.parametrize("impl", ["explicit", "fused"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_name_makes_an_optimizer_that_learns(name, impl, model):
    rates = {"sgd": 0.5, "momentum": 0.1, "nesterov": 0.1, "muon": 0.02}
    lr = rates.get(name, 3e-3)
    options = {"lr": lr, "weight_decay": 0.1, "impl": impl}
    options |= {"adamw_lr": 3e-3} if name == "muon" else {}
    optimizer = make_optimizer(model, name, **options)
    assert type(optimizer) is CLASSES[name]
    assert each_once(optimizer.param_groups, model)
    ids = torch.randint(0, 256, (2, 9), generator=torch.Generator().manual_seed(0))
    losses = []
    for step in range(10):
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * cosine(step, total=20, warmup=2)
        loss = cross_entropy(model(ids[:, :-1]), ids[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05


def test_muon_has_the_matrices_of_the_blocks(model):
    optimizer = make_optimizer(model, "muon", lr=0.02, adamw_lr=1e-3, weight_decay=0.1)
    hidden, outer, vectors = optimizer.param_groups
    kinds = [(g["rule"], g["lr"], g["weight_decay"]) for g in optimizer.param_groups]
    assert kinds == [("muon", 0.02, 0.1), ("adamw", 1e-3, 0.1), ("adamw", 1e-3, 0.0)]
    assert all(n.startswith("blocks.") for n in names(hidden, model))
    tables = {"embedding.weight", "position_embedding.weight", "unembedding.weight"}
    assert names(outer, model) <= tables
    assert all(p.ndim == 1 for p in vectors["params"])
    assert all(p.ndim == 2 for p in hidden["params"])


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [
        ("sgd", {}, {"momentum": 0.0, "nesterov": False}),
        ("momentum", {}, {"momentum": 0.9, "nesterov": False}),
        ("momentum", {"momentum": 0.5}, {"momentum": 0.5}),
        ("nesterov", {}, {"momentum": 0.9, "nesterov": True}),
        ("adam", {"betas": (0.5, 0.6)}, {"betas": (0.5, 0.6), "amsgrad": False}),
        ("amsgrad", {"eps": 1e-3}, {"amsgrad": True, "eps": 1e-3}),
        ("adamw", {"weight_decay": 0.3}, {"weight_decay": 0.3, "lr": 0.1}),
        ("muon", {}, {"momentum": 0.95, "scaling": "spectral", "steps": 5}),
        ("muon", {"momentum": 0.8, "scaling": "rms"}, {"momentum": 0.8}),
    ],
)
def test_options_reach_the_rule_they_belong_to(name, given, found):
    optimizer = make_optimizer(Transformer(GPT2), name, lr=0.1, **given)
    group = optimizer.param_groups[0]
    assert {key: group[key] for key in found} == found
    assert optimizer.impl == "explicit"


GIVEN = {"betas": (0.8, 0.9), "eps": 1e-6, "momentum": 0.5, "scaling": "rms"}
GIVEN |= {"adamw_lr": 1e-3, "dtype": torch.bfloat16}


@pytest.mark.parametrize("option", GIVEN)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_option_is_looked_at_or_refused(name, option, model):
    """What is given changes the optimizer; or it is told that it would not."""

    def held(**given):
        made = make_optimizer(model, name, lr=0.1, **given)
        groups = [
            {k: v for k, v in g.items() if k != "params"} for g in made.param_groups
        ]
        return groups, getattr(made, "dtype", None)

    if option in OPTIONS[name]:
        assert held(**{option: GIVEN[option]}) != held()
        return
    message = rf"{name} does not look at {option}=.*, but at lr, weight_decay"
    with pytest.raises(ValueError, match=message):
        held(**{option: GIVEN[option]})


def test_the_type_of_muons_products_is_handed_on():
    options = {"lr": 0.1, "dtype": torch.bfloat16, "impl": "fused"}
    optimizer = make_optimizer(Transformer(GPT2), "muon", **options)
    assert (optimizer.dtype, optimizer.impl) == (torch.bfloat16, "fused")


@pytest.mark.usefixtures("untyped")
def test_refusals():
    model = Transformer(GPT2)
    with pytest.raises(ValueError, match=r"no optimizer 'lion'; there is sgd, .* muon"):
        make_optimizer(model, "lion", lr=0.1)
    for name in OPTIMIZERS:
        with pytest.raises(ValueError, match="lr should be positive, got 0"):
            make_optimizer(model, name, lr=0)
        with pytest.raises(ValueError, match=r"weight_decay .* got -1"):
            make_optimizer(model, name, lr=0.1, weight_decay=-1)
    with pytest.raises(ValueError, match="under `blocks`, and this model has none"):
        make_optimizer(nn.Linear(3, 3), "muon", lr=0.1)
    with pytest.raises(ValueError, match="lr should be positive, got 0"):
        make_optimizer(model, "muon", lr=0.1, adamw_lr=0)
    with pytest.raises(ValueError, match="model should be a Module, got a list"):
        make_optimizer(list(model.parameters()), "adamw", lr=0.1)
    with pytest.raises(ValueError, match="no parameters that require a gradient"):
        make_optimizer(nn.ReLU(), "adamw", lr=0.1)
