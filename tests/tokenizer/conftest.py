"""The text on which the tests train"""

import pytest

from llmath import data


@pytest.fixture(scope="session")
def shakespeare() -> str:
    """The complete works, 5 MB."""
    return data.shakespeare()
