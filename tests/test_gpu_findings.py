"""docs/gpu.md names the tests that hold what was found before the first GPU, and they are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = dict(re.findall(r"^\| (F\d+)\. (.+)$", (ROOT / "docs" / "gpu.md").read_text(), re.MULTILINE))
NAME = re.compile(r"`(?P<file>[\w/]*test_\w+\.py)?(?:::(?P<test>test_\w+))?`")


def test_every_finding_has_a_row() -> None:
    """Twelve were found."""
    assert list(ROWS) == [f"F{number}" for number in range(1, 13)]


@pytest.mark.parametrize("finding", ROWS)
def test_the_tests_of_a_finding_are_there(finding: str) -> None:
    """Each row names a test file, and each test that it names is a function of the file named last."""
    path, named = None, 0
    for found in NAME.finditer(ROWS[finding]):
        if found["file"]:
            (path,) = (ROOT / "tests").rglob(found["file"])
            named += 1
        if found["test"]:
            assert path is not None
            assert found["test"] in {getattr(node, "name", "") for node in ast.parse(path.read_text()).body}

    assert named
