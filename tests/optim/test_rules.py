"""Each rule on one number, by hand; what they share"""

import inspect
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.optim import (
    adam_update,
    adamw_update,
    momentum_update,
    muon_update,
    nesterov_update,
    sgd_update,
)


def number(x: float) -> torch.Tensor:
    return torch.tensor([x], dtype=torch.float64)


def close(x: torch.Tensor, expected: float) -> bool:
    return math.isclose(x.item(), expected, rel_tol=1e-12)


def test_sgd_by_hand():
    """2 − 0.1 · (3 + 0.5 · 2) = 1.6"""
    theta = number(2.0)
    given_back = sgd_update(theta, number(3.0), lr=0.1, weight_decay=0.5)
    assert given_back is theta
    assert close(theta, 1.6)


def test_momentum_by_hand():
    """b: 1, then 0.5 · 1 + (1 − 0.2) · 2 = 2.1; θ: 0 − 0.1 − 0.21"""
    theta, b = number(0.0), number(0.0)
    options = {"lr": 0.1, "momentum": 0.5, "dampening": 0.2}
    momentum_update(theta, number(1.0), b, step=1, **options)
    assert close(b, 1.0)
    momentum_update(theta, number(2.0), b, step=2, **options)
    assert close(b, 2.1)
    assert close(theta, -0.31)


def test_a_steady_gradient_is_worth_ten_times_its_size():
    theta, b = number(0.0), number(0.0)
    for step in range(1, 400):
        momentum_update(theta, number(1.0), b, step=step, lr=0.1, momentum=0.9)
    assert close(b, 10.0)


def test_nesterov_by_hand():
    """b: 1, then 0.5 + 2 = 2.5; θ: −0.1 (1 + 0.5), then −0.1 (2 + 1.25) more"""
    theta, b = number(0.0), number(0.0)
    for g in (1.0, 2.0):
        nesterov_update(theta, number(g), b, lr=0.1, momentum=0.5)
    assert close(b, 2.5)
    assert close(theta, -0.15 - 0.325)


def test_nesterov_looks_ahead():
    """Sutskever's v = μ v − η ∇f(φ + μ v), φ = φ + v; here θ = φ + μ v. f = 3/2 x²"""
    theta, b, phi, v = number(1.0), number(0.0), 1.0, 0.0
    for _ in range(10):
        nesterov_update(theta, 3 * theta, b, lr=0.1, momentum=0.5)
        v = 0.5 * v - 0.1 * 3 * (phi + 0.5 * v)
        phi += v
        assert close(theta, phi + 0.5 * v)


def test_adam_by_hand():
    """With β₁ = 1/2, β₂ = 3/4 and the gradients 2 and −4, ε = 1:

    m = 1, v = 1, m̂ = 1/(1/2) = 2, v̂ = 1/(1/4) = 4: θ falls by 0.1 · 2/(2 + 1);
    m = 1/2 − 2 = −3/2, v = 3/4 + 4 = 19/4, m̂ = −3/2/(3/4) = −2, v̂ = 19/4/(7/16).
    """
    theta, m, v = number(0.0), number(0.0), number(0.0)
    options = {"lr": 0.1, "beta1": 0.5, "beta2": 0.75, "eps": 1.0}
    adam_update(theta, number(2.0), m, v, step=1, **options)
    assert (m.item(), v.item()) == (1.0, 1.0)
    assert close(theta, -0.1 * 2 / 3)
    adam_update(theta, number(-4.0), m, v, step=2, **options)
    assert (m.item(), v.item()) == (-1.5, 4.75)
    second = 0.1 * -2 / (math.sqrt(4.75 / (7 / 16)) + 1)
    assert close(theta, -0.1 * 2 / 3 - second)


def test_amsgrad_remembers_the_largest():
    """A gradient of 10 and then one of 0: v falls, v_max stays and divides."""
    theta, m, v, v_max = (number(0.0) for _ in range(4))
    options = {"lr": 1.0, "beta1": 0.0, "beta2": 0.5, "eps": 1e-9}
    adam_update(theta, number(10.0), m, v, v_max, step=1, **options)
    adam_update(theta, number(0.0), m, v, v_max, step=2, **options)
    assert (v.item(), v_max.item()) == (25.0, 50.0)
    before = theta.item()
    adam_update(theta, number(1.0), m, v, v_max, step=3, **options)
    assert v_max.item() == 50.0
    assert close(theta - before, -1 / (math.sqrt(50 / 0.875) + 1e-9))


def test_adamw_decays_apart_from_the_gradient():
    """2 · (1 − 0.1 · 0.5) = 1.9, and then −0.1 · g/|g|, whatever the size of g."""
    for g in (1e-3, 1.0, 1e3):
        theta, m, v = number(2.0), number(0.0), number(0.0)
        options = {"lr": 0.1, "weight_decay": 0.5, "eps": 1e-15}
        adamw_update(theta, number(g), m, v, step=1, **options)
        assert math.isclose(theta.item(), 1.8, rel_tol=1e-11)


@given(st.floats(1e-3, 1e3), st.integers(0, 9))
def test_adam_sees_no_scale(scale, seed):
    """A loss in other units: the same way, if ε is small."""
    generator = torch.Generator().manual_seed(seed)
    gradients = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    ends = []
    for factor in (1.0, scale):
        theta, m, v = torch.zeros(3, 3, dtype=torch.float64)
        for step, g in enumerate(factor * gradients, start=1):
            adamw_update(theta, g, m, v, step=step, lr=0.1, eps=1e-20)
        ends.append(theta)
    torch.testing.assert_close(*ends, rtol=1e-10, atol=1e-12)


@given(st.integers(0, 99))
def test_amsgrads_second_moment_never_falls(seed):
    generator = torch.Generator().manual_seed(seed)
    theta, m, v, v_max = torch.zeros(4, 3, dtype=torch.float64)
    for step in range(1, 6):
        before = v_max.clone()
        g = torch.randn(3, generator=generator, dtype=torch.float64)
        adam_update(theta, g, m, v, v_max, step=step, lr=0.1)
        assert (v_max >= before).all()
        assert (v_max >= v).all()


def test_a_leaf_that_requires_a_gradient_is_changed_in_place():
    w = torch.nn.Parameter(torch.ones(3))
    (w**2).sum().backward()
    sgd_update(w, w.grad, lr=0.1)
    torch.testing.assert_close(w.detach(), torch.full((3,), 0.8))
    assert w.is_leaf


X = torch.zeros(2, 3)
RULES = {
    "sgd": lambda theta=X, g=X, **o: sgd_update(theta, g, **({"lr": 1.0} | o)),
    "momentum": lambda theta=X, g=X, b=X, **o: momentum_update(
        theta, g, b, **({"lr": 1.0, "step": 1} | o)
    ),
    "nesterov": lambda theta=X, g=X, b=X, **o: nesterov_update(
        theta, g, b, **({"lr": 1.0} | o)
    ),
    "adam": lambda theta=X, g=X, m=X, v=X, **o: adam_update(
        theta, g, m, v, **({"lr": 1.0, "step": 1} | o)
    ),
    "adamw": lambda theta=X, g=X, m=X, v=X, **o: adamw_update(
        theta, g, m, v, **({"lr": 1.0, "step": 1} | o)
    ),
    "muon": lambda theta=X, g=X, b=X, **o: muon_update(
        theta, g, b, **({"lr": 1.0} | o)
    ),
}


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("name", RULES)
def test_every_rule_refuses(name):
    rule = RULES[name]
    with pytest.raises(ValueError, match=r"theta has shape \(2, 3\), but g \(3,\)"):
        rule(g=torch.zeros(3))
    with pytest.raises(ValueError, match=r"g should be a tensor, got \[0\]|a list"):
        rule(g=[0])
    with pytest.raises(ValueError, match="g is sparse"):
        rule(g=X.to_sparse())
    with pytest.raises(ValueError, match=r"floating-point numbers, got torch\.complex"):
        rule(g=X.to(torch.complex64))
    with pytest.raises(ValueError, match="lr should be 0 or more, and finite, got -1"):
        rule(lr=-1)
    with pytest.raises(ValueError, match="lr should be a number, got None"):
        rule(lr=None)
    with pytest.raises(ValueError, match=r"weight_decay .* got -0\.5"):
        rule(weight_decay=-0.5)


BAD = {
    **{"lr": -1.0, "weight_decay": -1.0, "step": 0, "momentum": 2.0, "dampening": 1.0},
    **{"beta1": 2.0, "beta2": float("nan"), "eps": 0.0, "steps": -1, "scaling": "one"},
}
FUNCTIONS = (sgd_update, momentum_update, nesterov_update, adam_update, adamw_update)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("rule", [*FUNCTIONS, muon_update], ids=lambda f: f.__name__)
def test_what_is_refused_changes_nothing(rule):
    """Every number of every rule: θ, g and what is remembered stay as they were."""
    parameters = inspect.signature(rule).parameters.values()
    names = [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
    options = [p.name for p in parameters if p.kind == p.KEYWORD_ONLY]
    usual = {"step": 1, "lr": 0.5, "weight_decay": 0.5}
    fine = {name: usual[name] for name in usual if name in options}
    refused = [name for name in options if name in BAD]
    assert {"lr", "weight_decay"} <= {*refused}
    assert {*options} - {*refused} <= {"dtype"}  # no number is left out
    for name in refused:
        tensors = [torch.full((2, 3), 1.0 + i) for i in range(len(names))]
        with pytest.raises(ValueError, match=f"{name} |no {name} "):
            rule(*tensors, **{**fine, name: BAD[name]})
        assert all((x == 1.0 + i).all() for i, x in enumerate(tensors)), name


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("momentum", {"momentum": 1.0}, r"momentum .* below 1, got 1\.0"),
        ("momentum", {"dampening": -0.5}, r"dampening .* got -0\.5"),
        ("momentum", {"step": 0}, "step .* at least 1, got 0"),
        ("nesterov", {"momentum": 1.5}, r"momentum .* got 1\.5"),
        ("adam", {"beta1": 1.0}, r"beta1 .* got 1\.0"),
        ("adam", {"beta2": -1.0}, r"beta2 .* got -1\.0"),
        ("adam", {"eps": 0.0}, r"eps should be positive, got 0\.0"),
        ("adam", {"v": torch.zeros(3)}, r"but v \(3,\)"),
        ("adamw", {"step": 1.0}, "step .* got 1.0"),
        ("adamw", {"beta2": float("nan")}, "beta2 .* got nan"),
        ("muon", {"scaling": "one"}, "no scaling 'one'; there is spectral, rms"),
        ("muon", {"momentum": -0.1}, r"momentum .* got -0\.1"),
    ],
)
def test_numbers_out_of_range(name, options, message):
    with pytest.raises(ValueError, match=message):
        RULES[name](**options)
