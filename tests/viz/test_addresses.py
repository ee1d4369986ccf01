"""The address of a page carries the state of the figure that was changed last"""

from __future__ import annotations

import html
import json
import re

import matplotlib
import pytest
import traitlets

import static_page
from llmath.viz import MaskPlayground, SoftmaxLab, style
from llmath.viz.frames import Frames
from llmath.viz.live import LiveFigure
from llmath.viz.mask_playground import WORDS
from samples import bars, explorer

STATE = "layer=3&head=2"
HREF = "location.href.split('index.html')[1]"


class Linked(LiveFigure):
    module = "frames"
    linked = ("mood", "whole", "size")
    mood = traitlets.Enum(["calm", "loud"], "calm").tag(sync=True)
    whole = traitlets.Bool(False).tag(sync=True)
    size = traitlets.Int(0).tag(sync=True)


def test_a_class_says_what_links_may_set():
    class Whole(Linked):
        def choices(self, name):
            return 3 if name == "size" else super().choices(name)

    assert Whole().links() == {"mood": ["calm", "loud"], "whole": [False, True],
                               "size": 3}  # fmt: skip
    with pytest.raises(NotImplementedError, match="size"):
        Linked().links()
    assert LiveFigure.linked == ()


def test_links_are_in_the_page(static):
    page = static_page.html_of(explorer(key="here"))
    assert page.startswith('<div class="viz viz-live" id="here" data-live=')
    rules = json.loads(html.unescape(re.search(r'data-links="(.*?)"', page)[1]))
    assert rules["layer"] == 4
    assert rules["query"] == {"sentence": [7, 3]}
    assert list(rules) == ["sentence", "layer", "head", "query", "view", "only_row"]


def test_an_id_is_there_once(static):
    figure = explorer()
    first, second = (static_page.html_of(figure) for _ in range(2))
    assert f' id="{figure.key}"' in first
    assert " id=" not in second
    assert f'data-key="{figure.key}"' in second


@pytest.mark.parametrize("key", ["", "1st", "a b", 'a"b', "ä", "a?b", "a\n"])
def test_keys_fit_into_addresses(key):
    with pytest.raises(ValueError, match="cannot stand in an address"):
        explorer(key=key)


def test_a_key_names_one_figure_of_a_page(static):
    explorer(key="only-one")
    with pytest.raises(ValueError, match=r"only-one.*two figures"):
        explorer(key="only-one")


def test_a_cell_may_run_again_in_a_notebook():
    assert [explorer(key="again").key for _ in range(2)] == ["again", "again"]


@pytest.fixture(scope="module")
def linked(tmp_path_factory) -> str:
    """Far apart: the explorer, links to it, and a slider."""
    folder = tmp_path_factory.mktemp("linked")
    with matplotlib.rc_context():
        style.use()
        page = static_page.write_page(
            folder,
            lambda: Frames(
                bars, [1, 2, 3], name="height", start=1, alt="Bars.", key="slide"
            ),
            lambda: explorer(key="heads"),
            lambda: MaskPlayground.from_seed(key="masks"),
        )
    text = page.read_text("utf8")
    gap = '<p id="sec-far" style="height:3000px">far</p>'
    text = re.sub('<div class="viz viz-live" id="heads"', gap + r"\g<0>", text)
    links = f'<a href="#heads?{STATE}">3.2</a> <a href="#sec-far">far</a>'
    text = text.replace("</h1>", f"</h1><p>{links}</p>")
    end = '<div style="height:1000px"></div></main>'  # room to scroll
    page.write_text(text.replace("</main>", end), "utf8")
    return page.as_uri()


@pytest.fixture
def visit(open_page, linked):
    """The page at an address; figures are left asleep unless the address wakes one."""

    def at(fragment: str, *, asleep: bool = True):
        return open_page(to=linked + fragment, asleep=asleep)

    return at


def shown(page) -> str:
    return page.locator("#heads .detail-title strong").inner_text()


ALIVE = "document.getElementById('heads').dataset.state === 'alive'"
AT_TOP = "Math.abs(document.getElementById('heads').getBoundingClientRect().top) < 40"


def test_an_address_opens_the_figure_in_its_state(visit):
    page = visit("#heads?sentence=1&layer=3&head=0&query=1&view=arcs&only_row=true")
    page.wait_for_function(ALIVE)
    page.wait_for_function(AT_TOP)
    assert shown(page) == "Head 3.0"
    assert page.locator("#heads .detail").get_attribute("data-view") == "arcs"
    assert page.locator("#heads [aria-pressed=true] span").inner_text() == "it"
    assert page.locator("#heads input[type=checkbox]").is_checked()
    assert page.evaluate("document.activeElement.closest('#heads') !== null")


@pytest.mark.parametrize(
    "query",
    [
        "layer=4&head=-1&query=7&view=pie&sentence=2&only_row=1",  # each just outside
        "layer=1e0&head=%E0%A4%A&query=<img src=x onerror=alert(1)>",
        "layer=&head= 1&query=01&view=Matrix&__proto__=1&sentences=0&alt=x",
        "?&&==&layer[]=1&layers=1&constructor=2",
        "sentence=0&query=Infinity&layer=1.5&head=0x1&view=",
    ],
)
def test_what_is_not_allowed_is_ignored(visit, query):
    page = visit(f"#heads?{query}")
    page.wait_for_function(ALIVE)
    assert shown(page) == "Head 2.1"
    assert page.locator("#heads .detail").get_attribute("data-view") == "matrix"
    assert page.locator("#heads .weights-query.chosen").inner_text() == "ran"
    assert page.locator("#heads img").count() == 0


def test_right_values_beside_wrong_ones_count(visit):
    page = visit("#heads?layer=99&head=2&query=2")
    page.wait_for_function(ALIVE)
    assert shown(page) == "Head 2.2"
    assert page.locator("#heads .weights-query.chosen").inner_text() == "that"


@pytest.mark.parametrize("fragment", ["#nobody?layer=1", "#%E0%A4%A", "#", "#?a=b"])
def test_other_addresses_wake_nothing(visit, fragment):
    page = visit(fragment)
    page.wait_for_timeout(100)
    assert page.locator("#heads").get_attribute("data-state") is None
    assert page.evaluate("scrollY") == 0


def test_plain_anchors_still_work(visit):
    page = visit("#sec-far")
    page.wait_for_function("scrollY > 0")
    page.get_by_role("link", name="far").click()
    assert page.evaluate(HREF) == "#sec-far"
    page = visit("#heads")
    page.wait_for_function(AT_TOP)


def test_changes_reach_the_address_and_not_the_history(visit):
    page = visit("", asleep=False)
    before = page.evaluate("history.length")
    clicks = "document.querySelectorAll('#heads .heads button')[{}].click()"
    both = "; ".join(clicks.format(i) for i in (0, 5))
    assert page.evaluate(f"() => {{ {both}; return {HREF}; }}") == ""  # it waits
    page.wait_for_function(f"{HREF} !== ''")
    assert page.evaluate(HREF) == (
        "#heads?sentence=0&layer=1&head=1&query=3&view=matrix&only_row=false"
    )
    page.locator("#slide input").press("ArrowRight")
    page.wait_for_function(f"{HREF} === '#slide?index=2'")
    assert page.evaluate("history.length") == before


def test_an_address_comes_back(visit):
    """What was written into the address sets the same state in another visit."""
    page = visit("", asleep=False)
    page.locator("#heads select").nth(0).select_option("1")
    page.locator("#heads select").nth(1).select_option("3")
    page.locator("#heads").get_by_text("Arcs").click()
    page.wait_for_function(f"{HREF}.includes('arcs')")
    look = "document.querySelector('#heads .detail').outerHTML"
    other = visit(page.evaluate(HREF))
    other.wait_for_function(ALIVE)
    assert shown(other) == "Head 3.1"
    strip = lambda text: re.sub(r' (tabindex="-?\d"|id="[^"]+")', "", text)  # noqa: E731
    assert strip(other.evaluate(look)) == strip(page.evaluate(look))


def test_a_link_sets_a_figure_that_is_awake(visit):
    page = visit("", asleep=False)
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("link", name="3.2").click()
    page.wait_for_function(AT_TOP)
    assert shown(page) == "Head 3.2"
    page.wait_for_timeout(500)
    assert page.evaluate(HREF) == f"#heads?{STATE}"  # a link is not a change


def test_pointing_is_no_change(visit):
    page = visit("", asleep=False)
    page.locator("#heads .weights [role=gridcell]").nth(1).hover()
    page.wait_for_timeout(500)
    assert page.evaluate(HREF) == ""


def test_a_plain_link_outruns_a_change_not_yet_written(visit):
    page = visit("", asleep=False)
    page.locator("#heads .heads button").nth(0).click()
    page.evaluate("location.hash = 'sec-far'")
    page.wait_for_timeout(500)
    assert page.evaluate(HREF) == "#sec-far"


def order(page) -> str:
    """The tokens of the playground's shelf, by their first places."""
    tokens = page.locator("#masks .shelf button").all_inner_texts()
    words = [word.strip() for word in WORDS]
    return "".join(str(words.index(token)) for token in tokens)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("531024", "531024"), ("531020", "012345"), ("0123456", "012345"), ("", "012345")],
)
def test_an_order_is_a_permutation(visit, wanted, expected):
    page = visit(f"#masks?mask=window&window=3&order={wanted}&positions=true")
    page.wait_for_function("document.getElementById('masks').dataset.state === 'alive'")
    assert order(page) == expected
    assert page.locator("#masks select").first.input_value() == "window"


def test_the_laboratory_offers_its_grid():
    rules = SoftmaxLab(heads=1).links()
    assert rules["width"] == [1, 4, 16, 64, 256, 1024]
    assert 0.25 in rules["tau"]
    assert rules["root"] == [False, True]
