"""Fetch the real PDFs that tests and benches use: `python samples/fetch_corpus.py [FOLDER]`.

FOLDER is by default ../shared/corpus beside the repository, where tests look. It gets the list, too, as manifest.jsonl.
Fifty files from public repositories, 12 MB, each at a fixed commit; corpus.jsonl beside this script has their places,
licences, checksums and what to expect of them. A file is kept only if its sha256 is the one in the list; one that is
there already is not fetched again. Two files are the beginnings of others.
Without network, draw documents instead: `python -m samples.draw FOLDER`.
"""

import argparse
import hashlib
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

LIST = Path(__file__).with_name("corpus.jsonl")
SERVER = "https://raw.githubusercontent.com"  # SERVER/OWNER/REPOSITORY/COMMIT/PATH
TIMEOUT_S = 60.0
Entry = dict[str, Any]


def main() -> None:
    """Fetch what is missing; the exit code is 1 if a file is missing in the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "corpus")
    parser.add_argument("--server", default=SERVER, help="a mirror with the same paths")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    text = LIST.read_text(encoding="utf-8")
    failed = 0
    for entry in entries(text):
        try:
            print(f"{entry['file']}: {fetch(entry, options.folder, options.server)}", flush=True)
        except (OSError, ValueError) as error:
            print(f"{entry['file']}: {error}", file=sys.stderr, flush=True)
            failed += 1
    if failed:
        sys.exit(f"{failed} files are missing; run again, or do without them")
    (options.folder / "manifest.jsonl").write_text(text, encoding="utf-8")


def entries(text: str) -> Iterator[Entry]:
    """Return each file of the list: the PDFs, and the Markdown that is the ground truth of some."""
    for line in text.splitlines():
        entry = json.loads(line)
        yield entry
        if "ground_truth" in entry:
            folder = entry["source_path"].replace("/sources/", "/groundtruth/")
            truth = {"file": entry["ground_truth"], "source_path": f"{folder.removesuffix('.pdf')}.md"}
            yield {**entry, **truth, "sha256": entry["ground_truth_sha256"], "bytes": entry["ground_truth_bytes"]}


def fetch(entry: Entry, folder: Path, server: str) -> str:
    """Put one file into the folder, and return a word that says how it came there.

    Raises:
        OSError: It cannot be fetched or written.
        ValueError: Something else lies there.
    """
    path = folder / entry["file"]
    if path.exists() and is_right(path.read_bytes(), entry):
        return "is there"
    url = f"{server}/{entry['source_repo']}/{entry['commit']}/{quote(entry['source_path'])}"
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the server is named by the user
        data = answer.read()[: entry["bytes"]]
    if not is_right(data, entry):
        raise ValueError(f"{url} holds another file: its sha256 is not {entry['sha256']}")
    path.write_bytes(data)
    return "fetched"


def is_right(data: bytes, entry: Entry) -> bool:
    """Compare with the checksum of the list."""
    return hashlib.sha256(data).hexdigest() == str(entry["sha256"])


if __name__ == "__main__":
    main()
