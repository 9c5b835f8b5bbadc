"""`--where` chooses pages by SQL over their columns, and does nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from written_outputs import add_document, failed_page, page, writing

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.document_text import TextForm
from ocrmill.commands.export.formats.json_lines import export_jsonl
from ocrmill.commands.export.formats.markdown_tree import export_markdown
from ocrmill.commands.sql import page_rows
from ocrmill.pipeline.errors import FileGoneError, UsageError
from ocrmill.pipeline.output.stores.local import LocalStore

ATTACKS = {
    "a file": "(SELECT count(*) FROM read_csv('{secret}')) > 0",
    "a file by its name": "(SELECT count(*) FROM '{secret}') > 0",
    "a text": "(SELECT content FROM read_text('{secret}')) = 'x'",
    "a query in a query": "(SELECT count(*) FROM query('SELECT * FROM read_text(''{secret}'')')) > 0",
    "the environment": "getenv('HOME') = '/root'",
    "a second statement": "true; COPY pages TO '{mark}'",
    "another query": "true) UNION SELECT document_id, page_number FROM page_rows WHERE (true",
    "a setting": "SET memory_limit = '90GB'",
    "nothing": "",
    "two conditions": "true, true",
    "a variable of Python": "(SELECT count(*) FROM places_of_python) > 0",
}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Pages with flags, failed ones, and one document twice as new as the other."""
    with writing(tmp_path / "out") as sink:
        add_document(
            sink, "/in/a.pdf", [page("a one ends in the"), page("two", flags=("long_run",)), page("middle of it")]
        )
        add_document(sink, "/in/b.pdf", [page("b"), failed_page()])
        add_document(sink, "/in/c.pdf", [page("old")], content="old")
    with writing(tmp_path / "out", run=2) as sink:
        add_document(sink, "/in/c.pdf", [page("new")], content="new", version="2")
    return LocalStore(tmp_path / "out")


def exported(store: LocalStore, path: Path, options: ExportOptions) -> dict[str, Any]:
    """Return the text of each document by its source."""
    export_jsonl(store, path, options)
    return {record["source"]: record["text"] for record in map(json.loads, path.read_text().splitlines())}


@pytest.mark.parametrize(
    ("condition", "texts"),
    [
        ("len(flags) = 0", {"a": "a one ends in the\n\nmiddle of it", "b": "b", "c": "new"}),
        ("source LIKE '%/b.pdf'", {"b": "b"}),
        ("STATUS = 'ok' AND markdown ILIKE '%W%'", {"a": "two", "c": "new"}),
        ("page_number = (SELECT max(page_number) FROM page_rows)", {"a": "middle of it"}),
        ("status = 'failed'", {}),
        ("list_contains(flags, 'long_run') OR run_id = (SELECT max(run_id) FROM page_rows)", {"a": "two", "c": "new"}),
    ],
)
def test_pages_are_chosen_by_their_columns(
    store: LocalStore, tmp_path: Path, condition: str, texts: dict[str, str]
) -> None:
    """Only current pages for which the condition is true are exported, by any column, in any case, with subqueries."""
    found = exported(store, tmp_path / "a.jsonl", ExportOptions(where=condition))

    assert found == {f"/in/{name}.pdf": text for name, text in texts.items()}


def test_what_is_left_out_is_counted_and_not_joined_over(store: LocalStore, tmp_path: Path) -> None:
    """A continuous text does not join the pages around one that is left out; the summary counts it."""
    form = TextForm(continuous=True)
    found = exported(store, tmp_path / "a.jsonl", ExportOptions(form=form, flagged=False))
    report = export_jsonl(store, tmp_path / "b.jsonl", ExportOptions(where="len(flags) > 0"))

    assert found["/in/a.pdf"] == "a one ends in the\n\nmiddle of it"
    assert (report.documents, report.pages, report.not_chosen) == (1, 1, 5)
    assert "5 pages left out by --where" in report.to_text("b")
    flagged = export_jsonl(store, tmp_path / "c.jsonl", ExportOptions(flagged=False))
    assert "1 pages left out for their flags; --flagged keeps them" in flagged.to_text("c")


def test_a_tree_loses_the_files_of_documents_that_are_not_chosen(store: LocalStore, tmp_path: Path) -> None:
    """A narrower export into the same tree deletes what is not part of it, and its index lists what is there."""
    export_markdown(store, tmp_path / "tree")
    export_markdown(store, tmp_path / "tree", ExportOptions(where="page_number = 2"))
    index = [json.loads(line)["path"] for line in (tmp_path / "tree/_index.jsonl").read_text().splitlines()]

    assert [path.name for path in (tmp_path / "tree").rglob("*.md")] == index == ["a.pdf.md"]
    assert (tmp_path / "tree/a.pdf.md").read_text() == "<!-- page: 2 status: ok -->\n\ntwo\n"
    with pytest.raises(UsageError, match="--figures"):
        export_markdown(store, tmp_path / "tree", ExportOptions(figures=True, where="true"))


@pytest.mark.parametrize("what", ATTACKS)
def test_a_condition_reads_nothing_else(store: LocalStore, tmp_path: Path, what: str) -> None:
    """A condition that asks for files, settings or more than an expression is refused, and leaves nothing behind."""
    secret = tmp_path / "secret.csv"
    secret.write_text("do-not-show\n1\n")
    condition = ATTACKS[what].format(secret=secret, mark=tmp_path / "mark")

    with pytest.raises(UsageError) as refused:
        export_jsonl(store, tmp_path / "a.jsonl", ExportOptions(where=condition))
    assert "do-not-show" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "secret.csv"]


def test_a_wrong_name_gets_the_list_of_columns(store: LocalStore, tmp_path: Path) -> None:
    """The message of a column that is not there names those that are."""
    with pytest.raises(UsageError, match=r"(?s)no_such.*The columns are document_id, source, .*text_language"):
        export_jsonl(store, tmp_path / "a.jsonl", ExportOptions(where="no_such = 'de'"))


def test_a_shard_that_is_merged_meanwhile_is_no_mistake_of_the_user(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of reading comes through DuckDB as it is, so that the command begins again."""

    def gone(*_: object, **__: object) -> Iterator[pa.Table]:
        yield from ()
        raise FileGoneError("pages/1.parquet")

    monkeypatch.setattr(page_rows, "read_pages", gone)
    with pytest.raises(FileGoneError):
        export_jsonl(store, tmp_path / "a.jsonl", ExportOptions(where="true"))
