"""The explorer finds what NumPy finds, in a table that comes when it is wanted"""

from __future__ import annotations

import json

import numpy as np
import pytest

import static_page
from llmath.viz import EmbeddingExplorer, live

ROW = """all => all.map(r =>
  [r.cells[0].innerText, +r.cells[2].innerText.replace('−', '-')])"""
WORDS = [
    "man",
    "king",
    "woman",
    "queen",
    "<b>cat</b>",
    "dog",
    "é",
    *map(str, range(60)),
]
VECTORS = np.random.default_rng(7).normal(size=(len(WORDS), 12))
VECTORS[3] = VECTORS[1] - VECTORS[0] + VECTORS[2] + 0.1 * VECTORS[9]
SHOWN = 5.1e-3  # two decimals


def explorer(**more):
    return EmbeddingExplorer(WORDS, VECTORS, name="Some words", **more)


def rounded() -> np.ndarray:
    """The vectors as the table has them, worked out again."""
    coded = np.array([np.rint(127 * v / np.abs(v).max()) for v in VECTORS])
    return coded / np.sqrt((coded**2).sum(1))[:, None]


def ranked(cosines: np.ndarray, n: int, without: list[int]) -> list[tuple[str, float]]:
    order = [i for i in np.argsort(-cosines) if i not in without][:n]
    return [(WORDS[i], cosines[i]) for i in order]


@pytest.fixture(scope="session")
def page_of_it(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    return static_page.write_page(folder, explorer).as_uri()


@pytest.fixture
def figure(open_page, page_of_it):
    return open_page(to=page_of_it).locator(".embedding-explorer")


def type_in(figure, *words):
    boxes = figure.locator("input").all()
    for box, word in zip(
        boxes[:1] if len(words) == 1 else boxes[1:], words, strict=True
    ):
        box.fill(word)
    box.press("Enter")


def same(found, expected, marks=()) -> None:
    names = [f"{w} (input)" if w in marks else w for w, _ in expected]
    assert [name for name, _ in found] == names
    np.testing.assert_allclose(
        [c for _, c in found], [c for _, c in expected], atol=SHOWN
    )


def shown(figure, place: int):
    return figure.locator("table").nth(place).locator("tbody tr").evaluate_all(ROW)


@pytest.mark.parametrize("word", ["king", "<b>cat</b>", "59", "É"])
def test_neighbours_are_numpys(figure, word):
    type_in(figure, word)
    i = WORDS.index(word.lower())
    title = figure.locator("caption", has_text=f"Nearest to “{WORDS[i]}”")
    title.wait_for()
    units = rounded()
    same(shown(figure, 0), ranked(units @ units[i], 10, [i]))


@pytest.mark.parametrize(
    "analogy",
    [("man", "king", "woman"), ("dog", "5", "dog"), ("3", "14", "15")],
    ids=str,
)
def test_analogies_are_numpys(figure, analogy):
    type_in(figure, *analogy)
    a, b, c = rows = [WORDS.index(word) for word in analogy]
    units = rounded()
    target = units[b] - units[a] + units[c]
    cosines = units @ target / np.linalg.norm(target)
    left_out, kept = ranked(cosines, 5, rows), ranked(cosines, 5, [])
    told = figure.locator(".explorer-words", has_text=" : ".join(analogy[:2]))
    told.get_by_text(left_out[0][0], exact=True).first.wait_for()
    same(shown(figure, 1), left_out)
    same(shown(figure, 2), kept, marks=analogy)
    own = explorer()
    for exclude, expected in ((True, left_out), (False, kept)):
        found = own.solve(" ".join(analogy), exclude=exclude)
        assert [w for w, _ in found] == [w for w, _ in expected]
        np.testing.assert_allclose(
            [x for _, x in found], [x for _, x in expected], atol=1e-12
        )


def test_plane_is_that_of_numpys_principal_directions(figure):
    type_in(figure, "dog")
    figure.locator("caption", has_text="Nearest to “dog”").wait_for()
    units = rounded()
    names = ["dog", *[w for w, _ in ranked(units @ units[5], 10, [5])]]
    rows = units[[WORDS.index(name) for name in names]]
    u, s, _ = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    points = u[:, :2] * s[:2]
    points *= np.sign(points[np.abs(points).argmax(0), [0, 1]])
    share = 100 * (s[:2] ** 2).sum() / (s**2).sum()
    words = figure.locator(".explorer-words").inner_text().replace("\xa0", " ")
    assert f"holds {share:.1f} % of" in words
    drawn = figure.locator("circle.plane-dot").evaluate_all(
        "all => all.map(c => [+c.getAttribute('cx'), -c.getAttribute('cy')])"
    )
    one, other = (x - np.mean(x, 0) for x in (np.array(drawn), points))
    scale = (one * other).sum() / (other**2).sum()
    assert scale > 0
    np.testing.assert_allclose(one, scale * other, atol=0.02)


def test_rounding_moves_cosines_no_further_than_is_said(figure):
    exact = VECTORS / np.linalg.norm(VECTORS, axis=1)[:, None]
    units = rounded()
    worst = np.abs(units @ units.T - exact @ exact.T).max()
    assert explorer().error == pytest.approx(worst, abs=1e-6)
    assert 0 < worst < 0.02
    told = np.ceil(1000 * worst) / 1000
    assert f"at most {told:.3f}." in figure.locator(".chart-note").inner_text()
    cosine = figure.locator("tbody tr").first.locator("td").last.inner_text()
    assert len(cosine.partition(".")[2]) == 2  # a third digit would often be wrong


def test_the_table_comes_once_and_only_when_wanted(open_page, page_of_it):
    page, asked = open_page(to=page_of_it), []
    page.on("request", lambda request: asked.append(request.url))
    figure = page.locator(".embedding-explorer")
    assert shown(figure, 0)[0][0] == explorer().nearest("king")[0][0]
    assert "queen" in figure.locator(".explorer-words").inner_text()
    assert asked == []
    for word in ("dog", "7"):
        type_in(figure, word)
        figure.locator("caption", has_text=f"Nearest to “{word}”").wait_for()
    assert [explorer().table["path"] in url for url in asked] == [True]


def test_unknown_words_are_told(figure):
    type_in(figure, "kingdoms")
    hint = figure.locator(".explorer-hint")
    hint.get_by_text("“kingdoms”: not among the 67 words. There is: king.").wait_for()
    type_in(figure, "man", "lynx", "")
    hint.get_by_text("“lynx”: not among the 67 words.").wait_for()
    type_in(figure, " ")
    hint.get_by_text("Type a word.").wait_for()
    type_in(figure, 300 * "x")
    hint.get_by_text(f"“{24 * 'x'}…”: not among the 67 words.").wait_for()
    assert "Nearest to “king”" in figure.locator("caption").first.inner_text()
    type_in(figure, "queen")
    figure.locator("caption", has_text="Nearest to “queen”").wait_for()
    assert hint.inner_text() == ""


def test_a_point_is_chosen_by_a_click(figure):
    second = shown(figure, 0)[1][0]
    figure.locator("circle.plane-dot").nth(2).click(force=True)
    figure.locator("caption", has_text=f"Nearest to “{second}”").wait_for()
    assert figure.locator("input").first.input_value() == second


KERNEL = """async ([code, state]) => {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const figure = (await import(url)).default, heard = new Map(), sent = [];
  const model = { get: (name) => state[name], save_changes() {},
    set(name, value) { state[name] = value; heard.get(`change:${name}`)?.(); },
    on: (event, callback) => heard.set(event, callback), off: (e) => heard.delete(e),
    send: (message) => sent.push(message) };
  const el = document.body.appendChild(document.createElement("div"));
  el.id = "kernel";
  delete globalThis.LiveFigures;
  window.kernel = { sent, answer: (message) => heard.get("msg:custom")?.(message) };
  figure.render({ model, el });
}"""


def test_with_a_kernel_the_table_comes_as_a_message(open_page, page_of_it):
    page, own, answers = open_page(to=page_of_it), explorer(), []
    own.send = answers.append
    page.evaluate(KERNEL, [live.bundle("embedding_explorer"), own.state()])
    figure = page.locator("#kernel .embedding-explorer")
    assert page.evaluate("kernel.sent") == []
    type_in(figure, "dog")
    assert page.evaluate("kernel.sent") == [{"wanted": own.table["key"]}]
    own._send_table(own, {"wanted": "another"}, [])
    assert answers == []
    own._send_table(own, page.evaluate("kernel.sent[0]"), [])
    page.evaluate("(answer) => kernel.answer(answer)", answers[0])
    figure.locator("caption", has_text="Nearest to “dog”").wait_for()
    assert shown(figure, 0)[0][0] == own.nearest("dog")[0][0]


def test_state_can_be_set_from_python():
    figure = explorer()
    figure.word = "dog"
    with pytest.raises(ValueError, match="“wolf” is none of the 67 words"):
        figure.word = "wolf"
    with pytest.raises(ValueError, match="an analogy is “a b c”"):
        figure.analogy = "man king"
    assert figure.word == "dog"


def test_the_table_is_written_where_the_build_collects_it(
    tmp_path, monkeypatch, static
):
    figure = explorer()
    monkeypatch.delenv("BOOK_TABLES", raising=False)
    with pytest.raises(RuntimeError, match="BOOK_TABLES does not say"):
        figure._repr_mimebundle_()
    monkeypatch.setenv("BOOK_TABLES", str(tmp_path / "tables"))
    text = figure._repr_mimebundle_()[0]["text/html"]
    (file,) = (tmp_path / "tables").iterdir()
    assert f'"path":"tables/{file.name}"' in text
    start = f'(LiveFigures.tables ??= {{}})["{file.stem}"] = '
    table = json.loads(file.read_text("utf8").removeprefix(start).rstrip(";\n"))
    assert table["words"].split("\n") == WORDS
    assert len(text) < 6000  # of the table the page has what is seen first


def test_half_a_megabyte_is_the_most():
    many = [f"word{i}" for i in range(7000)]
    vectors = np.random.default_rng(0).normal(size=(7000, 50))
    with pytest.raises(ValueError, match=r"7000 words are \d+ bytes.*first \d+ would"):
        EmbeddingExplorer(
            many, vectors, name="x", word="word1", analogy="word1 word2 word3"
        )


@pytest.mark.parametrize(
    ("words", "vectors", "said"),
    [
        (["a", "a", "b"], np.ones((3, 2)), "2 different ones of 3"),
        (["a", "b c"], np.ones((2, 2)), "without spaces"),
        (["a", "b"], np.zeros((2, 2)), "2 vectors are zero"),
        (["a", "b"], np.ones(2), r"not \(2,\)"),
    ],
    ids=["twice", "space", "zero", "flat"],
)
def test_what_is_no_table_is_refused(words, vectors, said):
    with pytest.raises(ValueError, match=said):
        EmbeddingExplorer(words, vectors, name="x", word="a", analogy="a b a")
