"""The playground on a page: ids and bytes are the library's, tables come when wanted"""

from __future__ import annotations

import json

import pytest
import traitlets

import static_page
from compared_tokens import compare_tokens
from llmath.viz import TokenizerPlayground, live, tokenizer_tables
from llmath.viz.tokenizer_playground import TEXT, encoded
from whole_figure import check_controls, check_page

NAMES = tuple(tokenizer_tables.TITLES)
TEXTS = (
    "The cat sat",
    "<|im_start|>a<|endoftext|>b",
    "127 + 677\tx  \n\n é e\u0301 नमस्ते",
    "👩‍👩‍👧 \u0085\u200b\x00\x1f日本",
)


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    return static_page.write_page(folder, TokenizerPlayground).as_uri()


@pytest.fixture
def play(open_page, alone):
    return open_page(to=alone).locator(".tokenizer-playground")


@pytest.mark.parametrize("name", NAMES)
def test_tokens_are_the_librarys(play, name):
    for text in TEXTS:
        for special in (True, False):
            compare_tokens(play, name, text, special=special)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_seen_first_needs_no_table(open_page, alone, name):
    page = open_page(to=alone)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("document.querySelector('[data-live]').scrollIntoView()")
    assert page.locator(".tok-row button").count() == len(
        tokenizer_tables.tokenizer("gpt2").encode(TEXT)
    )
    assert [url for url in asked if "tables" in url] == []
    page.locator("select").select_option(name)
    page.locator(".tok-row button").nth(3).click()
    page.locator(".tok-piece .tok-slider").wait_for()
    assert [f"tables/{name}.js" in url for url in asked].count(True) == 1


def test_a_piece_is_made_merge_by_merge(play):
    """understanding by hand: 13 bytes with the space 14, one token after 13 merges."""
    play.locator("textarea").fill(" understanding")
    play.locator(".tok-row button").first.click()
    output, words = play.locator(".tok-piece output"), play.locator(".tok-step")
    assert output.inner_text().replace("\xa0", " ") == "13 of 13"
    play.locator(".tok-piece input").fill("1")
    tokenizer = tokenizer_tables.tokenizer("gpt2")
    letters = [
        f"{a} {b}" for a, b in zip("Ġunderstanding", "understanding", strict=False)
    ]
    rank = min(tokenizer.merges.index(pair) for pair in letters
               if pair in tokenizer.merges)  # fmt: skip
    a, b = tokenizer.merges[rank].replace("Ġ", "␣").split()
    assert words.inner_text() == f"Rank {rank}: {a} + {b} → {a}{b}"
    assert play.locator(".tok-piece > .tok-text .tok").count() == 13
    play.get_by_role("button", name="Back").click()
    assert words.inner_text().replace("\xa0", " ") == "Its 14 bytes, a token each."


def test_tokens_by_keyboard(play):
    stops = play.locator(".tok-row [tabindex='0']")
    stops.focus()
    for key, expected in (("Home", 1), ("ArrowRight", 2), ("ArrowRight", 3),
                          ("ArrowLeft", 2), ("End", 22)):  # fmt: skip
        play.page.keyboard.press(key)
        title = play.locator(".tok-piece .tok-title").inner_text()
        assert f"token {expected} of 22" in title
    assert stops.count() == 1


def test_another_tokenizer_keeps_the_place(play):
    """misunderstanding stays chosen, wherever its first token stands."""
    title = play.locator(".tok-piece b")
    assert title.inner_text() == "“␣misunderstanding”"
    for name in (*NAMES, *NAMES[::-1]):
        play.locator("select").select_option(name)
        assert title.inner_text() == "“␣misunderstanding”"


def test_what_has_no_tokens_is_said(play):
    note, box = play.locator(".tok-note").first, play.locator("textarea")
    box.evaluate("""(area) => { area.value = "ab\\udc00";
      area.dispatchEvent(new Event("input")); }""")
    assert "Character 3 of the text is half of a surrogate" in note.inner_text()
    box.fill("x" * 100_001)
    assert "up to 100,000 characters; these are 100,001" in note.inner_text()
    play.locator("select").select_option("smollm2")
    box.fill("a\x04")
    play.page.wait_for_function(
        "document.querySelector('.tok-note').textContent.includes('byte 0x04')"
    )
    assert play.locator(".tok-row button").count() == 0
    box.fill("")
    assert play.locator(".tok-words").inner_text() == "Nothing to cut: type a text."
    cells = play.locator(".tok-others td").all_inner_texts()
    assert cells == ["–"] * 6  # nothing to load for it


def test_markers_are_counted(play):
    words, box = play.locator(".tok-words"), play.locator("textarea")
    for text, said in (
        ("<|endoftext|>a", "; 1 is a marker."),
        ("<|endoftext|><|endoftext|>", "; 2 are markers."),
        ("The cat sat", "; no markers."),
    ):
        box.fill(text)
        play.page.wait_for_function(
            "(said) => document.querySelector('.tok-words').textContent.endsWith(said)",
            arg=said,
        )
    assert words.inner_text().endswith("; no markers.")


def test_the_other_tables_come_at_the_press_of_a_button(play):
    """Of a text of the reader's own the table says one count, and then all three."""
    play.locator("textarea").fill("The cat sat")
    more = play.locator(".tok-others + .viz-bar button")
    more.wait_for()
    said = more.inner_text()
    assert all(tokenizer_tables.TITLES[name] in said for name in NAMES[1:])
    more.click()
    more.wait_for(state="hidden")
    expected = [len(tokenizer_tables.tokenizer(n).encode("The cat sat")) for n in NAMES]
    cells = play.locator(".tok-others td:nth-child(2)").all_inner_texts()
    assert [int(cell) for cell in cells] == expected


@pytest.mark.parametrize("width", [1280, 390])
def test_ids_and_tokens_of_a_piece_stand_on_one_line(open_page, alone, width):
    page = open_page(to=alone, width=width)
    page.locator("textarea").fill(" Understanding")
    page.locator(".tok-piece .tok-slider").wait_for()
    rows = page.locator(".tok-piece tbody tr")
    lines = rows.locator("td:nth-child(2), .tok").evaluate_all(
        """all => all.map((e) => { const inside = document.createRange();
          inside.selectNodeContents(e); return inside.getClientRects().length; })"""
    )
    assert lines == [1, 1]


@pytest.mark.parametrize("sign", ["a", "🙂", " x"], ids=repr)
def test_100_kilobytes_do_not_freeze_it(play, sign):
    text = sign * (100_000 // (len(sign.encode("utf-16-le")) // 2))
    play.locator("select").select_option("book")
    play.locator(".tok-row button").first.click()
    play.locator(".tok-piece .tok-slider").wait_for()
    box = play.locator("textarea")
    took = box.evaluate(
        """async (area, text) => {
          const start = performance.now();
          area.value = text;
          area.dispatchEvent(new Event("input"));
          return performance.now() - start;
        }""",
        text,
    )
    n = len(tokenizer_tables.tokenizer("book").encode(text))
    words = play.locator(".tok-words").inner_text().replace("\xa0", " ")
    assert f" {n:,} tokens" in words
    assert took < 5000  # ms, on a busy machine; about 300 otherwise


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_control_moves_it(open_page, alone, theme, width):
    page = open_page(to=alone, theme=theme, width=width)
    check_controls(page.locator("[data-live]"), 21)
    check_page(page, width)


KERNEL = """
const state = {state}, heard = new Map(), sent = [];
const model = {{
  get: (name) => state[name], save_changes() {{}},
  set(name, value) {{ state[name] = value; (heard.get(`change:${{name}}`) ?? [])
    .forEach((call) => call()); }},
  on(name, call) {{ heard.set(name, [...(heard.get(name) ?? []), call]); }},
  off(name, call) {{ heard.set(name, heard.get(name).filter((one) => one !== call)); }},
  send: (message) => sent.push(message),
}};
window.kernel = {{ sent, answer: (message) => heard.get("msg:custom")
  .forEach((call) => call(message)) }};
delete window.LiveFigures;
figure.render({{ model, el: document.querySelector("main") }});
"""


def test_with_a_kernel_the_table_comes_as_a_message(open_page, tmp_path):
    """The messages are those that the Python half hears and sends."""
    empty = tmp_path / "empty.html"
    empty.write_text('<meta charset="utf-8"><main></main>', "utf-8")
    page = open_page(to=empty.as_uri(), asleep=True)
    figure, answers = TokenizerPlayground(), []
    figure.send = answers.append
    body = live.EXPORT.sub("const figure = ", live.bundle("tokenizer_playground"))
    page.evaluate(
        f"(() => {{{body}{KERNEL.format(state=json.dumps(figure.state()))}}})()"
    )
    play = page.locator(".tokenizer-playground")
    assert page.evaluate("kernel.sent") == []
    play.locator("textarea").fill("The cat sat")
    assert page.evaluate("kernel.sent") == [{"wanted": "gpt2"}]
    figure._send_table(figure, page.evaluate("kernel.sent[0]"), [])
    page.evaluate("(answer) => kernel.answer(answer)", answers[0])
    compare_tokens(play, "gpt2", "The cat sat", special=True)
    for message in ({"wanted": "gpt5"}, {}, "gpt2"):
        figure._send_table(figure, message, [])
    assert len(answers) == 1


def test_tables_are_small():
    """On the disk 0.5 MB each, the book's 6 kB; half of it after a server's gzip."""
    sizes = {name: row["size"] for name, row in tokenizer_tables.about().items()}
    assert max(sizes.values()) < 600_000
    assert sizes["book"] < 10_000
    assert tokenizer_tables.tokenizer("book").vocab_size == 1024


@pytest.mark.parametrize("name", NAMES)
def test_pieces_together_are_the_text_and_its_ids(name):
    tokenizer = tokenizer_tables.tokenizer(name)
    for text in (TEXT, *TEXTS[:3], ""):
        pieces = encoded(tokenizer, text)
        assert "".join(piece["text"] for piece in pieces) == text
        assert [i for piece in pieces for i in piece["ids"]] == tokenizer.encode(text)
        data = b"".join(bytes(t) for piece in pieces for t in piece["tokens"])
        assert data == text.encode()


def test_the_first_state_speaks_for_itself():
    figure = TokenizerPlayground(tokenizer="book")
    n = len(figure.ids())
    assert f"{n} by the book’s own" in figure.alt
    assert "<code>␣cat</code> " in TokenizerPlayground().still()
    assert "464" in TokenizerPlayground().still()
    assert TokenizerPlayground("<|endoftext|>").ids() == [50256]
    assert len(TokenizerPlayground("<|endoftext|>", special=False).ids()) > 1


def test_bad_states_are_refused():
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        TokenizerPlayground("a\ud83d")
    with pytest.raises(ValueError, match="up to 100000 characters, not 100001"):
        TokenizerPlayground().text = "x" * 100_001
    with pytest.raises(traitlets.TraitError):
        TokenizerPlayground().tokenizer = "gpt5"
