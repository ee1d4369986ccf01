"""Languages and Zipf's law on a page: choose a state, compare all it shows"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from playwright.sync_api import Locator

from compared import names
from llmath.data import expected_types, heaps_types, zipf_fit
from llmath.tokenizer import Tokenizer
from llmath.viz.language_comparison import compare
from llmath.viz.zipf_explorer import OFFSETS, best_law, judge

SHOWN = 1e-4


def choose(figure: Locator, **state: int) -> None:
    """Of the comparison's select boxes."""
    for name, value in state.items():
        figure.locator(f".lang-{name} select").select_option(str(value))


def compare_languages(
    figure: Locator,
    tokenizer: Tokenizer,
    sentences: Mapping[str, Sequence[str]],
    sentence: int,
) -> None:
    """Ratios and counts of every language, with the tokenizer that is chosen."""
    found = compare(tokenizer, sentences)
    choose(figure, sentence=sentence)
    said = names(figure, "tbody .lang-track")
    shown = np.array([[float(x) for x in re.findall(r"\d+\.\d+", t)] for t in said])
    want = [(c.ratios[sentence], c.total, c.low, c.high) for c in found.values()]
    np.testing.assert_allclose(shown, want, atol=SHOWN)
    texts = [row[sentence] for row in sentences.values()]
    for kind, size in (
        ("tokens", lambda s: len(tokenizer.encode(s))),
        ("bytes", lambda s: len(s.encode())),
        ("characters", len),
    ):
        cells = figure.locator(f"td.lang-{kind}").evaluate_all(
            "all => all.map((cell) => +cell.textContent)"
        )
        assert cells == [size(s) for s in texts]


def seen(token: str) -> str:
    """A space as a sign, a mark without its letter on a ring."""
    ring = "◌" if unicodedata.category(token[0])[0] == "M" else ""
    return ring + token.replace(" ", "␣")


def compare_chips(view: Locator, tokenizer: Tokenizer, text: str) -> None:
    """A sentence as its tokens: their text, and in the titles their bytes."""
    shown = view.locator("span").evaluate_all("all => all.map((e) => e.textContent)")
    assert shown == [seen(t) for t in tokenizer.tokens(tokenizer.encode(text))]
    bits = [title.split(": ")[1] for title in names(view, "span")]
    assert bytes.fromhex(" ".join(bits)).decode() == text


def choose_law(figure: Locator, source: int, alpha: float, place: int) -> None:
    """A source, α, and the offset at this place of OFFSETS."""
    figure.locator("select").select_option(str(source))
    for box, value in zip(
        figure.locator(".lab-controls input").all(), (alpha, place), strict=True
    ):
        box.fill(str(value))


def rows(figure: Locator, kind: str) -> list[list[float]]:
    """The numbers of a table; what has none is left out."""
    cells = figure.locator(f".{kind} tbody tr").evaluate_all(
        "all => all.map((r) => [...r.querySelectorAll('td')].map((c) => c.innerText))"
    )
    return [[float(c.replace(",", "")) for c in row if c not in ("", "–")]
            for row in cells]  # fmt: skip


def least(shown: float) -> float:
    """What rounding may take: tenths, and from 1,000 on whole numbers."""
    return 0.06 if shown < 1000 else 0.51


def compare_law(figure: Locator, counts: list[int], alpha: float, place: int) -> None:
    """What the sliders' law costs, and the likeliest ones, and the counts' entropy."""
    f = np.array(counts) / sum(counts)
    chosen = (alpha, OFFSETS[place])
    laws = [chosen, (zipf_fit(counts).alpha, 0.0), best_law(counts)]
    *shown, own = rows(figure, "zipf-fits")
    for (a, b, cost, gap), one in zip(shown, laws, strict=True):
        assert (a, b) == pytest.approx(one, abs=5.1e-3)
        assert (cost, gap) == pytest.approx(judge(counts, *one), abs=SHOWN)
    assert own[0] == pytest.approx(-f @ np.log(f), abs=SHOWN)
    words = figure.locator("[role=status]").inner_text()
    said = float(re.search(r"costs ([\d.]+) nats", words)[1])
    assert said == pytest.approx(judge(counts, *chosen).cost, abs=SHOWN)


def compare_growth(figure: Locator, counts: list[int], alpha: float) -> None:
    """Types as expected and, without an offset, those of the law without end."""
    total = sum(counts)
    at = [10**k for k in range(1, 9) if 10**k < total] + [total]
    for row, n, mean in zip(
        rows(figure, "zipf-types"), at, expected_types(counts, at), strict=True
    ):
        shown = row[-2 if alpha > 1 else -1]
        assert mean == pytest.approx(shown, abs=least(shown))
        if alpha > 1:
            law = heaps_types(alpha, [n])[0]
            assert row[-1] == pytest.approx(law, abs=least(row[-1]))
