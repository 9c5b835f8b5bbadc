"""A selection of pages as a file: written while it is sent, in the order in which the pages are stored."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow.parquet as pq
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ocrmill.commands.presentation.columns import PAGE_COLUMNS
from ocrmill.commands.view.frame import data_of
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.selection import Selection
from ocrmill.commands.view.tables.selected_texts import read_groups
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.schema import PAGES
from ocrmill.pipeline.printable import printable_line

_NAMES = list(PAGE_COLUMNS.names)
_KEY = ("document_id", "page_number", "source")
_SHOWN_SOURCE = 500


def download(request: Request) -> Response:
    """Send the selected pages in one of `FORMATS`."""
    name = request.path_params["format"]
    if name not in FORMATS:
        raise UsageError(f"{name[:20]}: there are {', '.join(FORMATS)}")
    media_type, write = FORMATS[name]
    selection = Selection.parse(request.query_params.multi_items())
    headers = {"content-disposition": f'attachment; filename="pages.{"md" if name == "markdown" else name}"'}
    return StreamingResponse(write(data_of(request), selection), media_type=media_type, headers=headers)


def _csv(data: OutputData, selection: Selection) -> Iterator[str]:
    """Write the columns that people filter by, without the texts."""
    condition, values = selection.to_sql()
    query = f"SELECT {', '.join(_NAMES)} FROM pages WHERE {condition} ORDER BY id"  # noqa: S608 (names of ours)
    cursor = data.cursor().execute(query, values)
    yield _csv_lines([_NAMES])
    while rows := cursor.fetchmany(1000):
        yield _csv_lines([[" ".join(value) if isinstance(value, list) else value for value in row] for row in rows])


def _csv_lines(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _jsonl(data: OutputData, selection: Selection) -> Iterator[str]:
    """Write the same columns and the Markdown."""
    for group in read_groups(data, selection, _NAMES, ["markdown"]):
        for row, text in zip(
            group.indexed.select(_NAMES).to_pylist(), group.stored["markdown"].to_pylist(), strict=True
        ):
            yield json.dumps({**row, "markdown": text}, ensure_ascii=False) + "\n"


def _parquet(data: OutputData, selection: Selection) -> Iterator[bytes]:
    """Write the whole rows, by the contract of `pages`."""
    sink = _Chunks()
    with pq.ParquetWriter(sink, PAGES, compression="zstd") as writer:
        for group in read_groups(data, selection, _KEY, PAGES.names):
            writer.write_table(group.stored.select(PAGES.names).cast(PAGES))
            yield sink.take()
    yield sink.take()


def _markdown(data: OutputData, selection: Selection) -> Iterator[str]:
    """Write the texts, each below a comment with its source and page."""
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
