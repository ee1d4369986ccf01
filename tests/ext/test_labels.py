"""labels: whoever refers to one must not have to guess which is meant"""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

CHAPTERS = Path(__file__).parents[2] / "chapters"
# An exercise or a statement; a section; an equation.
LABEL = re.compile(
    r"^\s*:label: (\S+)|^\(([^)\s]+)\)=|\$\$ \(([^)\s]+)\)", re.MULTILINE
)


def text_of(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text("utf-8")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\n\n".join(
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
    )


def labels(text: str) -> Counter[str]:
    return Counter("".join(found) for found in LABEL.findall(text))


@pytest.mark.parametrize(
    "text", [":label: a", "(a)=\n# A", "$$\nx\n$$ (a)", "- one\n\n  $$ x $$ (a)"]
)
def test_a_label_is_found_in_each_of_its_forms(text):
    assert labels(f"{text}\n\n{text}") == {"a": 2}


def test_no_label_of_the_book_stands_twice():
    pages = [p for p in CHAPTERS.iterdir() if p.suffix in (".ipynb", ".md")]
    found = sum((labels(text_of(page)) for page in pages), Counter())
    assert len(found) > 300
    assert {label: n for label, n in found.items() if n > 1} == {}
