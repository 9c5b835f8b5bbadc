"""The documents that runs under fire read."""

from pathlib import Path

import pytest
from faulty_run import write_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `pages`."""
    return tmp_path_factory.mktemp("inputs")


@pytest.fixture(scope="module")
def pages(inputs: Path) -> dict[str, int]:
    """The documents in that folder, with their numbers of pages."""
    return write_inputs(inputs)
