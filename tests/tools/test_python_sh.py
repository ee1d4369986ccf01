"""python.sh: the newest fitting Python, or one line that says what to do"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "python.sh"
SH = shutil.which("sh")

# Answers python.sh's three questions as a Python of that version would.
FAKE = """#!{sh}
case "$2" in
  *'import venv'*) exit {venv} ;;
  *sys.exit*) exit {unfit} ;;
  *stdout.write*) printf '{version}' ;;
  *) echo "{version} runs $*" ;;
esac
"""


def install(folder: Path, name: str, version: str, *, venv: bool = True) -> None:
    minor = int(version.split(".")[1])
    text = FAKE.format(
        sh=SH, version=version, venv=0 if venv else 1, unfit=int(not 11 <= minor <= 14)
    )
    program = folder / name
    program.write_text(text)
    program.chmod(0o755)


def run(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(folder), **env}
    command = [SH, str(SCRIPT), "set_up.py", "--now"]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def complaint(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of a run that could not go on."""
    assert result.returncode == 1
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_a_fitting_python3_is_used(tmp_path, version):
    install(tmp_path, "python3", version)
    install(tmp_path, "python3.13", "3.13")
    assert run(tmp_path).stdout == f"{version} runs set_up.py --now\n"


def test_a_newer_one_beside_an_old_python3_is_found(tmp_path):
    install(tmp_path, "python3", "3.9")
    install(tmp_path, "python3.11", "3.11")
    install(tmp_path, "python3.12", "3.12")
    assert run(tmp_path).stdout.startswith("3.12 runs")


def test_one_that_cannot_make_environments_is_passed_over(tmp_path):
    install(tmp_path, "python3", "3.12", venv=False)
    install(tmp_path, "python3.11", "3.11")
    assert run(tmp_path).stdout.startswith("3.11 runs")


def test_none_at_all(tmp_path):
    line = complaint(run(tmp_path))
    assert "needs Python 3.11 to 3.14 (found: none)" in line
    assert "make PYTHON=" in line


def test_only_unfit_ones(tmp_path):
    install(tmp_path, "python3", "3.9")
    install(tmp_path, "python", "3.15")
    assert "(found: python3 is 3.9, python is 3.15)" in complaint(run(tmp_path))


def test_no_venv_module(tmp_path):
    """As on Debian, where it is a package of its own."""
    install(tmp_path, "python3", "3.12", venv=False)
    assert "apt install python3.12-venv" in complaint(run(tmp_path))


def test_a_named_one_is_used_and_no_other(tmp_path):
    install(tmp_path, "python3", "3.11")
    install(tmp_path, "mine", "3.13")
    assert run(tmp_path, PYTHON="mine").stdout.startswith("3.13 runs")
    assert "no such program" in complaint(run(tmp_path, PYTHON="yours"))
    install(tmp_path, "old", "3.10")
    line = complaint(run(tmp_path, PYTHON="old"))
    assert line == "PYTHON=old is Python 3.10; the book needs 3.11 to 3.14."


def test_the_real_python_passes(tmp_path):
    script = tmp_path / "hello.py"
    script.write_text("print('hello')")
    command = [SH, str(SCRIPT), str(script)]
    result = subprocess.run(command, env=os.environ, capture_output=True, text=True)
    assert result.stdout == "hello\n"
