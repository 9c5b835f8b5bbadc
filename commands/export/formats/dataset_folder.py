"""A dataset of Hugging Face: Parquet shards and a card, which `datasets.load_dataset(FOLDER)` reads.

README.md                   the card: where the files are, and the types of the columns
data/train-00000.parquet    one row for each document, or for each page
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.exported_folder import exported_folder
from ocrmill.commands.export.formats.shards import ParquetShard, Shards
from ocrmill.commands.export.records import document_record, page_records
from ocrmill.commands.export.whole_documents import WholeDocument
from ocrmill.pipeline.output.dataset_card import CARD, card_header
from ocrmill.pipeline.output.stores.store import Store

_TIME = pa.timestamp("us", tz="UTC")
_PAGE = [
    ("page_number", pa.int32()),
    *((name, pa.string()) for name in ("status", "reason")),
    ("flags", pa.list_(pa.string())),
    ("repetition_flag", pa.bool_()),
    *((name, pa.float32()) for name in ("repetition_ratio", "text_layer_agreement")),
    *((name, pa.string()) for name in ("route", "route_reason", "engine", "renderer", "model")),
]
_FIRST = [*((name, pa.string()) for name in ("id", "source", "text"))]
PAGE_ROWS = pa.schema([*_FIRST, ("document_id", pa.string()), ("page_count", pa.int32()), *_PAGE, ("added", _TIME)])
DOCUMENT_ROWS = pa.schema(
    [
        *_FIRST,
        ("sources", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("source_version", "title", "producer")),
        ("page_count", pa.int32()),
        ("repetition_rate", pa.float32()),
        *((name, pa.string()) for name in ("settings_fingerprint", "run_id")),
        ("added", _TIME),
        ("pages", pa.list_(pa.struct([*_PAGE, ("start", pa.int32()), ("end", pa.int32())]))),
    ]
)
FILES = "data/train-*.parquet"
_BODY = """# {title}

{about}

Written by `ocrmill export --format {format}`; `_export.json` has the counts, and what was left out.
Change this text as you like.
"""


def export_dataset(store: Store, destination: Path, options: ExportOptions | None = None) -> ExportReport:
    """Write the documents that have text, or with `options.per_page` the pages that were read.

    Raises:
        OutputError: The output cannot be read or the folder not written; the destination is unchanged.
        UsageError: The destination is a file, a URL, somebody's folder, or an export that may not be replaced.
    """
    options = options or ExportOptions()
    schema = PAGE_ROWS if options.per_page else DOCUMENT_ROWS
    with exported_folder(store, destination, options, "huggingface") as folder:
        with parquet_shards(folder.path, schema, options.shard_bytes) as shards:
            for document in folder.documents:
                for row in _rows(document, options):
                    shards.add(row)
        unit = "page" if options.per_page else "document"
        write_card(folder.path, schema, "huggingface", f"One row for every {unit}: its Markdown is in `text`.")
    return folder.report


def parquet_shards(folder: Path, schema: pa.Schema, limit: int) -> Shards[dict[str, Any]]:
    """Open the shards of a dataset in a folder."""
    (folder / "data").mkdir()
    return Shards(lambda number: ParquetShard(folder / f"data/train-{number:05}.parquet", schema), limit)


def write_card(folder: Path, schema: pa.Schema, export_format: str, about: str) -> None:
    """Write the card of a dataset with these columns."""
    header = card_header({"default": (FILES, schema)}, split="train")
    body = _BODY.format(title="Text read by ocrmill", about=about, format=export_format)
    (folder / CARD).write_text(f"{header}\n{body}")


def _rows(document: WholeDocument, options: ExportOptions) -> Iterator[dict[str, Any]]:
    """Yield the rows of a document; pa.Table.from_pylist takes the columns of the schema."""
    records = (
        page_records(document, options.form, include_failed=False)
        if options.per_page
        else [document_record(document, options.form)]
    )
    for record in records:
        yield {**record["metadata"], **record, "added": document.facts.ingested_at}
