"""Documents for tests of the Python API."""

from pathlib import Path

import pytest
from pdfs import blank_pdf, encrypted_pdf, text_pdf, truncated_pdf


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    text_pdf(folder / "report.pdf", pages=2)
    blank_pdf(folder / "blank.pdf")
    truncated_pdf(folder / "cut.pdf")
    encrypted_pdf(folder / "secret.pdf", "unknown")
    return folder
