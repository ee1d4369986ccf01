"""One JavaScript file, two homes: what is sent to each"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import traitlets

from llmath.viz import live
from llmath.viz.live import LiveFigure
from prerendered_math import node_binary

MODULES = live.modules()


class Sample(LiveFigure):
    module = "frames"
    words = traitlets.List().tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)


def parts(figure: LiveFigure) -> tuple[str, dict]:
    """The page's HTML and the state in it, read as a browser would read it."""
    html = figure._repr_mimebundle_()[0]["text/html"]
    inside = re.search(r'<script type="application/json">(.*?)</script>', html, re.S)
    return html, json.loads(inside[1])


def test_figures_there_are():
    assert {"attention_explorer", "frames", "plotly"} <= set(MODULES)


@pytest.mark.parametrize("file", sorted(live.HERE.glob("*.js")), ids=lambda f: f.name)
def test_files_are_short(file):
    assert len(file.read_text("utf8").splitlines()) <= 250


@pytest.mark.parametrize("module", MODULES)
def test_both_forms_are_javascript(module, tmp_path):
    """As a module it exports `render`; as a classic script it hands it to the host."""
    (tmp_path / "figure.mjs").write_text(live.bundle(module), "utf8")
    (tmp_path / "figure.js").write_text(live.classic(module), "utf8")
    (tmp_path / "try.mjs").write_text(f"""
import {{ readFileSync }} from "node:fs";
import vm from "node:vm";
globalThis.matchMedia = () => ({{ matches: false }});
const figure = (await import("./figure.mjs")).default;
globalThis.LiveFigures = {{ modules: {{}} }};
vm.runInThisContext(readFileSync("figure.js", "utf8"));
const classic = LiveFigures.modules["{module}"];
console.log(typeof figure.render, typeof classic.render);
""")
    run = [node_binary(), "try.mjs"]
    out = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert out.stdout.split() == ["function", "function"]


@pytest.mark.parametrize(
    "text", ["export default 1;\nexport default 2;\n", 'import a from "b";\n', "1;\n"]
)
def test_other_files_are_refused(text, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "HERE", tmp_path)
    (tmp_path / "odd.js").write_text(text)
    with pytest.raises(ValueError, match=r"odd\.js"):
        live.source("odd")


def test_state_is_escaped_and_comes_back(static):
    words = ["</script><script>alert(1)</script>", "<!--", "é ", "&lt;", '"']
    figure = Sample(words=words, data=b"\x00\xff", alt="<b> & more")
    html, state = parts(figure)
    assert state["words"] == words
    assert state["data"] == {"$b64": "AP8="}
    assert html.count("</script>") == 1
    assert "<p>&lt;b&gt; &amp; more</p>" in html
    assert set(state) == {"words", "data", "alt"}  # nothing of the widget machinery


def test_static_figures_open_no_channel(static):
    figure = Sample()
    assert figure.comm is None
    data, _ = figure._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"}
    figure.words = ["still", "works"]


def test_with_a_kernel_it_is_an_anywidget():
    figure = Sample()
    data, _ = figure._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert figure._esm == live.bundle("frames")
    assert "--viz-ink" in figure._css


def test_builds_are_reproducible():
    code = """
from llmath.viz import AttentionExplorer
from llmath.viz.frames import Frames
import matplotlib.pyplot as plt, numpy as np
def draw(value):
    fig, ax = plt.subplots()
    ax.plot([0, value])
    return fig
maps = np.tril(np.ones((1, 2, 2, 2))) / [[1], [2]]
for figure in (AttentionExplorer([("a b", ["a", " b"], maps)]),
               Frames(draw, [1, 2], name="x", start=0, alt="A line.")):
    print(figure._repr_mimebundle_()[0]["text/html"])
"""
    env = {"BOOK_STATIC": "1", "PYTHONPATH": str(Path(live.__file__).parents[2])}
    run = [sys.executable, "-c", code]
    one, two = (
        subprocess.run(run, env=env, check=True, capture_output=True).stdout
        for _ in range(2)
    )
    assert one == two
    assert b'data-key="attention_explorer-0"' in one


def test_importing_changes_nothing():
    code = """
import matplotlib, sys
before = dict(matplotlib.rcParams)
import llmath.viz
assert dict(matplotlib.rcParams) == before
assert "google.colab" not in sys.modules and "torch" not in sys.modules
"""
    env = {"PYTHONPATH": str(Path(live.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
