"""The document that a source holds: every command names the same one, however its rows came to lie."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_rows import made_id, made_stamp
from written_outputs import add_document, failed_page, page, source, writing

from ocrmill.commands.compact import compact
from ocrmill.commands.export.formats.json_lines import export_jsonl
from ocrmill.commands.export.formats.markdown_tree import export_markdown
from ocrmill.commands.inspect.query import PageQuery, select_pages
from ocrmill.commands.retry import find_reopened
from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.pipeline.output.catalogue import Catalogue, moments, read_catalogue
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.places import places_of
from ocrmill.pipeline.output.schema import sources_table
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.rows import SourceRow

URI = "/in/a.pdf"


def told_by_all(out: Path, uris: Sequence[str]) -> dict[str, set[str]]:
    """The documents that each reader takes for those that the sources hold."""
    store = LocalStore(out)
    lines = out.parent / f"{out.name}.jsonl"
    export_jsonl(store, lines)
    ledger = read_ledger(store)
    told = {
        "catalogue": set(read_catalogue(store).held()["document_id"].to_pylist()),
        "ledger": {ledger.document_of_source(uri) or "" for uri in uris},
        "export": {json.loads(line)["id"] for line in lines.read_text().splitlines()},
        "inspect": {each.document_id for each in select_pages(store, PageQuery())},
        "inspect --document": {
            each.document_id for uri in uris for each in select_pages(store, PageQuery(document=uri.rpartition("/")[2]))
        },
    }
    held = read_status(store).documents.total() - read_status(store).superseded_documents
    assert held == len(uris)
    to_read = places_of(store, find_reopened(store, PageQuery(), ()))
    told["retry"] = {document_id for document_id, places in to_read.items() if {*uris} & {*places}}
    compact(store)
    told["compact"] = set(pq.read_table(out / "documents")["document_id"].to_pylist())
    assert verify(store, repair=False).findings == ()
    return told


def assert_all_name(out: Path, *document_ids: str, uris: Sequence[str] = (URI,)) -> None:
    assert {name: told for name, told in told_by_all(out, uris).items() if told != {*document_ids}} == {}


def without_sequence(out: Path) -> None:
    """Make the output one of the first release, which had no such column."""
    for folder in ("documents", "sources"):
        for shard in (out / folder).glob("*.parquet"):
            table = pq.read_table(shard, partitioning=None).drop_columns(["sequence", "ocrmill_version"])
            shard.write_bytes(encode_shard(table))


@pytest.mark.parametrize("is_of_first_release", [False, True])
@pytest.mark.parametrize("num_shards", [1, 2])
def test_documents_that_changed_while_they_were_read(
    tmp_path: Path, num_shards: int, is_of_first_release: bool
) -> None:
    """Of two in one run the one read last is held: 13 times of 13 in one shard or two, also by the first release."""
    out, contents = tmp_path / "out", [f"{num_shards}-{is_of_first_release}-{number}" for number in range(13)]
    uris = [f"/in/{content}.pdf" for content in contents]
    with writing(out) as sink:
        for uri, content in zip(uris, contents, strict=True):
            pages = [page("half"), failed_page(Reason.CHANGED)]
            add_document(sink, uri, pages, content=f"before-{content}", version="1")
        if num_shards > 1:
            sink.flush()
        for uri, content in zip(uris, contents, strict=True):
            add_document(sink, uri, [page("whole")], content=f"after-{content}", version="2")
    if is_of_first_release:
        without_sequence(out)

    assert_all_name(out, *(made_id(f"after-{content}") for content in contents), uris=uris)


def test_the_clock_does_not_matter(tmp_path: Path) -> None:
    """A run whose clock went back years has the last word all the same."""
    for run, content in ((9, "before"), (1, "after")):
        with writing(tmp_path / "out", run=run) as sink:
            add_document(sink, URI, [page()], content=content, version=content)

    assert_all_name(tmp_path / "out", made_id("after"))


@pytest.mark.parametrize("nights", [1, 2], ids=["one run", "the next run"])
def test_a_file_that_is_put_back_while_it_is_read(tmp_path: Path, nights: int) -> None:
    """The file holds again what it held before, though its row of then is there already."""
    out = tmp_path / "out"
    with writing(out, run=1) as sink:
        add_document(sink, URI, [page()], content="first", version="1")
    with writing(out, run=2) as sink:
        add_document(sink, URI, [failed_page(Reason.CHANGED)], content="second", version="2")
        if nights == 1:
            sink.add_source(SourceRow(source(URI, "1"), made_id("first")))
    if nights > 1:
        with writing(out, run=3) as sink:
            sink.add_source(SourceRow(source(URI, "1"), made_id("first")))

    assert read_ledger(LocalStore(out)).knows_source(URI, "1")
    assert_all_name(out, made_id("first"))


def test_a_document_without_a_source_row_is_held_by_its_own(tmp_path: Path) -> None:
    """As a kill between the two shards leaves it; once there is a row, that counts."""
    out = tmp_path / "out"
    with writing(out) as sink:
        add_document(sink, URI, [page()], content="first")
    with writing(out, run=2) as sink:
        add_document(sink, URI, [page()], content="second", version="2")
    newest = max((out / "sources").glob("*.parquet"))
    newest.unlink()

    assert read_catalogue(LocalStore(out)).held().to_pylist() == [{"source": URI, "document_id": made_id("second")}]


def test_of_several_sources_the_last_is_tried_first(tmp_path: Path) -> None:
    """A document is read again from where it lies now; one that no source holds, from where it lay."""
    with writing(tmp_path) as sink:
        add_document(sink, "/in/a.pdf", [page()], content="a", others=["/in/b.pdf", "/in/c.pdf"])
    with writing(tmp_path, run=2) as sink:
        add_document(sink, "/in/c.pdf", [page()], content="c", version="2")
    with writing(tmp_path, run=3) as sink:
        add_document(sink, "/in/c.pdf", [page()], content="d", version="3")
    catalogue = read_catalogue(LocalStore(tmp_path))

    assert catalogue.places([made_id("a"), made_id("c")]) == {
        made_id("a"): ["/in/b.pdf", "/in/a.pdf"],
        made_id("c"): ["/in/c.pdf"],
    }
    assert catalogue.superseded().to_pylist() == [made_id("c")]


@dataclass(frozen=True)
class Said:
    """The contents of a row of a made table."""

    source: str
    document: str
    sequence: int | None


def table(rows: Sequence[Said]) -> pa.Table:
    made = [SourceRow(source(each.source), made_id(each.document), each.sequence) for each in rows]
    built = [sources_table([row], made_stamp()) for row in made]
    return pa.concat_tables(built).select(["source", "document_id", "sequence", "ingested_at"])


def test_rows_with_a_number_are_in_its_order_wherever_they_lie() -> None:
    """Rows of before come first, the others by their number; what the shards are called and hold does not matter."""
    rows = [Said("s", f"document-{number}", number) for number in range(1, 9)] + [Said("s", "old", None)]
    for seed in range(20):
        held = Catalogue([table([row]) for row in random.Random(seed).sample(rows, len(rows))], []).held()

        assert held.to_pylist() == [{"source": "s", "document_id": made_id("document-8")}]


def test_an_empty_output_has_an_empty_catalogue(tmp_path: Path) -> None:
    """Nothing is held, nothing is superseded, and the first number is 1."""
    with writing(tmp_path):
        pass
    catalogue = read_catalogue(LocalStore(tmp_path))

    assert (len(catalogue.held()), len(catalogue.superseded()), catalogue.places([made_id("a")])) == (0, 0, {})
    assert [each.tolist() for each in moments(table([Said("a", "a", 3)]), table([Said("b", "b", None)]))] == [[1], [0]]
    export_markdown(LocalStore(tmp_path), tmp_path / "tree")
