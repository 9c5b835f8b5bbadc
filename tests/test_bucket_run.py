"""A run over a bucket gives the rows of a run over a folder with the same files. Skipped without ../shared/corpus."""

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import forks
from output_rows import select_rows
from real_pdfs import CORPUS, needs_corpus
from s3_proxy import FaultyS3
from s3_server import S3Server

# Born digital, so that no page waits for OCR; and documents that fail in every way there is.
QUICK = (
    *("2305.03393v1-pg9.pdf", "right_to_left_01.pdf", "issue-336-example.pdf", "form_dd0293.pdf"),
    *("password-example.pdf", "enc-XI-R6_V5_U-view_O-master.pdf", "test_locked_both_user_forgotten.pdf"),
    *("AESkeylength256.pdf", "test_corrupted.pdf", "pdfplumber_empty.pdf", "invalid.pdf", "tracemonkey_trunc90.pdf"),
)
# What may differ: where the document lay, when it was read, by which run, and how long it took.
VOLATILE = "source, run_id, ingested_at, render_ms, engine_ms, attempts"
pytestmark = needs_corpus


def ocrmill(inputs: str, out: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    settings = ("--set", f"storage.endpoint={endpoint}", "--set", "workers.pages_per_range=3", "--engine", "cpu")
    return forks.ocrmill("run", inputs, "--out", out, "--no-ray", *settings)


def pages(out: Path) -> list[tuple[Any, ...]]:
    return select_rows(out, f"* exclude ({VOLATILE})", order="document_id, page_number")


def documents(out: Path) -> list[tuple[Any, ...]]:
    columns = "* exclude (source, source_version, run_id, ingested_at), parse_filename(split_part(source, '!', -1))"
    return select_rows(out, columns, "documents")


def test_a_bucket_gives_the_rows_of_a_folder(s3: S3Server, faulty_s3: FaultyS3, tmp_path: Path) -> None:
    """Objects, and members of a zip among them, give the same pages and documents; a second night reads none again."""
    folder, bucket = tmp_path / "in", s3.bucket()
    folder.mkdir()
    for name in QUICK[:-1]:
        (folder / name).write_bytes((CORPUS / name).read_bytes())
    with zipfile.ZipFile(folder / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(CORPUS / QUICK[-1], QUICK[-1])
    for path in folder.iterdir():
        s3.put(bucket, f"nightly/{path.name}", path.read_bytes())
    assert 3 == ocrmill(str(folder), tmp_path / "local", s3.endpoint).returncode
    done = ocrmill(f"s3://{bucket}/nightly", tmp_path / "remote", faulty_s3.endpoint)
    assert 3 == done.returncode, done.stderr

    assert pages(tmp_path / "local") == pages(tmp_path / "remote")
    assert documents(tmp_path / "local") == documents(tmp_path / "remote")
    assert len(QUICK) == len(documents(tmp_path / "remote"))
    sources = duckdb.sql(f"select distinct source from '{tmp_path}/remote/documents/*.parquet'").fetchall()
    assert {f"s3://{bucket}/nightly"} == {source.split("!")[0].rpartition("/")[0] for (source,) in sources}
    downloads = [path for path in faulty_s3.paths if path.startswith("GET") and "list-type" not in path]
    assert len(QUICK) + 2 >= len(downloads)  # once each; of the zip its index twice, and its member

    faulty_s3.paths.clear()
    done = ocrmill(f"s3://{bucket}/nightly", tmp_path / "remote", faulty_s3.endpoint)
    assert done.returncode in {0, 3}, done.stderr
    assert not [path for path in faulty_s3.paths if path.startswith("GET") and path.endswith(".pdf")]


def test_trouble_at_the_start_is_an_exit_code(s3: S3Server, faulty_s3: FaultyS3, tmp_path: Path) -> None:
    """A bucket that refuses us ends the command with 2 and one line that says why; no output is begun."""
    faulty_s3.answers(403, "InvalidAccessKeyId")
    done = ocrmill(f"s3://{s3.bucket()}", tmp_path / "out", faulty_s3.endpoint)

    assert (2, True, 1) == (done.returncode, "InvalidAccessKeyId" in done.stderr, done.stderr.count("\n"))
    assert not (tmp_path / "out").exists()
