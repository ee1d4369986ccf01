"""The table of heads: what it is given is what it says, at every head"""

from __future__ import annotations

import gzip
from types import SimpleNamespace

import numpy as np
import pytest

import static_page
from llmath.viz import AttentionExplorer, HeadRoles
from llmath.viz.head_roles import STEPS, from_table, pack
from samples import HEADS, LAYERS, MAPS, ROLES, SHAPE, TOKENS, role, scores


def explorer() -> AttentionExplorer:
    return AttentionExplorer([("one", TOKENS[0], MAPS[0])], key="explorer")


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> str:
    page = static_page.write_page(
        tmp_path_factory.mktemp("roles"),
        lambda: HeadRoles(ROLES, explorer="#explorer", key="roles"),
        explorer,
    )
    return page.as_uri()


SHOWN = 5e-4 + 2e-5  # three decimals of what is stored; the titles have four


def number(text: str) -> float:
    return float(text.split()[-1].replace("−", "-"))


def numbers(text: str) -> list[float]:
    return [number(part) for part in text.split(" to ") for part in part.split()]


def test_packing_by_hand():
    values = np.array([[0.0, 1.0], [-1.0, 0.5]])
    assert pack(values, (2, 2), "x") == b"\x00\x00\xff\x7f\x01\x80\x00\x40"
    assert 0.5 / STEPS < 1e-4  # finer than what is shown


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({}, "at least one role"),
        ({"a": {"score": np.zeros((2, 2))}}, "'a' lacks n"),
        ({"a": {"score": np.zeros(4), "n": 1}}, r"\(L, H\), not \(4,\)"),
        ({"a": {"score": np.full((2, 2), 1.2), "n": 1}}, "from 1.2 to 1.2"),
        ({"a": {"score": np.full((2, 2), np.nan), "n": 1}}, "nan"),
        ({"a": role(1), "b": role(1, (2, 2))}, "one model"),
        ({"a": role(1, low=np.zeros((2, 2)))}, r"a: low has the shape \(2, 2\)"),
        ({"a": role(1, low=None)}, "only one end"),
        ({"a": role(1, baselines={"b": np.zeros(3)})}, r"a: b has the shape \(3,\)"),
    ],
)
def test_bad_input_is_explained(bad, says):
    with pytest.raises(ValueError, match=says):
        HeadRoles(bad)


@pytest.mark.parametrize(
    ("name", "value"), [("role", 3), ("minus", 3), ("layer", 4), ("head", -1)]
)
def test_state_stays_inside(name, value):
    with pytest.raises(ValueError, match=f"{name} = {value}"):
        setattr(HeadRoles(ROLES), name, value)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)#a", "page.html", "#", "https://x.org/#a", '#a"b']
)
def test_only_places_in_the_book_are_opened(address):
    with pytest.raises(ValueError, match="explorer="):
        HeadRoles(ROLES, explorer=address)


def test_it_begins_at_the_best_head():
    figure = HeadRoles(ROLES)
    best = np.unravel_index(ROLES["subject"]["score"].argmax(), SHAPE)
    assert (figure.layer, figure.head) == best
    assert f"subject {best[0]}.{best[1]} (" in figure.alt


def test_tables_of_measurements_are_read():
    """By their columns alone; a baseline that is one number holds for all heads."""
    columns = ["weight", "weight_low", "weight_high", "distractor", "control_weight",
               "offset", "wins", "wins_low", "wins_high", "control_wins"]  # fmt: skip
    held = {name: scores(i) for i, name in enumerate(columns)}
    measured = SimpleNamespace(n=9, chance_weight=0.25, chance_wins=0.5, **held)
    entry = from_table(measured)
    np.testing.assert_array_equal(entry["score"], held["weight"])
    np.testing.assert_array_equal(entry["low"], held["weight_low"])
    assert (entry["baselines"]["looking evenly"] == 0.25).all()
    assert from_table(measured, score="wins")["high"] is held["wins_high"]
    assert HeadRoles({"x": measured}).roles[0]["n"] == 9
    with pytest.raises(ValueError, match="margin"):
        from_table(measured, score="margin")


def test_seven_roles_of_smollm2_are_small(static):
    """Random numbers, which compress worst; four baselines each."""
    baselines = {name: scores(i, (30, 9)) for i, name in enumerate("abcd")}
    roles = {f"r{i}": role(i, (30, 9), baselines=baselines) for i in range(7)}
    page = static_page.html_of(HeadRoles(roles))
    assert len(gzip.compress(page.encode())) <= 40_000


def test_in_a_notebook_the_explorer_follows():
    other = AttentionExplorer([("one", TOKENS[0], MAPS[0])])
    figure = HeadRoles(ROLES, explorer=other)
    assert (other.layer, other.head) == (figure.layer, figure.head)
    figure.layer, figure.head = 3, 1
    assert (other.layer, other.head) == (3, 1)
    assert figure.explorer == ""  # no address there


@pytest.mark.parametrize("name", ROLES)
def test_every_cell_says_its_score(open_page, table, name):
    """Score, interval, baselines and differences of every head, at 1e-4."""
    figure = open_page(to=table).locator("#roles")
    figure.locator("select").first.select_option(label=name)
    given = ROLES[name]
    for layer, head in np.ndindex(SHAPE):
        cell = figure.locator(".heads button").nth(head * LAYERS + layer)
        cell.dispatch_event("pointerover")
        own = given["score"][layer, head]
        label = cell.get_attribute("aria-label")
        assert label.startswith(f"layer {layer}, head {head}: ")
        assert number(label) == pytest.approx(own, abs=1e-4)
        rows = figure.locator(".roles-one tbody tr").all_inner_texts()
        expected = [own]
        if "low" in given:
            expected += [given[end][layer, head] for end in ("low", "high")]
        for row, (text, values) in zip(
            rows[2:], given.get("baselines", {}).items(), strict=True
        ):
            assert row.split("\t")[0] == text
            expected += [values[layer, head], own - values[layer, head]]
        shown = [x for row in rows for x in numbers(" ".join(row.split("\t")[1:]))]
        assert shown == pytest.approx(expected, abs=SHOWN)
        titles = figure.locator(".roles-one td[title]").evaluate_all(
            "cells => cells.map(cell => cell.title)"
        )
        told = [x for title in titles for x in numbers(title)]
        assert told == pytest.approx(expected, abs=1e-4)


def test_the_best_by_what_is_left(open_page, table):
    figure = open_page(to=table).locator("#roles")
    for minus in (0, 2):
        figure.locator("select").nth(1).select_option(str(minus))
        given = ROLES["subject"]
        left = given["score"] - (given["baselines"]["offset"] if minus else 0)
        order = np.argsort(-left, axis=None)[:10]
        names = [f"{i // HEADS}.{i % HEADS}" for i in order]
        assert figure.locator(".roles-best b").all_inner_texts() == names
        found = figure.locator(".roles-best span:last-child").all_inner_texts()
        assert [number(t) for t in found] == pytest.approx(left.flat[order], abs=SHOWN)
        assert f"head {names[0]} has the highest score" in (
            figure.locator(".roles-words").inner_text()
        )


def test_a_baseline_is_kept_from_role_to_role(open_page, table):
    figure = open_page(to=table).locator("#roles")
    role_box, minus = figure.locator("select").all()
    minus.select_option(label="offset")
    for name, kept in (("noun", "2"), ("sink", "0")):
        role_box.select_option(label=name)
        assert minus.input_value() == kept


def test_the_link_opens_the_explorer_at_the_head(open_page, table):
    page = open_page(to=table)
    page.locator("#roles .heads [tabindex='0']").focus()
    for key in ("Home", *["ArrowUp"] * HEADS, "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#roles .detail-title strong").inner_text() == "Head 1.0"
    page.locator("#roles a").press("Enter")
    page.wait_for_function("document.activeElement.closest('#explorer') !== null")
    explorer = page.locator("#explorer .detail-title strong")
    assert explorer.inner_text() == "Head 1.0"
    assert page.locator("#roles [aria-selected=true]").get_attribute("aria-label")[
        :15
    ] == "layer 1, head 0"  # fmt: skip


def test_fingers_choose_heads(open_page, table):
    figure = open_page(to=table, width=390).locator("#roles")
    cell = figure.locator(".heads button").nth(LAYERS)
    cell.tap()
    assert figure.locator(".detail-title strong").inner_text() == "Head 0.1"
    for target in (cell, figure.locator(".roles-best button").first):
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 24


def test_an_address_chooses_role_baseline_and_head(open_page, table):
    there = table + "#roles?role=1&minus=2&layer=3&head=2"
    page = open_page(to=there, asleep=True)
    page.wait_for_function("document.activeElement.closest('#roles') !== null")
    figure = page.locator("#roles")
    assert figure.locator(".roles-words").inner_text().startswith("Noun, n = 42: head")
    assert figure.locator(".detail-title strong").inner_text() == "Head 3.2"
    assert figure.locator("select").nth(1).input_value() == "2"


def test_shades_say_where_the_map_goes_on(open_page, tmp_path):
    """On a phone 30 layers do not fit; and the role's meaning is under its name."""
    wide = {"previous": role(0, (30, 9), note="from a token to the one before")}
    page = static_page.write_page(tmp_path, lambda: HeadRoles(wide, layer=0, head=0))
    figure = open_page(to=page.as_uri(), width=390).locator(".head-roles")
    words = figure.inner_text()
    assert words.index("Role") < words.index("to the one before") < words.index("n = ")
    more = figure.locator(".heads-edges")
    assert more.get_attribute("data-more") == "right"
    for left, said in ((200, "left right"), (10_000, "left")):
        figure.locator(".heads-scroll").evaluate(
            "(s, x) => { s.scrollLeft = x; }", left
        )
        figure.page.wait_for_function(
            "([box, said]) => box.dataset.more === said",
            arg=[more.element_handle(), said],
        )
