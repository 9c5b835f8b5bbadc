"""Forgetting: no text and no name is left of what was forgotten, nothing else changes, and a kill is mended."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from made_rows import made_id
from output_rows import select_rows
from s3_server import S3Server
from written_outputs import add_document, add_failed_document, add_pages, page, writing

from ocrmill.commands.compact import compact
from ocrmill.commands.forget import ForgetQuery, ForgetReport, forget
from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.output.forgotten import read_forgotten
from ocrmill.pipeline.output.journal import recover
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.runs.records import write_record
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_store
from ocrmill.pipeline.output.stores.store import LeaseOwner
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.run_report import RunReport

STORAGE = StorageSettings()
# Forgets, and dies by SIGKILL before the n-th change to the output.
_KILLED_AT = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1] / "support")!r})
from killed_store import die_before_change
from ocrmill.configs.settings import StorageSettings
from ocrmill.commands.forget import ForgetQuery, forget
from ocrmill.pipeline.output.stores.local import LocalStore
die_before_change(int(sys.argv[2]))
forget(LocalStore(Path(sys.argv[1])), ForgetQuery(sources=("/in/secret.pdf", "/in/twin.pdf")), StorageSettings())
"""


def make_output(root: Path) -> None:
    """Two nights: a secret that changed, one whose bytes lie elsewhere too, one half-read, and what stays."""
    with writing(root, run=1) as sink:
        add_document(sink, "/in/secret.pdf", [page("the SECRET one"), page("the SECRET two")], title="SECRET title")
        add_document(sink, "/in/twin.pdf", [page("both hold this")], others=("/in/public.pdf",))
        add_document(sink, "/in/kept.pdf", [page("kept one"), page("kept two", detail="unlike /in/secret.pdf")])
        add_failed_document(sink, "/in/list.txt", Reason.UNREADABLE, "line 3 names /in/secret.pdf")
    with writing(root, run=2) as sink:
        add_document(sink, "/in/secret.pdf", [page("the SECRET, newer")], content="newer", version="2")
        add_document(sink, "/in/other.pdf", [page("other")])
        add_pages(sink, "/in/half.pdf", [page("half of a SECRET")], count=2)
        sink.close()
        error = "/in/secret.pdf: it could not be read"
        write_record(sink._store, "run-2", {"inputs": ["/in/secret.pdf", "/in"], "totals": {"error": error}})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    make_output(tmp_path)
    return tmp_path


def everything(root: Path) -> Iterator[str]:
    """Every value, statistic and text of an output."""
    for path in sorted(root.rglob("*")):
        if path.suffix == ".parquet":
            parquet = pq.ParquetFile(path)
            yield str(parquet.read().to_pylist())
            yield str(parquet.metadata.to_dict())
        elif path.is_file():
            yield path.read_text(errors="replace")
        yield path.name


def rows(root: Path, folder: str) -> list[tuple[Any, ...]]:
    return select_rows(root, "* exclude (ingested_at)", folder)


def test_nothing_is_left_of_a_source(out: Path) -> None:
    """Rows of every version go, other rows and the records of runs do not name it; all else is as it was."""
    store = LocalStore(out)
    others = [row for row in rows(out, "sources") if "secret" not in row[0]]

    report = forget(store, ForgetQuery(sources=("/in/secret.pdf",)), STORAGE)

    assert (report.sources, report.documents) == (("/in/secret.pdf",), 2)
    assert report.rows == 2 + 2 + 3  # of sources, documents and pages
    left = "".join(everything(out)).replace("half of a SECRET", "")
    assert "secret" not in left
    assert "SECRET" not in left
    assert others == rows(out, "sources")
    assert ["both hold this", "half of a SECRET", "kept one", "kept two", "other"] == sorted(
        row[0] for row in duckdb.sql(f"select markdown from '{out}/pages/*.parquet'").fetchall()
    )
    assert "(forgotten)" in (out / "runs/run-2.json").read_text()
    assert verify(store, repair=False).sound
    assert "0 documents and 1 sources" in read_status(store).to_text()
    assert store.list("_journal", ".json") == []


def test_bytes_that_lie_elsewhere_stay_under_that_name(out: Path) -> None:
    """A document that another source holds keeps its rows, which name that one from then on."""
    forget(LocalStore(out), ForgetQuery(sources=("/in/twin.pdf",)), STORAGE)

    assert [("/in/public.pdf",)] == duckdb.sql(
        f"select source from '{out}/pages/*.parquet' where markdown = 'both hold this'"
    ).fetchall()
    assert "twin" not in "".join(everything(out))
    assert verify(LocalStore(out), repair=False).sound


def test_a_document_goes_from_all_of_its_sources(out: Path) -> None:
    """By the beginning of its id a document is found; its bytes are not read again, its sources may hold others."""
    store = LocalStore(out)
    name = made_id("/in/twin.pdf")

    forget(store, ForgetQuery(documents=(name[:8],)), STORAGE)

    assert "both hold this" not in "".join(everything(out))
    assert "public" not in "".join(everything(out))
    ledger, report = read_ledger(store), RunReport()
    sources = [Source(uri, version, 1, uri) for uri in ("/in/public.pdf", "/in/twin.pdf") for version in ("1", "2")]
    assert [source.version for source in ledger.without_known(iter(sources), report)] == ["2", "2"]
    assert report.sources_forgotten == 2
    assert ledger.forgotten.documents == {name}


def test_what_is_forgotten_is_not_taken_up_again(out: Path) -> None:
    """A forgotten source is passed over in any version; so is one that no row named when it was forgotten."""
    store = LocalStore(out)
    forget(store, ForgetQuery(sources=("/in/secret.pdf", "/in/never-seen.pdf")), STORAGE)
    compact(store)

    report = RunReport()
    names = ("/in/secret.pdf", "/in/never-seen.pdf", "/in/kept.pdf", "/in/new.pdf")
    sources = [Source(uri, "9", 1, uri) for uri in names]
    assert [source.uri for source in read_ledger(store).without_known(iter(sources), report)] == list(names[2:])
    assert report.sources_forgotten == 2
    assert "2 sources were not read" in report.to_text("out")


@pytest.mark.parametrize("query", [ForgetQuery(globs=("secret*",)), ForgetQuery(globs=("/in/s*",))])
def test_globs_name_sources(out: Path, query: ForgetQuery) -> None:
    """A glob stands for the sources that match it: below any folder, or from the root."""
    assert forget(LocalStore(out), query, STORAGE).sources == ("/in/secret.pdf",)


def test_a_folder_and_an_archive_stand_for_all_in_them(tmp_path: Path) -> None:
    """Members of an archive and files of a folder are forgotten with it; neighbours with a longer name are not."""
    with writing(tmp_path / "out") as sink:
        for uri in ("/in/a.zip!x/b.pdf", "/in/a.zip!c.pdf", "/in/a.zipper.pdf", "/in/sub/d.pdf", "/in/sub2.pdf"):
            add_document(sink, uri, [page(uri)])
    report = forget(LocalStore(tmp_path / "out"), ForgetQuery(sources=("/in/a.zip", "/in/sub/")), STORAGE)

    assert report.sources == ("/in/a.zip!c.pdf", "/in/a.zip!x/b.pdf", "/in/sub/d.pdf")


def test_half_read_documents_go_too(out: Path) -> None:
    """Pages without a documents row are found by the source that they name."""
    forget(LocalStore(out), ForgetQuery(sources=("/in/half.pdf",)), STORAGE)

    assert "half" not in "".join(everything(out))


def test_sources_that_are_gone(tmp_path: Path) -> None:
    """Rows of deleted files go, and come back with the file; if most are missing, a disk is not mounted."""
    store = LocalStore(tmp_path / "out")
    paths = [tmp_path / f"{name}.pdf" for name in ("a", "b", "c")]
    for path in paths:
        path.touch()
    with writing(tmp_path / "out") as sink:
        for path in paths:
            add_document(sink, str(path), [page(path.name)])
    paths[0].unlink()

    report = forget(store, ForgetQuery(gone=True), STORAGE)

    assert report.sources == (str(paths[0]),)
    assert read_forgotten(store).sources == frozenset()
    source = Source(str(paths[0]), "1", 1, str(paths[0]))
    assert list(read_ledger(store).without_known(iter([source]), RunReport())) == [source]
    for path in paths[1:]:
        path.unlink()
    with pytest.raises(UsageError, match=r"2 of 2 sources are missing. Is a disk not mounted"):
        forget(store, ForgetQuery(gone=True), STORAGE)


def test_a_dry_run_changes_nothing(out: Path) -> None:
    """A dry run says what would go, and leaves every byte as it is."""
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    report = forget(LocalStore(out), ForgetQuery(globs=("secret*",)), STORAGE, dry_run=True)

    assert "would forget 1 sources and 2 documents, 7 rows\n  /in/secret.pdf" in report.to_text()
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (ForgetQuery(globs=("nothing*",)), "nothing matches"),
        (ForgetQuery(documents=("abc",)), "0 documents have an id that begins so"),
    ],
)
def test_what_matches_nothing_is_refused(out: Path, query: ForgetQuery, words: str) -> None:
    """A typing error must not look like a takedown that was done."""
    with pytest.raises(UsageError, match=words):
        forget(LocalStore(out), query, STORAGE)


def test_nothing_gone_is_no_error(tmp_path: Path) -> None:
    """A nightly `--gone` ends well where every source is there, and writes nothing; a name without a match does not."""
    (tmp_path / "a.pdf").touch()
    with writing(tmp_path / "out") as sink:
        add_document(sink, str(tmp_path / "a.pdf"), [page("text")])
    store, before = LocalStore(tmp_path / "out"), list(everything(tmp_path / "out"))

    assert (
        forget(store, ForgetQuery(gone=True), STORAGE).to_text().startswith("forgot 0 sources and 0 documents, 0 rows")
    )
    assert list(everything(tmp_path / "out")) == before
    with pytest.raises(UsageError, match="nothing matches"):
        forget(store, ForgetQuery(globs=("nothing*",), gone=True), STORAGE)


def test_a_name_that_no_row_has_is_told(out: Path) -> None:
    """A name without rows is kept out of later runs, yet a typing error must not look like a takedown that was done."""
    query = ForgetQuery(sources=("/in/secret.pdf", "/in/secrt.pdf"))
    told = forget(LocalStore(out), query, STORAGE, dry_run=True).to_text()

    assert "would forget 1 sources" in told
    assert "no row names /in/secrt.pdf: is it written as `ocrmill inspect` shows it?" in told
    assert "no row names /in/secret.pdf" not in told


def test_members_are_shown_as_inspect_shows_them() -> None:
    """So that the name of an archive's member can be copied from one command to the next."""
    assert "\n  /in/a.zip!b.pdf\n" in ForgetReport(("/in/a.zip!b.pdf",), 1, 1).to_text()


def test_what_was_set_aside_is_searched_too(out: Path) -> None:
    """Of a shard that a repair moved away, rows go as well; one that nobody can open is named."""
    store = LocalStore(out)
    aside = store.set_aside(store.list("pages")[0])
    (out / "_damaged" / "pages-broken.parquet").write_bytes(b"what is it")

    report = forget(store, ForgetQuery(sources=("/in/secret.pdf",)), STORAGE)

    assert "SECRET" not in str(pq.read_table(out / aside).to_pylist())
    assert report.unreadable == ("_damaged/pages-broken.parquet",)
    assert "_damaged/pages-broken.parquet cannot be opened" in report.to_text()


def test_rows_that_come_back_are_found(out: Path) -> None:
    """A shard that somebody brings back from a copy is damage: `verify` says so."""
    store = LocalStore(out)
    name = store.list("pages")[0]
    data = store.read(name)
    forget(store, ForgetQuery(sources=("/in/secret.pdf",)), STORAGE)
    (out / name).write_bytes(data)

    assert "rows of what was forgotten" in verify(store, repair=False).to_text()


def test_a_record_that_cannot_be_read_stops_the_run(out: Path) -> None:
    """To go on without it would read what must not be read."""
    store = LocalStore(out)
    forget(store, ForgetQuery(sources=("/in/secret.pdf",)), STORAGE)
    (out / store.list("_forgotten", ".json")[0]).write_text("{}")

    with pytest.raises(OutputError, match="it lists what must not be read again"):
        read_ledger(store)


def test_the_record_names_nobody(out: Path) -> None:
    """The record holds times and hashes of 64 digits."""
    store = LocalStore(out)
    forget(store, ForgetQuery(sources=("/in/secret.pdf",), documents=(made_id("/in/kept.pdf"),)), STORAGE)

    (name,) = store.list("_forgotten", ".json")
    record = json.loads(store.read(name))
    assert {len(value) for key in ("documents", "sources", "versions") for value in record[key]} == {64}
    assert ".pdf" not in str(record)


@pytest.mark.fault
def test_a_kill_at_any_step(out: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """SIGKILL of `forget` before each of its steps: the next command finishes it, or the same one does it all."""
    forget(LocalStore(out), ForgetQuery(sources=("/in/secret.pdf", "/in/twin.pdf")), STORAGE)
    for step in range(100):
        root = tmp_path_factory.mktemp(f"step{step}")
        make_output(root)
        ended = subprocess.run([sys.executable, "-c", _KILLED_AT, str(root), str(step)], check=False)
        store = LocalStore(root)
        begun = bool(store.list("_journal", ".json"))
        assert "secret" not in "".join(store.read(name).decode() for name in store.list("_journal", ".json"))
        with store.lease(LeaseOwner.current("next")):
            recover(store)
        if not begun and ended.returncode != 0 and not store.list("_forgotten", ".json"):
            forget(store, ForgetQuery(sources=("/in/secret.pdf", "/in/twin.pdf")), STORAGE)
        for folder in ("pages", "documents", "sources"):
            assert rows(out, folder) == rows(root, folder), f"step {step}"
        assert "secret" not in "".join(everything(root))
        assert len(read_forgotten(store).sources) == 2
        assert verify(store, repair=False).sound, f"step {step}"
        if ended.returncode == 0:
            assert step > 8
            return
        assert ended.returncode == -signal.SIGKILL
    pytest.fail("it never came to its end")


def test_in_a_bucket(s3: S3Server, tmp_path: Path) -> None:
    """An output in a bucket forgets as one in a folder does; an object that is gone is found by asking for it."""
    make_output(tmp_path)
    bucket = s3.bucket()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            s3.put(bucket, f"out/{path.relative_to(tmp_path)}", path.read_bytes())
    store = open_store(f"s3://{bucket}/out", s3.settings)

    forget(store, ForgetQuery(sources=("/in/secret.pdf",)), s3.settings)

    kept = "".join(str(s3.get(bucket, key)) for key in s3.keys(bucket, "out/runs/"))
    assert "secret" not in kept
    assert verify(store, repair=False).sound
    assert store.list("_forgotten", ".json")
