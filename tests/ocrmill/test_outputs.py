"""`open_output` shows current documents only, in each library's own form; plan, verify and retry take objects."""

import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from made_rows import made_stamp, made_unreadable
from pdfs import text_pdf
from s3_server import S3Server

import ocrmill
from ocrmill.pipeline.output.forgotten import Forgetting
from ocrmill.pipeline.output.journal import Change, Replacement, Withdrawal, begin
from ocrmill.pipeline.output.schema import documents_table
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.stores.local import LocalStore


@pytest.fixture(scope="module")
def out(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output that the API made, in which one document has taken another's place."""
    out = tmp_path_factory.mktemp("api") / "out"
    changed = papers / "changed.pdf"
    text_pdf(changed, pages=2, text="The old text of a report that changes. ")
    ocrmill.run(papers, out, use_ray=False)
    text_pdf(changed, pages=3, text="The new text of a report that has changed. ")
    os.utime(changed, (1, 1))
    report = ocrmill.run(papers, out, use_ray=False)
    assert report.pages.total() == 3
    return out


def names(rows: list[str]) -> list[str]:
    return sorted(Path(row).name for row in rows)


def test_rows_are_those_of_current_documents(out: Path) -> None:
    """A document that its source does not hold any more is in the shards, and not in `open_output`."""
    output = ocrmill.open_output(out)
    shards = duckdb.sql(f"select count(*) from '{out}/pages/*.parquet' where source like '%changed.pdf'").fetchall()
    pages = output.pages.select("source", "page_number", "markdown").to_arrow()
    texts = [row["markdown"] for row in pages.to_pylist() if row["source"].endswith("changed.pdf")]

    assert shards == [(5,)]
    assert len(texts) == 3
    assert all("has changed" in text for text in texts)
    assert names(output.documents.to_arrow()["source"].to_pylist()).count("changed.pdf") == 1
    assert names(output.sources.to_arrow()["source"].to_pylist()).count("changed.pdf") == 1
    documents = output.documents.select("document_id", "reason").to_arrow().to_pylist()
    assert "password_required" in {row["reason"] for row in documents}


def test_rows_have_the_columns_of_the_contract(out: Path) -> None:
    """Every column is there with its type; a selection has its own in its order, and a misspelt one is refused."""
    output = ocrmill.open_output(out)

    assert output.pages.to_arrow().schema.equals(output.pages.schema)
    assert output.documents.to_arrow().schema.equals(output.documents.schema)
    assert output.sources.to_arrow().schema.equals(output.sources.schema)
    assert output.pages.select("flags", "source").to_arrow().column_names == ["flags", "source"]
    with pytest.raises(ocrmill.UsageError, match="no column sourcex: there are document_id, source"):
        output.pages.select("sourcex")


def test_pandas_duckdb_and_arrow_show_the_same_rows(out: Path) -> None:
    """Each form has the same pages; a relation of DuckDB can be asked twice."""
    rows = ocrmill.open_output(out).pages.select("source", "page_number", "status")
    table = rows.to_arrow()
    relation = rows.to_duckdb(duckdb.connect())

    assert rows.to_pandas()["page_number"].tolist() == table["page_number"].to_pylist()
    assert relation.aggregate("count(*)").fetchall() == [(len(table),)]
    assert relation.filter("status = 'blank'").fetchall() == relation.filter("status = 'blank'").fetchall() != []
    assert sum(len(batch) for batch in rows.batches()) == len(table) == len(pa.table(rows))


def test_an_optional_package_that_is_missing_is_named(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pandas or duckdb the error says what to install; it is ours and an ImportError."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    rows = ocrmill.open_output(out).sources

    with pytest.raises(ocrmill.MissingPackageError, match="pip install pandas") as error:
        rows.to_pandas()
    with pytest.raises(ImportError, match="pip install duckdb"):
        rows.to_duckdb()
    assert isinstance(error.value, ocrmill.OcrmillError)


def test_rows_that_are_being_taken_out_are_not_shown(papers: Path, tmp_path: Path) -> None:
    """Withdrawn and forgotten documents vanish when the journal names them, and replaced pages are seen once."""
    ocrmill.run(papers / "report.pdf", tmp_path / "out", use_ray=False)
    store, output = LocalStore(tmp_path / "out"), ocrmill.open_output(tmp_path / "out")
    document = output.documents.to_arrow()["document_id"].to_pylist()[0]
    old = tuple(name for folder in ("pages", "documents", "sources") for name in store.list(folder))
    assert len(output.pages.to_arrow()) == 2

    changes: tuple[Change, ...] = (
        Withdrawal((document,), old),
        Forgetting((document,), (document,), (), (), {}, old),
        Replacement(("pages/not-there-yet.parquet", old[0]), ()),
    )
    for number, change in enumerate(changes):
        begin(store, f"change-{number}", change)
        assert len(output.pages.to_arrow()) == 0, change
        store.delete(f"_journal/change-{number}.json")
    copy = "pages/20990101-000000-000001.parquet"
    store.write(copy, store.read(old[0]))
    assert len(output.pages.to_arrow()) == 4
    begin(store, "retry", Replacement((copy,), (old[0],)))
    assert len(output.pages.to_arrow()) == 2


def test_rows_without_a_key_are_not_replaced(tmp_path: Path) -> None:
    """While rows of documents are replaced, unreadable sources of the old shard, which have no key, stay in sight."""
    store, stamp = LocalStore(tmp_path), made_stamp()
    for shard, letters in (("20260101-020000-000001", "xy"), ("20260101-020000-000002", "z")):
        rows = documents_table([made_unreadable(name) for name in letters], stamp)
        store.write(f"documents/{shard}.parquet", encode_shard(rows))
    begin(store, "retry", Replacement(tuple(store.list("documents"))[1:], tuple(store.list("documents"))[:1]))

    assert names(ocrmill.open_output(tmp_path).documents.to_arrow()["source"].to_pylist()) == [
        "x.pdf",
        "y.pdf",
        "z.pdf",
    ]


def test_pages_of_unfinished_documents_are_shown_on_demand(papers: Path, tmp_path: Path) -> None:
    """A trial reads one page of two: it is there with `unfinished`, and only then."""
    report = ocrmill.run(papers / "report.pdf", tmp_path / "out", use_ray=False, pages="1")

    assert (report.exit_code, report.documents_in_part) == (75, 1)
    assert len(ocrmill.open_output(tmp_path / "out").pages.to_arrow()) == 0
    assert len(ocrmill.open_output(tmp_path / "out", unfinished=True).pages.to_arrow()) == 1


def test_a_bucket_reads_like_a_folder(papers: Path, s3: S3Server) -> None:
    """Run, verify and rows work with a bucket, by the settings of storage."""
    out = f"s3://{s3.bucket()}/corpus"
    settings = ocrmill.RunSettings(storage=s3.settings)
    ocrmill.run(papers / "report.pdf", out, settings=settings, use_ray=False)
    rows = ocrmill.open_output(out, settings=settings).pages.select("page_number")

    assert ocrmill.verify(out, settings=settings).sound
    assert sorted(rows.to_arrow()["page_number"].to_pylist()) == [1, 2]
    assert rows.to_duckdb(duckdb.connect()).aggregate("max(page_number)").fetchall() == [(2,)]


def test_retry_plan_and_verify_take_objects(papers: Path, out: Path) -> None:
    """The other commands work as functions, and refuse what the command line refuses."""
    planned = ocrmill.plan([papers / "report.pdf", papers / "blank.pdf"], out=out)
    settings = ocrmill.load_settings("cpu", overrides={"raster.dpi": 100, "input.passwords": ["a", "b"]})

    assert (planned.documents, planned.known) == (0, 2)
    assert ocrmill.verify(out).sound
    assert (settings.raster.dpi, len(settings.input.passwords), settings.engine.name) == (100, 2, "cpu")
    assert ocrmill.retry(out, document="report.pdf", page=1, use_ray=False).pages.total() == 1
    with pytest.raises(ocrmill.UsageError, match="say what to read again"):
        ocrmill.retry(out)
    with pytest.raises(ocrmill.UsageError, match=r"write it like 0\.2\.0"):
        ocrmill.retry(out, older_than="yesterday")
    with pytest.raises(ocrmill.SettingsError, match="did you mean"):
        ocrmill.load_settings(overrides={"raster.dpii": 100})
    with pytest.raises(ocrmill.UsageError, match="no input"):
        ocrmill.run([], out)
    with pytest.raises(ocrmill.OutputError, match="is not an output"):
        ocrmill.open_output(papers)
