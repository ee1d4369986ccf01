"""ModelConfig: what it derives and what it refuses"""

import dataclasses
import math

import pytest

from llmath.config import CHOICES, PRESETS, ModelConfig, preset

SIZES = {
    "vocab_size": 100,
    "n_layers": 2,
    "d_model": 48,
    "n_heads": 6,
    "n_kv_heads": 2,
    "d_ff": 64,
    "context_length": 32,
}

pytestmark = pytest.mark.usefixtures("untyped")


def test_the_width_of_a_head_is_derived():
    assert ModelConfig(**SIZES).d_head == 8


def test_it_is_frozen_and_comparable():
    config = ModelConfig(**SIZES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.d_model = 64
    assert config == ModelConfig(**SIZES)
    assert len({config, ModelConfig(**SIZES)}) == 1


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, -1, 2.0, "2", None, True, [3, 3]])
def test_sizes_are_whole_numbers_of_at_least_one(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        ModelConfig(**SIZES | {name: value})


@pytest.mark.parametrize("name", ["norm_eps", "rope_base"])
@pytest.mark.parametrize("value", [0.0, -1e-5, math.inf, math.nan, "1e-5", None])
def test_real_numbers_are_positive_and_finite(name, value):
    with pytest.raises(ValueError, match=f"{name} must be positive"):
        ModelConfig(**SIZES, **{name: value})


@pytest.mark.parametrize("name", ["bias", "tie_embeddings", "residual"])
@pytest.mark.parametrize("value", [0, 1, "no", None])
def test_switches_are_true_or_false(name, value):
    with pytest.raises(ValueError, match=f"{name} must be True or False"):
        ModelConfig(**SIZES, **{name: value})


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", ["other", "", None, 3, ["rms"]])
def test_a_choice_that_is_not_built_is_refused_with_those_that_are(name, value):
    with pytest.raises(ValueError, match=f"{name}=.* not built.*{CHOICES[name][0]}"):
        ModelConfig(**SIZES, **{name: value})


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", True])
def test_a_window_is_a_whole_number_or_none(value):
    with pytest.raises(ValueError, match=r"window must be a whole number .* or None"):
        ModelConfig(**SIZES, window=value)
    assert ModelConfig(**SIZES).window is None
    assert ModelConfig(**SIZES, window=1).window == 1


def test_heads_must_divide_the_width_and_share_evenly():
    with pytest.raises(ValueError, match=r"d_model=50 .* n_heads=6"):
        ModelConfig(**SIZES | {"d_model": 50})
    with pytest.raises(ValueError, match=r"n_heads=6 .* n_kv_heads=4"):
        ModelConfig(**SIZES | {"n_kv_heads": 4})


def test_rotary_positions_need_an_even_head():
    odd = SIZES | {"d_model": 42}
    with pytest.raises(ValueError, match="= 7"):
        ModelConfig(**odd)
    assert ModelConfig(**odd, position="none").d_head == 7


def test_sinusoidal_positions_need_an_even_width():
    odd = SIZES | {"d_model": 45, "n_heads": 5, "n_kv_heads": 1}
    with pytest.raises(ValueError, match="d_model = 45"):
        ModelConfig(**odd, position="sinusoidal")
    assert ModelConfig(**odd, position="learned").d_head == 9


# Known shapes


def test_presets_by_name_and_with_changes():
    assert preset("gpt2") == PRESETS["gpt2"]
    changed = preset("gpt2", n_layers=2, bias=False)
    assert (changed.n_layers, changed.bias, changed.d_model) == (2, False, 768)
    with pytest.raises(ValueError, match="'gpt5'; there is tiny, gpt2, gpt2-medium"):
        preset("gpt5")
    with pytest.raises(ValueError, match="n_heads=7"):
        preset("gpt2", n_heads=7)


def test_gpt2_has_heads_of_width_64_and_llama_of_128():
    assert {c.d_head for n, c in PRESETS.items() if n.startswith("gpt2")} == {64}
    assert PRESETS["llama-3-8b"].d_head == 128
