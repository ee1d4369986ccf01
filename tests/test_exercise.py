"""check: right answers, every usual mistake, and whatever else a function may do"""

import itertools
import math
import re
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from llmath import attention, embedding, loss, mlp, norm, rope
from llmath.exercise import check
from llmath.mistakes import EXERCISES
from llmath.tokenizer import merging, training

FILES = (attention, embedding, loss, merging, mlp, norm, rope, training)
OF_THE_LIBRARY = [
    (name, getattr(file, name))
    for name in EXERCISES
    for file in FILES
    if getattr(getattr(file, name, None), "__module__", "") == file.__name__
]


def verdict(capsys, name, fn) -> str:
    """What is printed about a wrong function."""
    assert check(name, fn) is False
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"✗ {name}: ")
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 48 or "xxx" in lines[-1]
    return " ".join(line.strip() for line in lines)


@pytest.mark.parametrize(("name", "function"), OF_THE_LIBRARY)
def test_the_librarys_own_functions_pass(capsys, name, function):
    assert check(name, function) is True
    assert capsys.readouterr().out.startswith(f"✓ {name}: agrees")


def weights(q, k, mask, *, scale=True, hide=True, fill=-math.inf, dim=-1, after=False):
    """As a reader writes it, with every usual way to go wrong."""
    scores = q @ k.transpose(-1, -2)
    if scale:
        scores = scores / (math.sqrt(q.shape[-1]) if scale is True else scale)
    if hide and mask is not None and not after:
        scores = scores.masked_fill(mask if hide == "seen" else ~mask, fill)
    A = scores.softmax(dim) if dim is not None else scores
    return A * mask if after and mask is not None else A


def in_float64(q, k, mask):
    return weights(q.double(), k.double(), mask)


def test_a_readers_right_answer(capsys):
    assert check("attention_weights", weights)
    assert check("attention_weights", lambda *x: weights(*x, fill=-1e9))
    assert check("attention_weights", in_float64)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"scale": False}, "not divided by √E"),
        ({"scale": 4}, "divided by E; it is its root"),
        ({"scale": 0.5}, "multiplied by √E"),
        ({"dim": -2}, "down the columns"),
        ({"dim": 1}, "over axis 1"),
        ({"dim": 0}, "over axis 0"),
        ({"dim": None}, "softmax is missing"),
        ({"hide": False}, "see the future"),
        ({"hide": "seen"}, "the wrong way round"),
        ({"fill": 0}, r"e^0 = 1"),
        ({"fill": 1e-9}, r"e^0 = 1"),
        ({"after": True}, "after the softmax"),
        ({"scale": False, "hide": False}, "not divided by √E. Also: The mask is not"),
        ({"scale": 4, "dim": -2, "fill": 0}, "its root, √E. Also: Hidden"),
    ],
    ids=str,
)
def test_mistakes_in_the_weights(capsys, wrong, hint):
    text = verdict(capsys, "attention_weights", lambda *x: weights(*x, **wrong))
    assert hint in text


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda q, k, v, m: weights(q, k, m), "still have to mix the values"),
        (lambda q, k, v, m: weights(q, k, m).mT @ v, "from the wrong side"),
        (lambda q, k, v, m: weights(q, k, m, scale=False) @ v, "not divided by √E"),
        (lambda q, k, v, m: weights(q, k, None) @ v, "see the future"),
    ],
)
def test_mistakes_in_attention(capsys, wrong, hint):
    assert check("attention", lambda q, k, v, m: weights(q, k, m) @ v)
    capsys.readouterr()
    assert hint in verdict(capsys, "attention", wrong)


def naive(z):
    e = z.exp()
    return e / e.sum(-1, keepdim=True)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (naive, "overflowed: subtract the largest"),
        (torch.exp, "not divided by their sum"),
        (lambda z: z.softmax(-2), "down the columns"),
        (lambda z: z * 2, "rows do not sum to 1"),
    ],
)
def test_mistakes_in_the_softmax(capsys, wrong, hint):
    assert hint in verdict(capsys, "softmax", wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda t, s: s[None] < t[:, None], "at itself as well"),
        (lambda t, s: s[None] >= t[:, None], "the wrong way round"),
        (lambda t, s: s[None] > t[:, None], "marks what is hidden"),
        (lambda t, s: s[:, None] <= t, "this is the transpose"),
        (lambda t, s: s <= t, "the shape (5,)"),
        (lambda t, s: torch.ones(len(t), len(s)).tril().bool(), "compare the *pos"),
        (lambda t, s: torch.ones(len(t), len(s)).bool(), "nothing is hidden"),
        (lambda t, s: torch.ones(len(t), len(s)).tril(), "return booleans"),
    ],
)
def test_mistakes_in_the_mask(capsys, wrong, hint):
    assert hint in verdict(capsys, "causal_mask", wrong)


def rms(x, gain, eps, *, mean=True, root=True, dim=-1, outside=False):
    size = x.pow(2).mean(dim, True) if mean else x.pow(2).sum(dim, True)
    size = size if outside else size + eps
    size = size.sqrt() if root else size
    return x / (size + eps if outside else size) * gain


def layer(x, gain, bias, eps, *, correction=0, centre=True):
    mean = x.mean(-1, keepdim=True) if centre else 0
    spread = (x - mean).pow(2).sum(-1, True) / (x.shape[-1] - correction)
    return (x - mean) / (spread + eps).sqrt() * gain + bias


def halves(x, positions, base):
    """As Hugging Face pairs the coordinates."""
    a, b = x.chunk(2, dim=-1)
    theta = base ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    cos, sin = (f(positions[:, None] * theta) for f in (torch.cos, torch.sin))
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


def overwritten(x, positions, base):
    """The first coordinates are turned in their place, and read again."""
    E = x.shape[-1]
    angles = positions[:, None] * base ** (-torch.arange(0, E, 2) / E)
    x, cos, sin = x.clone(), angles.cos(), angles.sin()
    x[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    x[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return x


def waves(positions, d_model, *, first=0, own=False):
    """Sines and cosines, of places counted from `first`, a speed each if `own`."""
    i = torch.arange(d_model)
    angles = (positions[:, None] + first) * 10_000.0 ** (
        -(i if own else i - i % 2) / d_model
    )
    return torch.where(i % 2 == 0, angles.sin(), angles.cos())


def nll(z, y):
    return -z.log_softmax(-1).gather(-1, y[..., None])[..., 0]


@pytest.mark.parametrize(
    ("name", "mine"),
    [
        ("rms_norm", rms),
        ("layer_norm", layer),
        ("cross_entropy", lambda z, y: nll(z, y).mean()),
        ("surprisal", nll),
        ("silu", nn.functional.silu),
        ("gelu", nn.functional.gelu),
        ("embed", lambda ids, table: nn.functional.one_hot(ids, 5).float() @ table),
        ("sinusoidal_positions", waves),
    ],
)
def test_right_answers_of_the_other_chapters(name, mine):
    assert check(name, mine)


@pytest.mark.parametrize(
    ("name", "wrong", "hint"),
    [
        (
            "rms_norm",
            lambda x, g, eps: rms(x, g, eps, mean=False),
            "squares are summed",
        ),
        ("rms_norm", lambda x, g, eps: rms(x, g, eps, root=False), "root is missing"),
        (
            "rms_norm",
            lambda x, g, eps: rms(x, g, eps, outside=True),
            "outside the root",
        ),
        ("rms_norm", lambda x, g, eps: rms(x, g, eps, dim=-2), "over the tokens"),
        ("rms_norm", lambda x, g, eps: rms(x, 1, eps), "gain g is not used"),
        ("rms_norm", lambda x, g, eps: rms(x, g, 0), "gives 0/0"),
        ("rms_norm", lambda x, g, eps: layer(x, g, 0, eps), "that is LayerNorm"),
        ("layer_norm", lambda *x, eps: layer(*x, eps, correction=1), "by D − 1"),
        ("layer_norm", lambda *x, eps: layer(*x, eps, centre=False), "is RMSNorm"),
        ("layer_norm", lambda x, g, b, eps: layer(x, g, 0, eps), "b is not added"),
        ("rope", halves, "paired with i + E/2"),
        ("gelu", lambda x: nn.functional.gelu(x, approximate="tanh"), "by tanh"),
        ("gelu", lambda x: x * torch.special.ndtr(x * 2**0.5), "not divided by √2"),
        ("silu", torch.sigmoid, "x in front is missing"),
        ("swiglu", lambda gate, up: gate * nn.functional.silu(up), "interchanged"),
        ("cross_entropy", lambda z, y: nll(z, y).sum(), "added up"),
        ("cross_entropy", lambda z, y: -nll(z, y).mean(), "sign is missing"),
        ("cross_entropy", lambda z, y: nll(z, y).mean().exp(), "perplexity"),
        ("cross_entropy", lambda z, y: nll(z.softmax(-1), y).mean(), "taken twice"),
        ("surprisal", lambda z, y: nll(z, y) / math.log(2), "in bits"),
        ("rope", overwritten, "after that was turned"),
        ("rope", lambda x, p, base: rope.rope(x, p + 1, base=base), "from 1"),
        ("embed", lambda ids, table: table.T[ids], "pick columns"),
        ("embed", lambda ids, table: table[ids - 1], "Row i − 1"),
        (
            "embed",
            lambda ids, table: nn.functional.one_hot(ids).float() @ table,
            "it raised RuntimeError",
        ),
        (
            "sinusoidal_positions",
            lambda p, d_model: waves(p, d_model, first=1),
            "from 1",
        ),
        (
            "sinusoidal_positions",
            lambda p, d_model: waves(p, d_model, own=True),
            "exponent of its own",
        ),
    ],
)
def test_mistakes_of_the_other_chapters(capsys, name, wrong, hint):
    assert hint in verdict(capsys, name, wrong)


def test_what_is_wrong_in_no_usual_way_is_located(capsys):
    text = verdict(capsys, "attention_scores", lambda q, k: q @ k.mT / 2 + 0.25)
    assert "5 keys (shapes (2, 3, 5, 4), (2, 3, 5, 4)), 150 of 150" in text
    assert "numbers differ; at [0, 0, 0, 0] it has" in text


# Rubbish


def raises(*args):
    raise KeyError("key\nof two lines " + 1000 * "x")


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError


def raises_unprintably(*args):
    raise Unprintable


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("rubbish", "words"),
    [
        (None, "pass the function itself, not what it returns; got a NoneType"),
        (torch.ones(2), "got a Tensor"),
        (lambda *x: None, "returns None. Is there a `return`"),
        (lambda *x: 3.0, "returns a float"),
        (lambda *x: x, "returns a tuple"),
        (lambda *x: x[0].numpy(), "returns a ndarray"),
        (lambda *x: x[0].long(), "returns torch.int64"),
        (lambda *x: x[0].half(), "returns torch.float16; keep the float32"),
        (lambda *x: x[0].to_sparse(), "NumPy cannot read"),
        (lambda *x: x[0].to("meta"), "NumPy cannot read"),
        (lambda *x: x[0] * math.nan, "returns the shape"),
        (lambda *x: torch.tensor(1.0), "returns the shape ()"),
        (lambda *x: torch.empty(0), "returns the shape (0,)"),
        (lambda *x: x[0].mul_(2), "changes its arguments in place"),
        (lambda *x: x[0].resize_(3), "changes its arguments in place"),
        (lambda q: q, "called as attention_weights(q, k, mask) (5 tokens"),
        (lambda q, k, m: q @ k, "it raised RuntimeError"),
        (lambda q, k, m: weights(q, k, ~(~m)), "mask=None, every key may be seen; sh"),
        (raises, "it raised KeyError"),
        (raises_unprintably, "it raised"),
    ],
)
def test_rubbish_gets_a_sentence(capsys, rubbish, words):
    assert words in verdict(capsys, "attention_weights", rubbish)


def test_an_interruption_is_not_an_answer():
    def interrupted(*args):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("softmax", interrupted)


def test_an_unknown_exercise_lists_the_known():
    with pytest.raises(
        ValueError, match=r"'weights'; there is encode_utf8; .*attention"
    ):
        check("weights", weights)


def backward(dO, q, k, v, mask, *, root=True, rank_one=True, transpose=True):
    """As a reader derives it, with the usual ways to go wrong."""
    A = weights(q, k, mask)
    dA = dO @ v.mT
    dZ = A * (dA - (A * dA).sum(-1, keepdim=True)) if rank_one else A * dA
    dZ = dZ / math.sqrt(q.shape[-1]) if root else dZ
    dk = dZ.mT @ q if transpose or q.shape != k.shape else dZ @ q
    return dZ @ k, dk, A.mT @ dO


def test_an_answer_of_several_tensors(capsys):
    assert check("attention_backward", backward)
    assert check("attention_backward", lambda *x: list(backward(*x)))


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"root": False}, "divided by √E as well"),
        ({"rank_one": False}, "rank-one term is missing"),
        ({"rank_one": False, "root": False}, "is missing: raising"),
        ({"transpose": False}, "numbers in dk of attention_backward"),
    ],
    ids=str,
)
def test_mistakes_in_a_backward_pass(capsys, wrong, hint):
    assert hint in verdict(
        capsys, "attention_backward", lambda *x: backward(*x, **wrong)
    )


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda *x: backward(*x)[0], "return 3 tensors, `dq, dk, dv`, in this order"),
        (lambda *x: backward(*x)[:2], "got 2 of them"),
        (lambda *x: None, "it returns None"),
        (lambda *x: (*backward(*x)[:2], None), "it returns None"),
        (lambda *x: backward(*x)[1::-1] + backward(*x)[2:], "dQ and dK have changed"),
        (lambda *x: backward(*x)[::-1], "dq of attention_backward"),
    ],
)
def test_several_tensors_that_are_no_answer(capsys, wrong, hint):
    assert hint in verdict(capsys, "attention_backward", wrong)


def test_lookups_by_other_roads(capsys):
    """Kernels from torch's own distances, the Jacobian from autograd."""

    def kernel_weights(q, k, h):
        kernel = torch.exp(-(torch.cdist(q, k) ** 2) / (2 * h**2))
        return kernel / kernel.sum(-1, keepdim=True)

    def jacobian(p):
        return torch.autograd.functional.jacobian(
            lambda z: torch.softmax(z, -1), p.log()
        )

    assert check("kernel_weights", kernel_weights) is True
    assert check("softmax_jacobian", jacobian) is True
    capsys.readouterr()
    wrong = verdict(capsys, "softmax_jacobian", lambda p: (p * (1 - p)).diag())
    assert "Off the diagonal it is not 0" in wrong
    unequal = verdict(
        capsys, "kernel_weights", lambda q, k, h: torch.softmax(q @ k.T / h**2, -1)
    )
    assert "equally long" in unequal


# Rows, tables, bytes and numbers instead of tensors


def count_pairs(words, *, once=False):
    counts = Counter()
    for word, n in words.items():
        for pair in itertools.pairwise(word):
            counts[pair] += 1 if once else n
    return counts


def merge(ids, ranks, merged, *, leftmost=False, named=True):
    ids = list(ids)
    while True:
        pairs = list(itertools.pairwise(ids))
        places = [i for i, pair in enumerate(pairs) if pair in ranks]
        if not places:
            return ids
        i = places[0] if leftmost else min(places, key=lambda i: ranks[pairs[i]])
        rank = ranks[pairs[i]]
        ids[i : i + 2] = [merged[rank] if named else rank]


def by_thousands(digits):
    """With a regular expression that looks ahead for threes."""
    return re.findall(r"\d{1,3}(?=(?:\d{3})*$)", digits)


def fewest_tokens(data, vocabulary):
    """By recursion, where the reference has a table."""
    tails = [data[i:] for i in range(1, len(data) + 1) if data[:i] in vocabulary]
    return min((1 + fewest_tokens(tail, vocabulary) for tail in tails), default=0)


def types_drawn(p, n):
    """In NumPy, and returned as NumPy returns it."""
    return (1 - (1 - np.array(p)) ** n).sum()


@pytest.mark.parametrize(
    ("name", "mine"),
    [
        ("count_pairs", count_pairs),
        ("count_pairs", lambda words: count_pairs(words) | {(9, 9): 0}),
        ("merge", merge),
        ("merge", lambda *x: torch.tensor(merge(*x))),
        ("merge", lambda *x: np.array(merge(*x), dtype=int)),
        ("encode_utf8", lambda c: chr(c).encode()),
        ("encode_utf8", lambda c: bytearray(chr(c).encode())),
        ("split_number", by_thousands),
        ("fewest_tokens", fewest_tokens),
        ("types_drawn", types_drawn),
        ("types_drawn", lambda p, n: torch.tensor(types_drawn(p, n))),
    ],
)
def test_right_answers_about_texts(name, mine):
    assert check(name, mine)


@pytest.mark.parametrize(
    ("name", "wrong", "hint"),
    [
        ("count_pairs", lambda w: count_pairs(w, once=True), "n times, not once"),
        ("merge", lambda *x: merge(*x, leftmost=True), "went first"),
        ("merge", lambda *x: merge(*x, named=False), "A rank is not an id"),
        (
            "merge",
            lambda *x: merge(*x, named=False, leftmost=True),
            "leftmost went first. Also: A rank is",
        ),
        (
            "encode_utf8",
            lambda c: chr(c).encode("utf-16-be"),
            "U+0041 (with 65) it returns",
        ),
        (
            "split_number",
            lambda s: [s[i : i + 3] for i in range(0, len(s), 3)],
            "cut from the left",
        ),
        ("types_drawn", lambda c, n: 1 / 3, ", 3) it returns 0.333333, the refe"),
        (
            "types_drawn",
            lambda p, n: sum(1 - math.exp(-n * x) for x in p),
            "Poisson's",
        ),
        (
            "count_pairs",
            lambda w: count_pairs(w) + Counter([(0, 1)]),
            "1 of its entries differ; for (0, 1) it has 8, the reference 7",
        ),
        (
            "merge",
            lambda ids, r, m: list(ids),
            "for aaa (with [0, 0, 0], {(0, 0): 0}, [7]) it returns [0, 0, 0], the",
        ),
        ("merge", lambda ids, r, m: [*ids, 1], "[0, 0, 0, 1], the reference [7, 0]"),
    ],
)
def test_mistakes_about_texts(capsys, name, wrong, hint):
    assert hint in verdict(capsys, name, wrong)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("name", "rubbish", "words"),
    [
        ("merge", lambda *x: None, "returns None. Is there a `return`"),
        ("merge", lambda *x: 3, "returns a int; return a list"),
        ("merge", lambda ids, *x: (i for i in ids), "returns a generator; return a l"),
        ("merge", lambda *x: [0.5], "it returns [0.5], the reference [7, 0]"),
        ("merge", lambda *x: [None], "returns a list; return a list of"),
        ("merge", lambda ids, *x: ids.pop(), "its arguments in place; work on a copy"),
        (
            "merge",
            lambda ids, ranks: ids,
            "called as merge(ids, ranks, merged) (aaa; w",
        ),
        (
            "merge",
            lambda *x: 1 / 0,
            "with [0, 0, 0], {(0, 0): 0}, [7]), it raised Zero",
        ),
        ("count_pairs", lambda w: list(count_pairs(w)), "a list; return a dict"),
        ("count_pairs", lambda w: {None: 1}, "returns a dict; return a dict of who"),
        ("encode_utf8", lambda c: [c], "returns a list; return bytes: `bytes([…])`"),
        ("fewest_tokens", lambda d, v: [d], "returns a list; return a whole number"),
        ("fewest_tokens", lambda d, v: 2.0, "returns a float; return a whole number"),
        ("types_drawn", lambda p, n: p, "returns a list; return a number"),
        ("types_drawn", lambda c, n: math.nan, "returns nan, the reference"),
        ("split_number", lambda s: int("x"), "('1234567'; with '1234567'), it raised"),
    ],
)
def test_rubbish_about_texts_gets_a_sentence(capsys, name, rubbish, words):
    assert words in verdict(capsys, name, rubbish)
