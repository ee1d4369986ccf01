"""KVCache: what it keeps, how it grows, what it refuses"""

import pytest
import torch

from llmath.cache import KVCache
from llmath.embedding import PADDING


def keys(T, *, B=2, G=3, E=4, start=0):
    """Numbers that tell their place: token t of this call is start + t everywhere."""
    return torch.arange(start, start + T)[None, None, :, None].expand(B, G, T, E) * 1.0


def test_returns_all_that_came_before():
    cache = KVCache()
    for start, T in ((0, 3), (3, 1), (4, 2)):
        for layer in (0, 1):
            k, v = cache.extend(layer, keys(T, start=start), -keys(T, start=start))
            assert torch.equal(k, keys(start + T))
            assert torch.equal(v, -keys(start + T))
        cache.commit(torch.arange(start, start + T))
        assert len(cache) == start + T
    assert cache.positions.tolist() == list(range(6))


def test_room_doubles():
    """Appending n tokens one by one copies O(n) of them, not O(n²)."""
    cache, rooms = KVCache(), set()
    for t in range(100):
        k, _ = cache.extend(0, keys(1, start=t), keys(1, start=t))
        rooms.add(k.untyped_storage().data_ptr())
        cache.commit(torch.tensor([t]))
    assert torch.equal(k, keys(100))
    assert len(rooms) <= 8


def test_what_is_not_committed_is_forgotten():
    cache = KVCache()
    cache.extend(0, keys(3), keys(3))
    cache.commit(torch.arange(3))
    cache.extend(0, keys(5, start=70), keys(5, start=70))  # a pass that failed later
    assert len(cache) == 3
    k, _ = cache.extend(0, keys(1, start=3), keys(1, start=3))
    assert torch.equal(k, keys(4))


def test_empty():
    assert len(KVCache()) == 0
    assert KVCache().positions.tolist() == []


def test_rows_are_kept_in_the_order_asked_for():
    cache = KVCache()
    k = torch.stack((keys(3, B=1)[0], keys(3, B=1, start=10)[0]))
    cache.extend(0, k, -k)
    cache.commit(torch.tensor([[0, 1, 2], [0, 1, PADDING]]))
    cache.select(torch.tensor([1, 1, 0]))
    assert cache.positions.tolist() == [[0, 1, PADDING], [0, 1, PADDING], [0, 1, 2]]
    all_k, all_v = cache.extend(0, keys(1, B=3), keys(1, B=3))
    assert torch.equal(all_k[:, :, :3], k[[1, 1, 0]])
    assert torch.equal(all_v[:, :, :3], -k[[1, 1, 0]])


def test_the_next_position_passes_over_padding():
    cache = KVCache()
    assert cache.next_position() == 0
    cache.commit(torch.tensor([[4, 5, 6], [0, PADDING, PADDING]]))
    assert cache.next_position().tolist() == [7, 1]
    cache.commit(torch.tensor([9]))  # one position for both rows
    assert cache.next_position().tolist() == [10, 10]
    assert cache.positions.shape == (2, 4)


def test_positions_of_all_rows_become_positions_of_each():
    cache = KVCache()
    cache.commit(torch.tensor([0, 1]))
    assert cache.next_position() == 2
    together = cache.followed_by(torch.tensor([[2], [5]]))
    assert together.tolist() == [[0, 1, 2], [0, 1, 5]]
    assert cache.positions.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (keys(1, B=1), "batch 2, .* batch 1,"),
        (keys(1, G=1), "3 heads .* 1 heads"),
        (keys(1, E=8), "width 4; .* width 8"),
        (keys(1).double(), "holds torch.float32 .*are torch.float64"),
    ],
)
def test_keys_of_another_kind_are_refused(other, words):
    cache = KVCache()
    cache.extend(0, keys(3), keys(3))
    cache.commit(torch.arange(3))
    with pytest.raises(ValueError, match=words):
        cache.extend(0, other, other)


def test_gradients_are_refused():
    k = keys(3).clone().requires_grad_()
    with pytest.raises(ValueError, match=r"torch\.no_grad"):
        KVCache().extend(0, k, k)
    with torch.no_grad():
        KVCache().extend(0, k, k)
