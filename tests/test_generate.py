"""generate, next_id, beam_search: alone and in a batch, with a cache"""

import dataclasses
import itertools
import math

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from llmath.config import ModelConfig, preset
from llmath.generate import _Search, beam_search, generate, next_id
from llmath.model import Transformer
from llmath.pretrained import save_checkpoint

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


GPT2 = preset("tiny", vocab_size=50, d_model=24, d_ff=40, context_length=40)
VARIANTS = {
    "gpt2": GPT2,
    "sinusoidal, post-norm": dataclasses.replace(
        GPT2, position="sinusoidal", norm_position="post"
    ),
    "window": dataclasses.replace(MODEL.config, window=3),
}
PROMPTS = [[1, 2, 3], [4], [9, 8, 7, 6, 5, 4, 3, 2, 1], [1, 2, 3], [30, 20]]


@pytest.fixture(scope="module", params=["llama", *VARIANTS])
def model(request):
    if request.param == "llama":
        return MODEL
    made = Transformer(VARIANTS[request.param], seed=4).double()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(5)
    return made


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
    refused("15 tokens and 26 more", [[1], [1] * 15], 26)
    refused("at least one token", [[1], []], 5)
    refused("0 to 49; 1 of 1 lie outside: 50", [[1, 2], [50]], 5)
    chances = {"temperature": 1.0, "generator": [seeded()]}
    refused("2 prompts need 2 generators or one; got 1", [[1], [2]], 5, **chances)


# Batches of prompts of different lengths


@pytest.mark.parametrize("impl", ["explicit", "sdpa", "online"])
def test_in_a_batch_each_prompt_is_answered_as_alone(model, impl):
    alone = [generate(model, prompt, 12, impl=impl) for prompt in PROMPTS]
    assert len({tuple(answer) for answer in alone}) == 4
    assert generate(model, PROMPTS, 12, impl=impl) == alone


def test_a_finished_prompt_leaves_the_others_alone(model):
    whole = generate(model, PROMPTS, 15)
    stop = {whole[0][6], whole[2][9]}
    alone = [generate(model, prompt, 15, stop=stop) for prompt in PROMPTS]
    assert len({len(a) - len(p) for a, p in zip(alone, PROMPTS, strict=True)}) > 1
    assert generate(model, PROMPTS, 15, stop=stop) == alone


prompts = st.lists(st.integers(0, 49), min_size=1, max_size=9)


@settings(max_examples=10)
@given(st.lists(prompts, min_size=1, max_size=4))
def test_any_batch(prompts):
    together = generate(MODEL, prompts, 2)
    assert together == [generate(MODEL, prompt, 2) for prompt in prompts]


def test_with_generators_of_their_own_chance_is_that_of_each_alone():
    rules = {"temperature": 3.0, "top_k": 20, "repetition_penalty": 1.2}
    alone = [
        generate(MODEL, prompt, 8, generator=seeded(i), **rules)
        for i, prompt in enumerate(PROMPTS)
    ]
    chances = [seeded(i) for i in range(len(PROMPTS))]
    assert generate(MODEL, PROMPTS, 8, generator=chances, **rules) == alone


def test_one_generator_for_a_batch_is_reproducible():
    def draw(seed):
        return generate(MODEL, PROMPTS, 8, temperature=3.0, generator=seeded(seed))

    assert draw(0) == draw(0)
    assert draw(0) != draw(1)
    assert draw(0)[0] != draw(0)[3]  # the same prompt twice, drawn twice


def test_the_rules_reach_the_draw():
    """At top-k = 1 chance has nothing left; a penalty is due to the prompt as well."""
    greedy = generate(MODEL, [1, 2, 3], 10)
    assert greedy == generate(
        MODEL, [1, 2, 3], 10, temperature=9.0, top_k=1, generator=seeded()
    )
    without_repeats = generate(MODEL, [1, 2, 3], 30, repetition_penalty=1e9)
    assert len(set(without_repeats)) == 33


# Beam search


@torch.no_grad()
def log_p(model, ids, start):
    """ln p of the tokens from `start` on, from one pass over the whole."""
    table = model(torch.tensor([ids]))[0].log_softmax(-1)
    return sum(float(table[t - 1, ids[t]]) for t in range(start, len(ids)))


SMALL = Transformer(dataclasses.replace(MODEL.config, vocab_size=4), seed=1).double()
with torch.no_grad():
    for weight in SMALL.parameters():
        weight.mul_(8)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_enough_beams_find_the_best_of_all_continuations(alpha):
    """4³ = 64 continuations of three tokens; no two of them share their chance."""
    every = [
        ([0, 1, *tail], log_p(SMALL, [0, 1, *tail], 2) / 3**alpha)
        for tail in itertools.product(range(4), repeat=3)
    ]
    every.sort(key=lambda pair: -pair[1])
    found = beam_search(SMALL, [0, 1], 3, beams=16, length_penalty=alpha)
    assert [beam.ids for beam in found] == [ids for ids, _ in every[:16]]
    for beam, (_, score) in zip(found, every, strict=False):
        assert beam.score == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0])
def test_enough_beams_find_the_best_that_end_in_a_stop_token(alpha):
    """All texts of at most four tokens that end at their first 3, or are full."""
    every = []
    for n in range(1, 5):
        for tail in itertools.product(range(4), repeat=n):
            if 3 not in tail[:-1] and (tail[-1] == 3 or n == 4):
                ids = [0, 1, *tail]
                every.append((ids, log_p(SMALL, ids, 2) / n**alpha))
    every.sort(key=lambda pair: -pair[1])
    found = beam_search(SMALL, [0, 1], 4, beams=40, length_penalty=alpha, stop=[3])
    assert [beam.ids for beam in found[:20]] == [ids for ids, _ in every[:20]]
    assert found[0].score == pytest.approx(every[0][1], abs=1e-9)


@pytest.mark.parametrize(
    ("chances", "still_open", "finished"),
    [([1, 2, 3, 4], [2, 1], [[9, 3]]), ([4, 3, 2, 1], [0, 1], [])],
)
def test_a_stop_token_counts_among_the_beams_and_takes_no_place(
    chances, still_open, finished
):
    """Chances as 1 : 2 : 3 : 4, two beams: 3 ends a text where it is among the two."""
    search = _Search([9], n=5, beams=2, alpha=0.0, stop=[3])
    log_p = torch.tensor([chances], dtype=torch.float64).log().log_softmax(-1)
    assert search.advance(log_p) == [0, 0]
    assert [beam.ids for beam in search.open] == [[9, i] for i in still_open]
    assert [beam.ids for beam in search.finished] == finished
    assert search.open[0].score == pytest.approx(math.log(max(chances[:3]) / 10))


def test_one_beam_is_greedy(model):
    for prompt in PROMPTS:
        (beam,) = beam_search(model, prompt, 8, beams=1)
        assert beam.ids == generate(model, prompt, 8)
        assert beam.score == pytest.approx(log_p(model, beam.ids, len(prompt)))


@pytest.mark.parametrize("stop", [(), (7, 33)])
def test_beams_in_a_batch_are_those_of_each_prompt_alone(model, stop):
    together = beam_search(model, PROMPTS, 8, beams=3, stop=stop, length_penalty=0.5)
    for prompt, found in zip(PROMPTS, together, strict=True):
        alone = beam_search(model, prompt, 8, beams=3, stop=stop, length_penalty=0.5)
        assert [beam.ids for beam in found] == [beam.ids for beam in alone]
        assert found[0].score == pytest.approx(alone[0].score, abs=1e-9)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    save_checkpoint(MODEL, folder)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64
    )
    return loaded.eval()


@pytest.mark.parametrize("alpha", [0.0, 0.7])
@pytest.mark.parametrize("stop", [(), (7,), (3, 7, 11, 20, 30)], ids=len)
def test_beams_equal_those_of_transformers(theirs, stop, alpha):
    """To four digits: their norms and chances are float32, whatever they are told."""
    for prompt in PROMPTS[:3]:
        expected = theirs.generate(
            torch.tensor([prompt]),
            max_new_tokens=10,
            num_beams=4,
            num_return_sequences=4,
            do_sample=False,
            length_penalty=alpha,
            early_stopping="never",
            eos_token_id=list(stop) or None,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_scores=True,
        )
        found = beam_search(MODEL, prompt, 10, beams=4, length_penalty=alpha, stop=stop)
        rows = zip(expected.sequences, expected.sequences_scores, strict=True)
        for beam, (ids, score) in zip(found, rows, strict=True):
            assert beam.ids == ids[: len(beam.ids)].tolist()
            assert beam.score == pytest.approx(float(score), rel=1e-4, abs=1e-4)


def test_nothing_to_add():
    assert beam_search(MODEL, [1, 2], 0) == [([1, 2], 0.0)]
    assert generate(MODEL, [[1, 2], [3]], 0) == [[1, 2], [3]]


@pytest.mark.usefixtures("untyped")
def test_beams_that_make_no_sense():
    for options, words in (
        ({"beams": 0}, "beams should be .* at least 1, got 0"),
        ({"length_penalty": -1.0}, "0 or more, got -1"),
        ({"length_penalty": math.nan}, "0 or more, got nan"),
    ):
        with pytest.raises(ValueError, match=words):
            beam_search(MODEL, [1], 5, **options)
