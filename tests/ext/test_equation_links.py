"""Every link between text, function and test; a clear line for each missing one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import equation_facts
import equation_links
import tiny_book

BLOB = f"{tiny_book.REPOSITORY}/blob/main"
CHAPTER = "chapters/03_attention.ipynb"


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text("utf8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), "utf8")


def problems(folder: Path) -> list[str]:
    return equation_facts.problems(equation_facts.gather(folder))


def test_the_tiny_book_holds_together(sources):
    assert problems(sources) == []


def test_facts_of_the_tiny_book(sources):
    facts = equation_facts.gather(sources)
    assert dict(facts.labels).keys() == {
        "eq:softmax",
        "eq:weights",
        "der:sum",
        "der:one",
        "eq:step",
    }
    names = [function.name for function in facts.of("eq:step")]
    assert names == ["llmath.optim.Sgd", "llmath.optim.sgd_update"]
    assert facts.tests["llmath.attention.softmax"].test == "test_softmax_sums_to_one"


BACKWARD = '''

def softmax_backward(dA, A):
    """dz = A (dA - sum A dA)   {eq:backward}"""
    return dA


def softmax(z):
    """softmax(z)   {eq:softmax}"""
    return z
'''


def add_backward_rule(folder: Path, *, test: bool) -> None:
    """A rule that only reference/ has, beside a twin that cites its equation."""
    chapter = folder / "chapters" / "08_backward.md"
    chapter.write_text("# Backward\n\n$$\nx\n$$ (eq:backward)\n")
    twins = folder / "lib/llmath/reference/attention.py"
    rest = twins.read_text("utf8").replace("def softmax(z):\n    return z\n", "")
    twins.write_text(rest + BACKWARD, "utf8")
    if test:
        (folder / "tests/test_backward.py").write_text(
            "from llmath.reference.attention import softmax_backward as rule\n"
            "def test_rule():\n    assert rule\n"
        )


def test_a_backward_rule_may_exist_only_in_numpy(sources):
    add_backward_rule(sources, test=True)
    assert problems(sources) == []
    facts = equation_facts.gather(sources)
    (rule,) = facts.of("eq:backward")
    assert rule.name == "llmath.reference.attention.softmax_backward"
    assert rule.file == "lib/llmath/reference/attention.py"
    names = [function.name for function in facts.of("eq:softmax")]
    assert names == ["llmath.attention.softmax"]  # its twin is no second one


def test_a_backward_rule_needs_its_test(sources):
    add_backward_rule(sources, test=False)
    (line,) = problems(sources)
    assert "llmath.reference.attention.softmax_backward cites {eq:backward}" in line
    assert line.endswith("but no test names it")


BROKEN = {
    "a docstring cites what no chapter has": (
        "lib/llmath/attention.py",
        "{eq:softmax}",
        "{eq:sofmax}",
        [
            "lib/llmath/attention.py:2: {eq:sofmax} is cited, but no chapter has that "
            "label (did you mean eq:softmax?)",
            f"{CHAPTER}, cell 3: no docstring in lib/llmath cites {{eq:softmax}}; a "
            "step that no function computes is labelled der:softmax",
        ],
    ),
    "an equation that no function computes": (
        "lib/llmath/optim.py",
        "{eq:step}",
        "",
        [
            "chapters/07_training.ipynb, cell 1: no docstring in lib/llmath cites "
            "{eq:step}; a step that no function computes is labelled der:step"
        ],
    ),
    "a function that no test names": (
        "tests/test_attention.py",
        "attention.softmax",
        "attention.sofmax",
        [
            "lib/llmath/attention.py:2: llmath.attention.softmax cites {eq:softmax}, "
            "but no test names it"
        ],
    ),
    "a function without a twin": (
        "lib/llmath/reference/optim.py",
        "def sgd_update",
        "def update",
        [
            "lib/llmath/optim.py:6: llmath.optim.sgd_update has no NumPy twin: "
            "sgd_update in lib/llmath/reference/optim.py"
        ],
    ),
    "a label that stands twice": (
        "chapters/07_training.ipynb",
        "(eq:step)",
        "(eq:softmax)",
        [
            f"chapters/07_training.ipynb, cell 1: the label eq:softmax stands already "
            f"in {CHAPTER}, cell 3",
            "lib/llmath/optim.py:2: {eq:step} is cited, but no chapter has that label",
            "lib/llmath/optim.py:6: {eq:step} is cited, but no chapter has that label",
        ],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_missing_link_has_its_line(sources, case):
    file, old, new, lines = BROKEN[case]
    edit(sources, file, old, new)
    assert problems(sources) == lines


def test_what_gives_no_shaped_tensor_needs_no_twin(sources):
    edit(sources, "lib/llmath/reference/optim.py", "def sgd_update", "def update")
    edit(sources, "lib/llmath/optim.py", " -> Vector", " -> float")
    assert problems(sources) == []


def test_a_package_has_its_twins_in_one_file(sources):
    library = sources / "lib" / "llmath"
    (library / "optim").mkdir()
    (library / "optim.py").rename(library / "optim" / "steps.py")
    edit(sources, "lib/llmath/optim/steps.py", "eq:step", "eq:softmax")
    reference = "in lib/llmath/reference/optim.py"
    edit(sources, "lib/llmath/reference/optim.py", "def sgd_update", "def update")
    assert any(line.endswith(reference) for line in problems(sources))


def test_labels_are_found_in_markdown_chapters_too(sources):
    chapter = sources / "chapters" / "08_more.md"
    chapter.write_text(
        "# More\n\n$$\nx\n$$ (eq:more)\n\n```{math}\n:label: der:x\ny\n```\n"
    )
    assert problems(sources) == [
        "chapters/08_more.md: no docstring in lib/llmath cites {eq:more}; a step that "
        "no function computes is labelled der:more"
    ]


def run(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, equation_links.__file__, "--check", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_line(sources):
    good = run(sources)
    assert (good.returncode, good.stdout) == (0, "5 labels: nothing missing\n")
    edit(sources, "lib/llmath/reference/optim.py", "def sgd_update", "def update")
    bad = run(sources)
    assert bad.returncode == 1
    assert bad.stdout.startswith(
        "lib/llmath/optim.py:6: llmath.optim.sgd_update has no"
    )


def test_a_missing_link_fails_the_build(build):
    def break_it(folder):
        edit(folder, "lib/llmath/reference/optim.py", "def sgd_update", "def update")

    built = build(break_it)
    assert built.status == 1
    (warning,) = built.warnings
    assert "llmath.optim.sgd_update has no NumPy twin" in warning


def test_the_whole_book_builds_without_a_warning(book):
    assert book.warnings == []
    assert book.status == 0


def test_line_under_an_implemented_equation(book):
    lines = book.page("chapters/03_attention").select(".equation-links")
    first = lines[0]
    assert first.find_previous_sibling("div")["id"] == "equation-eq-softmax"
    function, test = first.select("a")
    assert function.get_text() == "llmath.attention.softmax"
    assert function["href"] == f"{BLOB}/lib/llmath/attention.py#L2-L4"
    assert test["href"] == f"{BLOB}/tests/test_attention.py#L9"
    assert test.get_text() == "test of llmath.attention.softmax"  # for screen readers
    assert len(lines) == 2  # none under derivations


def test_equation_with_two_functions_links_both(book):
    (line,) = book.page("chapters/07_training").select(".equation-links")
    assert "llmath.optim.Sgd · test" in line.get_text()
    assert "llmath.optim.sgd_update · test" in line.get_text()


def test_equation_index(book):
    page = book.page("equations")
    chapters = [rubric.get_text() for rubric in page.select("article .rubric")]
    assert chapters == ["3. Attention", "7. Training"]
    rows = page.select("table.equation-index tbody tr")
    numbers = [row.select_one("td a") for row in rows]
    assert [number.get_text() for number in numbers] == ["(3.1)", "(3.2)", "(7.1)"]
    anchor = "chapters/03_attention.html#equation-eq-softmax"
    assert numbers[0]["href"] == anchor
    cell = rows[0].select("td")[1]
    assert r"\frac{e^{z_i}}{\sum_j e^{z_j}}" in cell.get_text()
    function, test = cell.select("a")
    assert function["href"] == f"{BLOB}/lib/llmath/attention.py#L2-L4"
    assert test["href"] == f"{BLOB}/tests/test_attention.py#L9"


def test_the_index_shows_formulas_without_the_sentence_s_end():
    for formula in (r"x^2 .", "x^2", r"x^2\,,", "x^2 ;\n"):
        assert equation_links.END_OF_SENTENCE.sub("", formula) == "x^2"


def test_without_a_repository_there_are_names_but_no_links(build):
    built = build(html_theme_options={})
    assert not built.warnings
    (line,) = built.page("chapters/07_training").select(".equation-links")
    assert "llmath.optim.sgd_update" in line.get_text()
    assert not line.select("a")


def test_moved_functions_reach_the_page_in_the_next_build(build):
    build()
    moved = build(
        lambda folder: edit(folder, "lib/llmath/optim.py", "class", "\n\nclass")
    )
    (line,) = moved.page("chapters/07_training").select(".equation-links")
    assert line.a["href"] == f"{BLOB}/lib/llmath/optim.py#L4-L5"
