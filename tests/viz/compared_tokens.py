"""The trainer and the playground on a page: choose a state, compare all it shows"""

from __future__ import annotations

import re
import time

from playwright.sync_api import Locator

from llmath.viz import tokenizer_tables
from llmath.viz.bpe_trainer import learnt


def whole(text: str) -> int:
    """2,048 as a number."""
    return int(text.replace(",", ""))


def seen(token: bytes) -> str:
    """A token of a plain text as the figures write it."""
    text = token.decode("utf-8", errors="backslashreplace")
    return text.translate({32: "␣", 10: "↵"})


def titles(figure: Locator, selector: str) -> list[tuple[int, bytes]]:
    """The (id, bytes) that tokens say of themselves when pointed at."""
    found = figure.locator(selector).evaluate_all("all => all.map((e) => e.title)")
    split = [text.split(": ", 1) for text in found]
    return [(int(i), bytes.fromhex(written)) for i, written in split]


def compare_trainer(figure: Locator, text: str, step: int, *, pieces: bool) -> None:
    """Merges, counts and compression at one step, learnt here and now."""
    figure.locator("input[type=checkbox]").set_checked(pieces)
    figure.locator("textarea").fill(text)
    slider = figure.locator("input[type=range]")
    most = int(slider.get_attribute("max"))
    step = min(step, most)
    slider.fill(str(step))
    expected = learnt(text, most, pieces=pieces)
    assert len(expected.merges) == most
    found = titles(figure, ".tok-learnt .tok")
    made = [(256 + r, a + b) for r, (a, b) in enumerate(expected.merges[:step])]
    assert found == made[::-1]
    tokens = titles(figure, ".tok-text .tok")
    assert len(tokens) == expected.n_tokens[step]
    assert b"".join(data for _, data in tokens) == text.encode()
    words = figure.locator(".tok-words").inner_text().replace("\xa0", " ")
    sizes = re.search(r"([\d,]+) bytes? (?:is|are) ([\d,]+) tokens?: ([\d.]+) b", words)
    assert [whole(n) for n in sizes.groups()[:2]] == [expected.n_bytes, len(tokens)]
    assert sizes[3] == f"{expected.n_bytes / len(tokens):.2f}"
    if step:
        a, b = expected.merges[step - 1]
        assert words.startswith(f"Merge {step}: {seen(a)} + {seen(b)} → {seen(a + b)},")
    if step < most:
        first = titles(figure, ".tok-pairs tbody tr:first-child .tok")
        assert tuple(data for _, data in first) == expected.merges[step]


def compare_tokens(figure: Locator, name: str, text: str, *, special: bool) -> None:
    """Ids and bytes of every token, and the counts, against the library's."""
    tokenizer = tokenizer_tables.tokenizer(name)
    figure.locator("select").select_option(name)
    figure.locator("textarea").fill(text)
    switch = figure.locator("input[type=checkbox]")
    if tokenizer.special:
        switch.set_checked(special)
    ids = tokenizer.encode(text, special=special)
    told = f"Tokens of {tokenizer_tables.TITLES[name]}"
    figure.locator(f'[role=toolbar][aria-label="{told}"]').wait_for()
    found, until = titles(figure, ".tok-row button"), time.monotonic() + 5
    while [i for i, _ in found] != ids and time.monotonic() < until:
        time.sleep(0.05)  # the table has come; the text is drawn a moment later
        found = titles(figure, ".tok-row button")
    assert [i for i, _ in found] == ids
    assert [data for _, data in found] == [tokenizer.decode_bytes([i]) for i in ids]
    words = figure.locator(".tok-words").inner_text().replace("\xa0", " ")
    counts = re.match(r"([\d,]+) characters?, ([\d,]+) bytes?, ([\d,]+) tok", words)
    expected = [len(text), len(text.encode()), len(ids)]
    assert [whole(n) for n in counts.groups()] == expected
