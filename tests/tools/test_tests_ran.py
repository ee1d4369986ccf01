"""tests_ran: a run in which the browser's tests were skipped is no run"""

from __future__ import annotations

import pytest

import tests_ran

REPORT = """<testsuites><testsuite>
<testcase classname="tests.book.test_pages" name="a[light]"/>
<testcase classname="tests.book.test_pages" name="b"><skipped/></testcase>
<testcase classname="tests.book.test_figures" name="c"><skipped/></testcase>
<testcase classname="tests.test_norm" name="d"/>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("module", "count"), [("test_pages", 1), ("test_figures", 0), ("test_values", 0)]
)
def test_only_what_was_run_counts(tmp_path, module, count):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert tests_ran.ran(report, module) == count
