"""Text search: hits are sent as they are found, one JSON object a line, until the browser hangs up.

{"document_id": "2dea...", "page_number": 3, "source": "a.pdf", "before": "the ", "match": "mill", "after": " pond"}
{"searched": 20480, "of": 100000}                 now and then
{"done": true, "searched": 100000, "hits": 17}    at the end; "more": true if there were too many
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ocrmill.commands.view.frame import data_of
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.selection import Selection
from ocrmill.commands.view.tables.rows import count
from ocrmill.commands.view.tables.selected_texts import read_groups
from ocrmill.pipeline.errors import FileGoneError, OutputError, UsageError

MOST_HITS = 1000
AROUND = 60  # characters that are shown on each side of a match
SHOWN_MATCH = 200
LONGEST_WORDS = 500
COLUMNS = {"markdown", "raw"}


def search(request: Request) -> Response:
    """Search the texts of a selection for words, without regard to case."""
    words, column = request.query_params.get("q", ""), request.query_params.get("in", "markdown")
    if not words.strip() or len(words) > LONGEST_WORDS or column not in COLUMNS:
        raise UsageError(f"a search needs 1 to {LONGEST_WORDS} characters, and markdown or raw to search in")
    selection = Selection.parse(request.query_params.multi_items())
    lines = find(data_of(request), selection, words, column)
    return StreamingResponse((json.dumps(line) + "\n" for line in lines), media_type="application/x-ndjson")


def find(data: OutputData, selection: Selection, words: str, column: str = "markdown") -> Iterator[dict[str, Any]]:
    """Yield hits and progress, as the head of this file shows them."""
    total, searched, hits = count(data.cursor(), selection), 0, 0
    pattern = re.compile(re.escape(words), re.IGNORECASE)
    yield {"searched": 0, "of": total}
    try:
        for group in read_groups(data, selection, ("document_id", "page_number", "source"), [column]):
            found = pc.match_substring(group.stored[column], words, ignore_case=True)
            places = pc.indices_nonzero(pc.fill_null(found, False))
            for row, text in zip(
                group.indexed.take(places).to_pylist(), _texts(group.stored, column, places), strict=True
            ):
                yield _hit(row, text, pattern)
                hits += 1
                if hits == MOST_HITS:
                    yield {"done": True, "searched": searched, "hits": hits, "more": True}
                    return
            searched += len(group.stored)
            yield {"searched": searched, "of": total}
    except (FileGoneError, OutputError) as error:
        yield {"done": True, "searched": searched, "hits": hits, "error": str(error)}
        return
    yield {"done": True, "searched": searched, "hits": hits, "more": False}


def _texts(stored: pa.Table, column: str, places: pa.Array) -> list[str]:
    texts: list[str] = stored[column].take(places).to_pylist()
    return texts


def _hit(row: dict[str, Any], text: str, pattern: re.Pattern[str]) -> dict[str, Any]:
    found = pattern.search(text)
    start, end = found.span() if found else (0, 0)  # Arrow folds some letters that Python does not
    return {
        "document_id": row["document_id"],
        "page_number": row["page_number"],
        "source": row["source"],
        "before": text[max(0, start - AROUND) : start],
        "match": text[start:end][:SHOWN_MATCH],
        "after": text[end : end + AROUND],
    }
