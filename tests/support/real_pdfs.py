"""The real PDFs beside the repository, and what a test says that is skipped without them."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "../shared"
CORPUS = SHARED / "corpus"
CASES = SHARED / "cases"  # outputs of models that users reported; they are not published
FETCH = "needs ../shared/corpus: `python samples/fetch_corpus.py` fetches it"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=FETCH)
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases, which is not published")
