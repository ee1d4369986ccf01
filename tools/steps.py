"""Running other programs: progress on one line, a log, failure in one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BUILD = ROOT / "_build"
LOGS = BUILD / "logs"


class Problem(Exception):
    """Something the reader can mend; its text says how, in one line."""


def venv_python() -> Path:
    folder = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return VENV / folder


class Progress:
    """One line that changes on a terminal; elsewhere a line every ten seconds."""

    def __init__(self, title: str, *, every: float = 10.0):
        self.title, self.every = title, every
        self.start = self.last = time.monotonic()
        self.tty = sys.stdout.isatty()
        print(title, flush=True)

    def show(self, text: str) -> None:
        now = time.monotonic()
        if self.tty:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K  {text}"[: width + 4], end="", flush=True)
        elif now - self.last > self.every:
            self.last = now
            print(f"  {text}", flush=True)

    def note(self, text: str) -> None:
        """A line that stays."""
        print(f"{self._clear()}  {text}", flush=True)

    def done(self, text: str = "done") -> None:
        seconds = time.monotonic() - self.start
        print(f"{self._clear()}  {text} ({seconds:.0f} s)", flush=True)

    def _clear(self) -> str:
        return "\r\033[K" if self.tty else ""


@dataclass(frozen=True)
class Result:
    """How a program ended: exit status, all it printed, and where that is kept."""

    status: int
    output: str
    log: str


def run_logged(
    command: Iterable[str | Path],
    log: str,
    *,
    on_line: Callable[[str], None] = lambda line: None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Runs the command in the repository's root.

    Every line goes to _build/logs/<log> and to `on_line`, as it comes.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / log
    lines = []
    with path.open("w", encoding="utf8") as file:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf8",
            errors="replace",
        )
        try:
            for line in process.stdout:
                file.write(line)
                lines.append(line)
                on_line(line.rstrip())
        except BaseException:
            process.terminate()
            raise
        finally:
            process.wait()
    shown = path.relative_to(ROOT).as_posix()
    return Result(process.returncode, "".join(lines), shown)


def main(action: Callable[[], object]) -> None:
    """Runs a script's action; a Problem ends it with one line and no traceback."""
    try:
        action()
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)
