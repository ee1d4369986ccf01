"""set_up: each step once, an interrupted one never, and a sentence when it cannot be"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import set_up
import steps

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9"  # the discard port: connections are refused


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The tools, working in an empty repository."""
    places = {"ROOT": tmp_path, "VENV": tmp_path / ".venv", "LOGS": tmp_path / "logs"}
    for name, path in places.items():
        monkeypatch.setattr(steps, name, path)
        monkeypatch.setattr(set_up, name, path, raising=False)
    monkeypatch.setattr(set_up, "STAMPS", tmp_path / ".venv" / "stamps")
    monkeypatch.setattr(set_up, "INTERRUPTED", tmp_path / ".venv" / "installing")
    monkeypatch.setattr(set_up, "VENDOR", tmp_path / "assets" / "vendor")
    return tmp_path


def test_a_step_is_done_once(elsewhere):
    done = []
    for _ in range(2):
        set_up.once("step", "inputs", lambda: done.append(1))
    assert done == [1]
    set_up.once("step", "changed inputs", lambda: done.append(2))
    assert done == [1, 2]


def test_a_failed_step_counts_as_never_done(elsewhere):
    def fail():
        raise steps.Problem("no luck")

    set_up.once("step", "old", lambda: None)
    with pytest.raises(steps.Problem):
        set_up.once("step", "new", fail)
    done = []
    set_up.once("step", "old", lambda: done.append(1))
    assert done == [1], "what was installed before the failure may be half replaced"


def test_a_working_environment_is_usable(elsewhere):
    python = Path(sys.executable)
    assert set_up.usable(python)
    assert not set_up.usable(elsewhere / "no" / "python")
    set_up.VENV.mkdir()
    set_up.INTERRUPTED.touch()
    assert not set_up.usable(python), "an installation was cut short"


def test_an_environment_without_pip_is_not_usable(elsewhere):
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", elsewhere / "bare"], check=True
    )
    assert not set_up.usable(elsewhere / "bare" / "bin" / "python")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "WARNING: Retrying … NewConnectionError('refused')\nERROR: No match",
            "network",
        ),
        ("ERROR: no version fits a==9 (from versions: none)", "network"),
        ("npm error code ENOTFOUND\nnpm error network", "network"),
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("x\nERROR: No matching distribution found for a==9\n", "No matching"),
        ("", "no reason given"),
    ],
)
def test_failures_come_down_to_one_line(output, said):
    result = steps.Result(1, output, "_build/logs/pip.log")
    line = str(set_up.explain(result, what="the packages"))
    assert said in line
    assert "\n" not in line


def test_only_the_fonts_that_browsers_load_are_named():
    style = (
        'src:url(a.woff2) format("woff2"),url(a.woff) format("woff"),'
        'url(a.ttf) format("truetype")}'
    )
    assert set_up.only_woff2(style) == 'src:url(a.woff2) format("woff2")}'


def test_an_unreachable_index_is_one_line(tmp_path):
    """The whole script, from nothing: it makes .venv, then finds no packages."""
    for name in ("requirements.txt", "pyproject.toml", "package.json"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    no_pip_settings = {k: v for k, v in os.environ.items() if "PIP_" not in k}
    unreachable = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": NOWHERE,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
    }
    result = subprocess.run(
        [sys.executable, tmp_path / "tools" / "set_up.py"],
        env=no_pip_settings | unreachable,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    line = result.stderr.strip()
    assert line.startswith("No connection to the registry of the Python packages")
    assert "\n" not in line
    assert not list((tmp_path / ".venv").glob("stamps/*"))


def test_an_unreachable_npm_registry_is_one_line(elsewhere, monkeypatch):
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, elsewhere)
    monkeypatch.setattr(set_up, "venv_python", lambda: Path(sys.executable))
    monkeypatch.setenv("npm_config_registry", NOWHERE)
    monkeypatch.setenv("npm_config_cache", str(elsewhere / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(steps.Problem, match=r"No connection.*browser's files"):
        set_up.install_browser_files()
    assert not set_up.VENDOR.exists()


def test_what_the_site_serves_is_all_there():
    """KaTeX in the version that sets the formulas, the typeface, plotly, licences."""
    vendor = ROOT / "assets" / "vendor"
    assert {f.name for f in vendor.iterdir()} == {"katex", "plotly", "serif"}
    assert len(list((vendor / "katex" / "fonts").glob("*.woff2"))) == 20
    assert len(list((vendor / "serif").glob("*.woff2"))) == 4


def test_katex_is_the_one_that_sets_the_formulas():
    import json

    import sphinxcontrib.katex as katex

    package = json.loads((ROOT / "package.json").read_text())
    assert package["dependencies"]["katex"] == katex.katex_version
