"""SGD, Adam, AdamW and Muon: PyTorch's, the fused kernels, saved and resumed"""

import copy
import functools
import io
import json
import sys

import numpy as np
import pytest
import torch

from llmath.optim import SGD, Adam, AdamW, Muon, orthogonalize
from llmath.reference import optim as reference

STEPS = 100
TORCH = {SGD: torch.optim.SGD, Adam: torch.optim.Adam, AdamW: torch.optim.AdamW}
# Every option that both have, alone and beside others.
GRID = [
    (SGD, {"lr": 0.1}),
    (SGD, {"lr": 0.1, "weight_decay": 0.01}),
    (SGD, {"lr": 0.1, "momentum": 0.9}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (SGD, {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.01}),
    (Adam, {"lr": 0.01}),
    (Adam, {"lr": 0.01, "betas": (0.0, 0.0)}),
    (Adam, {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3}),
    (Adam, {"lr": 0.01, "weight_decay": 0.1}),
    (Adam, {"lr": 0.01, "betas": (0.8, 0.9), "amsgrad": True}),
    (Adam, {"lr": 0.01, "betas": (0.8, 0.9), "amsgrad": True, "weight_decay": 0.1}),
    (AdamW, {"lr": 0.01}),
    (AdamW, {"lr": 0.01, "betas": (0.9, 0.95), "eps": 1e-6}),
    (AdamW, {"lr": 0.01, "weight_decay": 0.1}),
    (AdamW, {"lr": 0.01, "betas": (0.5, 0.99), "weight_decay": 1.0}),
]
CASES = [
    pytest.param(i, id=f"{kind.__name__} {options}".replace("'", ""))
    for i, (kind, options) in enumerate(GRID)
]
MUON = [
    {"lr": 0.02},
    {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.9},
    {"lr": 0.01, "weight_decay": 0.1, "scaling": "rms", "steps": 3},
]
# ‖fused − explicit‖ / ‖explicit‖, after STEPS steps and after 20.
FUSED = {torch.float64: (STEPS, 1e-12), torch.float32: (20, 1e-6)}


def muon_groups(parameters, **options):
    """Matrices for Muon, the last of them and the rest for AdamW."""
    inner = [p for p in parameters if p.ndim == 2][:-1]
    outer = [p for p in parameters if all(p is not q for q in inner)]
    adamw = {"params": outer, "rule": "adamw", "lr": 0.01}
    return [{"params": inner, **options}, adamw]


@functools.cache
def walked(problem, case, dtype, steps, impl="explicit"):
    """(losses, parameters) of one of the cases."""
    walk, (kind, options) = problem(dtype), GRID[case]
    optimizer = kind(walk.parameters, **options, impl=impl)
    return walk.run(optimizer, steps), walk.parameters


@pytest.mark.parametrize("case", CASES)
def test_explicit_is_pytorchs(case, problem, far):
    kind, options = GRID[case]
    losses, parameters = walked(problem, case, torch.float64, STEPS)
    assert losses[-1] < 0.5 * losses[0]  # it has gone somewhere
    theirs = problem()
    options = {"weight_decay": 0.0} | options  # AdamW's own default is 0.01
    theirs.run(TORCH[kind](theirs.parameters, **options), STEPS)
    assert far(parameters, theirs.parameters) <= 1e-12


@pytest.mark.parametrize("dtype", FUSED, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_fused_is_explicit(case, dtype, problem, far):
    steps, tolerance = FUSED[dtype]
    _, explicit = walked(problem, case, dtype, steps)
    _, fused = walked(problem, case, dtype, steps, "fused")
    assert far(fused, explicit) <= tolerance


@pytest.mark.parametrize("dtype", FUSED, ids=str)
@pytest.mark.parametrize("options", MUON, ids=str)
def test_fused_muon_is_explicit(options, dtype, problem, far):
    """Two of the matrices have one shape, and go through together."""
    steps, tolerance = FUSED[dtype]
    walks = {impl: problem(dtype) for impl in ("explicit", "fused")}
    for impl, walk in walks.items():
        groups = muon_groups(walk.parameters, **options)
        walk.run(Muon(groups, lr=1.0, impl=impl), steps)
    ours, theirs = (walk.parameters for walk in walks.values())
    assert far(theirs, ours) <= tolerance


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", FUSED, ids=str)
@pytest.mark.parametrize("name", ["dampened", "nesterov", "amsgrad", "adamw", "muon"])
def test_fused_is_explicit_on_a_gpu(name, dtype, problem, far):
    steps, tolerance = FUSED[dtype]
    ends = []
    for impl in ("explicit", "fused"):
        walk = problem(dtype, device="cuda")
        walk.run(EVERY[name](walk.parameters, impl), steps)
        ends.append(walk.parameters)
    assert far(*ends) <= 10 * tolerance  # cuBLAS adds up in other orders


@pytest.mark.parametrize("options", MUON, ids=str)
def test_muon_is_numpys(options, problem, far):
    """The twins walk beside it, with the gradients that it has."""
    walk = problem()
    optimizer = Muon(muon_groups(walk.parameters, **options), lr=1.0)
    inner, outer = (group["params"] for group in optimizer.param_groups)
    shadows = {p: p.detach().numpy().copy() for p in walk.parameters}
    b = {p: np.zeros(p.shape) for p in inner}
    moments = {p: (np.zeros(p.shape), np.zeros(p.shape)) for p in outer}
    for step in range(1, STEPS + 1):
        walk.gradients()
        for p in inner:
            reference.muon_update(shadows[p], p.grad.numpy(), b[p], **options)
        for p in outer:
            numbers = {"step": step, "lr": 0.01}
            reference.adamw_update(shadows[p], p.grad.numpy(), *moments[p], **numbers)
        optimizer.step()
    theirs = [torch.from_numpy(shadows[p]) for p in walk.parameters]
    assert far(walk.parameters, theirs) <= 1e-12


@pytest.mark.parametrize("options", [{}, {"adjust_lr_fn": "match_rms_adamw"}], ids=str)
@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_muon_goes_where_pytorchs_goes(shape, options, monkeypatch):
    """PyTorch's orthogonalizes in bfloat16 alone: it is lent ours, the rule is its."""
    module = sys.modules["torch.optim._muon"]
    ours = lambda g, coefficients, steps, eps: orthogonalize(g)  # noqa: E731
    monkeypatch.setattr(module, "_zeropower_via_newtonschulz", ours)
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(10, *shape, generator=generator, dtype=torch.float64)
    common = {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.6}
    scaling = "rms" if options else "spectral"
    ends = []
    for kind, more in ((Muon, {"scaling": scaling}), (torch.optim.Muon, options)):
        p = torch.nn.Parameter(torch.ones(shape, dtype=torch.float64))
        optimizer = kind([p], **common, **more)
        for p.grad in gradients:
            optimizer.step()
        ends.append(p.detach())
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-12)


EVERY = {
    "sgd": lambda ps, impl: SGD(ps, lr=0.1, impl=impl),
    "dampened": lambda ps, impl: SGD(
        ps, lr=0.1, momentum=0.9, dampening=0.5, impl=impl
    ),
    "nesterov": lambda ps, impl: SGD(
        ps, lr=0.1, momentum=0.9, nesterov=True, impl=impl
    ),
    "amsgrad": lambda ps, impl: Adam(ps, lr=0.01, amsgrad=True, impl=impl),
    "adamw": lambda ps, impl: AdamW(ps, lr=0.01, weight_decay=0.1, impl=impl),
    "muon": lambda ps, impl: Muon(muon_groups(ps), lr=0.02, impl=impl),
}


@pytest.mark.parametrize("impl", ["explicit", "fused"])
@pytest.mark.parametrize("name", EVERY)
def test_a_loaded_state_goes_on_bit_for_bit(name, impl, problem):
    first = problem(torch.float32)
    optimizer = EVERY[name](first.parameters, impl)
    first.run(optimizer, 5)
    for group in optimizer.param_groups:
        group["lr"] *= 0.5  # as a schedule would
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    second = problem(torch.float32, seed=1)
    again = EVERY[name](second.parameters, impl)
    again.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        for p, q in zip(second.parameters, first.parameters, strict=True):
            p.copy_(q)
    second.x, second.y = first.x, first.y
    assert first.run(optimizer, 10) == second.run(again, 10)
    for p, q in zip(second.parameters, first.parameters, strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize("name", EVERY)
def test_what_is_no_tensor_in_a_state_is_json(name, problem):
    walk = problem()
    optimizer = EVERY[name](walk.parameters, "explicit")
    walk.run(optimizer, 2)
    saved = optimizer.state_dict()
    json.dumps(saved["param_groups"], allow_nan=False)
    for state in saved["state"].values():
        assert state["step"] == 2
        assert type(state["step"]) is int
        assert all(isinstance(x, torch.Tensor) for n, x in state.items() if n != "step")


def test_another_impl_continues_a_state(problem, far):
    walk = problem()
    explicit = EVERY["muon"](walk.parameters, "explicit")
    walk.run(explicit, 5)
    other = copy.deepcopy(walk)
    fused = EVERY["muon"](other.parameters, "fused")
    fused.load_state_dict(copy.deepcopy(explicit.state_dict()))  # not shared
    walk.run(explicit, 10)
    other.run(fused, 10)
    assert fused.impl == "fused"
    assert far(other.parameters, walk.parameters) <= 1e-12


def test_a_copy_keeps_how_it_computes(problem):
    optimizer = Muon(problem().parameters[:1], lr=0.1, dtype=torch.bfloat16)
    copied = copy.deepcopy(optimizer)
    assert (copied.impl, copied.dtype) == ("explicit", torch.bfloat16)


@pytest.mark.parametrize("impl", ["explicit", "fused"])
@pytest.mark.parametrize("name", EVERY)
def test_without_a_gradient_nothing_moves_and_nothing_is_kept(name, impl, problem):
    """A parameter that joins later has its own count of steps."""
    walk = problem()
    before = [p.detach().clone() for p in walk.parameters]
    optimizer = EVERY[name](walk.parameters, impl)
    optimizer.step()
    assert all(map(torch.equal, walk.parameters, before))
    assert not optimizer.state
    walk.gradients()
    late = walk.parameters[2]
    late.grad = None
    optimizer.step()
    assert torch.equal(late, before[2])
    assert late not in optimizer.state
    walk.run(optimizer, 3)
    steps = [optimizer.state[p]["step"] for p in walk.parameters]
    assert steps == [4, 4, 3, 4, 4, 4, 4]


@pytest.mark.parametrize("impl", ["explicit", "fused"])
def test_a_late_parameter_steps_as_if_it_were_alone(impl, problem, far):
    """Its correction for the start at zero counts its own steps."""
    walk, alone = problem(), problem()
    optimizer = AdamW(walk.parameters, lr=0.01, impl=impl)
    walk.gradients()
    walk.parameters[2].grad = None
    optimizer.step()
    other = AdamW(alone.parameters[2:3], lr=0.01)
    walk.gradients()
    alone.parameters[2].grad = walk.parameters[2].grad.clone()
    optimizer.step()
    other.step()
    assert far(walk.parameters[2:3], alone.parameters[2:3]) <= 1e-15


@pytest.mark.parametrize("impl", ["explicit", "fused"])
@pytest.mark.parametrize("name", EVERY)
def test_at_a_rate_of_zero_nothing_moves(name, impl, problem):
    walk = problem()
    optimizer = EVERY[name](walk.parameters, impl)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * 0.0
    before = [p.detach().clone() for p in walk.parameters]
    walk.run(optimizer, 2)
    assert all(map(torch.equal, walk.parameters, before))


def test_every_group_keeps_the_rate_it_was_made_with(problem):
    first, second, *rest = problem().parameters
    optimizer = AdamW([{"params": [first], "lr": 0.5}, {"params": [second]}], lr=0.1)
    optimizer.add_param_group({"params": rest, "lr": 0.2})
    assert [g["initial_lr"] for g in optimizer.param_groups] == [0.5, 0.1, 0.2]


def test_a_closure_gives_its_loss(problem):
    walk = problem()
    optimizer = SGD(walk.parameters, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = walk.loss()
        loss.backward()
        return loss

    first, second = optimizer.step(closure), optimizer.step(closure)
    assert second < first


P = [torch.nn.Parameter(torch.ones(2, 2))]
VECTOR = [torch.nn.Parameter(torch.ones(2))]
COMPLEX = [torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))]
META = [torch.nn.Parameter(torch.ones(2, device="meta"))]
REFUSED = [
    (lambda: SGD(P, lr=0), r"lr should be positive, got 0"),
    (lambda: SGD(P, lr=-0.1), r"lr should be positive, got -0\.1"),
    (lambda: AdamW(P, lr=float("nan")), r"lr should be positive, got nan"),
    (lambda: AdamW(P, lr="1e-3"), r"lr should be a number, got '1e-3'"),
    (lambda: AdamW([{"params": P, "lr": -1}], lr=1.0), r"positive, got -1"),
    (lambda: SGD(P, lr=1, momentum=1), r"momentum .* below 1, got 1"),
    (lambda: SGD(P, lr=1, momentum=-0.5), r"momentum .* got -0\.5"),
    (lambda: SGD(P, lr=1, momentum=0.5, dampening=2), r"dampening .* got 2"),
    (lambda: SGD(P, lr=1, weight_decay=-1), r"weight_decay .* got -1"),
    (lambda: SGD(P, lr=1, nesterov=True), r"needs a momentum .* momentum=0\.0"),
    (
        lambda: SGD(P, lr=1, momentum=0.9, dampening=0.1, nesterov=True),
        r"no dampening, got momentum=0\.9, dampening=0\.1",
    ),
    (lambda: Adam(P, lr=1, betas=(0.9, 1.0)), r"beta2 .* below 1, got 1\.0"),
    (lambda: Adam(P, lr=1, betas=(-0.1, 0.9)), r"beta1 .* got -0\.1"),
    (lambda: AdamW(P, lr=1, eps=0), r"eps should be positive, got 0"),
    (lambda: AdamW(P, lr=1, impl="foreach"), r"'foreach' is not built; .* fused"),
    (lambda: AdamW(COMPLEX, lr=1), r"\(2,\) is torch\.complex64; .*view_as_real"),
    (lambda: AdamW(META, lr=1, impl="fused"), r"not for meta: use impl='explicit'"),
    (lambda: Muon(VECTOR, lr=1), r"a parameter has shape \(2,\): .*rule=\"adamw\""),
    (lambda: Muon(P, lr=1, scaling="none"), r"no scaling 'none'; there is spectral"),
    (lambda: Muon(P, lr=1, steps=-1), r"steps .* got -1"),
    (lambda: Muon([{"params": P, "rule": "sgd"}], lr=1), r"no rule 'sgd' here"),
]


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_refused_group_is_not_added():
    optimizer = Muon(P, lr=0.1)
    with pytest.raises(ValueError, match="Muon is for matrices"):
        optimizer.add_param_group({"params": VECTOR})
    assert len(optimizer.param_groups) == 1


def test_a_sparse_gradient_is_refused_before_anything_moves():
    table = torch.nn.Embedding(5, 3, sparse=True)
    other = torch.nn.Parameter(torch.ones(3))
    optimizer = AdamW([other, *table.parameters()], lr=0.1)
    (table(torch.tensor([1])) * other).sum().backward()
    with pytest.raises(ValueError, match=r"\(5, 3\) is sparse; .*sparse=False"):
        optimizer.step()
    assert torch.equal(other, torch.ones(3))


@pytest.mark.parametrize("impl", ["explicit", "fused"])
def test_a_rate_that_a_schedule_spoiled_is_refused(impl, problem):
    walk = problem()
    optimizer = SGD(walk.parameters, lr=0.1, impl=impl)
    optimizer.param_groups[0]["lr"] = float("nan")
    walk.gradients()
    with pytest.raises(ValueError, match="lr should be 0 or more, and finite, got nan"):
        optimizer.step()


def test_a_state_of_another_rule_or_model_is_refused(problem):
    walk = problem()
    adam = Adam(walk.parameters, lr=0.1)
    walk.run(adam, 1)
    with pytest.raises(
        ValueError, match="a state of 'adam', the group's rule is 'adamw'"
    ):
        AdamW(walk.parameters, lr=0.1).load_state_dict(adam.state_dict())
    wider = [torch.nn.Parameter(torch.ones(9)) for _ in walk.parameters]
    with pytest.raises(ValueError, match=r"m has shape \(8, 5\), its parameter \(9,\)"):
        Adam(wider, lr=0.1).load_state_dict(adam.state_dict())
    with pytest.raises(ValueError, match="size of optimizer's group"):
        Adam(walk.parameters[:-1], lr=0.1).load_state_dict(adam.state_dict())
