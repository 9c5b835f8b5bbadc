"""Rows as answers: JSON with the columns of the Parquet contract, or the Markdown that `export` writes."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa

from ocrmill.commands.export.document_text import TextForm, pages_markdown
from ocrmill.commands.export.whole_documents import pages_of
from ocrmill.commands.serve.refusal import Refusal, wrong
from ocrmill.commands.serve.upload import Upload
from ocrmill.pipeline.output.schema import RunStamp, documents_table, pages_table
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.rows import DocumentRow, PageRow
from ocrmill.workers.scheduling.single.document_reader import ReadDocument

SIGNIFICANT_DIGITS = 6  # a float32 keeps at least six
_UNREADABLE = 422  # the status of a document that was sent well and cannot be read
_STATUS = {Reason.UNSUPPORTED_TYPE: 415, Reason.EMPTY_FILE: 400, Reason.OBJECT_LIMIT: 413}
_SENTENCES = ("detail", "warnings")  # columns with words of libraries, which may name a file


@dataclass(frozen=True, slots=True)
class Answers:
    """Writes the rows of one document."""

    stamp: RunStamp
    upload: Upload

    def page(self, row: PageRow) -> dict[str, Any]:
        """Return the row of a page as JSON has it."""
        (values,) = self._plain(pages_table([row], self.stamp))
        return values

    def pages(self, rows: Sequence[PageRow]) -> list[dict[str, Any]]:
        """Return the rows of pages, by their numbers."""
        return self._plain(pages_table(rows, self.stamp))

    def document(self, row: DocumentRow | None) -> dict[str, Any] | None:
        """Return the row of the document; None if only a part of it was read."""
        return None if row is None else self._plain(documents_table([row], self.stamp))[0]

    def markdown(self, rows: Sequence[PageRow], form: TextForm) -> str:
        """Return the pages as `export` writes the file of a document."""
        pages = pages_of(pages_table(rows, self.stamp), blocks=form.needs_blocks)
        return pages_markdown(pages, Path("document.md"), form)

    def check(self, read: ReadDocument, pages: int) -> None:
        """Check that something was read.

        Raises:
            Refusal: it could not be opened, or has none of the pages that were asked for.
        """
        row = read.row
        if row is not None and row.status == "failed":
            reason = row.reason or Reason.DAMAGED
            values = self.document(row)
            assert values is not None
            message = values["detail"] or str(reason)
            if reason is Reason.PASSWORD_REQUIRED:
                message += ": send its password in the header X-Document-Password, or in a form's field `password`"
            raise Refusal(
                _STATUS.get(reason, _UNREADABLE), str(reason), message, body={"document": values, "pages": []}
            )
        if row is None and not pages:
            raise wrong(f"the document has {read.page_count:,} pages, and `pages` names none of them")

    def _plain(self, table: pa.Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = table.to_pylist()
        for row in rows:
            for column in _SENTENCES:
                if row.get(column):
                    row[column] = row[column].replace(str(self.upload.path), self.upload.name)
        return [{name: _as_json(value) for name, value in row.items()} for row in rows]


def json_line(values: Mapping[str, Any]) -> bytes:
    """Return a line of JSON."""
    return json.dumps(values, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _as_json(value: Any) -> Any:
    """Return a value of a row as JSON has it: pictures in base64, times by ISO 8601, floats as float32 keeps them."""
    match value:
        case float():
            return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isfinite(value) else None
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat()
        case dict():
            return {name: _as_json(each) for name, each in value.items()}
        case list():
            return [_as_json(each) for each in value]
        case _:
            return value
