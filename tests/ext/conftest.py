"""A tiny book, built once with the extensions of the real one."""

from __future__ import annotations

import io
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import bs4
import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils
from sphinx_external_toc import collectors

sys.path.insert(0, str(Path(__file__).parent))
import tiny_book

EXTENSIONS = [
    "sphinx_togglebutton",
    "myst_nb",
    "jupyter_book",
    "sphinx_comments",
    "sphinx_external_toc",
    "sphinx_design",
    "sphinx_book_theme",
    "sphinxcontrib.bibtex",
    "sphinx_exercise",
    "sphinx_proof",
    "tiny_macros",
]
OURS = [
    "chapter_numbers",
    "citation_style",
    "equation_links",
    "resolved_notebooks",
    "solutions",
]
CONFIG = {
    "project": "Tiny",
    "html_title": "A Tiny Book",
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {"repository_url": tiny_book.REPOSITORY},
    "exclude_patterns": ["_build"],
    "external_toc_exclude_missing": True,
    "use_multitoc_numbering": True,
    "numfig": True,
    "numfig_secnum_depth": 1,
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["amsmath", "colon_fence", "deflist", "dollarmath"],
    "bibtex_bibfiles": ["references.bib"],
    "bibtex_reference_style": "author_year_round",
    "math_macros": {
        r"\softmax": r"\operatorname{softmax}",
        r"\R": r"\mathbb{R}",
        r"\T": r"^{\top}",
        r"\norm": r"\lVert #1 \rVert",
        r"\loss": r"\mathcal{L}",
    },
}


@dataclass
class Built:
    folder: Path
    log: str
    warnings: list[str]
    status: int

    def page(self, name: str) -> bs4.BeautifulSoup:
        file = self.folder / "_build" / "html" / f"{name}.html"
        return bs4.BeautifulSoup(file.read_text("utf8"), "html.parser")

    def notebook(self, name: str) -> nbformat.NotebookNode:
        file = self.folder / "_build" / "notebooks" / f"{name}.ipynb"
        return nbformat.read(file, as_version=4)


def build_book(folder: Path, *, ours: list[str] = OURS, **config) -> Built:
    """sphinx-build -W --keep-going, without a new process."""
    log, warnings = io.StringIO(), io.StringIO()
    settings = CONFIG | {"extensions": EXTENSIONS + ours} | config
    output = folder / "_build"
    with patch_docutils(folder), docutils_namespace():
        app = Sphinx(
            folder,
            None,
            output / "html",
            output / ".doctrees",
            "html",
            confoverrides=settings,
            status=log,
            warning=warnings,
            warningiserror=True,
            keep_going=True,
        )
        app.build()
    lines = [line for line in warnings.getvalue().splitlines() if line]
    return Built(folder, log.getvalue(), lines, app.statuscode)


@pytest.fixture(scope="session", autouse=True)
def live_objects() -> Iterator[None]:
    """sphinx_external_toc looks at all objects that there are, in search of its rival.

    Other tests of the process may have left weak proxies of what is gone, and looking
    at such a one raises.
    """
    found = collectors.gc.get_objects

    def living() -> list:
        return [each for each in found() if type(each) not in weakref.ProxyTypes]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collectors, "gc", SimpleNamespace(get_objects=living))
        yield


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The tiny book as it is."""
    return build_book(tiny_book.write(tmp_path_factory.mktemp("tiny") / "book"))


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Built]:
    """build(change, **config): a tiny book of one's own, changed before it is built."""

    def build(change: Callable[[Path], None] = lambda folder: None, **config) -> Built:
        folder = tmp_path / "book"
        if not folder.exists():
            tiny_book.write(folder)
        change(folder)
        return build_book(folder, **config)

    return build


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The tiny book's sources, not built."""
    return tiny_book.write(tmp_path / "book")
