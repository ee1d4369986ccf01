"""A function is tested where a test names it, under whatever name it was imported."""

from __future__ import annotations

import pytest

import named_tests

NAME = "llmath.attention.softmax"

FOUND = {
    "by name": (
        "from llmath.attention import softmax\n\ndef test_x():\n    softmax(1)\n"
    ),
    "under another name": (
        "from llmath.attention import softmax as s\n\ndef test_x():\n    s(1)\n"
    ),
    "through its module": (
        "from llmath import attention\n\ndef test_x():\n    attention.softmax(1)\n"
    ),
    "through an alias": (
        "import llmath.attention as A\n\ndef test_x():\n    A.softmax(1)\n"
    ),
    "in full": (
        "import llmath.attention\n\ndef test_x():\n    llmath.attention.softmax(1)\n"
    ),
}
NOT_FOUND = {
    "only imported": "from llmath.attention import softmax\n",
    "a local variable": "def test_x():\n    softmax = 1\n    assert softmax\n",
    "another library's": "from torch import softmax\n\ndef test_x():\n    softmax(1)\n",
    "only its twin": (
        "from llmath.reference.attention import softmax\n\n"
        "def test_x():\n    softmax(1)\n"
    ),
    "in a comment": "# softmax\n",
}


@pytest.mark.parametrize("case", FOUND)
def test_found(tmp_path, case):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_attention.py").write_text(FOUND[case])
    use = named_tests.find(tmp_path, [NAME])[NAME]
    assert (use.file, use.line, use.test) == ("tests/test_attention.py", 4, "test_x")


@pytest.mark.parametrize("case", NOT_FOUND)
def test_not_found(tmp_path, case):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_attention.py").write_text(NOT_FOUND[case])
    assert named_tests.find(tmp_path, [NAME]) == {}


def test_the_mirrored_file_and_a_real_test_speak_first(tmp_path):
    (tmp_path / "tests" / "sub").mkdir(parents=True)
    use = "from llmath.attention import softmax\n"
    other = use + "def test_other():\n    softmax(1)\n"
    mirror = use + "CASES = [softmax]\n\ndef test_it():\n    softmax(1)\n"
    (tmp_path / "tests" / "test_a.py").write_text(other)
    assert named_tests.find(tmp_path, [NAME])[NAME].test == "test_other"
    (tmp_path / "tests" / "sub" / "test_attention.py").write_text(mirror)
    found = named_tests.find(tmp_path, [NAME])[NAME]
    assert (found.file, found.test) == ("tests/sub/test_attention.py", "test_it")


def test_a_package_offers_what_its_files_define(tmp_path):
    package = tmp_path / "lib" / "llmath" / "interpret"
    package.mkdir(parents=True)
    init = "from llmath.interpret.scores import sink_score as sink\n"
    (package / "__init__.py").write_text(init)
    (tmp_path / "tests").mkdir()
    test = "from llmath.interpret import sink\n\ndef test_x():\n    sink(1)\n"
    (tmp_path / "tests" / "test_scores.py").write_text(test)
    name = "llmath.interpret.scores.sink_score"
    assert named_tests.find(tmp_path, [name])[name].line == 4
