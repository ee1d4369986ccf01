"""Plotly figures: the house layout, and colours that lead back to their names"""

from __future__ import annotations

import json
import re

import plotly.graph_objects as go
import pytest

from llmath.viz import plotly as house
from llmath.viz import style


@pytest.fixture
def shown(monkeypatch) -> list:
    found = []
    monkeypatch.setattr(house, "display", lambda data, **_: found.append(data))
    return found


def figure(**layout):
    titles = {"title": "Loss", "xaxis_title": "step", "yaxis_title": "loss (nats)"}
    return go.Figure(go.Scatter(x=[1, 2], y=[2, 1])).update_layout(**titles | layout)


def test_page_has_state_names_and_alternative(shown, static):
    house.plot(figure(title="Loss falls"), alt="A falling line </script>.")
    html = shown[0]["text/html"]
    state = json.loads(re.search(r'json">(.*?)</script>', html, re.S)[1])
    assert state["alt"] == "A falling line </script>."
    assert state["figure"]["layout"]["title"]["text"] == "Loss falls"
    colours = set(re.findall(r"#[0-9a-f]{6}", json.dumps(state["figure"])))
    assert colours <= set(state["names"])
    assert state["names"][style.blue] == "blue"


def test_a_notebook_gets_plotlys_own(shown, monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    original = figure()
    house.plot(original, alt="A falling line.")
    assert isinstance(shown[0], go.Figure)
    assert shown[0].layout.template.layout.font.color == style.ink
    assert original.layout.template.layout.font.color != style.ink  # left as it was


def test_legend_and_menu_have_rows_of_their_own():
    menu = {"buttons": [{"method": "relayout", "label": "log", "args": [{}]}]}
    plain = figure()
    two = figure().add_scatter(y=[1])
    both = figure(updatemenus=[menu]).add_scatter(y=[1])
    layouts = [house.arranged(f).layout.template.layout for f in (plain, two, both)]
    top = [layout.margin.t for layout in layouts]
    assert top == [top[0], top[0] + house.LEGEND, top[0] + house.MENU]
    assert [layout.legend.yanchor for layout in layouts[1:]] == ["bottom", "bottom"]
    assert layouts[2].legend.yref == "container"  # below the axes: the menu is above


def test_titles_and_alternatives_are_required(shown):
    with pytest.raises(ValueError, match="yaxis"):
        house.plot(figure(yaxis_title=None), alt="A line.")
    with pytest.raises(ValueError, match="figure"):
        house.plot(figure(title=None), alt="A line.")
    with pytest.raises(ValueError, match="alt"):
        house.plot(figure(), alt="")
    house.plot(figure(yaxis_title=None, yaxis_visible=False), alt="A line.")
