"""Trials and shares: what is read in part never counts as complete, and what is left is read by the next run."""

from pathlib import Path

import duckdb
import pytest
from pdfs import text_pdf, truncated_pdf

from ocrmill.commands.run import Job, run
from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.configs.part import MachineShare, PageChoice
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.run_report import RunReport


def read(out: Path, folder: Path, pages: str | None = None, **part: object) -> RunReport:
    choice = PageChoice.parse(pages) if pages else None
    return run(Job((str(folder),), str(out), RunSettings(), use_ray=False, pages=choice, **part))  # type: ignore[arg-type]


def pages_of(*outputs: Path) -> list[tuple[str, int]]:
    """The pages that are there, by name of their file."""
    shards = [str(shard) for out in outputs for shard in out.glob("pages/*.parquet")]
    rows = duckdb.read_parquet(shards).project("source, page_number").fetchall()
    return sorted((Path(source).name, number) for source, number in rows)


def documents_of(out: Path) -> list[str]:
    shards = [str(shard) for shard in out.glob("documents/*.parquet")]
    return (
        sorted(Path(row[0]).name for row in duckdb.read_parquet(shards).project("source").fetchall()) if shards else []
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A document of five pages, one of two, the two again under another name."""
    made = tmp_path / "in"
    made.mkdir()
    text_pdf(made / "book.pdf", pages=5)
    text_pdf(made / "leaf.pdf", pages=2, text="Another text, of a leaf that has two pages and no more than those. " * 9)
    (made / "same.pdf").write_bytes((made / "leaf.pdf").read_bytes())
    return made


def test_some_pages_then_the_rest(tmp_path: Path, folder: Path) -> None:
    """`--pages` reads those pages; documents that have more get no row, the exit code is 75, `verify` finds no damage.

    A run without it reads the rest, each page once.
    """
    out = tmp_path / "out"

    report = read(out, folder, "1-2,4")

    assert pages_of(out) == [("book.pdf", 1), ("book.pdf", 2), ("book.pdf", 4), ("leaf.pdf", 1), ("leaf.pdf", 2)]
    assert documents_of(out) == ["leaf.pdf"]
    assert (report.documents_in_part, report.exit_code) == (1, 75)
    assert "1 documents are unfinished; a run without --pages reads the rest" in report.to_text("out")
    status = read_status(LocalStore(out))
    assert (status.unfinished_documents, status.unfinished_pages) == (1, 3)
    assert "interrupted" not in status.to_text()
    trial = verify(LocalStore(out), repair=False)
    assert trial.sound
    assert (trial.unfinished_documents, trial.unfinished_pages) == (1, 3)

    again = read(out, folder, "1-2,4")
    assert (again.pages_done, again.documents_in_part, again.exit_code) == (0, 1, 75)

    rest = read(out, folder)
    assert (rest.pages_done, rest.exit_code) == (2, 0)
    assert documents_of(out) == ["book.pdf", "leaf.pdf"]
    assert pages_of(out) == [*(("book.pdf", n) for n in range(1, 6)), ("leaf.pdf", 1), ("leaf.pdf", 2)]
    assert verify(LocalStore(out), repair=False).findings == ()


def test_pages_that_no_document_has(tmp_path: Path, folder: Path) -> None:
    """Documents shorter than the chosen pages have none of them: nothing is read, and they are unfinished."""
    out = tmp_path / "out"

    report = read(out, folder, "3")

    assert pages_of(out) == [("book.pdf", 3)]
    assert documents_of(out) == []
    assert report.documents_in_part == 2  # the leaf, once for both of its names


def test_what_cannot_be_opened_is_told_in_a_trial_too(tmp_path: Path) -> None:
    """A damaged document gets its row, whichever pages were asked for."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "noise.pdf").write_bytes(b"no PDF at all")

    report = read(tmp_path / "out", folder, "1")

    assert documents_of(tmp_path / "out") == ["noise.pdf"]
    assert (report.documents["failed"], report.exit_code) == (1, 3)


def drawn(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        text_pdf(
            folder / f"{number}.pdf", pages=1, text=f"Document {number} says what its number is, and that is all. " * 9
        )
    return folder


def test_a_sample_is_drawn_again(tmp_path: Path) -> None:
    """`--sample N` reads N whole documents; again, and where the folder lies elsewhere, it draws the same ones."""
    here, there = drawn(tmp_path / "here", 8), drawn(tmp_path / "there/below", 8)

    first = read(tmp_path / "out", here, sample=3)
    again = read(tmp_path / "out", here, sample=3)
    read(tmp_path / "other", there, sample=3)

    assert first.documents["complete"] == first.pages_done == 3
    assert first.exit_code == again.exit_code == again.pages_done == 0
    assert pages_of(tmp_path / "out") == pages_of(tmp_path / "other")
    assert again.sources_gone == 0, "what was not drawn is not gone"


def test_shares_are_disjoint_and_miss_nothing(tmp_path: Path) -> None:
    """Three machines, which mount the documents at different places, read each document once between them."""
    outs = [tmp_path / f"out{number}" for number in (1, 2, 3)]
    for number, out in enumerate(outs, start=1):
        report = read(out, drawn(tmp_path / f"machine{number}", 9), share=MachineShare(number, 3))
        assert report.exit_code == 0
        assert verify(LocalStore(out), repair=False).findings == ()

    assert pages_of(*(out for out in outs if list(out.glob("pages/*")))) == [(f"{n}.pdf", 1) for n in range(9)]


def test_shares_into_one_output_in_turn(tmp_path: Path) -> None:
    """One output takes the shares one after the other; a run over everything then has nothing to do."""
    folder, out = drawn(tmp_path / "in", 6), tmp_path / "out"
    for number in (1, 2):
        assert read(out, folder, share=MachineShare(number, 2)).sources_gone == 0

    assert read(out, folder).pages_done == 0
    assert pages_of(out) == [(f"{n}.pdf", 1) for n in range(6)]


def test_cut_off_documents_are_complete_in_their_own_way(tmp_path: Path) -> None:
    """Pages are those that the opened document has: of a cut-off one, those that are left after repair."""
    folder = tmp_path / "in"
    folder.mkdir()
    truncated_pdf(folder / "cut.pdf")

    report = read(tmp_path / "out", folder, "1-")

    assert report.documents_in_part == 0
