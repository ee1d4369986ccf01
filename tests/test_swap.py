"""using: a reader's functions inside running models"""

import inspect
import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

import llmath.attention
from llmath.config import ModelConfig
from llmath.exercise import using
from llmath.generate import generate
from llmath.model import Transformer
from llmath.probe import record
from llmath.swap import SEATS
from llmath.tokenizer import Tokenizer
from llmath.tokenizer.merging import Remembered

LLAMA = ModelConfig(
    vocab_size=50,
    n_layers=2,
    d_model=24,
    n_heads=6,
    n_kv_heads=2,
    d_ff=32,
    context_length=40,
)
GPT = replace(LLAMA, norm="layer", bias=True, mlp="gelu", position="learned")


def made(config):
    return Transformer(config).requires_grad_(False)


MODEL = made(LLAMA)
# The seats that MODEL leaves empty, and a model that fills them.
OTHERS = {
    "layer_norm": made(GPT),
    "gelu": made(GPT),
    "learned_positions": made(GPT),
    "gelu_tanh": made(replace(GPT, mlp="gelu_tanh")),
    "sinusoidal_positions": made(replace(LLAMA, position="sinusoidal")),
}
IDS = torch.arange(12).view(2, 6)


def turned(x, positions, base):
    theta = base ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    turn = torch.exp(1j * positions[:, None] * theta)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn).flatten(-2)


def waves(positions, d_model):
    angles = positions[:, None] * 1e4 ** (-torch.arange(0, d_model, 2) / d_model)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(-2)


# As readers write them: no checks, no keywords, one key head for each query head.
READERS = {
    "embed": lambda ids, table: table[ids],
    "learned_positions": lambda positions, table: table[positions],
    "sinusoidal_positions": waves,
    "rope": turned,
    "rms_norm": lambda x, gain, eps: nn.functional.rms_norm(x, gain.shape, gain, eps),
    "layer_norm": lambda x, gain, bias, eps: nn.functional.layer_norm(
        x, gain.shape, gain, bias, eps
    ),
    "softmax": lambda z: z.softmax(-1),
    "causal_mask": lambda t, s: s <= t[:, None],
    "attention_scores": lambda q, k: q @ k.mT / q.shape[-1] ** 0.5,
    "attention_weights": lambda q, k, mask: (
        (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf).softmax(-1)
    ),
    "attention": lambda q, k, v, mask: nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask
    ),
    "gelu": nn.functional.gelu,
    "gelu_tanh": lambda x: nn.functional.gelu(x, approximate="tanh"),
    "silu": nn.functional.silu,
    "swiglu": lambda gate, up: nn.functional.silu(gate) * up,
}


IN_A_MODEL = [name for name in SEATS if name != "merge"]


def uniform(q, k, mask):
    return mask / mask.sum(-1, keepdim=True) * torch.ones(*q.shape[:2], 1, 1)


def test_there_is_a_reader_for_every_seat():
    assert [*READERS] == IN_A_MODEL


@pytest.mark.parametrize("name", IN_A_MODEL)
def test_a_right_function_changes_nothing(name):
    model = OTHERS.get(name, MODEL)
    expected = model(IDS)
    original = getattr(SEATS[name].module, name)
    with using(**{name: READERS[name]}):
        assert getattr(SEATS[name].module, name) is not original
        torch.testing.assert_close(model(IDS), expected, atol=1e-6, rtol=1e-5)
    assert getattr(SEATS[name].module, name) is original


@pytest.mark.parametrize("name", IN_A_MODEL)
def test_the_model_really_calls_it(name):
    """Its result doubled, or with all but the diagonal hidden, changes the logits."""

    def wrong(*args, **kwargs):
        right = READERS[name](*args, **kwargs)
        return right * torch.eye(6).bool() if name == "causal_mask" else right * 2

    model = OTHERS.get(name, MODEL)
    with using(**{name: wrong}):
        changed = model(IDS)
    assert not torch.allclose(changed, model(IDS), atol=1e-6)


def test_the_fast_path_obeys_a_mask_that_is_no_triangle():
    def itself_alone(t, s):
        return s == t[:, None]

    with using(causal_mask=itself_alone):
        expected = MODEL(IDS)
        torch.testing.assert_close(MODEL(IDS, impl="sdpa"), expected)
    assert not torch.allclose(MODEL(IDS), expected, atol=1e-6)


def test_all_at_once():
    expected = MODEL(IDS)
    together = ("rope", "attention", "embed", "rms_norm", "swiglu", "causal_mask")
    with using(**{name: READERS[name] for name in together}):
        torch.testing.assert_close(MODEL(IDS), expected, atol=1e-6, rtol=1e-5)


def test_the_pattern_of_the_readers_weights_is_recorded():
    with using(attention_weights=uniform), record(MODEL, "*.pattern") as acts:
        MODEL(IDS)
    expected = torch.ones(6, 6).tril() / torch.arange(1, 7)[:, None]
    torch.testing.assert_close(acts["blocks.1.attn.pattern"][0, 5], expected)


def test_generation_uses_it():
    calls = []

    def counted(q, k, mask):
        calls.append(q.shape[2])
        return READERS["attention_weights"](q, k, mask)

    with using(attention_weights=counted):
        assert len(generate(MODEL, [1, 2, 3], 4)) == 7
    assert calls == [3, 3, 1, 1, 1, 1, 1, 1]


def test_restored_after_an_error():
    original = llmath.attention.attention_weights
    with pytest.raises(ZeroDivisionError), using(attention_weights=uniform):
        raise ZeroDivisionError
    assert llmath.attention.attention_weights is original


def test_the_readers_own_error_comes_through():
    def broken(q, k, mask):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), using(attention_weights=broken):
        MODEL(IDS)


def test_nested():
    def other(q, k, mask):
        return uniform(q, k, mask).flip(-1)

    with using(attention_weights=uniform):
        outer = MODEL(IDS)
        with using(attention_weights=other):
            inner = MODEL(IDS)
        assert torch.equal(MODEL(IDS), outer)
    assert not torch.allclose(outer, inner)


def test_never_called_is_a_warning():
    with (
        pytest.warns(UserWarning, match="never called: attention_weights.*explicit"),
        using(attention_weights=uniform),
    ):
        MODEL(IDS, impl="sdpa")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with using(attention_weights=uniform):
            MODEL(IDS)


def refused(words, **functions):
    with pytest.raises(ValueError, match=words):
        using(**functions).__enter__()


@pytest.mark.usefixtures("untyped")
def test_what_cannot_be_swapped():
    refused(
        "'weights' cannot be swapped; there is merge, embed, .*rope",
        weights=len,
    )
    refused("softmax must be a function; got a Tensor", softmax=torch.ones(2))
    refused(r"calls attention_weights\(q, k, mask\);", attention_weights=lambda q, k: q)
    refused(r"calls rope\(x, positions, base=…\)", rope=lambda x, positions: x)
    assert llmath.attention.softmax.__module__ == "llmath.attention"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda q, k, m: q, r"returned \(2, 6, 6, 4\) .* needs \(2, 6, 6, 6\)"),
        (lambda q, k, m: uniform(q, k, m).double(), "torch.float64; .* torch.float32"),
        (lambda q, k, m: None, "returned None; the model needs a tensor"),
    ],
)
def test_a_wrong_answer_stops_the_model(wrong, words):
    with pytest.raises(ValueError, match=words), using(attention_weights=wrong):
        MODEL(IDS)


@pytest.mark.parametrize("name", SEATS)
def test_seats_fit_the_librarys_functions(name):
    seat = SEATS[name]
    parameters = list(inspect.signature(getattr(seat.module, name)).parameters)
    assert list(seat.arguments) == parameters[: len(seat.arguments)]
    assert set(seat.options) <= set(parameters)


# merge: in every tokenizer

LOWER = Tokenizer.train("low lower lowest newer wider " * 3, 266)
TEXT = "lowest lower lowest"


def unmerged(ids, ranks, merged):
    return ids


def swept(ids, ranks, merged):
    """Rank by rank, from left to right: another road to the same ids."""
    for pair, rank in ranks.items():
        done = []
        for i in ids:
            if done and (done[-1], i) == pair:
                done[-1] = merged[rank]
            else:
                done.append(i)
        ids = done
    return ids


def test_a_right_merge_changes_nothing():
    expected = LOWER.encode(TEXT)
    assert len(expected) < len(TEXT)
    with using(merge=swept):
        assert LOWER.encode(TEXT) == expected
        assert LOWER.merge(LOWER.encode(TEXT)) == LOWER.merge(expected)


def test_what_a_tokenizer_remembers_is_not_the_readers():
    """Neither the old answers inside the block, nor the reader's after it."""
    single = [i for byte in TEXT.encode() for i in LOWER.encode(chr(byte))]
    expected = LOWER.encode(TEXT)
    with using(merge=unmerged):
        assert LOWER.encode(TEXT) == single
        assert LOWER.encode_bytes(TEXT.encode()) == single
        assert LOWER.merge(single) == single
        other = Tokenizer.train("low lower lowest newer wider " * 3, 266)
        assert other.encode(TEXT) == single
        with using(merge=swept):
            assert LOWER.encode(TEXT) == expected
        assert LOWER.encode(TEXT) == single
    assert LOWER.encode(TEXT) == other.encode(TEXT) == expected


def test_memory_works_again_after_the_block_even_after_an_error():
    with pytest.raises(ZeroDivisionError), using(merge=lambda *tables: 1 / 0):
        LOWER.encode(TEXT)
    assert Remembered.__getitem__ is dict.__getitem__
    calls = []
    memory = Remembered(lambda piece: calls.append(piece) or [1])
    assert memory["a"] == memory["a"] == [1]
    assert calls == ["a"]


def test_every_piece_is_asked_of_the_readers_merge():
    calls = []

    def counted(ids, ranks, merged):
        calls.append(len(ids))
        return swept(ids, ranks, merged)

    with using(merge=counted):
        LOWER.encode(TEXT)
    assert calls == [6, 6, 7]


def test_a_merge_that_is_not_called_is_a_warning():
    with pytest.warns(UserWarning, match="never called: merge"), using(merge=swept):
        pass


@pytest.mark.usefixtures("untyped")
def test_a_merge_that_does_not_fit():
    refused(r"calls merge\(ids, ranks, merged\);", merge=lambda ids, ranks: ids)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda *x: None, "merge returned None; the tokenizer needs a row of ids"),
        (lambda *x: ["a"], "returned .'a'.; the tokenizer needs"),
        (lambda *x: [], "returned 0 ids for 6"),
        (lambda ids, *x: ids + ids, "returned 12 ids for 6"),
    ],
    ids=["nothing", "letters", "empty", "twice"],
)
def test_a_wrong_answer_stops_the_tokenizer(wrong, words):
    with pytest.raises(ValueError, match=words), using(merge=wrong):
        LOWER.encode(TEXT)


def test_a_merge_cannot_change_the_tables():
    def greedy(ids, ranks, merged):
        ids.clear()
        ranks[0, 0] = 0

    expected = LOWER.encode(TEXT)
    with pytest.raises(TypeError, match="assignment"), using(merge=greedy):
        LOWER.encode(TEXT)
    assert LOWER.encode(TEXT) == expected
