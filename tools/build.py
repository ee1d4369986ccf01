"""sources → _build/html; does nothing when nothing has changed

Every build is a full one (`--all`): executed notebooks come from the cache, so this
costs seconds, and a warning on an unchanged page cannot slip through. Standard
library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from steps import BUILD, ROOT, Problem, Progress, main, run_logged, venv_python

SOURCES = ("_config.yml", "_toc.yml", "_needs.yml", "*.md", "*.bib",
           "requirements*.txt", "package-lock.json", "chapters/**/*",
           "course/**/*", "results/**/*", "lib/**/*", "_ext/**/*", "assets/**/*",
           "tests/**/*.py")  # fmt: skip
STAMP = BUILD / "built"
RUN = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
MILESTONE = re.compile(r"(reading sources|writing output)\.\.\. \[ *(\d+%)\] (\S*)")
EXECUTING = re.compile(r"(\S+): Executing notebook using")
COMPLAINT = re.compile(r"\b(?:WARNING|ERROR|CRITICAL): ")
FAILED = re.compile(r"(\S+): WARNING: Executing notebook failed")
PYTHON_ERROR = re.compile(
    r"^\w*(?:Error|Exception|Exit|Interrupt)(?:: .*)?$", re.MULTILINE
)


def sources_digest() -> str:
    """Of all that the pages are made from (tests: the equation index links them)."""
    files = {f for pattern in SOURCES for f in ROOT.glob(pattern) if f.is_file()}
    total = hashlib.sha256(os.environ.get("BOOK_SOLUTIONS", "1").encode())
    for file in sorted(files):
        if not {"__pycache__", ".ipynb_checkpoints"} & set(file.parts):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(ROOT).as_posix()} {content}\n".encode())
    return total.hexdigest()


def plain(line: str) -> str:
    """Without the terminal's colours and without this machine's path."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line).replace(f"{ROOT}{os.sep}", "")


def reason(output: str) -> str:
    """What a failed build comes down to: the failing cell, else the first complaint."""
    if notebook := FAILED.search(output):
        error = PYTHON_ERROR.search(output, notebook.end())
        return f"{notebook[1]}: a cell failed: {error[0] if error else 'see the log'}"
    complaints = [line for line in output.splitlines() if COMPLAINT.search(line)]
    if complaints:
        more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        return complaints[0] + more
    error = PYTHON_ERROR.search(output)
    return error[0] if error else "no reason given"


def run_jupyter_book() -> None:
    progress = Progress("Executing the notebooks and building the pages")

    def on_line(line: str) -> None:
        line = plain(line)
        if COMPLAINT.search(line):
            progress.note(line)
        elif notebook := EXECUTING.search(line):
            progress.note(f"executing {Path(notebook[1]).name}")
        elif step := MILESTONE.search(line):
            progress.show(f"{step[1]} {step[2]} {step[3]}")

    arguments = ["build", ".", "--all", "-W", "--keep-going"]
    command = [venv_python(), "-c", RUN, *arguments]
    env = {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    result = run_logged(command, "book.log", on_line=on_line, env=env)
    if result.status:
        raise Problem(f"No book: {reason(plain(result.output))}. See {result.log}")
    progress.done("built")


def build() -> None:
    if not venv_python().exists():
        raise Problem("Nothing is installed yet: run make setup first.")
    digest = sources_digest()
    page = BUILD / "html" / "index.html"
    if STAMP.exists() and STAMP.read_text() == digest and page.exists():
        print("The book is up to date.")
        return
    STAMP.unlink(missing_ok=True)
    shutil.rmtree(BUILD / "html", ignore_errors=True)  # pages of chapters that are gone
    run_jupyter_book()
    STAMP.write_text(digest)


if __name__ == "__main__":
    main(build)
