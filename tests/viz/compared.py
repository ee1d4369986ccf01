"""The laboratory and the playground on a page: choose a state, compare all it shows"""

from __future__ import annotations

import math
import re

import numpy as np
from playwright.sync_api import Locator

from llmath.attention import attention_weights
from llmath.viz import MaskPlayground
from llmath.viz.mask_playground import PLACES, Shown
from llmath.viz.softmax_lab import KEYS, SIGMAS, TAUS, WIDTHS, drawn, measure

SHOWN = 1e-4
SLIDERS = (WIDTHS, TAUS, SIGMAS, KEYS)
CAUSAL = {"mask": "causal", "positions": False}  # what a state is where it says no more


def choose_lab(lab: Locator, *values: float, root: bool) -> None:
    boxes = lab.locator("input[type=range]").all()
    for box, offered, value in zip(boxes, SLIDERS, values, strict=True):
        box.fill(str(offered.index(value)))
    lab.locator("input[type=checkbox]").set_checked(root)


def value(text: str) -> float:
    """0.0564, 1.4 × 10⁻⁴ or < 10⁻¹² as a number (the last as 0)."""
    if text.startswith("<"):
        return 0.0
    plain = text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(plain.replace(" × 10", "e"))


def names(figure: Locator, selector: str) -> list[str]:
    return figure.locator(selector).evaluate_all("all => all.map((e) => e.title)")


def compare_lab(
    lab: Locator, state: tuple[float, float, float, int, bool], *, heads: int, seed: int
) -> None:
    """Width, τ, σ, keys and root against llmath, computed here and now."""
    width, tau, sigma, n_keys, root = state
    choose_lab(lab, width, tau, sigma, n_keys, root=root)
    q, k, g = drawn(heads, seed)
    q, k = sigma * q[..., :width], sigma * k[..., :width]
    seen = k[:, :, :n_keys]
    found = measure(q, seen, g[..., :n_keys], tau=tau, root=root)

    words = [float(b.split("\xa0")[0].split()[0])
             for b in lab.locator(".lab-words b").all_inner_texts()]  # fmt: skip
    expected = [found["entropy"], 100 * found["entropy"] / math.log(n_keys),
                100 * found["sure"]]  # fmt: skip
    np.testing.assert_allclose(words, expected, atol=5.1e-3)  # percent: two decimals
    assert abs(words[0] - found["entropy"]) < SHOWN

    shown = [value(t) for t in lab.locator(".lab-table td").all_inner_texts()]
    expected = np.array([*found["dz"], *found["dq"]])
    np.testing.assert_allclose(shown, expected, atol=SHOWN)
    small = (expected > 1e-11) & (expected < 1e-3)  # two digits and a power of ten
    np.testing.assert_allclose(np.array(shown)[small], expected[small], rtol=0.051)

    factor = (1 if root else math.sqrt(width)) / tau
    row = attention_weights(q * factor, seen)[0, 0, 0]
    bars = [float(t.split(": ")[1]) for t in names(lab, ".lab-row .lab-bars i")]
    np.testing.assert_allclose(bars, row, atol=SHOWN)

    z = (q @ k.mT * factor / math.sqrt(width)).numpy()
    text = lab.locator(".lab-scores [role=img]").get_attribute("aria-label")
    assert abs(float(re.search(r"[\d.]+", text)[0]) - z.std()) < SHOWN
    bars = [float(t.split(": ")[1].split("\xa0")[0]) / 100
            for t in names(lab, ".lab-scores .lab-bars i")]  # fmt: skip
    expected = np.histogram(z, [-np.inf, *np.arange(-16.5, 17), np.inf])[0] / z.size
    np.testing.assert_allclose(bars, expected, atol=SHOWN)


def press(play: Locator, name: str) -> None:
    play.get_by_role("button", name=name).click()


def order(play: Locator, labels: list[str]) -> str:
    """Which token stands where, as MaskPlayground writes it."""
    words = play.locator(".shelf button").all_inner_texts()
    return "".join(PLACES[labels.index(w)] for w in words)


def choose_mask(play: Locator, **state: object) -> None:
    state = CAUSAL | state
    mask = play.locator("label", has_text="Mask").locator("select")
    mask.select_option(state["mask"])
    play.locator("input[type=checkbox]").set_checked(state["positions"])
    if "pad" in state:
        play.get_by_label("padding is").select_option(str(state["pad"]))
    for name in {"window", "prefix"} & set(state):
        play.get_by_label(f"{name} of").fill(str(state[name]))


def compare_playground(
    play: Locator, figure: MaskPlayground, **state: object
) -> tuple[str, Shown]:
    """All that is shown against `figure.shown()`, in the order that the page has."""
    figure.order = order(play, figure.labels)
    for name, chosen in (CAUSAL | state).items():
        setattr(figure, name, chosen)
    expected = figure.shown()
    cells = play.locator(".weights [role=gridcell]").evaluate_all(
        "all => all.map((cell) => cell.ariaLabel)"
    )
    hidden = np.array([text.endswith("masked") for text in cells])
    weights = [0.0 if m else float(re.search(r"[\d.]+$", text)[0])
               for text, m in zip(cells, hidden, strict=True)]  # fmt: skip
    np.testing.assert_allclose(weights, expected.weights.ravel(), atol=SHOWN)
    assert np.array_equal(hidden, expected.weights.ravel() == 0)
    outputs = play.locator(".results .strip i").evaluate_all(
        "all => all.map((cell) => +cell.title)"
    )
    np.testing.assert_allclose(outputs, expected.outputs.ravel(), atol=SHOWN)
    changes = play.locator(".results td:last-child").all_inner_texts()
    np.testing.assert_allclose([float(c) for c in changes], expected.change, atol=SHOWN)
    words = play.locator(".play-words").inner_text()
    assert f"{expected.pairs} of {len(figure.labels) ** 2} pairs" in words
    return words, expected
