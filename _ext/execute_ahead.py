"""notebooks → the cache of executed ones, several at a time, before Sphinx reads them

Sphinx reads page after page, and myst-nb executes each as it is read. Here those that
the cache lacks are executed beforehand, on all cores, so that reading finds them. One
that fails is left out: myst-nb executes it again, in its turn, and says what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

MOST = 4  # kernels at a time: some hold more than a gigabyte
THREADS = "OMP_NUM_THREADS"  # of a kernel's torch and NumPy
LOG = logging.getLogger(__name__)


def missing(cache: JupyterCacheAbstract, notebooks: list[Path]) -> list[Path]:
    """Those whose cells, as they are now, the cache does not hold executed."""
    found = []
    for path in notebooks:
        try:
            cache.match_cache_notebook(nbformat.read(path, 4))
        except KeyError:
            found.append(path)
    return found


@contextmanager
def threads_of_kernels(n: int) -> Iterator[None]:
    """Kernels that begin within have n threads each, unless one has chosen already."""
    chosen = os.environ.get(THREADS)
    os.environ.setdefault(THREADS, str(n))
    try:
        yield
    finally:
        if chosen is None:
            del os.environ[THREADS]


def execute(path: Path, timeout: int) -> ExecutionResult:
    LOG.info("%s: Executing notebook using a kernel of its own", path)
    notebook = nbformat.read(path, 4)
    how = {"timeout": timeout, "allow_errors": False}
    return single_nb_execution(notebook, cwd=str(path.parent), **how)


def execute_ahead(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    cache = get_cache(app.config.nb_execution_cache_path)
    pages = (Path(env.doc2path(name)) for name in reversed(docnames))  # long ones first
    notebooks = missing(cache, [page for page in pages if page.suffix == ".ipynb"])
    cores = os.cpu_count() or 1
    workers = min(cores, MOST, len(notebooks))
    if workers < 2:
        return
    timeout = app.config.nb_execution_timeout
    with threads_of_kernels(cores // workers), ThreadPoolExecutor(workers) as pool:
        results = pool.map(lambda path: execute(path, timeout), notebooks)
        for path, result in zip(notebooks, results, strict=True):
            if result.err is None:
                took = {"execution_seconds": result.time}
                bundle = CacheBundleIn(result.nb, str(path), data=took)
                cache.cache_notebook_bundle(
                    bundle, check_validity=False, overwrite=True
                )


def setup(app: Sphinx) -> dict:
    app.connect("env-before-read-docs", execute_ahead)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
