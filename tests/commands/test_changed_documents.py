"""Documents that change while they are read: what is in the output is one version or the other, never a mixture."""

import asyncio
import os
import zipfile
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from output_rows import select_rows
from pdfs import text_pdf

from ocrmill.commands.compact import compact
from ocrmill.commands.export.formats.json_lines import export_jsonl
from ocrmill.commands.run import Job, run
from ocrmill.commands.verify import verify
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import InputSettings, RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Document, PageRange, Reason, RenderedPage, Source, UnreadableDocument
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.pools.pool import Image, SerialPool
from ocrmill.workers.scheduling.coordinator import OPENINGS

SETTINGS = RunSettings(engine=EngineSettings(name="cpu"), workers=WorkerSettings(pages_per_range=3))
Change = Callable[[], object]


class ChangingPool(SerialPool):
    """Lets a test change files while they are read: before an opening, and behind some page."""

    def __init__(self, settings: RunSettings, before_opening: list[Change], after_page: dict[int, Change]) -> None:
        super().__init__(settings)
        self._before_opening = before_opening
        self._after_page = after_page
        self._pages = 0

    async def open(self, source: Source) -> Document | UnreadableDocument:
        if self._before_opening:
            self._before_opening.pop(0)()
        return await super().open(source)

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        async for page in super().read(pages):
            self._pages += 1
            yield page
            self._after_page.pop(self._pages, lambda: None)()


def run_changing(
    inputs: Path, out: Path, *, before_opening: Sequence[Change] = (), after_page: dict[int, Change] | None = None
) -> None:
    job = Job((str(inputs),), str(out), SETTINGS, use_ray=False)
    run(job, lambda job: ChangingPool(job.settings, list(before_opening), after_page or {}))
    assert verify(LocalStore(out), repair=False).findings == ()


def table(out: Path, columns: str, name: str = "documents") -> list[tuple[Any, ...]]:
    return select_rows(out, columns, name)


def test_a_document_that_is_rewritten_is_read_again(tmp_path: Path) -> None:
    """Pages read before stay those of the old document, the rest of it failed; the new one supersedes it."""
    path = text_pdf(tmp_path / "a.pdf", pages=6)
    run_changing(path, tmp_path / "out", after_page={2: lambda: text_pdf(path, pages=4, text="New words.")})

    (new, old) = table(tmp_path / "out", "page_count, pages_text_layer, pages_failed, supersedes, document_id")
    assert (new[:3], old[:3]) == ((4, 4, 0), (6, 2, 4))
    assert (new[3], old[3]) == (old[4], None)
    assert table(tmp_path / "out", "distinct reason", "pages") == [("changed_while_reading",), (None,)]
    assert sorted(table(tmp_path / "out", "document_id", "sources")) == sorted([(new[4],), (old[4],)])


def test_a_document_that_is_only_touched_goes_on(tmp_path: Path) -> None:
    """Equal bytes with a new time are the same document: each page is read, and the source has its new version."""
    path = text_pdf(tmp_path / "a.pdf", pages=6)
    run_changing(path, tmp_path / "out", after_page={2: lambda: os.utime(path, ns=(1, 1))})

    assert table(tmp_path / "out", "page_count, pages_text_layer, supersedes") == [(6, 6, None)]
    assert table(tmp_path / "out", "source_version", "sources") == [(f"{path.stat().st_size}-1",)]


def test_a_document_that_changed_since_it_was_listed_is_read_as_it_is(tmp_path: Path) -> None:
    """Between listing and opening lie hours: there is one document, and none that failed."""
    path = text_pdf(tmp_path / "a.pdf", pages=6)
    run_changing(path, tmp_path / "out", before_opening=[lambda: text_pdf(path, pages=2)])

    assert table(tmp_path / "out", "page_count, pages_text_layer, status") == [(2, 2, "complete")]


def test_a_document_that_changes_each_time_has_its_row(tmp_path: Path) -> None:
    """A document that changes each time is opened some times, then left to the next run; the run ends."""
    path = text_pdf(tmp_path / "a.pdf")
    changes = [partial(text_pdf, path, pages=pages) for pages in range(1, 3 * OPENINGS)]
    run_changing(path, tmp_path / "out", before_opening=changes)
    assert table(tmp_path / "out", "status, reason") == [("failed", "changed_while_reading")]

    run_changing(path, tmp_path / "out")
    assert table(tmp_path / "out", "status, reason") == [("complete", None)]


def test_a_document_that_vanishes_has_two_rows(tmp_path: Path) -> None:
    """Pages that were read of it stay, and the source's row says that it is gone."""
    path = text_pdf(tmp_path / "a.pdf", pages=6)

    def replace() -> None:
        os.utime(path, ns=(1, 1))

    run_changing(path, tmp_path / "out", before_opening=[lambda: None, path.unlink], after_page={2: replace})

    assert table(tmp_path / "out", "page_count, pages_text_layer, status, reason") == [
        (0, 0, "failed", "unreadable"),
        (6, 2, "complete", None),
    ]


def test_a_copy_stands_in_for_a_file_that_is_rewritten(tmp_path: Path) -> None:
    """If another source holds the same bytes, the document is read to its end from there."""
    folder = tmp_path / "in"
    folder.mkdir()
    path = text_pdf(folder / "a.pdf", pages=6)
    copy = folder / "b.pdf"
    copy.write_bytes(path.read_bytes())
    run_changing(folder, tmp_path / "out", after_page={2: lambda: text_pdf(path, pages=1)})

    assert table(tmp_path / "out", "page_count, pages_text_layer, source") == [(1, 1, str(path)), (6, 6, str(copy))]
    assert len(table(tmp_path / "out", "source", "sources")) == 2


class CopyChangingPool(SerialPool):
    """Finds each time that `b.pdf` changed after it was hashed, while `a.pdf` is half read."""

    def __init__(self, settings: RunSettings) -> None:
        super().__init__(settings)
        self._half_read, self._all_opened = asyncio.Event(), asyncio.Event()
        self._openings = 0

    async def open(self, source: Source) -> Document | UnreadableDocument:
        opened = await super().open(source)
        if not source.uri.endswith("b.pdf"):
            return opened
        await self._half_read.wait()
        self._openings += 1
        if self._openings == OPENINGS:
            self._all_opened.set()
        return UnreadableDocument(opened.document_id, source, Reason.CHANGED, "it changed")

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        async for page in super().read(pages):
            yield page
            self._half_read.set()
            await self._all_opened.wait()


def test_a_copy_that_changes_takes_no_page_along(tmp_path: Path) -> None:
    """The bytes that were hashed are gone from there, not from where the document is being read."""
    folder = tmp_path / "in"
    folder.mkdir()
    path = text_pdf(folder / "a.pdf", pages=6)
    copy = folder / "b.pdf"
    copy.write_bytes(path.read_bytes())
    job = Job((str(folder),), str(tmp_path / "out"), SETTINGS, use_ray=False)
    run(job, lambda job: CopyChangingPool(job.settings))

    assert table(tmp_path / "out", "source, pages_text_layer, reason") == [
        (str(path), 6, None),
        (str(copy), 0, "changed_while_reading"),
    ]
    assert verify(LocalStore(tmp_path / "out"), repair=False).findings == ()


def test_a_member_of_an_archive_that_is_rewritten_is_read_again(tmp_path: Path) -> None:
    """A rewritten member of a zip file is read again, as a file is."""
    old, new = text_pdf(tmp_path / "old.pdf", pages=6), text_pdf(tmp_path / "new.pdf", pages=2)
    archive = tmp_path / "a.zip"

    def pack(path: Path) -> None:
        with zipfile.ZipFile(archive, "w") as file:
            file.write(path, "a.pdf")

    pack(old)
    run_changing(archive, tmp_path / "out", after_page={2: lambda: pack(new)})

    assert table(tmp_path / "out", "page_count, pages_text_layer, pages_failed") == [(2, 2, 0), (6, 2, 4)]


def run_once(inputs: Path, out: Path) -> RunReport:
    report = run(Job((str(inputs),), str(out), SETTINGS, use_ray=False))
    assert verify(LocalStore(out), repair=False).findings == ()
    return report


def test_a_file_that_is_put_back_holds_its_first_document_again(tmp_path: Path) -> None:
    """A file that is put back is known by its bytes; what it held meanwhile is superseded, and compact drops it."""
    path, out = text_pdf(tmp_path / "a.pdf", pages=2), tmp_path / "out"
    first, times = path.read_bytes(), path.stat()
    run_once(path, out)
    text_pdf(path, pages=1)
    run_once(path, out)
    path.write_bytes(first)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert run_once(path, out).pages_done == 0
    assert export_jsonl(LocalStore(out), tmp_path / "texts.jsonl").pages == 2
    assert compact(LocalStore(out)).superseded_documents == 1
    assert table(out, "page_count") == [(2,)]
    assert run_once(path, out).sources_known == 1


def test_a_file_that_was_away_is_no_failure_once_it_is_back(tmp_path: Path) -> None:
    """As after a night without a mount: what is said of the files then goes when they are found as they were."""
    path, out, manifest = text_pdf(tmp_path / "a.pdf", pages=1), tmp_path / "out", tmp_path / "list.txt"
    manifest.write_text("a.pdf\n")
    run_once(manifest, out)
    path.rename(tmp_path / "away")
    assert run_once(manifest, out).failures == 1
    (tmp_path / "away").rename(path)

    assert run_once(manifest, out).pages_done == 0
    assert table(out, "status, reason") == [("complete", None)]
    assert run_once(manifest, out).sources_known == 1


def test_the_row_of_an_archive_goes_when_it_is_read_to_its_end(tmp_path: Path) -> None:
    """An archive failed for a limit; with a higher one the members have rows, the archive has none, nothing is gone."""
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w") as file:
        for name in ("a.pdf", "b.pdf"):
            file.write(text_pdf(tmp_path / name, text=f"Document {name}."), name)
    narrow = SETTINGS.model_copy(update={"input": InputSettings(max_archive_members=1)})
    run(Job((str(folder),), str(tmp_path / "out"), narrow, use_ray=False))
    assert table(tmp_path / "out", "source, reason") == [(f"{folder}/a.zip", "archive_limit")]

    assert run_once(folder, tmp_path / "out").sources_gone == 0
    assert table(tmp_path / "out", "source") == [(f"{folder}/a.zip!a.pdf",), (f"{folder}/a.zip!b.pdf",)]
    assert len(table(tmp_path / "out", "source", "sources")) == 2


def test_the_row_of_a_folder_goes_when_it_can_be_listed(tmp_path: Path) -> None:
    """This holds too where its documents are all known, so that there is nothing to read."""
    folder = tmp_path / "in"
    folder.mkdir()
    text_pdf(folder / "a.pdf")
    manifest = tmp_path / "inputs.txt"
    manifest.write_text("in\n")
    run_once(manifest, tmp_path / "out")
    away = folder.rename(tmp_path / "away")
    assert run_once(manifest, tmp_path / "out").document_reasons[Reason.UNREADABLE] == 1

    away.rename(folder)
    report = run_once(manifest, tmp_path / "out")
    assert (report.sources_known, report.documents) == (1, {})
    assert table(tmp_path / "out", "source, reason") == [(f"{folder}/a.pdf", None)]
