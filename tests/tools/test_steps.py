"""steps: programs with a log, and scripts that end in one line"""

from __future__ import annotations

import sys

import pytest

import steps


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "ROOT", tmp_path)
    monkeypatch.setattr(steps, "LOGS", tmp_path / "logs")


def test_output_is_kept_and_passed_on(tmp_path):
    seen = []
    program = "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"
    command = [sys.executable, "-u", "-c", program]
    result = steps.run_logged(command, "a.log", on_line=seen.append)
    assert (result.status, result.log) == (3, "logs/a.log")
    assert sorted(seen) == ["one", "two"]
    assert (tmp_path / "logs" / "a.log").read_text() == result.output


def test_the_environment_is_added_to():
    command = [
        sys.executable,
        "-c",
        "import os; print(os.environ['BOOK'], os.getcwd())",
    ]
    result = steps.run_logged(command, "b.log", env={"BOOK": "here"})
    assert result.output.split() == ["here", str(steps.ROOT)]


def test_a_problem_is_one_line(capsys):
    def fail():
        raise steps.Problem("Install it.")

    with pytest.raises(SystemExit) as end:
        steps.main(fail)
    assert end.value.code == 1
    assert capsys.readouterr().err == "\nInstall it.\n"


def test_stopping_is_no_error_of_ours(capsys):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        steps.main(stop)
    assert end.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_progress_without_a_terminal_is_plain(capsys):
    progress = steps.Progress("Working", every=0)
    progress.show("half")
    progress.note("a note")
    progress.done()
    assert capsys.readouterr().out == "Working\n  half\n  a note\n  done (0 s)\n"
