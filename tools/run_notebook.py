"""python run_notebook.py NOTEBOOK RESULT FOLDER: runs every cell, in the folder

Runs inside the environment that is being tried, so it needs only what Jupyter brings.
The executed notebook goes to RESULT, whole or as far as it came; an error is printed in
one line and ends the run with 1.
"""

from __future__ import annotations

import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

TIMEOUT = 900  # seconds for a cell; the first one installs


def run(source: str, result: str, folder: str) -> str:
    """The error, in one line; "" if there was none."""
    notebook = nbformat.read(source, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        store_widget_state=True,
        resources={"metadata": {"path": folder}},
    )
    try:
        client.execute()
        return ""
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except (CellTimeoutError, DeadKernelError) as error:
        return str(error).strip().splitlines()[0]
    finally:
        nbformat.write(notebook, result)


if __name__ == "__main__":
    problem = run(*sys.argv[1:])
    print(problem)
    sys.exit(bool(problem))
