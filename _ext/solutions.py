"""BOOK_SOLUTIONS=0 → the book without solutions, code cells of solutions included

sphinx_exercise's own `hide_solutions` only knows solutions that stand in one directive;
of those that reach over several cells (`solution-start` … `solution-end`) it drops the
first line and keeps the answer. Here they are taken out once they are whole.
"""

from __future__ import annotations

import os

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform
from sphinx_exercise.nodes import solution_node
from sphinx_exercise.transforms import MergeGatedSolutions


class LeaveOutSolutions(SphinxTransform):
    default_priority = MergeGatedSolutions.default_priority + 1

    def apply(self) -> None:
        if self.config.show_solutions:
            return
        for solution in list(self.document.findall(solution_node)):
            solution.parent.remove(solution)


def read_environment(app: Sphinx, config: Config) -> None:
    if os.environ.get("BOOK_SOLUTIONS", "1") == "0":
        config.show_solutions = False


def setup(app: Sphinx) -> dict:
    app.add_config_value("show_solutions", True, "env", bool)
    app.add_transform(LeaveOutSolutions)
    app.connect("config-inited", read_environment)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
