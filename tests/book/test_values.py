"""What the figures say is what the library computes"""

from __future__ import annotations

import base64
import json
import math
import re
from functools import cache

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator

import compared_counts
from compared import choose_mask, compare_lab, compare_playground, press
from compared_tokens import compare_tokens, compare_trainer
from geometry import compare_angles, compare_rotor
from llmath import interpret
from llmath.data import parallel_sentences, shakespeare
from llmath.pretrained import load, tokenizer
from llmath.probe import record
from llmath.tokenizer import Tokenizer
from llmath.train.corpora import byte_tokenizer, cut
from llmath.viz import MaskPlayground, RopeRotor
from pages import SITE, figures_of, name
from visits import Visit

SHOWN = 1e-4  # the explorer says four decimals
STORED = 5e-5  # and stores 16 bits; two runs in float32 differ by up to 2e-5
HEADS = ((0, 0), (13, 8), (16, 0), (29, 8))  # layer, head


def on_every(kind: str) -> pytest.MarkDecorator:
    """Parametrises over all live figures of one kind."""
    found = figures_of(kind)
    ids = [f"{name(page)}-{place}" for page, place in found]
    return pytest.mark.parametrize(("page", "place"), found, ids=ids)


@cache
def smollm2() -> tuple:
    """The model and its tokenizer, loaded once."""
    return load("smollm2-135m")


@cache
def weights(text: str) -> np.ndarray:
    """All heads of SmolLM2 on the text (L H T T), computed here and now."""
    model, tokenizer = smollm2()
    pattern = "blocks.*.attn.pattern"
    with torch.no_grad(), record(model, pattern) as acts:
        model(torch.tensor([tokenizer.encode(text)]), impl="explicit")
    return acts.stack(pattern)[:, 0].numpy()


def state(visit: Visit, place: int) -> dict:
    """What the page was given to draw the figure from."""
    figure = visit.page.locator("[data-live]").nth(place)
    return json.loads(figure.locator("script").first.text_content())


def stored(sentence: dict, layers: int, heads: int) -> np.ndarray:
    """The weights in the page: 16 bits each, of a causal map the lower triangle."""
    size = len(sentence["labels"])
    assert sentence["causal"]
    raw = base64.b64decode(sentence["weights"]["$b64"])
    maps = np.zeros((layers, heads, size, size))
    rows, columns = np.tril_indices(size)
    maps[..., rows, columns] = (
        np.frombuffer(raw, "<u2").reshape(layers, heads, -1) / 65535
    )
    return maps


@on_every("attention_explorer")
def test_explorer_carries_the_models_weights(page, place, open_page):
    with open_page(page) as visit:
        given = state(visit, place)
    for sentence in given["sentences"]:
        maps = stored(sentence, given["layers"], given["heads"])
        np.testing.assert_allclose(maps, weights(sentence["title"]), atol=STORED)


def choose(figure: Locator, label: str, value: int) -> None:
    """In the select box that carries the label."""
    box = figure.locator("label", has_text=label).locator("select")
    box.select_option(str(value))


@on_every("attention_explorer")
def test_explorer_says_the_models_weights(page, place, open_page):
    """Every cell of a few heads, for every sentence, as a screen reader hears it."""
    with open_page(page) as visit:
        figure = visit.figure(place)
        for i, sentence in enumerate(state(visit, place)["sentences"]):
            choose(figure, "Sentence", i)
            maps = weights(sentence["title"])
            for layer, head in HEADS:
                choose(figure, "Layer", layer)
                choose(figure, "Head", head)
                said = figure.locator(".weights [role=gridcell]").evaluate_all(
                    "cells => cells.map(cell => cell.ariaLabel)"
                )
                values = [float(re.search(r"[\d.]+$", text)[0]) for text in said]
                rows, columns = np.tril_indices(maps.shape[-1])
                expected = maps[layer, head, rows, columns]
                np.testing.assert_allclose(values, expected, atol=SHOWN)


def reach(cell: Locator, way: str) -> None:
    """Gets to a cell as a reader does: with the mouse, a finger or the keyboard."""
    if way == "hover":
        cell.hover()
    elif way == "tap":
        cell.tap()
    else:
        cell.focus()
        cell.page.keyboard.press("ArrowLeft")
        cell.page.keyboard.press("ArrowRight")


@on_every("attention_explorer")
@pytest.mark.parametrize(
    ("way", "width"), [("hover", 1280), ("tap", 390), ("focus", 1280)]
)
def test_explorer_tells_what_is_pointed_at(page, place, way, width, open_page):
    with open_page(page, width=width) as visit:
        figure = visit.figure(place)
        given = state(visit, place)
        sentence = given["sentences"][given["sentence"]]
        maps = weights(sentence["title"])[given["layer"], given["head"]]
        size = len(sentence["labels"])
        for query, key in ((size - 1, 1), (2, 1), (size // 2, size // 2 - 1)):
            index = query * (query + 1) // 2 + key
            reach(figure.locator(".weights [role=gridcell]").nth(index), way)
            text = figure.locator("output").first.text_content()
            words = re.match(r"“(.+)” → “(.+)”: ([\d.]+)$", text)
            assert words, text
            assert words[1] == sentence["labels"][query]
            assert words[2] == sentence["labels"][key]
            assert abs(float(words[3]) - maps[query, key]) <= SHOWN


LABORATORY = (  # width, τ, σ, keys, root
    (64, 1.0, 1.0, 64, True), (64, 1.0, 1.0, 64, False), (1024, 1.0, 1.0, 64, False),
    (1024, 4.0, 0.25, 16, True), (1, 0.25, 2.0, 4, True), (16, 0.5, 0.125, 16, False),
)  # fmt: skip


@on_every("softmax_lab")
def test_laboratory_shows_what_the_library_measures(page, place, open_page):
    with open_page(page) as visit:
        figure = visit.figure(place)
        grid = state(visit, place)["grid"]
        for chosen in LABORATORY:
            compare_lab(figure, chosen, heads=grid["heads"], seed=grid["seed"])


ANGLES = (  # dimension, kind, hundredths
    (3, "sphere", 50), (64, "signs", 30), (768, "gaussian", 20), (4096, "sphere", 5),
)  # fmt: skip


@on_every("angle_lab")
def test_angles_are_as_scipy_has_them(page, place, open_page):
    with open_page(page) as visit:
        figure = visit.figure(place)
        seed = state(visit, place)["seed"]
        for chosen in ANGLES:
            compare_angles(figure, *chosen, seed=seed)


ROTATIONS = (  # m, n, pair
    (40, 32, 2), (200, 10, 0), (3, 90, 5),
)  # fmt: skip


@on_every("rope_rotor")
def test_rotor_turns_as_the_library_does(page, place, open_page):
    with open_page(page) as visit:
        figure, given = visit.figure(place), state(visit, place)
        vectors = {one["name"]: (one["q"], one["k"]) for one in given["given"]}
        base = float(given["base"])
        own = RopeRotor(
            vectors, width=given["width"], base=base, context=given["context"]
        )
        for m, n, pair in ROTATIONS:
            for which in range(len(vectors)):
                compare_rotor(
                    figure, own, m, n, given["width"], given["base"], which, pair
                )


@on_every("vectors_learning")
def test_words_have_the_neighbours_of_their_cosines(page, place, open_page):
    """At the start, in the middle and at the end, from what the page was given."""
    with open_page(page) as visit:
        figure, given = visit.figure(place), state(visit, place)
        words, frames = given["words"], len(given["steps"])
        flat = np.frombuffer(base64.b64decode(given["cosines"]["$b64"]), "<i2") / 32767
        cosines = np.zeros((frames, len(words), len(words)))
        cosines[:, *np.tril_indices(len(words), -1)] = flat.reshape(frames, -1)
        for frame in {0, frames // 2, frames - 1}:
            figure.locator("input[type=range]").fill(str(frame))
            for word in (0, len(words) - 1):
                figure.locator("select").select_option(str(word))
                row = cosines[frame, word] + cosines[frame, :, word]
                near = [i for i in np.argsort(-row, kind="stable") if i != word][:6]
                rows = figure.locator("tbody tr").evaluate_all(
                    "all => all.map(r => [r.cells[0].innerText, r.cells[2].innerText])"
                )
                assert [name for name, _ in rows] == [words[i] for i in near]
                told = [float(c.replace("−", "-")) for _, c in rows]
                np.testing.assert_allclose(told, row[near], atol=SHOWN)


def table_of(given: dict) -> tuple[list[str], np.ndarray]:
    """The words of an explorer and their directions, from the script that it loads."""
    text = (SITE / "_static" / "live" / given["table"]["path"]).read_text("utf8")
    table = json.loads(text[text.index("] = ") + 4 :].rstrip().rstrip(";"))
    words = table["words"].split("\n")
    rows = np.frombuffer(base64.b64decode(table["vectors"]), np.int8)
    rows = rows.reshape(len(words), -1).astype(float)
    return words, rows / np.linalg.norm(rows, axis=1, keepdims=True)


@on_every("embedding_explorer")
def test_explorer_finds_the_nearest_words(page, place, open_page):
    """Of some words, to the two decimals that are shown."""
    with open_page(page) as visit:
        figure, given = visit.figure(place), state(visit, place)
        words, units = table_of(given)
        for i in range(0, len(words), max(len(words) // 12, 1)):
            box = figure.locator("input").first
            box.fill(words[i])
            box.press("Enter")
            figure.locator("caption", has_text=f"to “{words[i]}”").wait_for()
            cosines = units @ units[i]
            near = [j for j in np.argsort(-cosines, kind="stable") if j != i][:10]
            rows = (
                figure.locator("table")
                .first.locator("tbody tr")
                .evaluate_all(
                    "all => all.map(r => [r.cells[0].innerText, r.cells[2].innerText])"
                )
            )
            assert [name for name, _ in rows] == [words[j] for j in near]
            told = [float(c.replace("−", "-")) for _, c in rows]
            np.testing.assert_allclose(told, cosines[near], atol=5e-3 + 1e-9)


MASKS = (
    {}, {"positions": True}, {"mask": "none"}, {"mask": "none", "positions": True},
    {"mask": "window", "window": 3}, {"mask": "prefix", "prefix": 4, "positions": True},
    {"mask": "padding", "pad": 2},
)  # fmt: skip


@on_every("mask_playground")
def test_playground_shows_what_the_library_computes(page, place, open_page):
    """From the model's own queries, keys and values, read here and now."""
    with open_page(page) as visit:
        figure = visit.figure(place)
        about = state(visit, place)["about"]
        layer, head, text = re.match(r".* head (\d+)\.(\d+) on “(.+)”", about).groups()
        model = smollm2()
        own = MaskPlayground.from_model(*model, text, layer=int(layer), head=int(head))
        for chosen in MASKS:
            choose_mask(figure, **chosen)
            for name in ("Reverse", "Shuffle"):
                press(figure, name)
                compare_playground(figure, own, **chosen)


@on_every("bpe_trainer")
def test_trainer_learns_what_the_library_learns(page, place, open_page):
    """From the text that the page gave it, and from one that a reader types."""
    with open_page(page) as visit:
        figure = visit.figure(place)
        given = state(visit, place)
        own = "a reader’s own: the theme, the thesis, the then\n"
        for text, last in ((given["text"], given["n_merges"]), (own, 6)):
            for step in (0, 1, last // 2, last):
                for pieces in (True, False):
                    compare_trainer(figure, text, step, pieces=pieces)


READERS = ("The cat sat", "<|endoftext|> 127 + 677 déjà\n\n  🙂 नमस्ते")


@on_every("tokenizer_playground")
def test_playground_encodes_as_the_library_does(page, place, open_page):
    """The site's own tables, for the page's text and for others."""
    with open_page(page) as visit:
        figure = visit.figure(place)
        given = state(visit, place)
        for name in given["tables"]:
            for text in (given["text"], *READERS):
                for special in (True, False):
                    compare_tokens(figure, name, text, special=special)


@on_every("frames")
def test_slider_shows_each_frame(page, place, open_page):
    """The picture in the page is the one drawn beforehand for the slider's place."""
    with open_page(page) as visit:
        figure = visit.figure(place)
        given = state(visit, place)
        seen = set()
        for index, lines in enumerate(given["frames"]):
            figure.locator("input[type=range]").fill(str(index))
            assert figure.locator("output").text_content() == given["labels"][index]
            drawn = figure.locator(".frames-picture svg")
            expected = "\n".join(given["lines"][i] for i in lines)
            assert drawn.evaluate("(svg, text) => " + SAME_PICTURE, expected)
            seen.add(drawn.evaluate("svg => svg.outerHTML"))
        assert len(seen) == len(given["frames"])


SAME_PICTURE = """{
  const other = document.createElement('div');
  other.innerHTML = text;
  return svg.isEqualNode(other.querySelector('svg'));
}"""


def numbers(values: object) -> np.ndarray | None:
    """A trace's x, y or z as plotly's JSON has it: a list, or bytes with a type."""
    if isinstance(values, dict) and "bdata" in values:
        flat = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
        shape = [int(n) for n in str(values.get("shape", flat.size)).split(",")]
        return flat.reshape(shape)
    if isinstance(values, list) and values and not isinstance(values[0], str):
        return np.asarray(values, float)
    return None


DRAWN = """figure => {
  const plot = figure.querySelector('.js-plotly-plot');
  const list = (v) => v && Array.from(v, (w) => (ArrayBuffer.isView(w) ? [...w] : w));
  return plot._fullData.map(({ visible, x, y, z }) =>
    visible === true ? { x: list(x), y: list(y), z: list(z) } : null);
}"""


@on_every("plotly")
def test_plot_draws_the_data_it_was_given(page, place, open_page):
    """Of the traces that are seen at first; a menu may show the others."""
    with open_page(page) as visit:
        figure = visit.figure(place)
        given = state(visit, place)["figure"]["data"]
        drawn = figure.evaluate(DRAWN)
    assert len(drawn) == len(given)
    seen = [(t, d) for t, d in zip(given, drawn, strict=True) if d is not None]
    assert seen
    for trace, shown in seen:
        values = {axis: numbers(trace.get(axis)) for axis in "xyz"}
        assert any(v is not None for v in values.values())
        for axis, expected in values.items():
            if expected is not None:
                np.testing.assert_array_equal(np.asarray(shown[axis]), expected)


REDRAWN = "([f, old]) => f.querySelector('.cartesianlayer').innerHTML !== old"


@on_every("plotly")
def test_plot_buttons_change_it(page, place, open_page):
    """Each, pressed after another one, redraws the figure and gives it its title."""
    with open_page(page) as visit:
        figure = visit.figure(place)
        for menu in figure.locator(".updatemenu-header-group").all():
            buttons = menu.locator(".updatemenu-button")
            assert buttons.count() > 1
            titles = set()
            for n in range(-1, buttons.count()):
                drawn = figure.locator(".cartesianlayer").first.inner_html()
                buttons.nth(n).click()
                figure.page.wait_for_function(
                    REDRAWN, arg=[figure.element_handle(), drawn]
                )
                titles.add(figure.locator(".gtitle").text_content())
            assert len(titles) == buttons.count()
        assert visit.errors == []


GRAMMAR = {  # what the table of heads calls a role: the library's name for it
    "subject – verb": "subject_verb",
    "adjective – noun": "adjective_noun",
    "coreference": "coreference",
}
PLACES = {
    "previous token": interpret.previous_token_score,
    "first token": interpret.sink_score,
}


@cache
def grammar(name: str) -> list[np.ndarray]:
    """Score, ends of the interval, baselines of every head, computed here and now."""
    model, tokenizer = smollm2()
    role = interpret.role(name)
    with torch.no_grad():
        table = interpret.head_table(model, tokenizer, role.halves()[1], role.controls)
    columns = ("weight", "weight_low", "weight_high", "distractor", "control_weight")
    found = [np.asarray(getattr(table, column)) for column in columns]
    even = np.full_like(found[0], table.chance_weight)
    return [*found, np.asarray(table.offset), even]


@cache
def scored(name: str) -> np.ndarray:
    """A score of place (L H), over the sentences in which no role is."""
    roles = [interpret.role(n) for n in ("adjective_noun", "coreference")]
    texts = [s.text for role in roles for s in role.controls if s.row % 4 in (1, 3)]
    each = [PLACES[name](torch.tensor(weights(t)[:, None]), start=4) for t in texts]
    return torch.cat(each, dim=1).mean(1).numpy()


def signed(text: str) -> list[float]:
    """All numbers of a text, whose minus is a sign and no hyphen."""
    return [float(x) for x in re.findall(r"-?\d+\.\d+", text.replace("−", "-"))]


def packed(role: dict, heads: int) -> list[np.ndarray]:
    """What the page holds of a role, in the order of `grammar`: each (L H)."""
    columns = [role["score"], role.get("low"), role.get("high")]
    columns += role["baselines"].values()
    raw = [base64.b64decode(c["$b64"]) for c in columns if c is not None]
    return [np.frombuffer(b, "<i2").reshape(-1, heads) / 32767 for b in raw]


@on_every("head_roles")
def test_head_roles_carry_the_librarys_scores(page, place, open_page):
    with open_page(page) as visit:
        given = state(visit, place)
    roles = {role["name"]: role for role in given["roles"]}
    for called, known in GRAMMAR.items():
        found = packed(roles[called], given["heads"])
        for column, expected in zip(found, grammar(known), strict=True):
            np.testing.assert_allclose(column, expected, atol=STORED)
    for called in PLACES:
        found = packed(roles[called], given["heads"])[0]
        np.testing.assert_allclose(found, scored(called), atol=STORED)


@on_every("head_roles")
def test_head_roles_say_the_librarys_scores(page, place, open_page):
    """Of a few heads: three decimals to read, four in titles and for screen readers."""
    with open_page(page) as visit:
        figure, given = visit.figure(place), state(visit, place)
        for index, called in enumerate(role["name"] for role in given["roles"]):
            if called not in GRAMMAR:
                continue
            figure.locator("select").first.select_option(str(index))
            own, low, high, *baselines = grammar(GRAMMAR[called])
            for at in HEADS:
                cell = figure.locator(".heads [role=gridcell]").nth(
                    at[1] * given["layers"] + at[0]
                )
                cell.dispatch_event("pointerover")
                rest = [x for b in baselines for x in (b[at], own[at] - b[at])]
                expected = [own[at], low[at], high[at], *rest]
                label = cell.get_attribute("aria-label")
                assert signed(label) == pytest.approx([own[at]], abs=SHOWN)
                cells = figure.locator(".roles-one td[title]").evaluate_all(
                    "cells => cells.map(c => [c.title, c.textContent])"
                )
                told, read = (signed(" ".join(c)) for c in zip(*cells, strict=True))
                assert told == pytest.approx(expected, abs=SHOWN)
                assert read == pytest.approx(expected, abs=5e-4 + SHOWN)


@cache
def looked_up(layer: int, head: int, word: str, text: str) -> dict[str, np.ndarray]:
    """One query's scores, weights and output, and the values that it may see."""
    model, tokenizer = smollm2()
    ids = tokenizer.encode(text)
    place = [t.strip() for t in map(tokenizer.decode, ([i] for i in ids))].index(word)
    names = {n: f"blocks.{layer}.attn.{n}" for n in ("scores", "pattern", "z", "v")}
    with torch.no_grad(), record(model, *names.values()) as acts:
        model(torch.tensor([ids]), impl="explicit")
    found = {n: acts[name][0].double().numpy() for n, name in names.items()}
    group = head // (len(found["z"]) // len(found["v"]))  # shared value heads
    seen = slice(place + 1)
    return {
        "scores": found["scores"][head, place, seen],
        "weights": found["pattern"][head, place, seen],
        "output": found["z"][head, place],
        "values": found["v"][group, seen],
    }


def rows_of(figure: Locator, selector: str) -> list[list[float]]:
    """The numbers of the first such table, row by row, without the row's name."""
    rows = figure.locator(selector).first.locator("tbody tr")
    cells = "rows => rows.map(r => [...r.querySelectorAll('td')].map(c => c.innerText))"
    return [signed(" ".join(row)) for row in rows.evaluate_all(cells)]


@on_every("online_softmax")
@pytest.mark.parametrize("shift", [0, 50])
def test_online_softmax_says_what_the_model_computes(page, place, open_page, shift):
    """At every step m, ℓ and O of the keys so far; at the end the model's output."""
    with open_page(page) as visit:
        figure, given = visit.figure(place), state(visit, place)
        source = re.match(
            r"Head (\d+)\.(\d+), query “(.+)” of “(.+)”$", given["source"]
        )
        assert source, given["source"]
        layer, head, word, text = source.groups()
        known = looked_up(int(layer), int(head), word, text)
        scores, size = known["scores"] + shift, len(known["scores"])
        read, added = figure.locator("input[type=range]").all()
        added.fill(str(shift))
        for step in range(1, math.ceil(size / given["chunk"]) + 1):
            read.fill(str(step))
            n = min(step * given["chunk"], size)
            e = np.exp(scores[:n] - scores[:n].max())
            o = e @ known["values"][:n]
            m_row, _, l_row, o_row = rows_of(figure, ".online-state")
            after = [row[-1] for row in (m_row, l_row, o_row)]
            expected = [scores[:n].max(), e.sum(), o[0]]
            assert after == pytest.approx(expected, abs=SHOWN)
            keys = rows_of(figure, ".online-keys")
            found = np.array(keys[:n])
            columns = np.stack([scores[:n], e, e / e.sum()], axis=1)
            np.testing.assert_allclose(found, columns, atol=SHOWN)
            entries = signed(figure.locator(".online-entries").text_content())
            np.testing.assert_allclose(
                entries, (o / e.sum())[: len(entries)], atol=SHOWN
            )
        np.testing.assert_allclose(found[:, 2], known["weights"], atol=SHOWN)
        np.testing.assert_allclose(entries, known["output"][: len(entries)], atol=SHOWN)


@cache
def known_tokenizer(name: str) -> Tokenizer:
    """By what the comparison of languages calls it."""
    if name == "UTF-8 bytes":
        return byte_tokenizer()
    if name in ("GPT-2", "SmolLM2"):
        return tokenizer({"GPT-2": "gpt2", "SmolLM2": "smollm2-135m"}[name])
    assert name == "the book’s BPE", name
    return Tokenizer.train(cut(shakespeare(), 0.1)[0], 1024)


@on_every("language_comparison")
def test_languages_are_counted_by_the_tokenizers(page, place, open_page):
    """Every language; of each tokenizer some sentences, one of them cut as well."""
    with open_page(page) as visit:
        figure, given = visit.figure(place), state(visit, place)
        sentences = dict(zip(given["languages"], given["sentences"], strict=True))
        assert sentences == parallel_sentences()
        for index, called in enumerate(given["names"]):
            known = known_tokenizer(called)
            compared_counts.choose(figure, tokenizer=index, language=1 + 2 * index)
            for chosen in (0, 7):
                compared_counts.compare_languages(figure, known, sentences, chosen)
            text = given["sentences"][1 + 2 * index][7]
            view = figure.locator(".lang-chips").nth(1)
            compared_counts.compare_chips(view, known, text)


def counts_in(packed: str) -> list[int]:
    """The counts of a source, the greatest first, from what the page holds of it."""
    numbers, value, unit = [], 0, 1
    for byte in base64.b64decode(packed):
        value, unit = value + (byte & 127) * unit, unit * 128
        if byte < 128:
            numbers.append(value)
            value, unit = 0, 1
    found, count = [], 2 * numbers[0]
    for down, times in zip(numbers[::2], numbers[1::2], strict=True):
        count -= down
        found += [count] * times
    return found


@on_every("zipf_explorer")
def test_laws_are_judged_as_the_library_judges(page, place, open_page):
    with open_page(page) as visit:
        figure, given = visit.figure(place), state(visit, place)
        for index, source in enumerate(given["sources"]):
            counts = counts_in(source["counts"]["$b64"])
            assert sum(counts) == source["sizes"][-1]
            for alpha, offset in ((1.2, 0), (0.8, 12)):
                compared_counts.choose_law(figure, index, alpha, offset)
                compared_counts.compare_law(figure, counts, alpha, offset)
                if offset == 0:
                    compared_counts.compare_growth(figure, counts, alpha)
