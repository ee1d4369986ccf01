"""The figures of vectors, in both themes and on a phone: all moves, all can be read"""

from __future__ import annotations

import numpy as np
import pytest

import static_page
from llmath.viz import AngleLab, EmbeddingExplorer, RopeRotor, VectorsLearning
from llmath.viz.angle_lab import DIMENSIONS
from whole_figure import check_controls, check_page

WORDS = ["man", "king", "woman", "queen", "cat", "dog", *map(str, range(20))]
VECTORS = np.random.default_rng(1).normal(size=(4, len(WORDS), 5))
TIMES = {"steps": [0, 1, 2, 3], "losses": [4.0, 3.0, 2.5, 2.25]}
MAKERS = {
    "angle_lab": AngleLab,
    "rope_rotor": RopeRotor,
    "vectors_learning": lambda: VectorsLearning.from_vectors(
        VECTORS, WORDS, groups={"royal": ["king", "queen"]}, **TIMES
    ),
    "embedding_explorer": lambda: EmbeddingExplorer(WORDS, VECTORS[-1], name="Words"),
}


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    return {
        name: static_page.write_page(folder / name, maker).as_uri()
        for name, maker in MAKERS.items()
    }


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("name", MAKERS)
def test_every_control_moves_it(open_page, pages, name, theme, width):
    motion = "no-preference" if width > 600 else "reduce"
    page = open_page(to=pages[name], theme=theme, width=width, motion=motion)
    figure = page.locator("[data-live]")
    check_controls(figure, 4)
    check_page(page, width)


@pytest.mark.parametrize("name", MAKERS)
def test_enough_room_is_kept_for_it(open_page, pages, name):
    """What is kept free until the figure wakes is nearly what it takes then."""
    page = open_page(to=pages[name])
    kept = MAKERS[name]().height
    taken = page.locator("[data-live]").bounding_box()["height"]
    assert kept - 60 < taken < kept + 60


STATES = {
    "angle_lab": "dimension=64&kind=sphere&hundredths=30&zoom=true",
    "rope_rotor": "width=8&base=100&query_at=7&key_at=2&pair=3&vectors=1",
    "vectors_learning": "frame=1&word=4&fit=true",
}


@pytest.mark.parametrize("name", STATES)
def test_an_address_carries_its_state(open_page, pages, name):
    """And what it cannot show is left as it is."""
    page = open_page(to=pages[name])
    key = page.locator("[data-live]").get_attribute("data-key")
    moved = "?" + STATES[name]
    for query in (moved, moved.replace("=", "=x")):
        page.evaluate("where => { location.hash = where; }", f"{key}{query}")
        page.wait_for_timeout(100)
        boxes = page.locator("[data-live] :is(input, select)").evaluate_all(
            "all => all.map(e => e.type === 'checkbox' ? e.checked : e.value)"
        )
        expected = {
            "angle_lab": [str(DIMENSIONS.index(64)), "30", "sphere", True],
            "rope_rotor": ["7", "2", "2", "3", "8", "100", "1"],
            "vectors_learning": ["1", "4", True],
        }[name]
        assert boxes == expected
