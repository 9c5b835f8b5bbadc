"""The folder of real PDFs that several benches read, and what they say without it."""

import sys
from pathlib import Path

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"  # beside the repository, not part of it
FETCH = "`python samples/fetch_corpus.py FOLDER` fetches it"


def refuse_missing(*paths: Path) -> None:
    """End the program with one sentence if a file that it reads is missing."""
    for path in paths:
        if not path.exists():
            sys.exit(f"{path} is missing: it is a part of the corpus of real PDFs; {FETCH}")
