"""Online softmax: the page's arithmetic against the library's, the state's borders"""

from __future__ import annotations

import json
import math
import re
import subprocess

import numpy as np
import pytest
import torch

from llmath.attention import attention, attention_weights, online_attention
from llmath.viz import OnlineSoftmax, live
from llmath.viz.online_softmax import look
from prerendered_math import node_binary
from samples import SCORES, VALUES


def heads(scores, values):
    """q, k, v for which q·k/√E is the score: only the first entry of each counts."""
    width = values.shape[1]
    q, k = (torch.zeros(1, 1, n, width).double() for n in (1, len(scores)))
    q[..., 0], k[0, 0, :, 0] = math.sqrt(width), torch.tensor(scores).double()
    return q, k, torch.tensor(values).double()[None, None]


def kept(scores, values, seen, chunk):
    """(m, ℓ, O) of the first keys, from the library: the greatest weight is 1/ℓ."""
    q, k, v = heads(scores[:seen], values[:seen])
    total = 1 / attention_weights(q, k).max().item()
    output = online_attention(q, k, v, chunk=chunk)[0, 0, 0].numpy()
    return max(scores[:seen]), total, total * output


def in_node(call: str, cases: list) -> list:
    """The figure's own arithmetic, on all cases at once."""
    module = live.expression("online_arithmetic")
    code = f"const a = {module}; const cases = {json.dumps(cases)};"
    words = "(k, v) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v)"
    code += f"console.log(JSON.stringify(cases.map({call}), {words}));"
    run = [node_binary(), "-e", code]
    out = subprocess.run(run, check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


@pytest.mark.parametrize("shift", [0, 90])
def test_every_step_is_the_librarys(shift):
    scores = [s + shift for s in SCORES]
    cases = [
        [scores, VALUES.tolist(), chunk, step]
        for chunk in range(1, 8)
        for step in range(1, math.ceil(7 / chunk) + 1)
    ]
    for (*_, chunk, step), found in zip(
        cases, in_node("(c) => a.after(...c)", cases), strict=True
    ):
        m, total, output = kept(scores, VALUES, min(step * chunk, 7), chunk)
        assert found["m"] == m
        assert found["l"] == pytest.approx(total, rel=1e-12)
        assert found["o"] == pytest.approx(output, rel=1e-12)
        if step > 1:
            before = max(scores[: (step - 1) * chunk])
            assert found["shrink"] == pytest.approx(math.exp(before - m), rel=1e-12)
            assert found["old"]["m"] == before


def test_a_step_by_hand():
    """Scores ln 1, ln 2, then ln 4: what was kept is halved."""
    scores, values = [0.0, math.log(2), math.log(4)], [[8.0], [4.0], [1.0]]
    one, two = in_node("(c) => a.after(...c)",
                       [[scores, values, 2, step] for step in (1, 2)])  # fmt: skip
    assert one.pop("old") == {"m": "-Infinity", "l": 0, "o": [0]}
    assert one == {"m": math.log(2), "l": 1.5, "o": [8.0]}
    assert (two["shrink"], two["l"], two["o"]) == (0.5, 1.75, [5.0])


def test_the_ordinary_softmax_is_the_librarys():
    found = in_node("(c) => a.ordinary(...c)", [[SCORES, VALUES.tolist()]])[0]
    q, k, v = heads(SCORES, VALUES)
    assert found["weights"] == pytest.approx(attention_weights(q, k)[0, 0, 0].numpy())
    assert found["o"] == pytest.approx(attention(q, k, v)[0, 0, 0].numpy())


def test_half_rounds_as_numpy_does():
    """Ties, the greatest number, what overflows, what is too small for the format."""
    some = [1.0, 0.1, 2049.0, 2051.0, 65504.0, 65519.9, 65520.0, 3e-8, 2.9e-8, 6e-8]
    some += [6.1e-5, 1e-9, *np.exp(np.linspace(-18, 12, 200)).tolist()]
    with np.errstate(over="ignore"):
        expected = np.float16(some).astype(float)
    found = [float(x) for x in in_node("(x) => a.half(x)", some)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shift", [0, 5, 10, 84, 90, -30])
def test_the_naive_sums_break_where_numpys_do(shift):
    scores = [s + shift for s in SCORES]
    for kind, fit in ((np.float16, "a.half"), (np.float32, "Math.fround")):
        found = in_node(f"(c) => a.naive(c, {fit})", [scores])[0]
        total = kind(0)
        with np.errstate(all="ignore"):
            e = np.exp(np.asarray(scores, kind).astype(float)).astype(kind)
            for x in e:
                total = kind(total + x)
            weight = e.max() / total
        assert float(found["sum"]) == float(total)
        np.testing.assert_array_equal(float(found["weight"]), float(weight))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (([1.0], [[1.0], [2.0]]), r"\(1,\) and \(2, 1\)"),
        (([[1.0]], [[1.0]]), r"\(1, 1\)"),
        (([], np.zeros((0, 2))), r"\(0,\)"),
        (([1.0, -math.inf], [[1.0], [2.0]]), "1 scores or values"),
        ((np.zeros(65), np.zeros((65, 1))), "65 keys"),
    ],
)
def test_bad_input_is_explained(bad, says):
    with pytest.raises(ValueError, match=says):
        OnlineSoftmax(*bad)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"chunk": 8}, "chunk = 8"),
        ({"chunk": 0}, "chunk = 0"),
        ({"chunk": 3, "step": 4}, "step = 4: there are 3"),
        ({"shift": 7}, "shift = 7"),
        ({"labels": ["a"]}, "7 keys have 1 labels"),
    ],
)
def test_state_stays_inside(kwargs, says):
    with pytest.raises(ValueError, match=says):
        OnlineSoftmax(SCORES, VALUES, **kwargs)


def test_a_page_may_change_two_at_once():
    """A smaller chunk needs more steps than the larger one had."""
    figure = OnlineSoftmax(SCORES, VALUES, chunk=7, step=1)
    figure.set_state({"step": 7, "chunk": 1})
    assert (figure.chunk, figure.step) == (1, 7)


def test_links_allow_what_there_is():
    rules = OnlineSoftmax(SCORES, VALUES, chunk=5).links()
    assert rules["chunk"] == [1, 2, 3, 4, 5, 6, 7]
    assert rules["step"] == {"chunk": {1: 8, 2: 5, 3: 4, 4: 3, 5: 3, 6: 3, 7: 2}}
    assert (rules["shift"][0], rules["shift"][-1]) == (0, 100)


def test_a_models_own_scores(smollm2):
    """What the figure is given ends where attention in the model does."""
    model, tokenizer = smollm2
    text = "The cat that the dog chased ran away"
    names, scores, values = look(model, tokenizer, text, layer=13, head=8, query="ran")
    assert names[-1] == "ran" == names[6]
    from llmath.probe import record

    ids = torch.tensor([tokenizer.encode(text)])
    wanted = [f"blocks.13.attn.{name}" for name in ("pattern", "z")]
    with torch.no_grad(), record(model, *wanted) as acts:
        model(ids, impl="explicit")
    m, total, output = kept(scores.tolist(), values, 7, 2)
    np.testing.assert_allclose(np.exp(scores - m) / total,
                               acts[wanted[0]][0, 8, 6, :7], atol=1e-6)  # fmt: skip
    np.testing.assert_allclose(output / total, acts[wanted[1]][0, 8, 6], atol=1e-5)
    figure = OnlineSoftmax.from_model(model, tokenizer, text, layer=13, head=8, query=6)
    assert figure.labels == names
    assert np.frombuffer(figure.scores, "<f4").tolist() == scores.tolist()


def number(text: str) -> float:
    return float(text.replace("−", "-"))


@pytest.fixture(scope="module")
def page_of_one(tmp_path_factory) -> str:
    import static_page

    folder = tmp_path_factory.mktemp("online")
    page = static_page.write_page(
        folder, lambda: OnlineSoftmax(SCORES, VALUES, chunk=2, key="online")
    )
    return page.as_uri()


def column(figure, place: int) -> list[str]:
    return figure.locator(f".online-keys tbody td:nth-child({place})").all_inner_texts()


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_each_step_is_shown(open_page, page_of_one, chunk):
    """All numbers of all steps, by the button and as the library has them."""
    page = open_page(to=page_of_one)
    figure = page.locator("#online")
    figure.locator("select").select_option(str(chunk))
    for step in range(1, math.ceil(7 / chunk) + 1):
        figure.get_by_role("button", name="Next chunk").press("Enter")
        seen = min(step * chunk, 7)
        m, total, output = kept(SCORES, VALUES, seen, chunk)
        after = figure.locator(".online-state").first.locator("td:last-child")
        shown = after.all_inner_texts()
        assert [number(shown[i]) for i in (0, 2, 3)] == pytest.approx(
            [m, total, output[0]], abs=1e-4
        )
        e = np.exp(np.asarray(SCORES[:seen]) - m)
        for place, expected in ((2, SCORES[:seen]), (3, e), (5, e / total)):
            found = [number(t) for t in column(figure, place)[:seen]]
            assert found == pytest.approx(expected, abs=1e-4)
            assert column(figure, place)[seen:] == ["·"] * (7 - seen)
        listed = figure.locator(".online-entries").inner_text().split(", ")
        assert [number(t) for t in listed] == pytest.approx(output / total, abs=1e-4)
    assert figure.get_by_role("button", name="Next chunk").is_disabled()
    assert page.evaluate("document.activeElement.textContent") == "← Back"
    ends = figure.locator(".online-state").nth(1).locator("tr:nth-child(1) td")
    online, ordinary, gap = ends.all_inner_texts()
    assert online == ordinary == f"{1 / total:.4f}"
    assert gap == "0" or re.search("10⁻¹[5-9]", gap)


def test_words_and_overflow(open_page, page_of_one):
    page = open_page(to=page_of_one + "#online?chunk=3&step=2&shift=0", asleep=True)
    figure = page.locator("#online")
    page.wait_for_function("document.activeElement.closest('#online') !== null")
    words = figure.locator(".online-words")
    assert words.inner_text() == (
        "Chunk 2 of 3, keys 4 to 6: m rises from 3.2500 to 4.5000, so the ℓ and O kept "
        "so far shrink by the factor 0.2865."
    )
    before = column(figure, 5)
    figure.locator("input[type=range]").nth(1).fill("85")
    broken = figure.locator("tr.broken")
    assert broken.all_inner_texts() == [
        "float16, up to 65,504\t∞\tNaN", "float32, up to 3.4 · 10³⁸\t∞\tNaN",
    ]  # fmt: skip
    assert column(figure, 5) == before  # a shift changes no weight
    figure.get_by_role("button", name="Next").click()
    assert words.inner_text().startswith("Chunk 3 of 3, key 7: none is above m = 89.5")
