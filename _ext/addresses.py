"""repository.url of _config.yml → every address that the book links to

Jupyter Book hands `repository.url` and `repository.branch` to the theme; nothing else
in the book knows where it is published.
"""

from __future__ import annotations

import re

from sphinx.config import Config

NOTEBOOK_BRANCH = "notebooks"  # of the repository: the resolved notebooks
GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/]+?)(?:\.git)?/?")


def repository(config: Config) -> str:
    """https://github.com/owner/book, or "" where none is set."""
    return (config.html_theme_options.get("repository_url") or "").rstrip("/")


def source(config: Config, path: str, lines: tuple[int, int] | None = None) -> str:
    """A file of the repository, at its lines."""
    branch = config.html_theme_options.get("repository_branch") or "main"
    anchor = "#" + "-".join(f"L{line}" for line in dict.fromkeys(lines or ()))
    return f"{repository(config)}/blob/{branch}/{path}{anchor.rstrip('#')}"


def site(config: Config) -> str:
    """Where the pages are: html_baseurl, else the repository's GitHub pages."""
    if config.html_baseurl:
        return config.html_baseurl.rstrip("/") + "/"
    match = GITHUB.fullmatch(repository(config))
    return f"https://{match[1]}.github.io/{match[2]}/" if match else ""


def colab(config: Config, notebook: str) -> str:
    """Colab, with the published copy of a resolved notebook such as 03_attention."""
    match = GITHUB.fullmatch(repository(config))
    if not match:
        return ""
    path = f"{match[1]}/{match[2]}/blob/{NOTEBOOK_BRANCH}/{notebook}.ipynb"
    return f"https://colab.research.google.com/github/{path}"
