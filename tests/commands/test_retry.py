"""Pages read again: their rows are replaced, all others stay, and a kill or a missing source loses nothing."""

import signal
import subprocess
import sys
import zipfile
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from narrowed import instance
from pdfs import encrypted_pdf, text_pdf

from ocrmill.commands.inspect.query import PageQuery
from ocrmill.commands.retry import retry
from ocrmill.commands.run import Job, run
from ocrmill.commands.verify import verify
from ocrmill.configs.settings import InputSettings, RasterSettings, RunSettings
from ocrmill.pipeline.errors import SettingsMismatchError
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.quality.page_row import unrendered_row
from ocrmill.pipeline.records import Document, PageRange, Reason, Source, Status, UnreadableDocument
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.pools.pool import SerialPool

# Retries, and dies by SIGKILL before the n-th change to the output.
_KILLED_AT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1] / "support")!r})
from killed_store import die_before_change
from ocrmill.configs.settings import RunSettings
from ocrmill.commands.inspect.query import PageQuery
from ocrmill.commands.retry import retry
from ocrmill.commands.run import Job
die_before_change(int(sys.argv[2]))
retry(Job((), sys.argv[1], RunSettings(), use_ray=False), PageQuery(document="book", page_number=2))
"""


def job(out: Path, *inputs: Path, settings: RunSettings | None = None) -> Job:
    return Job(tuple(map(str, inputs)), str(out), settings or RunSettings(), use_ray=False)


Pages = dict[tuple[str, int], tuple[str, str]]  # status and run by document and number


def pages(out: Path) -> Pages:
    """Of each page its status and run; a page that is there twice is an error."""
    query = f"select source, page_number, status, run_id from '{out}/pages/*.parquet'"
    found = duckdb.sql(query).fetchall()
    assert len(found) == len({row[:2] for row in found}), "a page is there twice"
    return {(Path(source).name, number): (status, run_id) for source, number, status, run_id in found}


def read_again(before: Pages, after: Pages) -> set[tuple[str, int]]:
    """The pages that another run has read since; none has gone."""
    assert before.keys() <= after.keys()
    return {page for page in after if before.get(page, ("", ""))[1] != after[page][1]}


def assert_sound(out: Path) -> None:
    assert verify(LocalStore(out), repair=False).findings == ()


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    text_pdf(folder / "book.pdf", pages=5)
    text_pdf(folder / "leaf.pdf", pages=1, text="A leaf.")
    encrypted_pdf(folder / "locked.pdf", "open sesame", pages=2)
    return folder


@pytest.fixture
def out(inputs: Path, tmp_path: Path) -> Path:
    assert run(job(tmp_path / "out", inputs)).failures == 1
    return tmp_path / "out"


def again(out: Path, settings: RunSettings | None = None, **query: Any) -> RunReport:
    return retry(job(out, settings=settings), PageQuery(**query))


def test_one_page_is_read_again(out: Path) -> None:
    """--document and --page: that page has a new row, its neighbours and other documents keep theirs."""
    before = pages(out)
    assert again(out, document="book", page_number=2).failures == 0
    assert {("book.pdf", 2)} == read_again(before, pages(out))
    assert_sound(out)


def test_a_document_that_failed_is_read_once_it_can_be(out: Path) -> None:
    """--reason password_required with the password: pages take the place of the failure, nothing else is read."""
    before = pages(out)
    report = again(out, RunSettings(input=InputSettings(passwords=("open sesame",))), reason="password_required")
    after = pages(out)
    assert (0, {("locked.pdf", 1), ("locked.pdf", 2)}) == (report.failures, read_again(before, after))
    found = duckdb.sql(f"select status from '{out}/documents/*.parquet' where source like '%locked.pdf'").fetchall()
    assert [("complete",)] == found
    assert_sound(out)


def test_what_was_over_a_limit_is_read_once_it_may_be(inputs: Path, tmp_path: Path) -> None:
    """--reason archive_limit with a higher limit reads a document whose bytes could not even be read before."""
    with zipfile.ZipFile(inputs / "box.zip", "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("hollow.pdf", (inputs / "leaf.pdf").read_bytes() + bytes(2_000_000))
    out = tmp_path / "limited"
    assert run(job(out, inputs)).document_reasons[Reason.ARCHIVE_LIMIT] == 1
    for limit, failures in ((300, 1), (5000, 0)):
        settings = RunSettings(input=InputSettings(max_member_ratio=limit))
        assert again(out, settings, reason="archive_limit").failures == failures
        assert_sound(out)
    query = f"select status, page_count from '{out}/documents/*.parquet' where source like '%hollow.pdf'"
    assert [("complete", 1)] == duckdb.sql(query).fetchall()


def test_what_fails_again_has_one_row(out: Path) -> None:
    """Without the password the document fails again, with one row as before."""
    again(out, failed=True)
    query = f"select reason, count(*) from '{out}/documents/*.parquet' where source like '%locked.pdf' group by all"
    assert [("password_required", 1)] == duckdb.sql(query).fetchall()
    assert_sound(out)


def test_old_rows_stay_where_the_source_is_gone(out: Path, inputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The file was deleted: the pages that were read from it stay, and the log says that they were not read again."""
    before = pages(out)
    (inputs / "book.pdf").unlink()
    again(out, document="book")
    assert before == pages(out)
    assert "1 of 1 documents stay as they are" in caplog.text
    assert verify(LocalStore(out), repair=False).sound


def test_old_rows_stay_where_the_document_cannot_be_opened_now(out: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Opening takes too long this time: pages that were read before are not given up for that."""
    before = pages(out)
    retry(job(out), PageQuery(document="book"), lambda job: NeverOpens(job.settings))
    assert before == pages(out)
    assert "book.pdf: its old rows are kept: over 30 s" in caplog.text
    assert_sound(out)


def test_old_rows_stay_where_pages_cannot_be_read_now(out: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The document opens, but each page takes too long: the report counts failures, texts that are there stay."""
    before = pages(out)
    report = retry(job(out), PageQuery(document="book"), lambda job: NeverRenders(job.settings))
    assert (before, 5) == (pages(out), report.pages[Status.FAILED])
    assert "book.pdf: page 3 keeps its old row: render_timeout" in caplog.text
    counts = duckdb.sql(f"select pages_text_layer, pages_failed from '{out}/documents/*.parquet' where page_count = 5")
    assert [(5, 0)] == counts.fetchall()
    assert_sound(out)


def test_old_rows_stay_where_the_document_has_other_pages_now(out: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two renderers may count the pages of a damaged file differently: rows of one count are not mixed with another."""
    before = pages(out)
    retry(job(out), PageQuery(document="book", page_number=2), lambda job: OnePageLess(job.settings))
    assert before == pages(out)
    assert "book.pdf: its old rows are kept: it has 4 pages now" in caplog.text
    assert_sound(out)


class OnePageLess(SerialPool):
    """A pool to which every document seems to have one page less."""

    async def open(self, source: Source) -> Document | UnreadableDocument:
        opened = instance(Document, await super().open(source))
        return replace(opened, page_count=opened.page_count - 1)


def test_other_settings_are_refused(out: Path) -> None:
    """Rows of two settings are not comparable: without --keep-existing nothing is read, and no run is recorded."""
    before, runs = pages(out), sorted((out / "runs").iterdir())
    with pytest.raises(SettingsMismatchError):
        again(out, RunSettings(raster=RasterSettings(dpi=200)), document="book")
    assert (before, runs) == (pages(out), sorted((out / "runs").iterdir()))


def test_nothing_matches(out: Path) -> None:
    """A retry without anything to do changes nothing and starts no worker."""
    before = pages(out)
    assert again(out, reason="render_timeout").failures == 0
    assert before == pages(out)


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_a_kill_at_any_step_loses_no_page(out: Path, tmp_path: Path) -> None:
    """SIGKILL of `retry` before each of its steps: the next run finds every page once, old or new, and ends sound."""
    before = pages(out)
    for step in range(100):
        copy = tmp_path / f"step{step}"
        subprocess.run(["cp", "-a", str(out), str(copy)], check=True)
        ended = subprocess.run([sys.executable, "-c", _KILLED_AT, str(copy), str(step)], check=False)
        assert before.keys() <= pages_at_once(copy), f"step {step}"
        run(job(copy, tmp_path / "in"))
        assert read_again(before, pages(copy)) in (set(), {("book.pdf", 2)}), f"step {step}"
        assert_sound(copy)
        if ended.returncode == 0:
            assert step > 4
            return
        assert ended.returncode == -signal.SIGKILL
    pytest.fail("it never came to its end")


def pages_at_once(out: Path) -> set[tuple[str, int]]:
    """The pages that a reader by a plain glob sees, some perhaps twice."""
    found = duckdb.sql(f"select source, page_number from '{out}/pages/*.parquet'").fetchall()
    return {(Path(source).name, number) for source, number in found}


class NeverOpens(SerialPool):
    """A pool in which opening a document takes too long."""

    async def open(self, source: Source) -> Document | UnreadableDocument:
        opened = await super().open(source)
        return UnreadableDocument(opened.document_id, source, Reason.RENDER_TIMEOUT, "over 30 s")


class NeverRenders(SerialPool):
    """A pool in which every page takes too long."""

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow, None]:
        for number in pages.page_numbers:
            yield unrendered_row(pages.document, number, Reason.RENDER_TIMEOUT, "over 30 s")
