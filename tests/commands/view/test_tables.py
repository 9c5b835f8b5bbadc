"""Text search and downloads: what they find and hand out is what the output holds."""

import csv
import io
import json
import threading
import time
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

import ocrmill
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.selection import Selection
from ocrmill.commands.view.tables import search
from ocrmill.commands.view.tables.search import MOST_HITS, find
from ocrmill.pipeline.output.schema import DOCUMENTS, PAGES, SOURCES

Row = dict[str, Any]
SELECTION = "status=ok&flags=(none)&source=report-0002"


@pytest.fixture(scope="module")
def rows(data: OutputData) -> list[Row]:
    found: list[Row] = ocrmill.open_output(data.url, unfinished=True).pages.to_arrow().to_pylist()
    return found


def selected(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["status"] == "ok" and not row["flags"] and "report-0002" in row["source"]]


def key(row: Row) -> tuple[str, int]:
    return row["document_id"], row["page_number"]


@pytest.mark.parametrize("words", ["the", "PAGE", "a.b(", "no such words"])
def test_a_search_finds_each_page_with_the_words(words: str, data: OutputData, rows: list[Row]) -> None:
    """Case does not count, nothing is a pattern, only the selection is searched, and a match is shown where it is."""
    lines = list(find(data, Selection((("source", "report-0002"),)), words))
    hits = [line for line in lines if "match" in line]
    texts = {key(row): row["markdown"] or "" for row in rows if "report-0002" in row["source"]}

    assert {key(hit) for hit in hits} == {name for name, text in texts.items() if words.lower() in text.lower()}
    for hit in hits:
        assert hit["before"] + hit["match"] + hit["after"] in texts[key(hit)]
        assert hit["match"].lower() == words.lower()
    assert lines[-1] == {"done": True, "searched": len(texts), "hits": len(hits), "more": False}


def test_a_search_ends_at_many_hits(data: OutputData, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search stops, and says that there are more."""
    monkeypatch.setattr(search, "MOST_HITS", 10)

    assert MOST_HITS > 10
    lines = list(find(data, Selection(), "e"))
    assert sum("match" in line for line in lines) == 10
    assert lines[-1]["more"] is True


def test_a_search_streams_and_ends_with_its_browser(viewer: str, data: OutputData) -> None:
    """The first hit is there before the search is over; when the browser hangs up, no shard is read any more."""
    opened, may_go_on = [], threading.Event()
    read = data.store.file

    def slow(name: str) -> Any:
        opened.append(name)
        if len(opened) > 1:
            may_go_on.wait(20)
        return read(name)

    data.store.file = slow  # type: ignore[method-assign]
    try:
        with httpx.stream("GET", viewer + "/search", params={"q": "the"}) as answer:
            first = next(line for line in answer.iter_lines() if "match" in json.loads(line))
        assert json.loads(first)["match"].lower() == "the"
        may_go_on.set()
        time.sleep(0.5)
        assert len(opened) <= 3
    finally:
        data.store.file = read  # type: ignore[method-assign]


@pytest.mark.parametrize("query", ["q=", "q=" + "x" * 501, "q=a&in=features"])
def test_a_search_for_nothing_is_refused(viewer: str, query: str) -> None:
    """No words, too many, or a column without text: the request is wrong, and is said to be."""
    assert httpx.get(f"{viewer}/search?{query}").status_code == 400


def test_downloads_hold_the_selection(viewer: str, rows: list[Row]) -> None:
    """Each format has just the selected pages, in one order; Parquet has their whole rows by the contract."""
    expected = selected(rows)
    answers = {
        name: httpx.get(f"{viewer}/download/pages/{name}?{SELECTION}")
        for name in ("csv", "jsonl", "parquet", "markdown")
    }
    table = pq.read_table(io.BytesIO(answers["parquet"].content))

    assert table.schema.equals(PAGES)
    assert table.to_pylist() == expected
    lines = [json.loads(line) for line in answers["jsonl"].text.splitlines()]
    assert [(key(line), line["markdown"]) for line in lines] == [(key(row), row["markdown"]) for row in expected]
    sheet = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    assert [(line["document_id"], int(line["page_number"])) for line in sheet] == [key(row) for row in expected]
    assert answers["markdown"].text.count("<!-- /corpus/") == len(expected) > 20
    assert all(row["markdown"] in answers["markdown"].text for row in expected)
    assert answers["csv"].headers["content-disposition"] == 'attachment; filename="pages.csv"'
    for nothing in ("pages/exe", "rates/csv", "shards/parquet"):
        assert httpx.get(f"{viewer}/download/{nothing}").status_code == 400


@pytest.mark.parametrize("table", ["documents", "sources"])
def test_documents_and_sources_are_downloads_too(table: str, viewer: str, data: OutputData, rows: list[Row]) -> None:
    """Each format has just the selected rows; their Markdown is that of their pages."""
    output = ocrmill.open_output(data.url, unfinished=True)
    every: list[Row] = getattr(output, table).to_arrow().to_pylist()
    expected = sorted((row for row in every if "report-0002" in row["source"]), key=lambda row: row["source"])
    answers = {
        name: httpx.get(f"{viewer}/download/{table}/{name}?source=REPORT-0002&after=7", timeout=60)
        for name in ("csv", "jsonl", "parquet", "markdown")
    }
    whole = pq.read_table(io.BytesIO(answers["parquet"].content))
    lines = [json.loads(line) for line in answers["jsonl"].text.splitlines()]
    sheet = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    pages = [row for row in rows if "report-0002" in row["source"]]

    assert whole.schema.equals({"documents": DOCUMENTS, "sources": SOURCES}[table])
    assert sorted(whole.to_pylist(), key=lambda row: row["source"]) == expected
    assert 1 < len(expected) < len(every)
    for found in (lines, sheet):
        assert sorted(str(row["source"]) for row in found) == [row["source"] for row in expected]
    assert {line["bytes"] for line in lines} == {row["bytes"] for row in expected}
    assert answers["markdown"].text.count("<!-- /corpus/") == len(pages) > len(expected)
    assert answers["csv"].headers["content-disposition"] == f'attachment; filename="{table}.csv"'
    assert httpx.get(f"{viewer}/documents?source=report-0002", timeout=60).text.count("/download/documents/") == 4


def test_a_selection_without_pages_downloads_as_an_empty_file(viewer: str) -> None:
    """Also as Parquet, which has its schema then."""
    answer = httpx.get(viewer + "/download/pages/parquet?status=no-such")

    assert pq.read_table(io.BytesIO(answer.content)).schema.equals(PAGES)
    assert httpx.get(viewer + "/download/pages/jsonl?status=no-such").text == ""
