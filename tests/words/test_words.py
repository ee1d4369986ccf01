"""GloVe is GloVe, neighbours are by cosine, judgements are as published"""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmath.words import WordVectors, analogies, glove, similarities
from llmath.words.glove import TABLE
from llmath.words.judged import ANALOGIES, SIMILARITIES

FIVE = WordVectors(
    ["east", "north", "far", "west", "nowhere"],
    torch.tensor([[1.0, 0], [0, 1], [30, 40], [-2, 0], [0, 0]]),
)


@pytest.fixture(scope="module")
def vectors():
    return glove(30_000)


def test_glove_by_its_published_lines(vectors):
    """The first lines of glove.6B.50d.txt, as anyone who unpacked it has seen them."""
    assert vectors.words[:9] == ["the", ",", ".", "of", "to", "and", "in", "a", '"']
    first = [0.418, 0.24968, -0.41242, 0.1217, 0.34527, -0.044457, -0.49688]
    assert vectors["the"][:7].tolist() == pytest.approx(first, abs=1e-7)
    assert vectors.table.shape == (30_000, 50)
    assert len(vectors) == 30_000
    assert "democracy" in vectors
    assert "Democracy" not in vectors


def test_glove_has_all_its_words():
    """And each its own row, behind the end of the file's dictionary too."""
    every = glove()
    assert len(every) == 400_000
    assert every.words[-1] == "sandberger"
    words = {word for word, _ in every.nearest(every["gondar"], 6)}
    assert every.rows(["gondar"])[0] > 95_360  # behind the end of the dictionary
    assert {"semien", "gojjam", "shewa"} <= words  # provinces of Ethiopia, like it


def test_neighbours_by_hand():
    """Cosines of (3, 4) with (1, 0), (0, 1), (30, 40), (−2, 0), and 0 with the zero."""
    found = FIVE.nearest(torch.tensor([3.0, 4.0]), 5)
    assert [word for word, _ in found] == ["far", "north", "east", "nowhere", "west"]
    cosines = [cosine for _, cosine in found]
    assert cosines == pytest.approx([1, 0.8, 0.6, 0, -0.6])


def test_what_is_left_out_is_not_found():
    found = FIVE.nearest(torch.tensor([3.0, 4.0]), 9, without=["far", "west", "far"])
    assert [word for word, _ in found] == ["north", "east", "nowhere"]


@given(st.floats(1e-3, 1e3), st.integers(0, 3))
def test_length_does_not_matter(scale, row):
    found, again = (FIVE.nearest(x * FIVE.table[row], 4) for x in (1, scale))
    assert [w for w, _ in found] == [w for w, _ in again]


def test_a_word_is_nearest_to_itself(vectors):
    for word in ("cat", "democracy", "1999"):
        (found, cosine), (_, second) = vectors.nearest(vectors[word], 2)
        assert found == word
        assert second < 0.99 < cosine < 1 + 1e-6


def test_the_analogies_are_those_published():
    """Counts of the published file by category; its first and last questions."""
    found = analogies()
    counts = [506, 4524, 866, 2467, 506, 992, 812, 1332, 1122, 1056, 1599, 1560]
    assert [len(questions) for questions in found.values()] == [*counts, 1332, 870]
    first = found["capital-common-countries"][0]
    assert first == ("Athens", "Greece", "Baghdad", "Iraq")
    assert found["gram9-plural-verbs"][-1] == ("write", "writes", "work", "works")


def test_the_similarities_are_those_published():
    found = {(one, other): rating for one, other, rating in similarities()}
    assert len(found) == 999
    assert found["old", "new"] == 1.58
    assert found["smart", "intelligent"] == 9.2
    assert all(0 <= rating <= 10 for rating in found.values())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: glove(0), "n"),
        (lambda: glove(400_001), "400000 words, fewer than n=400001"),
        (lambda: WordVectors(["a", "a"], torch.ones(2, 3)), "2 words, 1 of them"),
        (lambda: WordVectors(["a"], torch.ones(2, 3)), r"shape \(2, 3\)"),
        (lambda: FIVE["south"], "1 of 1 words have no vector: 'south'"),
        (lambda: FIVE.nearest(torch.ones(3)), r"width 2 .* shape \(3,\)"),
        (lambda: FIVE.nearest(torch.zeros(2)), "not zero"),
        (lambda: FIVE.nearest(torch.ones(2), without=["up"]), "'up'"),
        (lambda: FIVE.nearest(torch.ones(2), 0), "n"),
    ],
    ids=["none", "more", "twice", "rows", "unknown", "width", "zero", "out", "n"],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


LOADERS = [(glove, TABLE), (analogies, ANALOGIES), (similarities, SIMILARITIES)]


@pytest.mark.parametrize(("load", "pinned"), LOADERS, ids=["glove", "ana", "sim"])
def test_other_files_are_refused(load, pinned, tmp_path, monkeypatch):
    for name in (pinned.file, "data/glove_6B_index.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("something else")
    spec = ModuleSpec(pinned.package, None)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(ValueError, match="is not the file that was pinned"):
        load()


@pytest.mark.parametrize(("load", "pinned"), LOADERS, ids=["glove", "ana", "sim"])
def test_without_the_package_it_says_what_to_install(load, pinned, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=pinned.install):
        load()
