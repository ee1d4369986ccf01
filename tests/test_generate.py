"""generate and next_id: greedy, at a temperature, with a cache"""

import math

import pytest
import torch

from llmath.config import ModelConfig
from llmath.generate import generate, next_id
from llmath.model import Transformer

MODEL = Transformer(
    ModelConfig(
        vocab_size=50,
        n_layers=2,
        d_model=24,
        n_heads=6,
        n_kv_heads=2,
        d_ff=32,
        context_length=40,
    ),
    seed=3,
).double()
with torch.no_grad():
    for weight in MODEL.parameters():
        weight.mul_(20)  # opinions strong enough that the argmax is no coin toss


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_greedy_equals_the_loop_without_a_cache():
    ids = [1, 2, 3]
    for _ in range(20):
        ids.append(int(MODEL(torch.tensor([ids]))[0, -1].argmax()))
    for impl in ("explicit", "sdpa"):
        assert generate(MODEL, [1, 2, 3], 20, impl=impl) == ids


def test_sampling_equals_the_loop_without_a_cache():
    ids, chance = [1, 2, 3], seeded(5)
    for _ in range(20):
        z = MODEL(torch.tensor([ids]))[0, -1]
        ids.append(next_id(z, temperature=2.0, generator=chance))
    assert generate(MODEL, [1, 2, 3], 20, temperature=2.0, generator=seeded(5)) == ids


def test_the_generator_is_the_only_chance():
    def draw(seed):
        return generate(MODEL, [7], 30, temperature=5.0, generator=seeded(seed))

    torch.manual_seed(1)
    a, state = draw(0), torch.get_rng_state()
    torch.manual_seed(2)
    assert draw(0) == a
    assert draw(1) != a
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_frequencies_are_the_softmax_at_that_temperature():
    """p ∝ 1, 2, 4 at τ = 1 and ∝ 1, 4, 16 at τ = 1/2, to within 4 standard errors."""
    z, chance, n = torch.tensor([0.0, math.log(2), math.log(4)]), seeded(), 2000
    for tau, weights in ((1.0, [1, 2, 4]), (0.5, [1, 4, 16])):
        drawn = [next_id(z, temperature=tau, generator=chance) for _ in range(n)]
        for i, weight in enumerate(weights):
            p = weight / sum(weights)
            error = math.sqrt(p * (1 - p) / n)
            assert drawn.count(i) / n == pytest.approx(p, abs=4 * error)


def test_a_low_temperature_is_greedy():
    z = torch.tensor([1.0, 3.0, 2.9])
    chance = seeded()
    assert {next_id(z, temperature=1e-3, generator=chance) for _ in range(100)} == {1}
    assert next_id(z) == 1


def test_it_ends_behind_a_stop_token():
    whole = generate(MODEL, [1, 2, 3], 20)
    stop = whole[8]
    ended = generate(MODEL, [1, 2, 3], 20, stop=[stop])
    assert ended == whole[: whole.index(stop, 3) + 1]


def test_the_prompt_comes_back_and_is_left_alone():
    prompt = [1, 2, 3]
    assert generate(MODEL, prompt, 0) == [1, 2, 3]
    assert generate(MODEL, prompt, 5)[:3] == prompt == [1, 2, 3]


def test_the_last_token_may_fill_the_context():
    assert len(generate(MODEL, [1] * 30, 10)) == 40


@pytest.mark.usefixtures("untyped")
def test_refusals():
    def refused(words, *args, **kwargs):
        with pytest.raises(ValueError, match=words):
            generate(MODEL, *args, **kwargs)

    refused("at least one token", [], 5)
    refused("30 tokens and 11 more exceed the model's context of 40", [1] * 30, 11)
    refused("cannot generate -1", [1], -1)
    refused("0 to 49; 1 of 2 lie outside: 50", [1, 50], 5)
    refused("manual_seed", [1], 5, temperature=1.0)
    for temperature in (-1.0, math.nan, math.inf):
        refused("0 or more", [1], 5, temperature=temperature, generator=seeded())
