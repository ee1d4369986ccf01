"""_build/notebooks → run as on Colab: from their first cell, in a foreign Jupyter

Colab cannot be had on a machine of one's own, but what a notebook meets there can: an
environment with Jupyter, torch and a numpy that is not the book's, an empty folder, no
llmath. Each notebook runs in a fresh environment that sees such a stock (kept in
_build/colab between runs) and installs the rest itself, from the sources of this folder
(LLMATH_SOURCE). Then torch and numpy must be what they were. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from set_up import explain
from steps import BUILD, ROOT, Problem, Progress, main, run_logged

NOTEBOOKS = BUILD / "notebooks"
FOLDER = BUILD / "colab"
STOCK = FOLDER / "stock"
PLATFORM = (
    "jupyter",
    "ipykernel",
    "nbclient",
    "ipywidgets",
    "numpy==2.2.6; python_version < '3.14'",
    "numpy==2.3.5; python_version >= '3.14'",
)
KEPT = ("torch", "numpy")
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "lib")
VIEW = "application/vnd.jupyter.widget-view+json"
VERSIONS = (
    "import json; from importlib.metadata import version; "
    f"print(json.dumps({{p: version(p) for p in {KEPT}}}))"
)


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages(environment: Path) -> Path:
    if os.name == "nt":
        return environment / "Lib" / "site-packages"
    return next((environment / "lib").glob("python*/site-packages"))


def make_environment(folder: Path) -> None:
    command = [sys.executable, "-m", "venv", "--clear", folder]
    result = run_logged(command, "colab-venv.log")
    if result.status:
        raise Problem(f"Python could not make {folder}: see {result.log}")


def torch_pin() -> str:
    text = (ROOT / "requirements.txt").read_text("utf8")
    return re.search(r"^torch==\S+", text, re.M)[0]


def make_stock() -> None:
    """What the platform brings, once."""
    packages = [*PLATFORM, torch_pin()]
    wanted = hashlib.sha256(" ".join([sys.version, *packages]).encode()).hexdigest()
    stamp = STOCK / "made"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    progress = Progress("Making a Jupyter like Colab's, once")

    def on_line(line: str) -> None:
        if name := re.match(r"Collecting ([^\s;]+)", line):
            progress.show(name[1])

    make_environment(STOCK)
    command = [python_of(STOCK), "-m", "pip", "install", "--progress-bar", "off"]
    result = run_logged([*command, *packages], "colab-stock.log", on_line=on_line)
    if result.status:
        raise explain(result, what="a Jupyter like Colab's")
    stamp.write_text(wanted)
    progress.done()


def copy_sources(folder: Path) -> Path:
    """What pip would get from the repository, without what builds left in it."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            left_out = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
            shutil.copytree(source, folder / name, ignore=left_out)
        elif source.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def fresh_environment(folder: Path) -> Path:
    """An environment of its own that sees the stock, as Colab's sees the system."""
    make_environment(folder)
    seen = site_packages(folder) / "stock.pth"
    seen.write_text(f"{site_packages(STOCK)}\n", "utf8")
    return python_of(folder)


def versions(python: Path) -> dict[str, str]:
    result = run_logged([python, "-c", VERSIONS], "colab-versions.log")
    if result.status:
        raise Problem(f"torch or numpy is gone: see {result.log}")
    return json.loads(result.output)


def run(notebook: Path, python: Path, folder: Path, source: Path) -> Path:
    """Executes it in an empty folder; gives the executed notebook."""
    work, home = folder / "work", folder / "home"
    work.mkdir()
    executed = FOLDER / notebook.name
    env = {
        "LLMATH_SOURCE": str(source),
        "JUPYTER_DATA_DIR": str(home),
        "JUPYTER_CONFIG_DIR": str(home),
        "IPYTHONDIR": str(home),
        "PYTHONPATH": "",
        "BOOK_STATIC": "",
    }
    script = ROOT / "tools" / "run_notebook.py"
    command = [python, script, notebook, executed, work]
    result = run_logged(command, f"colab-{notebook.stem}.log", env=env)
    if result.status:
        reason = (result.output.strip().splitlines() or ["no reason given"])[-1]
        raise Problem(f"{notebook.name} does not run: {reason} Details: {result.log}")
    return executed


def what_ran(executed: Path) -> tuple[int, int]:
    """Code cells run and widgets shown; a Problem for any that did not."""
    notebook = json.loads(executed.read_text("utf8"))
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    skipped = [c["id"] for c in code if c["execution_count"] is None]
    if skipped:
        raise Problem(f"{executed.name}: not run: {', '.join(skipped)}")
    if code[0]["outputs"]:
        raise Problem(f"{executed.name}: the first cell should say nothing.")
    shown = [
        output["data"][VIEW]["model_id"]
        for cell in code
        for output in cell["outputs"]
        if VIEW in output.get("data", {})
    ]
    widgets = notebook["metadata"].get("widgets", {})
    state = widgets.get("application/vnd.jupyter.widget-state+json", {})
    lost = set(shown) - set(state.get("state", {}))
    if not shown or lost:
        raise Problem(f"{executed.name}: {len(shown)} widgets shown, {len(lost)} lost")
    return len(code), len(shown)


def try_notebook(notebook: Path, source: Path) -> None:
    progress = Progress(f"Running {notebook.name} in an environment without llmath")
    with tempfile.TemporaryDirectory(prefix="colab-") as name:
        folder, start = Path(name), time.monotonic()
        python = fresh_environment(folder / "venv")
        before = versions(python)
        executed = run(notebook, python, folder, source)
        cells, widgets = what_ran(executed)
        after = versions(python)
        if after != before:
            raise Problem(f"{notebook.name} changed {before} to {after}.")
        if not (site_packages(folder / "venv") / "llmath").is_dir():
            raise Problem(f"{notebook.name} did not install llmath itself.")
    kept = ", ".join(f"{package} {version}" for package, version in after.items())
    seconds = time.monotonic() - start
    progress.note(
        f"{cells} cells and {widgets} widgets in {seconds:.0f} s; kept {kept}"
    )


def try_all() -> None:
    notebooks = sorted(NOTEBOOKS.glob("*.ipynb"))
    if not notebooks:
        raise Problem("There are no notebooks yet: run make build first.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    make_stock()
    with tempfile.TemporaryDirectory(prefix="llmath-") as name:
        source = copy_sources(Path(name) / "llmath")
        for notebook in notebooks:
            try_notebook(notebook, source)


if __name__ == "__main__":
    main(try_all)
