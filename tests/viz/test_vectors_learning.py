"""Words that move while they learn: what the page says is what was handed over"""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import static_page
from geometry import value
from llmath.viz import VectorsLearning, vectors_learning

WORDS = ["king", "queen", "day", "night", "<b>", "sword", "crown"]
FRAMES, WIDTH = 5, 6
VECTORS = np.random.default_rng(3).normal(size=(FRAMES, len(WORDS), WIDTH))
STEPS, LOSSES = [0, 10, 20, 50, 100], [4.0, 3.5, 3.25, 3.0, 2.875]
SHOWN = 1e-4


def learning(**more):
    more = {
        "steps": STEPS,
        "losses": LOSSES,
        "groups": {"royal": ["king", "queen"]},
    } | more
    return VectorsLearning.from_vectors(VECTORS, WORDS, **more)  # fmt: skip


def cosines(frame: int) -> np.ndarray:
    unit = [v / np.linalg.norm(v) for v in VECTORS[frame]]
    return np.array([[a @ b for b in unit] for a in unit])


@pytest.fixture(scope="session")
def page_of_it(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learning")
    return static_page.write_page(folder, learning).as_uri()


@pytest.fixture
def figure(open_page, page_of_it):
    return open_page(to=page_of_it).locator(".vectors-learning")


def test_neighbours_and_losses_are_those_given(figure):
    for frame, word in itertools.product((0, 2, 4), (0, 4, 6)):
        figure.locator("input[type=range]").fill(str(frame))
        figure.locator("select").select_option(str(word))
        near = [(c, w) for w, c in enumerate(cosines(frame)[word]) if w != word]
        near.sort(reverse=True)
        rows = figure.locator("tbody tr").evaluate_all(
            "all => all.map(r => [r.cells[0].innerText, r.cells[2].innerText])"
        )
        assert [name for name, _ in rows] == [WORDS[w] for _, w in near[:6]]
        told = [value(c) for _, c in rows]
        np.testing.assert_allclose(told, [c for c, _ in near[:6]], atol=SHOWN)
        loss, best, cosine, share = figure.locator(
            ".learning-words b"
        ).all_inner_texts()
        assert value(loss) == LOSSES[frame]
        assert (best, value(cosine)) == (rows[0][0], told[0])
        centred = VECTORS[frame] - VECTORS[frame].mean(0)
        plane = vectors_learning.projected(VECTORS)[0][frame]
        known = np.trace(plane.T @ plane) / np.trace(centred.T @ centred)
        assert float(share.strip("\xa0%")) == pytest.approx(100 * known, abs=0.051)


@pytest.mark.parametrize("width", [1280, 600])  # a square, and wider than high
def test_points_lie_where_they_were_projected(open_page, page_of_it, width):
    """Up to a shift and one scale for both axes, in every frame."""
    page = open_page(to=page_of_it, width=width)
    figure = page.locator(".vectors-learning")
    points = vectors_learning.projected(VECTORS)[0]
    drawn = []
    for frame in range(FRAMES):
        figure.locator("input[type=range]").fill(str(frame))
        drawn.append(figure.locator("circle.plane-dot").evaluate_all(
            "all => all.map(c => [+c.getAttribute('cx'), -c.getAttribute('cy')])"
        ))  # fmt: skip
    a, b = (x - np.mean(x, (0, 1)) for x in (np.array(drawn), points))
    scale = (a * b).sum() / (b * b).sum()
    assert scale > 0
    np.testing.assert_allclose(a, scale * b, atol=0.02)
    figure.locator("input[type=checkbox]").check()  # larger, in the same proportions
    close = figure.locator("circle.plane-dot").evaluate_all(
        "all => all.map(c => [+c.getAttribute('cx'), -c.getAttribute('cy')])"
    )
    one, other = (x - np.mean(x, 0) for x in (np.array(close), points[-1]))
    larger = (one * other).sum() / (other**2).sum()
    assert larger > scale
    np.testing.assert_allclose(one, larger * other, atol=0.02)


def test_by_keyboard_and_mouse(figure):
    slider = figure.locator("input[type=range]")
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == "0"
    slider.press("ArrowRight")
    assert (
        figure.locator(".learning-words").inner_text().startswith("Step 10: loss 3.5")
    )
    figure.locator("circle.plane-dot").nth(3).click(force=True)
    assert figure.locator("select").input_value() == "3"
    assert figure.locator("caption").inner_text() == "Nearest to “night”"
    assert figure.locator(".frames-play").count() == 0  # motion is reduced


def test_plays_to_the_end_and_stops(open_page, page_of_it):
    figure = open_page(to=page_of_it, motion="no-preference").locator(
        ".vectors-learning"
    )
    figure.locator(".frames-play").click()
    figure.page.wait_for_function(
        "document.querySelector('.learning-words').innerText.startsWith('Step 10:')"
    )
    figure.page.wait_for_function(
        "document.querySelector('.learning-words').innerText.startsWith('Step 100:')"
    )
    figure.page.wait_for_function(
        "document.querySelector('.frames-play').ariaLabel === 'Play'"
    )


def test_projection_by_hand():
    """Four points on a cross: the plane is theirs, and holds all but the third axis."""
    end = np.array([[3.0, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0]])
    start = np.array([[1.0, 0, 1], [-1, 0, 1], [0, 0, -1], [0, 0, -1]])
    points, cos, shares = vectors_learning.projected(np.stack([start, end]))
    np.testing.assert_allclose(np.abs(points[1]), np.abs(end[:, :2]), atol=1e-12)
    np.testing.assert_allclose(shares, [2 / 6, 1], atol=1e-12)
    np.testing.assert_allclose(cos[0, 0], [1, 0, -(0.5**0.5), -(0.5**0.5)], atol=1e-12)
    np.testing.assert_allclose(cos[1, 0], [1, -1, 0, 0], atol=1e-12)


def test_forty_words_in_forty_frames_are_small():
    many = np.random.default_rng(0).normal(size=(40, 40, 8))
    words = [f"word{i}" for i in range(40)]
    figure = VectorsLearning.from_vectors(
        many, words, steps=range(40), losses=np.ones(40).tolist()
    )
    size = len(json.dumps(figure.state(), default=lambda b: "x" * (len(b) * 4 // 3)))
    assert size < 200_000
    with pytest.raises(ValueError, match=r"\d+ bytes, more than 200000"):
        VectorsLearning.from_vectors(
            np.concatenate([many] * 3), words, steps=range(120), losses=[1.0] * 120
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": [1, 2]}, "5 frames, but 2 steps"),
        ({"losses": [float("nan")] * 5}, "some losses are NaN"),
        ({"word": "rome"}, "“rome” is none of the words"),
        ({"groups": {str(i): [] for i in range(6)}}, "6 groups"),
        ({"frame": 1, "word": None, "losses": [1.0]}, "5 frames, but 1 losses"),
    ],
    ids=["steps", "nan", "word", "groups", "losses"],
)
def test_what_does_not_fit_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        learning(**change)


def test_arrays_must_fit_the_words():
    points, cos, _ = vectors_learning.projected(VECTORS)
    given = {"steps": STEPS, "losses": LOSSES}
    with pytest.raises(ValueError, match=r"6 words need .*\(frames, 6, 2\)"):
        VectorsLearning(points, cos, WORDS[:6], **given)
    with pytest.raises(ValueError, match="cosine of 2"):
        VectorsLearning(points, cos * 2, WORDS, **given)
    with pytest.raises(ValueError, match="6 different words of 7"):
        VectorsLearning(points, cos, [*WORDS[:6], "king"], **given)
    with pytest.raises(ValueError, match="NaN"):
        VectorsLearning(points * np.nan, cos, WORDS, **given)
    with pytest.raises(ValueError, match="frame = 5 is none of 0 … 4"):
        learning().frame = 5


def test_the_chosen_word_has_a_name_in_any_crowd(open_page, tmp_path):
    """Thirty words upon each other: of others names are left out, of it never."""
    rng, n = np.random.default_rng(0), 30
    crowd = rng.normal(size=(2, n, 2)) * 0.05
    crowd[:, -2:] = [[-3, -3], [3, 3]]  # the axes are wide
    words = [f"somebody{i}" for i in range(n)]
    more = {"steps": [0, 1], "losses": [2.0, 1.0]}
    made = static_page.write_page(
        tmp_path, lambda: VectorsLearning(crowd, [np.eye(n)] * 2, words, **more)
    )
    figure = open_page(to=made.as_uri(), width=390).locator(".vectors-learning")
    for word in (0, 7, 14, 29):
        figure.locator("select").select_option(str(word))
        names = figure.locator(".plane-name").all_text_contents()
        assert words[word] in names
        assert len(names) < n
