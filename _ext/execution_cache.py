"""lib/, packages → the folder in which executed notebooks are kept

jupyter-cache runs a notebook again when its cells change, and only then. What a cell
prints also depends on the library it calls, so the folder of the cache carries a
digest of the library, of the stored results and of the pinned packages.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

WATCHED = ("lib/**/*.py", "results/**/*", "requirements*.txt")
KEPT = 3  # caches of this many states of the library: changing branches costs nothing


def digest(root: Path) -> str:
    """Names and contents of everything that a cell's output depends on."""
    files = {f for pattern in WATCHED for f in root.glob(pattern) if f.is_file()}
    total = hashlib.sha256()
    for file in sorted(files):
        if "__pycache__" not in file.parts:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()[:16]


def forget_old(caches: Path, *, keep: int) -> None:
    """Removes all but the caches used last."""
    by_use = sorted(
        (d for d in caches.iterdir() if d.is_dir()), key=lambda d: d.stat().st_mtime
    )
    for old in by_use[:-keep]:
        shutil.rmtree(old)


def set_cache(app: Sphinx, config: Config) -> None:
    caches = Path(app.outdir).parent / ".jupyter_cache"
    cache = caches / digest(Path(app.srcdir))
    cache.mkdir(parents=True, exist_ok=True)
    cache.touch()
    forget_old(caches, keep=KEPT)
    config.nb_execution_cache_path = str(cache)


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", set_cache, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
