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
    titles = {"xaxis_title": "step", "yaxis_title": "loss (nats)"}
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


def test_legend_makes_room_for_itself(shown, monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    house.plot(figure(), alt="One line.")
    house.plot(figure().add_scatter(y=[1]), alt="Two lines.")
    one, two = (f.layout.template.layout.margin.t for f in shown)
    assert two - one == house.LEGEND


def test_titles_and_alternatives_are_required(shown):
    with pytest.raises(ValueError, match="yaxis"):
        house.plot(figure(yaxis_title=None), alt="A line.")
    with pytest.raises(ValueError, match="alt"):
        house.plot(figure(), alt="")
    house.plot(figure(yaxis_title=None, yaxis_visible=False), alt="A line.")
