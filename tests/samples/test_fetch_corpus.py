"""The corpus of real PDFs is fetched whole, or what is missing is named."""

import hashlib
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from real_pdfs import CORPUS, needs_corpus

from samples import fetch_corpus

WHOLE, TRUTH = b"%PDF-1.7 a file of somebody", b"# Its text"


def entry_of(name: str, data: bytes, **more: str | int) -> dict[str, str | int]:
    place = {"source_repo": "owner/repository", "commit": "c0ffee", "source_path": f"pdf/sources/{name}"}
    return {"file": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **place, **more}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server with the files of one repository at one commit."""
    for name, data in (("sources/a,b=c.pdf", WHOLE), ("groundtruth/a,b=c.md", TRUTH)):
        path = tmp_path / "www/owner/repository/c0ffee/pdf" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def fetch(monkeypatch: pytest.MonkeyPatch, folder: Path, server: str, *listed: dict[str, str | int]) -> None:
    path = folder.with_name("list.jsonl")
    path.write_text("\n".join(map(json.dumps, listed)))
    monkeypatch.setattr(fetch_corpus, "LIST", path)
    monkeypatch.setattr(sys, "argv", ["fetch_corpus.py", str(folder), "--server", server])
    fetch_corpus.main()


def test_files_come_with_their_ground_truth(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, the beginning of one, and its ground truth get their bytes; the list is beside them."""
    truth = {"ground_truth": "a.gt.md", "ground_truth_sha256": hashlib.sha256(TRUTH).hexdigest()}
    listed = entry_of("a,b=c.pdf", WHOLE, **truth, ground_truth_bytes=len(TRUTH))
    cut = {**listed, "file": "cut.pdf", "bytes": 9, "sha256": hashlib.sha256(WHOLE[:9]).hexdigest()}
    cut = {name: value for name, value in cut.items() if not name.startswith("ground")}
    folder = tmp_path / "corpus"
    fetch(monkeypatch, folder, server, listed, cut)

    assert (folder / "a,b=c.pdf").read_bytes() == WHOLE
    assert (folder / "cut.pdf").read_bytes() == WHOLE[:9]
    assert (folder / "a.gt.md").read_bytes() == TRUTH
    assert len((folder / "manifest.jsonl").read_text().splitlines()) == 2


def test_another_file_is_not_kept(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with another checksum, or none at all, is named and ends the command with 1; the others are kept."""
    folder = tmp_path / "corpus"
    listed = [entry_of("a,b=c.pdf", b"something else"), entry_of("missing.pdf", b"")]
    with pytest.raises(SystemExit, match="2 files are missing"):
        fetch(monkeypatch, folder, server, *listed)

    assert list(folder.iterdir()) == []


def test_the_list_names_every_file_once() -> None:
    """Each of the fifty has a place at a fixed commit, a checksum and a licence."""
    listed = [json.loads(line) for line in fetch_corpus.LIST.read_text().splitlines()]

    assert len({entry["file"] for entry in listed}) == len(listed) == 50
    assert all(len(entry["sha256"]) == 64 and len(entry["commit"]) == 40 and entry["licence"] for entry in listed)


@needs_corpus
def test_the_list_is_that_of_the_corpus() -> None:
    """The script fetches the files that the tests expect: those in ../shared/corpus have these checksums."""
    for entry in fetch_corpus.entries(fetch_corpus.LIST.read_text()):
        assert fetch_corpus.is_right((CORPUS / entry["file"]).read_bytes(), entry), entry["file"]
