"""Makefile: the help names every command there is"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split()
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0
    listed = re.findall(r"^  ([a-z-]+)", said.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(targets)
