"""An export in a bucket: the same files as in a folder, whole or seen to be unfinished, and never over somebody's."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from s3_server import S3Server
from written_outputs import add_document, page, writing

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export import FORMATS, export_to
from ocrmill.commands.export.formats.exported_folder import MADE
from ocrmill.commands.export.places.to_bucket import UNFINISHED
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.output.stores.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page("a")])
    return LocalStore(tmp_path / "out")


def options_of(s3: S3Server) -> ExportOptions:
    return ExportOptions(settings=RunSettings(storage=s3.settings))


@pytest.mark.parametrize("name", ["markdown", "jsonl", "dolma", "huggingface"])
def test_a_bucket_gets_the_files_of_a_folder(store: LocalStore, s3: S3Server, tmp_path: Path, name: str) -> None:
    """Same names, same bytes; a second export takes the place of the first, and leaves no file of it."""
    bucket, options = s3.bucket(), options_of(s3)
    FORMATS[name].write(store, tmp_path / "made", options)
    report = export_to(store, f"s3://{bucket}/x/made", name, options)
    made = [path for path in (tmp_path / "made", *tmp_path.glob("made/**/*")) if path.is_file()]
    local = {str(path.relative_to(tmp_path)): path.read_bytes() for path in made}
    assert {key.removeprefix("x/"): s3.get(bucket, key) for key in s3.keys(bucket)} == local
    assert report.documents == 1
    s3.put(bucket, "x/made/old.md", b"of the export before")
    again = replace(options, overwrite="overwrite" in FORMATS[name].takes)
    export_to(store, f"s3://{bucket}/x/made/", name, again)

    assert (name == "jsonl") == ("x/made/old.md" in s3.keys(bucket))


def test_what_is_somebodys_stays(store: LocalStore, s3: S3Server) -> None:
    """Not over files of others, an export unless told, an output, or the whole bucket."""
    bucket, options = s3.bucket(), options_of(s3)
    shards = [f"out/{table}/a" for table in TABLES]
    for key in ("mine/notes.txt", f"earlier/{MADE}", "file.jsonl", *shards):
        s3.put(bucket, key, b"mine")
    before = s3.keys(bucket)

    for place, name, says in (
        ("mine", "dolma", "no export wrote"),
        ("mine", "markdown", "no export wrote"),
        ("earlier", "dolma", "--overwrite"),
        ("file.jsonl", "jsonl", "has not written"),
        ("out/pages", "dolma", "is in the output"),
        ("out", "jsonl", "is in the output"),
        ("", "dolma", "is a whole bucket"),
    ):
        with pytest.raises(UsageError, match=says):
            export_to(store, f"s3://{bucket}/{place}", name, options)
    assert s3.keys(bucket) == before


def test_a_killed_export_is_seen_and_finished(store: LocalStore, s3: S3Server) -> None:
    """Without its last file it counts as no export; the next one to the same place goes on."""
    bucket, options = s3.bucket(), options_of(s3)
    s3.put(bucket, f"x/{UNFINISHED}", b"{}")
    s3.put(bucket, "x/documents/part-00007.jsonl.gz", b"half")
    export_to(store, f"s3://{bucket}/x", "dolma", options)

    keys = s3.keys(bucket)
    assert f"x/{UNFINISHED}" not in keys
    assert "x/documents/part-00007.jsonl.gz" not in keys
    assert json.loads(s3.get(bucket, f"x/{MADE}"))["documents"] == 1
