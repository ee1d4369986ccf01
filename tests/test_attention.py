"""softmax, masks, attention_scores, attention_weights, attention; the module"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from llmath.attention import (
    Attention,
    attention,
    attention_scores,
    attention_weights,
    causal_mask,
    is_triangle,
    online_attention,
    repeat_heads,
    sliding_window_mask,
    softmax,
)
from llmath.cache import KVCache
from llmath.config import ModelConfig
from llmath.embedding import PADDING

seeds = st.integers(0, 2**31)
SMALL = ModelConfig(
    vocab_size=50,
    n_layers=1,
    d_model=24,
    n_heads=6,
    n_kv_heads=2,
    d_ff=32,
    context_length=64,
)


def qkv(seed=0, *, B=2, H=6, G=2, T=5, S=5, E=4, dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    shapes = (B, H, T, E), (B, G, S, E), (B, G, S, E)
    return [torch.randn(shape, generator=rng, dtype=dtype) for shape in shapes]


def causal(T, S):
    return causal_mask(torch.arange(S - T, S), torch.arange(S))


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


# Worked by hand


def test_softmax_by_hand():
    """e^0 : e^{ln 2} : e^{ln 5} = 1 : 2 : 5."""
    z = torch.tensor([0.0, math.log(2), math.log(5)], dtype=torch.float64)
    close(softmax(z), torch.tensor([1 / 8, 2 / 8, 5 / 8], dtype=torch.float64))


def test_softmax_runs_along_the_axis_it_is_told():
    z = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]], dtype=torch.float64)
    rows, columns = softmax(z), softmax(z, dim=0)
    close(rows[1], torch.tensor([1 / 4, 3 / 4], dtype=torch.float64))
    close(columns[:, 1], torch.tensor([1 / 4, 3 / 4], dtype=torch.float64))


def test_causal_mask_by_hand():
    mask = causal_mask(torch.arange(3), torch.arange(3))
    assert mask.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert mask.dtype == torch.bool


def test_causal_mask_compares_positions_not_rows():
    """A decoding step (position 2 of 4) and a cache that is out of order."""
    mask = causal_mask(torch.tensor([2]), torch.tensor([3, 0, 2, 1]))
    assert mask.tolist() == [[False, True, True, True]]


def test_attention_by_hand():
    """q = (2 ln 3, 0, 0, 0), √E = 2: the scores are ln 3 and 0, the weights 3 : 1."""
    q = torch.tensor([[[[2 * math.log(3), 0, 0, 0]]]], dtype=torch.float64)
    k = torch.eye(4, dtype=torch.float64)[None, None, :2]
    v = torch.tensor([[[[4.0, 0, 0, 1], [0, 8, 0, 1]]]], dtype=torch.float64)
    scores = torch.tensor([[[[math.log(3), 0]]]], dtype=torch.float64)
    close(attention_scores(q, k), scores)
    A = attention_weights(q, k)
    close(A, torch.tensor([[[[3 / 4, 1 / 4]]]], dtype=torch.float64))
    expected = torch.tensor([[[[3.0, 2.0, 0.0, 1.0]]]], dtype=torch.float64)
    for impl in ("explicit", "sdpa"):
        close(attention(q, k, v, impl=impl), expected)


def test_query_heads_share_key_heads_in_order():
    """H = 6, G = 2: heads 0, 1, 2 use key head 0 and heads 3, 4, 5 use key head 1."""
    k = torch.tensor([10.0, 20.0])[None, :, None, None]
    assert repeat_heads(k, 6)[0, :, 0, 0].tolist() == [10, 10, 10, 20, 20, 20]


# Against PyTorch's own


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 3e-2)],
    ids=str,
)
@pytest.mark.parametrize(("T", "S"), [(5, 5), (1, 7), (3, 8)])
@pytest.mark.parametrize("G", [6, 2, 1])
def test_both_paths_equal_pytorch(dtype, tolerance, T, S, G):
    q, k, v = qkv(G=G, T=T, S=S, dtype=dtype)
    mask = causal(T, S)
    k_, v_ = (x.repeat_interleave(6 // G, dim=1) for x in (k, v))
    expected = F.scaled_dot_product_attention(q, k_, v_, attn_mask=mask)
    for impl in ("explicit", "sdpa"):
        close(attention(q, k, v, mask, impl=impl), expected, tolerance)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 5e-6), (torch.bfloat16, 3e-2)], ids=str
)
def test_fast_path_equals_explicit_path_on_a_gpu(dtype, tolerance):
    q, k, v = (x.to("cuda", dtype) for x in qkv(H=8, G=2, T=64, S=64, E=64))
    mask = causal(64, 64).cuda()
    expected = attention(q, k, v, mask)
    close(attention(q, k, v, mask, impl="sdpa"), expected, tolerance)


def test_softmax_equals_pytorch_even_far_out():
    z = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [3.0, -math.inf, 3.0]])
    close(softmax(z), torch.softmax(z, -1))


def test_gradients():
    """Of the explicit path, by finite differences; of the fast path, against it."""
    q, k, v = (x.requires_grad_() for x in qkv(B=1, H=2, G=1, T=3, S=3, E=2))
    mask = causal(3, 3)
    assert torch.autograd.gradcheck(lambda *x: attention(*x, mask), (q, k, v))
    explicit = torch.autograd.grad(attention(q, k, v, mask).sin().sum(), (q, k, v))
    fast = attention(q, k, v, mask, impl="sdpa").sin().sum()
    for a, b in zip(explicit, torch.autograd.grad(fast, (q, k, v)), strict=True):
        close(a, b)


# Invariants


@given(seeds, st.floats(-1e3, 1e3))
def test_softmax_does_not_see_a_shift(seed, shift):
    z = torch.randn(4, 7, generator=torch.Generator().manual_seed(seed)).double()
    close(softmax(z + shift), softmax(z))


@given(seeds, st.integers(1, 6), st.integers(0, 4))
def test_weights_are_distributions_over_what_may_be_seen(seed, T, past):
    q, k, _ = qkv(seed, T=T, S=T + past)
    mask = causal(T, T + past)
    A = attention_weights(q, k, mask)
    close(A.sum(-1), torch.ones(2, 6, T, dtype=torch.float64))
    assert (A[..., mask] > 0).all()
    assert (A[..., ~mask] == 0).all()


@given(seeds, st.integers(1, 4))
def test_the_future_cannot_change_the_past(seed, t):
    q, k, v = qkv(seed)
    before = attention(q, k, v, causal(5, 5))
    for x in (q, k, v):
        x[:, :, t:] = torch.randn(x[:, :, t:].shape, dtype=x.dtype)
    after = attention(q, k, v, causal(5, 5))
    assert torch.equal(after[:, :, :t], before[:, :, :t])
    assert not torch.equal(after[:, :, t:], before[:, :, t:])


@given(seeds, st.permutations(range(5)))
def test_unmasked_attention_is_permutation_equivariant(seed, order):
    q, k, v = qkv(seed)
    moved = attention(q[:, :, order], k[:, :, order], v[:, :, order])
    close(moved, attention(q, k, v)[:, :, order])


# Rows of a batch that differ


def test_positions_by_row_give_a_mask_by_row():
    t = torch.tensor([[0, 1, 2], [1, 2, 0]])
    mask = causal_mask(t, t)
    assert mask[0].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert mask[1].tolist() == [[1, 0, 1], [1, 1, 1], [0, 0, 1]]
    for row in (0, 1):
        own = sliding_window_mask(t[row], t[row], 2)
        assert torch.equal(sliding_window_mask(t, t, 2)[row], own)


def test_padding_is_seen_by_padding_alone():
    t = torch.tensor([0, 1, PADDING, PADDING])
    assert causal_mask(t, t).tolist()[:2] == [[1, 0, 0, 0], [1, 1, 0, 0]]
    mask = sliding_window_mask(t, t, 2)
    assert mask.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


@given(seeds, st.integers(1, 5), st.sampled_from([6, 2, 1]))
def test_a_mask_by_row_is_that_of_each_row_alone_on_every_path(seed, T, G):
    q, k, v = qkv(seed, B=3, G=G, T=T)
    mask = torch.rand(3, 1, T, 5, generator=torch.Generator().manual_seed(seed)) < 0.4
    mask[..., 2] = True
    rows = [
        attention(q[b : b + 1], k[b : b + 1], v[b : b + 1], mask[b, 0])
        for b in range(3)
    ]
    for impl in ("explicit", "sdpa", "online"):
        close(attention(q, k, v, mask, impl=impl), torch.cat(rows))


# Other masks, other ways


def test_sliding_window_mask_by_hand():
    t = torch.arange(4)
    mask = sliding_window_mask(t, t, 2)
    assert mask.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    assert torch.equal(sliding_window_mask(t, t, 1), torch.eye(4).bool())
    assert torch.equal(sliding_window_mask(t, t, 4), causal_mask(t, t))


@given(st.permutations(range(9)), st.integers(1, 12), st.integers(0, 8))
def test_a_window_compares_positions_not_rows(order, window, t):
    mask = sliding_window_mask(torch.tensor([t]), torch.tensor(order), window)
    seen = {
        p for p, looked_at in zip(order, mask[0].tolist(), strict=True) if looked_at
    }
    assert seen == set(range(max(0, t - window + 1), t + 1))


def test_a_token_outside_the_window_changes_nothing():
    q, k, v = qkv()
    mask = sliding_window_mask(torch.arange(5), torch.arange(5), 3)
    before = attention(q, k, v, mask)
    k[:, :, 0], v[:, :, 0] = 9.0, 9.0
    after = attention(q, k, v, mask)
    assert torch.equal(after[:, :, 3:], before[:, :, 3:])
    assert not torch.allclose(after[:, :, 2], before[:, :, 2])


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("window", [0, -1, 2.0, True, None])
def test_a_window_is_a_whole_number(window):
    t = torch.arange(3)
    refused("whole number of at least 1", sliding_window_mask, t, t, window)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 3e-2)],
    ids=str,
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("G", [6, 2, 1])
def test_online_attention_equals_the_explicit(dtype, tolerance, chunk, G):
    for T, S in ((7, 7), (1, 9), (4, 8)):
        q, k, v = qkv(T + S, G=G, T=T, S=S, dtype=dtype)
        t, s = torch.arange(S - T, S), torch.arange(S)
        for mask in (None, causal_mask(t, s), sliding_window_mask(t, s, 2)):
            expected = attention(q, k, v, mask)
            close(online_attention(q, k, v, mask, chunk=chunk), expected, tolerance)
            close(attention(q, k, v, mask, impl="online"), expected, tolerance)


@given(seeds, st.integers(1, 6), st.floats(0.1, 100.0))
def test_online_attention_whatever_the_scores_and_the_mask(seed, chunk, size):
    """Scores up to thousands, rising and falling; whole chunks that are not seen."""
    q, k, v = qkv(seed)
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(seed)) < 0.3
    mask[torch.arange(5), torch.arange(5).flip(0)] = True
    expected = attention(size * q, size * k, v, mask)
    close(online_attention(size * q, size * k, v, mask, chunk=chunk), expected)


def test_online_attention_has_the_same_gradients():
    q, k, v = (x.requires_grad_() for x in qkv(B=1, H=2, G=1, T=4, S=4, E=2))
    mask = causal(4, 4)
    explicit = torch.autograd.grad(attention(q, k, v, mask).sin().sum(), (q, k, v))
    online = online_attention(q, k, v, mask, chunk=2).sin().sum()
    for a, b in zip(explicit, torch.autograd.grad(online, (q, k, v)), strict=True):
        close(a, b)


@pytest.mark.usefixtures("untyped")
def test_online_attention_refuses_what_attention_does():
    q, k, v = qkv()
    refused("least 1, got 0", online_attention, q, k, v, chunk=0)
    refused(r"\(4, 5\); 5 queries", online_attention, q, k, v, causal(4, 5))
    refused(
        "query 0 may look at no key", online_attention, q, k, v, causal(5, 5) & False
    )
    q[0, 0, 0, 0] = math.nan
    refused("scores are NaN or infinite", online_attention, q, k, v)


# A mask that the kernel knows by name


def test_a_triangle_is_told_from_all_else():
    assert is_triangle(causal(5, 5))
    assert is_triangle(causal(1, 1))
    assert not is_triangle(causal(1, 5))
    assert not is_triangle(causal(5, 5)[None, None])
    t = torch.arange(5)
    assert not is_triangle(causal_mask(t.flip(0), t.flip(0)))
    assert not is_triangle(sliding_window_mask(t, t, 4))
    assert is_triangle(sliding_window_mask(t, t, 5))


@pytest.mark.parametrize("G", [6, 2, 1])
def test_the_kernels_own_triangle_is_the_mask(G):
    q, k, v = qkv(G=G, T=9, S=9)
    by_name = attention(q, k, v, causal(9, 9), impl="sdpa", triangle=True)
    close(by_name, attention(q, k, v, causal(9, 9)))


# The module


def test_module_is_the_formula_between_four_projections():
    torch.manual_seed(0)
    attn = Attention(SMALL).double()
    x = torch.randn(2, 5, 24, dtype=torch.float64)
    positions, mask = torch.arange(5), causal(5, 5)
    seen = {}
    for name in ("q", "k", "v", "scores", "pattern", "z"):
        getattr(attn, name).register_forward_hook(
            lambda module, args, output, name=name: seen.update({name: output})
        )
    y = attn(x, positions, mask)
    assert seen["q"].shape == (2, 6, 5, 4)
    assert seen["k"].shape == seen["v"].shape == (2, 2, 5, 4)
    close(seen["v"][:, 1], x @ attn.w_v.weight[4:].T)
    close(seen["scores"], attention_scores(seen["q"], seen["k"]))
    close(seen["pattern"], attention_weights(seen["q"], seen["k"], mask))
    z = attention(seen["q"], seen["k"], seen["v"], mask)
    close(seen["z"], z)
    close(y, z.transpose(1, 2).reshape(2, 5, 24) @ attn.w_o.weight.T)
    close(attn(x, positions, mask, impl="sdpa"), y)


def test_a_hook_at_a_probe_changes_what_follows():
    """Knocking out all weights but those on the first token leaves z = A_0 v_0."""
    attn = Attention(SMALL).double()
    x = torch.randn(1, 5, 24, dtype=torch.float64)
    first = torch.zeros(5, 5, dtype=torch.float64)
    first[:, 0] = 1
    handle = attn.pattern.register_forward_hook(lambda m, a, output: output * 0 + first)
    y = attn(x, torch.arange(5), causal(5, 5))
    handle.remove()
    v = (x[:, 0] @ attn.w_v.weight.T).unflatten(-1, (2, 4)).repeat_interleave(3, 1)
    expected = v.flatten(1) @ attn.w_o.weight.T
    close(y, expected[:, None].expand(1, 5, 24))


def test_module_with_cache_equals_module_without():
    attn = Attention(SMALL).double().requires_grad_(False)
    x = torch.randn(2, 5, 24, dtype=torch.float64)
    whole = attn(x, torch.arange(5), causal(5, 5))
    cache = KVCache()
    for start, end in ((0, 3), (3, 4), (4, 5)):
        positions = torch.arange(start, end)
        mask = causal_mask(positions, torch.arange(end))
        part = attn(x[:, start:end], positions, mask, cache=cache)
        cache.commit(positions)
        close(part, whole[:, start:end])


# What is refused


def refused(words, function, *args, **kwargs):
    with pytest.raises(ValueError, match=words):
        function(*args, **kwargs)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_located(value):
    q, k, v = qkv()
    q[1, 4, 2, 0] = value
    k.abs_()
    words = r"5 of 300 .* batch 1, head 4, query 2, key 0.*record.*float32"
    refused(words, attention_weights, q, k)
    refused(words, attention, q, k, v, causal(5, 5))


def test_a_product_that_overflows_is_refused_and_hides_no_key():
    """In float16, 300 · 300 · 4 / 2 is beyond 65,504; −∞ would silently be a mask."""
    q, k, _ = qkv(dtype=torch.float16)
    q, k = q * 0 + 300, k * 0 - 300
    refused("300 of 300 .* overflowed torch.float16", attention_weights, q, k)


def test_no_keys_at_all():
    q, k, _ = qkv(S=1)
    refused("no keys", attention_scores, q, k[:, :, :0])


def test_a_query_that_sees_nothing_is_named():
    q, k, v = qkv()
    mask = causal(5, 5)
    mask[[2, 4]] = False
    for impl in ("explicit", "sdpa"):
        refused(r"query 2 may .*\(2 of 5", attention, q, k, v, mask, impl=impl)
        by_row = torch.stack((mask, causal(5, 5)))[:, None]
        refused(r"query 2 may .*\(2 of 10", attention, q, k, v, by_row, impl=impl)


def test_compiling_skips_the_look_at_values(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    q, k, _ = qkv()
    q[0, 0, 0, 0] = math.nan
    assert attention_weights(q, k).isnan().any()


@pytest.mark.usefixtures("untyped")
def test_wrong_shapes_are_refused_with_their_numbers():
    q, k, v = qkv()
    refused(r"four axes.*\(6, 5, 4\)", attention_scores, q[0], k)
    refused(r"\(2, 6, 5, 4\) and \(2, 2, 5, 3\)", attention_scores, q, k[..., :3])
    refused(r"\(2, 6, 5, 4\) and \(1, 2, 5, 4\)", attention_scores, q, k[:1])
    refused("6 query heads cannot share 4", attention_scores, q, k.repeat(1, 2, 1, 1))
    refused("float64 but k is torch.float32", attention_scores, q, k.float())
    refused(r"\(2, 2, 5, 4\) and \(2, 2, 4, 4\)", attention, q, k, v[:, :, :4])
    refused(r"\(4, 5\); 5 queries and 5 keys", attention_weights, q, k, causal(4, 5))
    refused("True where looking", attention_weights, q, k, causal(5, 5).float())
    refused('"flash" is neither|flash', attention, q, k, v, impl="flash")
    for impl in ("explicit", "sdpa"):
        refused(r"\(5, 5\)", attention, q, k, v, causal(4, 5), impl=impl)
        by_row = causal(5, 5).expand(3, 1, 5, 5)
        refused(r"or \(2, 1, 5, 5\)", attention, q, k, v, by_row, impl=impl)
