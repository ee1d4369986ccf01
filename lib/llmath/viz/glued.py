"""value → a name by which the text quotes it

The same output as myst_nb's `glue`, which the site reads; without myst_nb, so that the
cell also runs on Colab.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from IPython.core.formatters import format_display_data
from IPython.display import display as show_output

UNSEEN = "application/papermill.record/"  # kinds of output that no notebook shows


def glue(name: str, value: Any, *, display: bool = False) -> None:
    """Keeps what `value` looks like as `name`, by which the text quotes it.

    Unseen, unless `display` is true.
    """
    if isinstance(value, np.generic):  # 0.5, not np.float64(0.5): the text formats it
        value = value.item()
    data, metadata = format_display_data(value)
    prefix = "" if display else UNSEEN
    metadata["scrapbook"] = {"name": name, "mime_prefix": prefix}
    data = {prefix + kind: content for kind, content in data.items()}
    show_output(data, raw=True, metadata=metadata)
