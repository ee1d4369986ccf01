"""A whole transformer in NumPy: its gradients are autograd's, and it learns"""

import dataclasses
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmath.config import CHOICES, ModelConfig, RopeScaling, preset
from llmath.loss import cross_entropy
from llmath.model import Transformer
from llmath.reference import model as reference

SMALL = {"vocab_size": 7, "d_model": 16, "d_ff": 20, "n_heads": 4, "context_length": 9}
GPT2 = preset("tiny", **SMALL)
LLAMA = preset("smollm2-135m", **SMALL, n_layers=2, n_kv_heads=2)
LINEAR = RopeScaling(kind="linear", factor=3.0)
LLAMA3 = {"factor": 4.0, "low": 1.0, "high": 4.0, "original_context": 8}
FAMILIES = {
    "gpt2": GPT2,
    "llama": LLAMA,
    "llama, untied": dataclasses.replace(LLAMA, tie_embeddings=False),
    "mistral": dataclasses.replace(LLAMA, tie_embeddings=False, window=3),
    "vaswani": dataclasses.replace(GPT2, norm_position="post", position="sinusoidal"),
    "no residual": dataclasses.replace(GPT2, residual=False),
}
GRID = [
    dict(zip(CHOICES, choice, strict=True)) for choice in product(*CHOICES.values())
]


def drawn(config, seed=0, std=0.4):
    """Parameters at which everything matters: no gain is 1 and no bias 0."""
    rng = np.random.default_rng(seed)
    parameters = reference.draw(config, rng, std=std)
    return {n: w + 0.2 * rng.standard_normal(w.shape) for n, w in parameters.items()}


def texts(seed=1, B=2, T=6):
    return np.random.default_rng(seed).integers(0, 7, (2, B, T))  # ids, targets


def by_autograd(config, parameters, ids, targets):
    model = Transformer(config).double()
    model.load_state_dict({n: torch.tensor(w) for n, w in parameters.items()})
    loss = cross_entropy(model(torch.tensor(ids)), torch.tensor(targets))
    loss.backward()
    return loss.item(), {n: w.grad.numpy() for n, w in model.named_parameters()}


def far(a, b):
    """‖a − b‖ / ‖b‖"""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def ignored(name, config):
    """The bias of unrotated keys adds a number to all scores of a query: no effect."""
    return name.endswith("w_k.bias") and config.position != "rope"


def holds(config, seed=0):
    parameters, (ids, targets) = drawn(config, seed), texts(seed)
    loss, mine = reference.gradients(config, parameters, ids, targets)
    expected, theirs = by_autograd(config, parameters, ids, targets)
    assert loss == pytest.approx(expected, rel=1e-12)
    assert loss == reference.loss(config, parameters, ids, targets)
    assert list(mine) == list(theirs)
    for name, gradient in theirs.items():
        assert mine[name].shape == gradient.shape
        if ignored(name, config):
            size = np.linalg.norm(mine[name.replace("bias", "weight")])
            assert np.linalg.norm(mine[name]) <= 1e-12 * size
        else:
            assert far(mine[name], gradient) <= 1e-10, name


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_of_every_family_are_autograds(name):
    holds(FAMILIES[name])


@pytest.mark.parametrize("choice", GRID, ids=lambda choice: " ".join(choice.values()))
def test_gradients_of_every_choice_are_autograds(choice):
    holds(dataclasses.replace(GPT2, **choice, n_kv_heads=2))


@given(
    st.builds(
        ModelConfig,
        vocab_size=st.just(7),
        n_layers=st.integers(1, 3),
        d_model=st.sampled_from([8, 16]),
        n_heads=st.just(4),
        n_kv_heads=st.sampled_from([1, 2, 4]),
        d_ff=st.integers(3, 20),
        context_length=st.integers(6, 9),
        residual=st.booleans(),
        bias=st.booleans(),
        tie_embeddings=st.booleans(),
        norm_eps=st.sampled_from([1e-5, 0.1]),
        rope_base=st.sampled_from([10.0, 10_000.0]),
        rope_scaling=st.sampled_from(
            [None, LINEAR, RopeScaling(kind="llama3", **LLAMA3)]
        ),
        window=st.sampled_from([None, 2, 5, 50]),
        **{name: st.sampled_from(choices) for name, choices in CHOICES.items()},
    ),
    st.integers(0, 2**31),
)
@settings(max_examples=40)
def test_gradients_of_any_configuration_are_autograds(config, seed):
    holds(config, seed)


@pytest.mark.parametrize("choice", GRID, ids=lambda choice: " ".join(choice.values()))
def test_draw_gives_the_models_parameters(choice):
    for rest in ({}, {"bias": False, "tie_embeddings": False, "n_kv_heads": 1}):
        config = dataclasses.replace(GPT2, **choice, **rest)
        mine = reference.draw(config, np.random.default_rng(0))
        theirs = Transformer(config).state_dict()
        assert list(mine) == list(theirs)
        assert reference.shapes(config) == {n: w.shape for n, w in theirs.items()}
        for name, weight in theirs.items():
            if name.endswith("bias") or "norm" in name:
                np.testing.assert_array_equal(mine[name], weight)


def test_draw_is_smaller_where_the_stream_is_added_to():
    wide = dataclasses.replace(GPT2, d_model=200, d_ff=200, n_layers=8)
    drawn_ = reference.draw(wide, np.random.default_rng(0))
    for name, scale in {"w_q": 1, "w_o": 1 / 4}.items():
        assert drawn_[f"blocks.3.attn.{name}.weight"].std() == pytest.approx(
            0.02 * scale, rel=0.02
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_are_the_models(name):
    config, (ids, _) = FAMILIES[name], texts()
    model = Transformer(config).double()
    parameters = drawn(config)
    model.load_state_dict({n: torch.tensor(w) for n, w in parameters.items()})
    expected = model(torch.tensor(ids)).detach().numpy()
    assert far(reference.logits(config, parameters, ids), expected) <= 1e-12


@pytest.mark.parametrize("name", FAMILIES)
def test_central_differences_agree(name):
    """Along one direction through all parameters at once."""
    config, parameters, (ids, targets) = FAMILIES[name], drawn(FAMILIES[name]), texts()
    _, gradients = reference.gradients(config, parameters, ids, targets)
    direction = drawn(config, seed=5)
    after, before = (
        reference.loss(
            config,
            {n: w + h * direction[n] for n, w in parameters.items()},
            ids,
            targets,
        )
        for h in (1e-5, -1e-5)
    )
    expected = sum((gradients[n] * direction[n]).sum() for n in parameters)
    assert (after - before) / 2e-5 == pytest.approx(expected, rel=1e-6)


def test_gradients_by_hand():
    """Blocks that add nothing leave two tables: z = (log 3, 0), p = (¾, ¼), y = 1."""
    sizes = {"vocab_size": 2, "d_model": 2, "d_ff": 1, "n_heads": 1, "n_kv_heads": 1}
    sizes["n_layers"] = 1
    plain = {"norm_position": "none", "position": "none", "tie_embeddings": False}
    config = preset("tiny", **sizes, **plain)
    shapes = reference.shapes(config)
    parameters = {name: np.zeros(shape) for name, shape in shapes.items()}
    parameters["embedding.weight"] = np.eye(2)
    parameters["unembedding.weight"] = np.array([[np.log(3), 0], [0, 0]])
    loss, found = reference.gradients(
        config, parameters, np.array([[0]]), np.array([[1]])
    )
    assert loss == pytest.approx(np.log(4))
    dx = [0.75 * np.log(3), 0]
    expected = {"embedding.weight": [dx, [0, 0]]}
    expected["unembedding.weight"] = [[0.75, 0], [-0.75, 0]]
    expected["blocks.0.attn.w_o.bias"] = expected["blocks.0.mlp.w_down.bias"] = dx
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, expected.get(name, np.zeros(shapes[name])))


@pytest.mark.parametrize("config", [GPT2, LLAMA], ids=["gpt2", "llama"])
def test_a_tied_table_gets_the_sum_of_two_gradients(config):
    parameters, (ids, targets) = drawn(config), texts()
    _, tied = reference.gradients(config, parameters, ids, targets)
    apart = dataclasses.replace(config, tie_embeddings=False)
    both = parameters | {"unembedding.weight": parameters["embedding.weight"]}
    _, untied = reference.gradients(apart, both, ids, targets)
    at_the_end = untied.pop("unembedding.weight")
    untied["embedding.weight"] = untied["embedding.weight"] + at_the_end
    for name, gradient in tied.items():
        np.testing.assert_array_equal(gradient, untied[name])


def test_a_batch_has_the_mean_of_its_texts_gradients():
    parameters, (ids, targets) = drawn(GPT2), texts(B=3)
    _, whole = reference.gradients(GPT2, parameters, ids, targets)
    rows = [
        reference.gradients(GPT2, parameters, ids[[b]], targets[[b]])[1]
        for b in range(3)
    ]
    for name, gradient in whole.items():
        mean = np.mean([row[name] for row in rows], axis=0)
        np.testing.assert_allclose(gradient, mean, atol=1e-14)


def test_rows_that_were_not_read_have_no_gradient():
    config = dataclasses.replace(GPT2, tie_embeddings=False)
    ids, targets = np.array([[3, 5, 3], [5, 3, 3]]), np.array([[5, 3, 1], [3, 3, 2]])
    _, found = reference.gradients(config, drawn(config), ids, targets)
    read = found["embedding.weight"].any(axis=1)
    assert np.flatnonzero(read).tolist() == [3, 5]
    places = found["position_embedding.weight"].any(axis=1)
    assert np.flatnonzero(places).tolist() == [0, 1, 2]


def test_nested_and_flat_undo_each_other():
    parameters = drawn(LLAMA)
    tree = reference.nested(parameters)
    assert tree["blocks"]["1"]["attn"]["w_q"] == {
        "weight": parameters["blocks.1.attn.w_q.weight"]
    }
    assert reference.flat(tree) == parameters
