"""The index: it holds the rows that count, also while an output grows and changes."""

import shutil
from pathlib import Path

import httpx
import pytest
from made_rows import made_stamp
from s3_server import S3Server
from viewer import opened, serving, wait_for_index
from written_outputs import add_document, failed_page, page, writing

import ocrmill
from ocrmill.commands.compact import compact
from ocrmill.commands.presentation.rates import read_rates
from ocrmill.commands.view.output_data import OutputData
from ocrmill.pipeline.degenerate_rates import COLUMNS, DegenerateRates, grouped
from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.shard import read_shard
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_output

FIRST_RELEASE = Path(__file__).parents[2] / "older_outputs/first_release"


def indexed(data: OutputData) -> set[tuple[str, int]]:
    return set(data.cursor().execute("SELECT document_id, page_number FROM pages").fetchall())


def current(store: LocalStore) -> set[tuple[str, int]]:
    table = ocrmill.open_output(store.url, unfinished=True).pages.select("document_id", "page_number").to_arrow()
    return {(row["document_id"], row["page_number"]) for row in table.to_pylist()}


def test_it_holds_the_rows_that_count(data: OutputData, nights: LocalStore) -> None:
    """Pages, documents and sources are those of `open_output`, and each place leads to its row."""
    output = ocrmill.open_output(nights.url)
    rows = {name: data.cursor().execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("documents", "sources")}

    assert indexed(data) == current(nights)
    assert rows == {"documents": (len(output.documents.to_arrow()),), "sources": (len(output.sources.to_arrow()),)}
    for document_id, page_number in sorted(indexed(data))[::500]:
        row = data.find_page(document_id, page_number)
        assert row is not None
        assert (row["document_id"], row["page_number"]) == (document_id, page_number)
    assert data.find_page("0" * 64, 1) is None


def test_the_rate_is_that_of_status(data: OutputData, nights: LocalStore) -> None:
    """The counts behind the repetition rate are those that `ocrmill status` adds up from the shards."""
    tables = (grouped(read_shard(nights.file(name), name, COLUMNS)) for name in shards(nights, "pages"))

    rates = read_rates(data.cursor())
    assert dict(rates.counts) == dict(DegenerateRates.from_groups(tables).counts)
    assert rates.total.kept > 0


@pytest.fixture
def grown(tmp_path: Path) -> LocalStore:
    """An output of two documents."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page("one"), page("two"), failed_page()])
        add_document(sink, "/in/b.pdf", [page("three")])
    return LocalStore(tmp_path / "out")


def test_it_follows_an_output_that_grows_and_shrinks(grown: LocalStore, nights: LocalStore) -> None:
    """New shards come in; documents that no source holds any more, and merged shards, leave no row twice or behind."""
    with opened(grown) as data:
        assert len(indexed(data)) == 4

        for folder in ("pages", "documents", "sources"):
            name = shards(nights, folder)[0]
            shutil.copy(Path(nights.url) / name, Path(grown.url) / name)
        data.index.refresh()
        assert len(indexed(data)) == 4 + 300
        assert indexed(data) == current(grown)

        with writing(Path(grown.url), stamp=made_stamp(day=9)) as sink:
            add_document(sink, "/in/a.pdf", [page("changed")])
        data.index.refresh()
        assert indexed(data) == current(grown)

        compact(grown)
        data.index.refresh()
        assert indexed(data) == current(grown)
        before = data.index.facets
        data.index.refresh()
        assert data.index.facets is before  # nothing has changed, and nothing was counted again


def test_an_index_that_cannot_go_on_says_why(grown: LocalStore) -> None:
    """A damaged shard stops the index with its reason on every page; the process lives on."""
    with opened(grown) as data:
        (Path(grown.url) / "pages/00000000-damaged.parquet").write_bytes(b"PAR1 no shard PAR1")
        data.index.look()

        assert "00000000-damaged" in (data.index.state.error or "")
        (Path(grown.url) / "pages/00000000-damaged.parquet").unlink()
        data.index.look()
        wait_for_index(data)
        assert data.index.state.error is None


def test_an_output_of_the_first_release_is_shown() -> None:
    """Columns that it did not have are empty; every view and download answers."""
    views = ("/", "/pages?flags=(none)", "/pages?sort=loop_score", "/documents", "/sources", "/plot/rates")
    others = (
        "/worst-documents",
        "/download/pages/parquet",
        "/download/pages/csv",
        "/download/pages/jsonl",
        "/search?q=a",
    )
    with opened(LocalStore(FIRST_RELEASE)) as data, serving(data) as address:
        assert indexed(data) == current(LocalStore(FIRST_RELEASE))
        assert {view: httpx.get(address + view, timeout=60).status_code for view in (*views, *others)} == dict.fromkeys(
            (*views, *others), 200
        )


def test_an_output_in_a_bucket_is_shown(nights: LocalStore, s3: S3Server) -> None:
    """A bucket is indexed and read like a folder: tables, single pages, text search and downloads."""
    bucket = s3.bucket()
    for path in sorted(Path(nights.url).glob("*/*000000.parquet")):
        s3.put(bucket, f"out/{path.relative_to(nights.url)}", path.read_bytes())
    with opened(open_output(f"s3://{bucket}/out", s3.settings)) as data, serving(data) as address:
        assert len(indexed(data)) == 300
        document_id, page_number = sorted(indexed(data))[7]
        assert (data.find_page(document_id, page_number) or {})["page_number"] == page_number
        assert "match" in httpx.get(f"{address}/search?q=the").text
        assert len(httpx.get(f"{address}/download/pages/jsonl").text.splitlines()) == 300
