"""JUnit XML → an error unless the tests in the browser were run, not skipped"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from steps import Problem, main

NEEDED = ("test_pages", "test_figures", "test_values", "test_from_disk")


def ran(report: Path, module: str) -> int:
    """How many of a module's tests were run."""
    cases = ElementTree.parse(report).iter("testcase")
    mine = [case for case in cases if f"tests.book.{module}" in case.get("classname")]
    return sum(case.find("skipped") is None for case in mine)


def check() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).exists():
        raise Problem("usage: tests_ran.py REPORT.xml, of a run that has taken place")
    counts = {module: ran(Path(sys.argv[1]), module) for module in NEEDED}
    if not all(counts.values()):
        missing = ", ".join(module for module, count in counts.items() if not count)
        raise Problem(f"These tests in the browser did not run: {missing}")
    print(", ".join(f"{count} tests of {module}" for module, count in counts.items()))


if __name__ == "__main__":
    main(check)
