"""A bucket of documents, one of results, and the command that is run on them each night."""

import io
import subprocess
import sys
from pathlib import Path
from typing import IO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from forks import ROOT, ocrmill
from pdfs import text_pdf
from s3_server import S3Server

from ocrmill.commands.verify import verify
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.output.stores.open import open_output

PROGRAM = "import sys; from ocrmill import cli; sys.argv[0] = 'ocrmill'; cli.main()"


class Nights:
    """A bucket of documents, one of results, and the command that is run each night."""

    def __init__(self, s3: S3Server, folder: Path) -> None:
        self.s3 = s3
        self.reached_by: StorageSettings = s3.settings  # or through a proxy
        self.source, self.out = s3.bucket(), f"s3://{s3.bucket()}/corpus"
        self._folder = folder

    def put(self, key: str, text: str, pages: int = 1) -> None:
        path = text_pdf(self._folder / "made.pdf", pages=pages, text=text)
        self.s3.put(self.source, key, path.read_bytes())

    def with_storage(self, *command: str) -> list[str]:
        """Arguments of a command that reaches the buckets."""
        values = self.reached_by.model_dump(exclude_none=True, exclude_defaults=True)
        return [*command, *(part for name, value in values.items() for part in ("--set", f"storage.{name}={value}"))]

    def nightly(self, *options: str) -> list[str]:
        """Arguments of the command of each night."""
        run = ("run", f"s3://{self.source}/in", "--out", self.out, "--config", "configs/nightly.toml", "--no-ray")
        return self.with_storage(*run, *options)

    def call(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return ocrmill(*self.with_storage(*command))

    def night(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return ocrmill(*self.nightly(*options))

    def started_night(self, *options: str, said: int | IO[str] = subprocess.DEVNULL) -> "subprocess.Popen[str]":
        """A night in a process that Python starts, which others meet, or which is killed."""
        command = [sys.executable, "-c", PROGRAM, *self.nightly(*options)]
        return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, text=True)

    def table(self, name: str) -> duckdb.DuckDBPyRelation:
        bucket, prefix = self.out.removeprefix("s3://").split("/")
        shards = [key for key in self.s3.keys(bucket, f"{prefix}/{name}/") if key.endswith(".parquet")]
        tables = [pq.read_table(io.BytesIO(self.s3.get(bucket, key))) for key in shards]
        return duckdb.from_arrow(pa.concat_tables(tables).unify_dictionaries())

    def pages(self) -> dict[str, str]:
        """The run that read each page; a page is named by its source, its number and its first sentence."""
        rows = self.table("pages").project("source, page_number, markdown, run_id").fetchall()
        named = {
            f"{source.rpartition('/in/')[2]}#{number} {text.split(chr(10) * 2)[1].partition('.')[0]}": run
            for source, number, text, run in rows
        }
        assert len(named) == len(rows), "a page is there twice"
        return named

    def assert_sound(self) -> None:
        report = verify(open_output(self.out, self.s3.settings), repair=False)
        assert report.findings == ()
