"""A selection as a file: written while it is sent, in the order in which the rows are stored.

Of pages, texts and whole rows are read from the shards; rows of documents and sources are whole in the index, and their
texts are those of their pages.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ocrmill.commands.presentation.columns import TABLE_COLUMNS
from ocrmill.commands.view.frame import data_of
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.selection import Selection
from ocrmill.commands.view.tables.selected_texts import read_groups
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.schema import DOCUMENTS, PAGES, SOURCES
from ocrmill.pipeline.printable import printable_line

_KEY = ("document_id", "page_number", "source")
_SHOWN_SOURCE = 500
_ROWS = 10_000  # of a batch
_TABLES = {columns.table: columns for columns in TABLE_COLUMNS}
_SCHEMAS = {"pages": PAGES, "documents": DOCUMENTS, "sources": SOURCES}


def download(request: Request) -> Response:
    """Send the selected rows of a table in one of `FORMATS`."""
    table, name = request.path_params["table"], request.path_params["format"]
    if table not in _TABLES or name not in FORMATS:
        raise UsageError(f"{table[:20]}/{name[:20]}: there are {', '.join(_TABLES)} as {', '.join(FORMATS)}")
    media_type, write = FORMATS[name]
    selection = Selection.parse(request.query_params.multi_items(), _TABLES[table])
    headers = {"content-disposition": f'attachment; filename="{table}.{"md" if name == "markdown" else name}"'}
    return StreamingResponse(write(data_of(request), selection), media_type=media_type, headers=headers)


def _indexed(data: OutputData, selection: Selection, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns that the index holds of the selected rows."""
    condition, values = selection.to_sql()
    query = f"SELECT {', '.join(names)} FROM {selection.columns.table} WHERE {condition} ORDER BY id"  # noqa: S608 (names of ours)
    yield from data.cursor().sql(query, params=values).to_arrow_reader(_ROWS)


def _csv(data: OutputData, selection: Selection) -> Iterator[str]:
    """Write the columns that people filter by, without the texts."""
    names = list(selection.columns.names)
    yield _csv_lines([names])
    for batch in _indexed(data, selection, names):
        rows = (row.values() for row in batch.to_pylist())
        yield _csv_lines([[" ".join(value) if isinstance(value, list) else value for value in row] for row in rows])


def _csv_lines(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _jsonl(data: OutputData, selection: Selection) -> Iterator[str]:
    """Write the same columns, and of pages the Markdown."""
    names = list(selection.columns.names)
    if selection.columns.table != "pages":
        for batch in _indexed(data, selection, names):
            yield "".join(map(_line, batch.to_pylist()))
        return
    for group in read_groups(data, selection, names, ["markdown"]):
        for row, text in zip(
            group.indexed.select(names).to_pylist(), group.stored["markdown"].to_pylist(), strict=True
        ):
            yield _line({**row, "markdown": text})


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _parquet(data: OutputData, selection: Selection) -> Iterator[bytes]:
    """Write the whole rows, by the contract of their table."""
    sink, schema = _Chunks(), _SCHEMAS[selection.columns.table]
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for rows in _whole_rows(data, selection, schema.names):
            writer.write_table(rows.cast(schema))
            yield sink.take()
    yield sink.take()


def _whole_rows(data: OutputData, selection: Selection, names: list[str]) -> Iterator[pa.Table]:
    if selection.columns.table == "pages":
        for group in read_groups(data, selection, _KEY, names):
            yield group.stored.select(names)
    else:
        for batch in _indexed(data, selection, names):
            yield pa.Table.from_batches([batch])


def _markdown(data: OutputData, selection: Selection) -> Iterator[str]:
    """Write the texts of the pages, or of those of the documents, each below a comment with its source and page."""
    for group in read_groups(data, selection, _KEY, ["markdown"]):
        for row, text in zip(group.indexed.to_pylist(), group.stored["markdown"].to_pylist(), strict=True):
            source = printable_line(row["source"], _SHOWN_SOURCE).replace("--", "- -")
            yield f"<!-- {source} page {row['page_number']} -->\n\n{text or ''}\n\n"


class _Chunks(io.RawIOBase):
    """A file that hands out what was written since the last time."""

    def __init__(self) -> None:
        self._new = io.BytesIO()
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        size = self._new.write(data)
        self._written += size
        return size

    def take(self) -> bytes:
        chunk = self._new.getvalue()
        self._new = io.BytesIO()
        return chunk


Writer = Callable[[OutputData, Selection], Iterator[str] | Iterator[bytes]]
FORMATS: dict[str, tuple[str, Writer]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "jsonl": ("application/x-ndjson", _jsonl),
    "parquet": ("application/vnd.apache.parquet", _parquet),
    "markdown": ("text/markdown; charset=utf-8", _markdown),
}
