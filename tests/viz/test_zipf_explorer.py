"""Rank and frequency on a page: counts, laws and growth against NumPy and SciPy"""

from __future__ import annotations

import gzip
import itertools
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, special

import static_page
from compared_counts import choose_law, compare_growth, compare_law, least, rows
from llmath.viz import ZipfExplorer
from llmath.viz.zipf_explorer import (
    ALPHAS,
    OFFSETS,
    best_law,
    growth,
    judge,
    law,
    pack,
    ranks_to_read,
    sizes,
)
from whole_figure import check_controls, check_page


def drawn(alpha: float, offset: float, types: int, n: int, seed: int) -> list[str]:
    p = law(types, alpha, offset)
    found = np.random.default_rng(seed).choice(types, n, p=p)
    return [f"w{i}" for i in found]


SOURCES = {
    "steep": drawn(1.4, 0, 900, 5000, 1),
    "bent": drawn(1.5, 6, 3000, 20_000, 2),
    "text": "to be or not to be,\nthat is the question",
    "counts": {"</script>": 40, " <b>": 7, "a": 300, "b": 7, "c": 1},
}
COUNTS = {
    name: sorted(Counter(source).values(), reverse=True)
    for name, source in SOURCES.items()
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("zipf")
    make = lambda: ZipfExplorer(SOURCES, key="zipf")  # noqa: E731
    return static_page.write_page(folder, make).as_uri()


def test_judged_by_hand():
    """Counts 2, 1 are the law of α = 1: cost is their entropy, and there is no gap."""
    cost, ks = judge([1, 2], 1.0)
    entropy = np.log(3) - 2 / 3 * np.log(2)
    assert cost == pytest.approx(entropy, rel=1e-12)
    assert ks < 1e-15
    cost, ks = judge([2, 1, 0], 0.0)  # a fair coin: ln 2, and 2/3 − 1/2
    assert (cost, ks) == pytest.approx((np.log(2), 1 / 6), rel=1e-12)


def test_the_offset_by_hand():
    """b = 1: 1/2, 1/3, 1/4 of 13/12."""
    np.testing.assert_allclose(law(3, 1.0, 1.0), np.array([6, 4, 3]) / 13)


@pytest.mark.parametrize("name", ["steep", "bent", "counts"])
def test_best_law_is_the_maximum_that_scipy_finds(name):
    def cost(x):
        return judge(COUNTS[name], *x).cost

    alpha, offset = best_law(COUNTS[name])
    limits = [(ALPHAS[0], ALPHAS[-1]), (0, OFFSETS[-1])]
    starts = ([1.0, 0.5], [2.0, 10.0])
    found = min(optimize.minimize(cost, x, bounds=limits).fun for x in starts)
    assert cost((alpha, offset)) <= found + 1e-9
    shuffled = np.random.default_rng(0).permutation(COUNTS[name]).tolist()
    assert best_law(shuffled) == (alpha, offset)


def test_growth_and_sizes_by_hand():
    assert growth(list("abacab"), np.array([1, 2, 3, 4, 6])) == [1, 2, 2, 3, 3]
    assert [n for n in sizes(1234) if n in (1, 10, 100, 1000, 1234)] == [
        1, 10, 100, 1000, 1234,
    ]  # fmt: skip
    assert sizes(10).tolist() == [1, 2, 3, 4, 6, 7, 10] == sorted(set(sizes(10)))
    assert sizes(2).tolist() == [1, 2]


@given(st.integers(2, 200_000))
def test_ranks_go_from_first_to_last(types):
    ranks = ranks_to_read(types)
    assert ranks[0] == 1
    assert ranks[-1] == types
    assert ranks == sorted(set(ranks))
    assert len(ranks) < 90


def test_packing_by_hand():
    """300 once, 7 twice (293 down: 37 + 2 · 128), 1 once (6 down)."""
    assert pack([7, 1, 300, 7]) == bytes([0xAC, 2, 1, 0xA5, 2, 2, 6, 1])


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({}, "one at least"),
        ({"a": []}, "'a' has 0 kinds"),
        ({"a": "xxx"}, "'a' has 1 kinds of token, one of which occurs 3 times"),
        ({"a": {"x": 2, "y": 0}}, "occurs 0 times"),
        ({"a": [7, 3, 1]}, "7 is no text"),
        ({"a": {5: 2, 6: 1}}, "5 is no text"),
    ],
)
def test_bad_input_is_explained(bad, says):
    with pytest.raises(ValueError, match=says):
        ZipfExplorer(bad)


@pytest.mark.parametrize(
    ("name", "value"), [("source", 4), ("alpha", 1.005), ("offset", 0.5)]
)
def test_state_stays_inside(name, value):
    with pytest.raises(ValueError, match=f"{name} = {value} is not offered"):
        setattr(ZipfExplorer(SOURCES), name, value)


def test_thirty_thousand_types_are_small(static):
    source = drawn(1.1, 3, 100_000, 400_000, 3)
    page = static_page.html_of(ZipfExplorer({"one": source}))
    assert len(set(source)) > 30_000
    assert len(page) < 12_000
    assert len(gzip.compress(page.encode())) < 5_000


def endless(alpha: float, offset: float, n: int) -> float:
    """∫ 1 − exp(−n p(x)) dx over the ranks from the offset on, of a law without end.

    Far out, where u = n p is small, 1 − exp(−u) = u − u²/2 + …
    """
    scale = n / special.zeta(alpha, 1 + offset)
    edge = scale ** (1 / alpha)
    places = [offset, *(offset + edge * np.array([0.5, 1, 4, 30, 300]))]
    parts = [integrate.quad(lambda x: -np.expm1(-scale * x**-alpha), a, b)[0]
             for a, b in itertools.pairwise(places)]  # fmt: skip
    far, u = places[-1], scale * places[-1] ** -alpha
    tail = far * (u / (alpha - 1) - u**2 / 2 / (2 * alpha - 1))
    return sum(parts) + tail


@pytest.mark.parametrize("source", range(len(SOURCES)), ids=list(SOURCES))
def test_laws_cost_what_python_says(open_page, alone, source):
    figure, counts = open_page(to=alone).locator("#zipf"), list(COUNTS.values())[source]
    for alpha, place in ((1.0, 0), (0.2, 30), (1.62, 13), (3.0, 5)):
        choose_law(figure, source, alpha, place)
        compare_law(figure, counts, alpha, place)


@pytest.mark.parametrize("source", range(len(SOURCES)), ids=list(SOURCES))
def test_types_are_as_measured_and_expected(open_page, alone, source):
    figure = open_page(to=alone).locator("#zipf")
    name, tokens = list(SOURCES.items())[source]
    counts, total = COUNTS[name], sum(COUNTS[name])
    at = [10**k for k in range(1, 6) if 10**k < total] + [total]
    for alpha, place in ((1.3, 0), (1.3, 14), (2.4, 0), (0.9, 0)):
        choose_law(figure, source, alpha, place)
        if place == 0:
            compare_growth(figure, counts, alpha)
        for n, row in zip(at, rows(figure, "zipf-types"), strict=True):
            assert len(row) == 1 + (name != "counts") + (alpha > 1)
            if name != "counts":
                assert row[0] == len(set(tokens[:n]))
            if alpha > 1:
                law = endless(alpha, OFFSETS[place], n)
                assert row[-1] == pytest.approx(law, abs=least(row[-1]), rel=1e-4)


@pytest.mark.parametrize("source", range(len(SOURCES)), ids=list(SOURCES))
def test_every_rank_says_its_token(open_page, alone, source):
    figure = open_page(to=alone).locator("#zipf")
    name, counts = list(COUNTS.items())[source]
    choose_law(figure, source, 1.2, 10)
    order = sorted(Counter(SOURCES[name]).items(), key=lambda kind: (-kind[1], kind[0]))
    p = law(len(counts), 1.2, OFFSETS[10]) * sum(counts)
    slider = figure.locator("input[type=range]").last
    for i, rank in enumerate(ranks_to_read(len(counts))):
        slider.fill(str(i))
        said = figure.locator(".zipf-reading").inner_text()
        token = order[rank - 1][0].replace(" ", "␣").replace("\n", "↵")
        times = "1 time" if counts[rank - 1] == 1 else f"{counts[rank - 1]:,} times"
        assert said.startswith(f"Rank {rank:,}: “{token}”, {times},")
        told = float(re.search(r"law says ([\d.,]+),", said)[1].replace(",", ""))
        assert told == pytest.approx(p[rank - 1], abs=0.051 if told < 1000 else 0.51)


def test_lines_stand_where_their_numbers_are(open_page, alone):
    """The first and last count of the chosen source, on logarithmic axes."""
    figure = open_page(to=alone).locator("#zipf")
    choose_law(figure, 0, 1.4, 0)
    d = figure.locator(".zipf-ranks path.zipf-own").get_attribute("d")
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", d), float)
    counts, width, height = COUNTS["steep"], 340 - 46 - 16, 262 - 26 - 38
    for (x, y), rank in ((points[0], 1), (points[-1], len(counts))):
        share = counts[rank - 1] / sum(counts)
        assert x == pytest.approx(46 + np.log10(rank) / 4 * width, abs=0.06)
        assert y == pytest.approx(26 - np.log10(share) / 5 * height, abs=0.06)


def test_buttons_set_the_likeliest_and_pointing_reads(open_page, alone):
    figure = open_page(to=alone).locator("#zipf")
    figure.locator("select").select_option("1")
    bent = rows(figure, "zipf-fits")
    figure.get_by_role("button", name="α and b").click()
    assert rows(figure, "zipf-fits")[0][2] < bent[0][2] - 0.005
    assert rows(figure, "zipf-fits")[0][2] == pytest.approx(bent[2][2], abs=2e-4)
    figure.get_by_role("button", name="b = 0").click()
    assert rows(figure, "zipf-fits") == bent
    box = figure.locator(".zipf-ranks svg").bounding_box()
    figure.page.mouse.move(box["x"] + 46 / 340 * box["width"], box["y"] + 60)
    assert figure.locator(".zipf-reading").inner_text().startswith("Rank 1:")


def test_next_to_nothing_is_not_said_to_be_zero(open_page, alone):
    """α = 3 of 900 types: the last is expected 0.000006 times in 5,000 tokens."""
    figure = open_page(to=alone).locator("#zipf")
    choose_law(figure, 0, 3.0, 0)
    figure.locator("input[type=range]").last.press("End")
    assert "says less than 0.1, 0.000" in figure.locator(".zipf-reading").inner_text()


def test_without_a_sum_there_is_no_law_without_end(open_page, alone):
    figure = open_page(to=alone).locator("#zipf")
    last = figure.locator(".zipf-legend").last.locator("span").last
    for alpha, said, swatch in ((1.01, "law without end", 1), (1.0, "has no sum", 0)):
        choose_law(figure, 0, alpha, 0)
        assert said in last.inner_text()
        assert last.locator("i:visible").count() == swatch
        spoken = figure.locator(".zipf-growth svg").get_attribute("aria-label")
        assert ("has no sum" in spoken) == (swatch == 0)


def test_an_address_sets_it(open_page, alone):
    page = open_page(to=alone + "#zipf?source=1&alpha=1.55&offset=2.55&rank=4")
    words = page.locator(".zipf-ranks svg").get_attribute("aria-label")
    assert "bent" in words
    assert "α = 1.55, b = 2.55" in words
    assert page.locator(".zipf-reading").inner_text().startswith("Rank 5:")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_it_fits_is_named_and_every_control_moves_it(open_page, alone, theme, width):
    page = open_page(to=alone, theme=theme, width=width)
    check_page(page, width)
    check_controls(page.locator("#zipf"), 11)
