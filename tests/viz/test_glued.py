"""Our glue puts out what myst_nb's does: the site cannot tell them apart"""

from __future__ import annotations

import myst_nb
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from llmath.viz import glue


class Formula:
    def _repr_latex_(self):
        return "$x^2$"


@pytest.fixture(autouse=True)
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("display", [True, False])
@pytest.mark.parametrize(
    "value", [1.5, "text", Formula(), [1, 2]], ids=lambda value: type(value).__name__
)
def test_same_output_as_myst_nb(value, display):
    outputs = []
    for implementation in (glue, myst_nb.glue):
        with capture_output() as captured:
            implementation("name", value, display=display)
        outputs.append([(o.data, o.metadata) for o in captured.outputs])
    assert outputs[0] == outputs[1]
    assert outputs[0][0][1]["scrapbook"]["name"] == "name"


def test_numpy_numbers_are_numbers():
    """The text shows 0.5 and not np.float64(0.5)."""
    with capture_output() as captured:
        glue("name", np.float64(0.5), display=True)
    assert captured.outputs[0].data["text/plain"] == "0.5"
