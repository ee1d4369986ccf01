"""sources → _build/html; does nothing when nothing has changed

Every build is a full one (`--all`): executed notebooks come from the cache, so this
costs seconds, and a warning on an unchanged page cannot slip through. Standard
library only.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from steps import BUILD, ROOT, Problem, Progress, main, run_logged, venv_python

SOURCES = ("_config.yml", "_toc.yml", "*.md", "*.bib", "requirements*.txt",
           "package-lock.json", "chapters/**/*", "course/**/*", "results/**/*",
           "lib/**/*", "_ext/**/*", "assets/**/*", "tests/**/*.py")  # fmt: skip
STAMP = BUILD / "built"
RUN = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
MILESTONE = re.compile(r"(reading sources|writing output)\.\.\. \[ *(\d+%)\] (\S*)")
EXECUTING = re.compile(r"(\S+): Executing notebook")
COMPLAINT = re.compile(r"\b(?:WARNING|ERROR|CRITICAL|\w*[Ee]rror): ")


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


def run_jupyter_book() -> None:
    progress = Progress("Executing the notebooks and building the pages")
    complaints: list[str] = []

    def on_line(line: str) -> None:
        line = plain(line)
        if step := MILESTONE.search(line):
            progress.show(f"{step[1]} {step[2]} {step[3]}")
        elif notebook := EXECUTING.search(line):
            progress.note(f"executing {Path(notebook[1]).name}")
        elif COMPLAINT.search(line):
            complaints.append(line)
            progress.note(line)

    arguments = ["build", ".", "--all", "-W", "--keep-going"]
    command = [venv_python(), "-c", RUN, *arguments]
    env = {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    result = run_logged(command, "book.log", on_line=on_line, env=env)
    if result.status:
        last = plain(result.output).strip().splitlines()[-1:]
        reason = (complaints or last or ["no reason given"])[0]
        raise Problem(f"No book: {reason} Details: {result.log}")
    progress.done(f"{len(list((BUILD / 'html').rglob('*.html')))} pages")


def build() -> None:
    if not venv_python().exists():
        raise Problem("Nothing is installed yet: run make setup first.")
    digest = sources_digest()
    page = BUILD / "html" / "index.html"
    if STAMP.exists() and STAMP.read_text() == digest and page.exists():
        print("The book is up to date.")
        return
    STAMP.unlink(missing_ok=True)
    run_jupyter_book()
    STAMP.write_text(digest)


if __name__ == "__main__":
    main(build)
