"""The public address stands in _config.yml; whatever repeats it says the same"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import addresses

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
OPTIONS = {"repository_url": REPOSITORY}
SITE = addresses.site(SimpleNamespace(html_baseurl="", html_theme_options=OPTIONS))


def test_the_citation_agrees():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert citation["repository-code"] == REPOSITORY
    assert citation["url"] == SITE


@pytest.mark.parametrize("name", ["README.md", "LICENSE-text"])
def test_whoever_names_the_site_names_this_one(name):
    text = (ROOT / name).read_text("utf8")
    owner = REPOSITORY.split("/")[-2]
    named = re.findall(rf"https://(?:github\.com/{owner}|{owner}\.github\.io)\S*", text)
    assert named
    assert {address.rstrip("/>.)") for address in named} <= {REPOSITORY, SITE[:-1]}


def test_nothing_else_spells_it_out():
    """Pages, tools and notebooks take it from the configuration."""
    command = ["git", "grep", "-lF", REPOSITORY.removeprefix("https://github.com/")]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    allowed = {"_config.yml", "CITATION.cff", "README.md", "LICENSE-text"}
    assert set(found.stdout.split()) <= allowed
