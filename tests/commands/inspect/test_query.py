"""`inspect` shows the right rows, in one order, harmless to the terminal."""

from pathlib import Path

import duckdb
import pytest
from made_rows import made_id
from narrowed import instance
from written_outputs import add_document, add_failed_document, add_pages, failed_page, page, writing

from ocrmill.commands.inspect.query import PageQuery, select_details, select_documents, select_pages
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.measures import RepetitionMeasures
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_output
from ocrmill.pipeline.records import Reason, Status

ALL_PAGES = PageQuery()
ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b31mred\r\n\u202e"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Three shards: documents out of the order of their names, one spread over two shards, one with a second source."""
    with writing(tmp_path, run=1) as sink:
        add_document(sink, "/in/zebra.pdf", [page("# Zebra\n\nstripes", flags=("repetition",)), page("two")])
        add_pages(sink, "/in/middle.pdf", [page("m1"), failed_page(detail="took too long\nthen more")], count=4)
        sink.flush()
        third, fourth = page("m3", Status.REPAIRED, Reason.TRUNCATED), page("", Status.BLANK)
        add_document(sink, "/in/middle.pdf", [page("m1"), failed_page(), third, fourth], added=2)
    with writing(tmp_path, run=2) as sink:
        add_document(sink, "/in/apple.pdf", [page("a1")], others=["/copies/same-as-apple.pdf"])
        add_failed_document(sink, "/in/locked.pdf")
        add_failed_document(sink, "/in/gone.pdf", Reason.UNREADABLE, "permission denied")
    return instance(LocalStore, open_output(str(tmp_path), StorageSettings()))


def keys(store: LocalStore, limit: int | None = None, query: PageQuery = ALL_PAGES) -> list[tuple[str, int]]:
    return [(found.source, found.page_number) for found in select_pages(store, query, limit)]


def test_pages_come_by_source_and_number_over_all_shards(store: LocalStore) -> None:
    """The order is that of the whole output, not of its shards; a limit takes the first ones of it."""
    files = f"{store.root}/pages/*.parquet"
    expected = duckdb.sql(f"select source, page_number from '{files}' order by source, page_number").fetchall()

    assert expected == keys(store)
    assert 7 == len(expected)
    assert all(expected[:limit] == keys(store, limit=limit) for limit in range(9))


def test_pages_come_in_order_when_they_do_not_fit_one_chunk(tmp_path: Path) -> None:
    """More pages than are read at once, in several row groups, still come in order, each once, with its own text."""
    with writing(tmp_path) as sink:
        for number in range(30):
            pages = [page(f"text {number}-{at}") for at in range(1, 51)]
            add_document(sink, f"/in/{number:02d}.pdf", pages)
    expected = [(f"/in/{number:02d}.pdf", at) for number in range(30) for at in range(1, 51)]
    found = list(select_pages(LocalStore(tmp_path), PageQuery()))

    assert expected == [(each.source, each.page_number) for each in found]
    assert expected[:60] == keys(LocalStore(tmp_path), limit=60)
    assert all(f"text {int(each.source[4:6])}-{each.page_number}" == each.excerpt for each in found)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (PageQuery(flagged=True), [("/in/zebra.pdf", 1)]),
        (PageQuery(failed=True), [("/in/middle.pdf", 2)]),
        (PageQuery(status="repaired"), [("/in/middle.pdf", 3)]),
        (PageQuery(reason="truncated"), [("/in/middle.pdf", 3)]),
        (PageQuery(reason="render_timeout", flagged=True), []),
        (PageQuery(document="middle", page_number=1), [("/in/middle.pdf", 1)]),
        (PageQuery(document=made_id("/in/apple.pdf")[:8]), [("/in/apple.pdf", 1)]),
        (PageQuery(document=made_id("/in/apple.pdf")[:8].upper()), [("/in/apple.pdf", 1)]),
        (PageQuery(document="copies/same-as"), [("/in/apple.pdf", 1)]),
        (PageQuery(document="%"), []),
        (PageQuery(page_number=9), []),
    ],
)
def test_conditions_narrow_the_pages(store: LocalStore, query: PageQuery, expected: list[tuple[str, int]]) -> None:
    """Every condition holds for what is shown; a document is found by any of its sources and by the start of its id."""
    assert expected == keys(store, query=query)


def test_a_summary_says_what_became_of_the_page(store: LocalStore) -> None:
    """Status, reason, measurements and the beginning of the Markdown are those of the row."""
    zebra, failed = (next(select_pages(store, each)) for each in (PageQuery(flagged=True), PageQuery(failed=True)))

    assert (zebra.page_count, zebra.characters, zebra.excerpt) == (2, 16, "# Zebra stripes")
    assert (zebra.flags, zebra.route_reason) == (("repetition",), "no_text_layer")
    assert zebra.measures == RepetitionMeasures(0.125, 2, 3, 1.5, 4)
    assert (failed.reason, failed.detail) == ("render_timeout", "took too long")
    assert (failed.measures, failed.characters, failed.excerpt) == (None, 0, "")


def test_a_hostile_document_cannot_drive_the_terminal(tmp_path: Path) -> None:
    """Escape sequences in names, messages and text come out spelt, in summaries and in whole rows."""
    with writing(tmp_path) as sink:
        add_document(sink, f"/in/{ATTACK}.pdf", [page(f"before {ATTACK} after", detail=ATTACK)])
        add_failed_document(sink, f"/in/{ATTACK}2.pdf", detail=ATTACK)
    store = LocalStore(tmp_path)

    (summary,) = select_pages(store, PageQuery())
    (document,) = select_documents(store, PageQuery())
    (detail,) = select_details(store, PageQuery())
    on_one_line = [summary.source, summary.detail, summary.excerpt, document.source, document.detail]
    whole = "\n".join(value for _, value in detail.columns)

    assert all(text and text.isprintable() for text in on_one_line)
    assert all(character.isprintable() or character in "\n\t" for character in whole)
    assert r"before \x1b]0;owned\x07\x1b[2J\x9b31mred" in whole


def test_a_selected_page_can_be_had_whole(store: LocalStore) -> None:
    """A detail has every column that is not null, and the Markdown to its last character."""
    (detail,) = select_details(store, PageQuery(document="zebra", page_number=1))
    columns = dict(detail.columns)

    assert columns["markdown"] == "# Zebra\n\nstripes"
    assert columns["flags"] == '["repetition"]'
    assert columns["compression_ratio"] == "1.5"
    assert columns["renderer"] == "mupdf"
    assert "figures" not in columns


def test_each_row_reads_as_one_line(store: LocalStore) -> None:
    """A page or document is one line with its id, source, number, status, reason, flags and beginning."""
    zebra, failed = (next(select_pages(store, each)) for each in (PageQuery(flagged=True), PageQuery(failed=True)))
    gone, locked = select_documents(store, PageQuery())

    assert zebra.to_text() == (
        f"{made_id('/in/zebra.pdf')[:12]}  /in/zebra.pdf 1/2  ok  no_text_layer  repetition  ratio 0.12, tail 3 of "
        "period 2, compression 1.5, run 4  16 characters  # Zebra stripes"
    )
    assert "/in/middle.pdf 2/4  failed (render_timeout: took too long)  " in failed.to_text()
    assert "------------  /in/gone.pdf  document failed (unreadable: permission denied)" == gone.to_text()
    assert locked.to_text().startswith(made_id("/in/locked.pdf")[:12])


def test_a_whole_row_reads_as_lines_with_long_texts_last(store: LocalStore) -> None:
    """Short columns are one line each; Markdown follows below its name, whole."""
    (detail,) = select_details(store, PageQuery(document="zebra", page_number=1))
    text = detail.to_text()

    assert "\npage_number: 1\n" in text
    assert text.endswith("\n\nmarkdown:\n# Zebra\n\nstripes")


def test_documents_without_pages_are_seen(store: LocalStore) -> None:
    """A document that could not be opened has no page, and is still shown with its reason."""
    failed = list(select_documents(store, PageQuery(failed=True)))

    assert [(row.source, row.reason, row.detail) for row in failed] == [
        ("/in/gone.pdf", "unreadable", "permission denied"),
        ("/in/locked.pdf", "password_required", "no password fits"),
    ]
    assert [None, made_id("/in/locked.pdf")] == [row.document_id for row in failed]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (PageQuery(reason="unreadable"), ["/in/gone.pdf"]),
        (PageQuery(document=made_id("/in/locked.pdf")[:6]), ["/in/locked.pdf"]),
        (PageQuery(document="gone"), ["/in/gone.pdf"]),
        (PageQuery(status="failed", reason="password_required"), ["/in/locked.pdf"]),
        (PageQuery(status="ok"), []),
        (PageQuery(flagged=True), []),
        (PageQuery(page_number=1), []),
    ],
)
def test_conditions_narrow_the_documents_too(store: LocalStore, query: PageQuery, expected: list[str]) -> None:
    """A document without pages is shown where it meets the conditions, and never for one that only pages can meet."""
    assert expected == [row.source for row in select_documents(store, query)]


def test_an_output_without_pages_selects_nothing(tmp_path: Path) -> None:
    """An output whose only document failed has no page to show, and that is no error."""
    with writing(tmp_path) as sink:
        add_failed_document(sink, "/in/locked.pdf")

    assert [] == list(select_pages(LocalStore(tmp_path), PageQuery()))


def test_a_damaged_shard_is_named(store: LocalStore) -> None:
    """A shard that cannot be read is an error that names it, not a page less."""
    name = store.list("pages")[0]
    Path(store.file(name)).write_bytes(b"PAR1 not quite")

    with pytest.raises(OutputError, match=name):
        list(select_pages(store, PageQuery()))
