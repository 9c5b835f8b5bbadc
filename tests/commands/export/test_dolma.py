"""Documents for Dolma: its fields, its folders, and flags as spans that lie on the text."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from written_outputs import add_document, add_failed_document, failed_page, page, writing

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.formats.dolma import export_dolma
from ocrmill.commands.export.formats.json_lines import export_jsonl
from ocrmill.pipeline.output.stores.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    with writing(tmp_path / "out") as sink:
        flagged = [
            page("öne"),
            page("two two", flags=("repetition",)),
            failed_page(),
            page("three", flags=("repetition",)),
        ]
        add_document(sink, "/in/a.pdf", flagged)
        add_document(sink, "/in/b.pdf", [page("plain")])
        add_failed_document(sink, "/in/locked.pdf")
    return LocalStore(tmp_path / "out")


def read(path: Path) -> list[dict[str, Any]]:
    unpack = gzip.decompress if path.suffix == ".gz" else unpack_zstd
    return [json.loads(line) for line in unpack(path.read_bytes()).splitlines()]


def unpack_zstd(data: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return bytes(stream.read())


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_documents_and_attributes_line_up(store: LocalStore, tmp_path: Path, compression: Any) -> None:
    """Each file of attributes has the documents of its file, in their order; a span covers its page's text."""
    report = export_dolma(store, tmp_path / "dolma", ExportOptions(compression=compression))
    ending = {"gzip": "gz", "zstd": "zst"}[compression]
    documents = read(tmp_path / f"dolma/documents/part-00000.jsonl.{ending}")
    attributes = read(tmp_path / f"dolma/attributes/ocrmill/part-00000.jsonl.{ending}")
    by_source = {record["source"]: record for record in documents}

    assert [(one["id"], one["source"]) for one in documents] == [(one["id"], one["source"]) for one in attributes]
    assert set(by_source) == {"/in/a.pdf", "/in/b.pdf"}
    assert all(type(record[name]) is str for record in documents for name in ("id", "text", "source", "added"))
    found = {one["source"]: one["attributes"] for one in attributes}
    assert found["/in/b.pdf"] == {}
    text = by_source["/in/a.pdf"]["text"]
    assert text == "öne\n\ntwo two\n\nthree"
    spans = found["/in/a.pdf"]["ocrmill__flags__repetition"]
    assert [(text[start:end], score) for start, end, score in spans] == [("two two", 1.0), ("three", 1.0)]
    assert (report.documents, report.failed, report.failed_pages) == (2, 1, 1)


def test_the_records_are_those_of_json_lines(store: LocalStore, tmp_path: Path) -> None:
    """Both formats have the same records; small shards hold the same documents, each once."""
    export_jsonl(store, tmp_path / "a.jsonl")
    export_dolma(store, tmp_path / "dolma", ExportOptions(shard_bytes=1))
    files = sorted((tmp_path / "dolma/documents").iterdir())

    assert [path.name for path in files] == ["part-00000.jsonl.gz", "part-00001.jsonl.gz"]
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [record for path in files for record in read(path)] == lines
