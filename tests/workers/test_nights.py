"""Night after night over a bucket: new, changed, deleted and unchanged objects, by the nightly configuration."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pdfs import text_pdf
from s3_server import S3Server

from pipeline.store import open_output
from pipeline.verify import verify

ROOT = Path(__file__).parents[2]
PROGRAM = "import sys, cli; sys.argv[0] = 'ocrmill'; cli.main()"


class Nights:
    """A bucket of documents, one of results, and the command that is run each night."""

    def __init__(self, s3: S3Server, folder: Path) -> None:
        self.s3 = s3
        self.source, self.out = s3.bucket(), f"s3://{s3.bucket()}/corpus"
        self._folder = folder

    def put(self, key: str, text: str, pages: int = 1) -> None:
        path = text_pdf(self._folder / "made.pdf", pages=pages, text=text)
        self.s3.put(self.source, key, path.read_bytes())

    def command(self, *command: str) -> list[str]:
        settings = self.s3.settings
        sets = ("--set", f"storage.endpoint={settings.endpoint}", "--set", "storage.region=us-east-1")
        return [sys.executable, "-c", PROGRAM, *command, *sets]

    def night_command(self) -> list[str]:
        inputs = f"s3://{self.source}/in"
        return self.command("run", inputs, "--out", self.out, "--config", "configs/nightly.toml", "--no-ray")

    def call(self, command: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)

    def night(self, *options: str) -> subprocess.CompletedProcess:
        return self.call([*self.night_command(), *options])

    def last_totals(self) -> dict:
        store = open_output(self.out, self.s3.settings)
        return json.loads(store.read(store.list("runs", ".json")[-1]))["totals"]

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


@pytest.fixture
def nights(s3: S3Server, tmp_path: Path) -> Nights:
    return Nights(s3, tmp_path)


def test_three_nights(nights: Nights):
    """Each night reads what is new or changed and nothing else; what changed supersedes, what was deleted stays."""
    nights.put("in/same.pdf", "Same. Every night.", pages=3)
    nights.put("in/changes.pdf", "First. It will change.")
    nights.put("in/deleted.pdf", "Deleted. It goes.")
    nights.put("elsewhere/not-asked-for.pdf", "Other. Not below the prefix.")
    assert nights.night().returncode == 0
    first = nights.pages()
    assert {
        "same.pdf#1 Same",
        "same.pdf#2 Same",
        "same.pdf#3 Same",
        "changes.pdf#1 First",
        "deleted.pdf#1 Deleted",
    } == set(first)

    nights.put("in/changes.pdf", "Second. It has changed.")
    nights.put("in/new.pdf", "New. Of this night.")
    nights.s3.put(nights.source, "in/copy-of-same.pdf", nights.s3.get(nights.source, "in/same.pdf"))
    nights.s3.delete(nights.source, "in/deleted.pdf")
    second_night = nights.night()
    assert second_night.returncode == 0
    assert "1 known sources are not there any more" in second_night.stdout
    second = nights.pages()
    assert {"changes.pdf#1 Second", "new.pdf#1 New"} == second.keys() - first.keys()
    assert first.items() <= second.items(), "a page of the first night was read again, or is gone"
    supersedes = nights.table("documents").filter("supersedes is not null").project("source, supersedes").fetchall()
    old = nights.table("pages").filter("markdown like '%First%'").project("document_id").fetchall()
    assert [(f"s3://{nights.source}/in/changes.pdf", *old[0])] == supersedes
    assert (2, 2) == (sum(nights.last_totals()["documents"].values()), sum(nights.last_totals()["pages"].values()))

    third_night = nights.night()
    assert (0, "nothing to do: 4 sources are in") == (third_night.returncode, third_night.stdout[:31])
    assert second == nights.pages()
    nights.assert_sound()

    compacted = nights.call(nights.command("compact", nights.out))
    assert "1 superseded documents" in compacted.stdout
    assert second.keys() - {"changes.pdf#1 First"} == nights.pages().keys()
    assert nights.night().stdout.startswith("nothing to do: 4 sources")
    status = nights.call(nights.command("status", nights.out))
    assert "state       finished" in status.stdout
    nights.assert_sound()


def test_two_nights_that_overlap(nights: Nights):
    """While one night writes, the next one stops at once and says who holds the lease; the first is not disturbed."""
    for number in range(3):
        nights.put(f"in/{number}.pdf", f"Number {number}. Text.", pages=20)
    with subprocess.Popen(
        nights.night_command(), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        bucket = nights.out.split("/")[2]
        while "corpus/_lease" not in nights.s3.keys(bucket):
            time.sleep(0.05)
        second = nights.night()
        assert first.poll() is None, "the first night was over before the second began"
        assert second.returncode == 1
        assert f"process {first.pid} on" in second.stderr
    assert first.returncode == 0
    assert len(nights.pages()) == 60
    nights.assert_sound()


def test_the_time_budget_ends_a_night(nights: Nights):
    """--time-budget over a bucket ends with 75 and durable rows; the next night goes on with the rest."""
    for number in range(4):
        nights.put(f"in/{number}.pdf", f"Number {number}. Text.", pages=100)
    ended = nights.night("--time-budget", "3s", "--set", "workers.drain_s=0.5")
    assert ended.returncode == 75, ended.stderr
    first = nights.pages()
    assert nights.night().returncode == 0
    assert first.items() <= nights.pages().items(), "a finished page was read again"
    assert len(nights.pages()) == 400
    nights.assert_sound()
