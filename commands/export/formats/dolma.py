"""Documents for the Dolma toolkit, and their flags as attributes.

    documents/part-00000.jsonl.gz            id, text, source, added, created, metadata
    attributes/ocrmill/part-00000.jsonl.gz   the same documents in the same order: spans of pages with a flag

An attribute is called `ocrmill__flags__FLAG`; each of its spans is [start, end, 1.0], in characters of the text.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.exported_folder import exported_folder
from ocrmill.commands.export.formats.shards import Shards
from ocrmill.commands.export.records import document_record, line
from ocrmill.pipeline.output.stores.store import Store

ENDINGS = {"gzip": "gz", "zstd": "zst"}
ATTRIBUTES = "attributes/ocrmill"


def export_dolma(store: Store, destination: Path, options: ExportOptions | None = None) -> ExportReport:
    """Write the documents that have text into shards of about `options.shard_bytes`.

    Raises:
        OutputError: The output cannot be read or the folder not written; the destination is unchanged.
        UsageError: The destination is a file, a URL, somebody's folder, or an export that may not be replaced.
    """
    options = options or ExportOptions()
    with exported_folder(store, destination, options, "dolma") as folder:
        for name in ("documents", ATTRIBUTES):
            (folder.path / name).mkdir(parents=True)
        with Shards(lambda number: _Shard(folder.path, number, options.compression), options.shard_bytes) as shards:
            for document in folder.documents:
                shards.add(document_record(document, options.form))
    return folder.report


class _Shard:
    """A file of documents and the one of their attributes."""

    def __init__(self, folder: Path, number: int, compression: str) -> None:
        name = f"part-{number:05}.jsonl.{ENDINGS[compression]}"
        self._files = [(folder / kind / name).open("wb") for kind in ("documents", ATTRIBUTES)]
        self._streams = [pa.CompressedOutputStream(file, compression) for file in self._files]

    def has_room(self, item: dict[str, Any], limit: int) -> bool:
        return self._files[0].tell() < limit and len(item["text"]) < limit

    def add(self, item: dict[str, Any]) -> None:
        about = {"id": item["id"], "source": item["source"], "attributes": _flags(item["metadata"]["pages"])}
        for stream, record in zip(self._streams, (item, about), strict=True):
            stream.write(line(record))

    def close(self) -> None:
        for opened in [*self._streams, *self._files]:
            opened.close()


def _flags(pages: list[dict[str, Any]]) -> dict[str, list[tuple[int, int, float]]]:
    """Return the spans of pages with text by flag, in the order of the text."""
    attributes: dict[str, list[tuple[int, int, float]]] = {}
    for page in pages:
        for flag in page["flags"] if page["start"] < page["end"] else ():
            attributes.setdefault(f"ocrmill__flags__{flag}", []).append((page["start"], page["end"], 1.0))
    return attributes
