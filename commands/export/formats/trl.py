"""Pairs of page and Markdown as TRL and Unsloth read them: a dataset of Hugging Face with pictures in Parquet.

images      the picture of the page, a list of one
messages    of the user: the picture and the instruction; of the assistant: the Markdown
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.dataset_folder import parquet_shards, write_card
from ocrmill.commands.export.formats.exported_folder import exported_folder
from ocrmill.commands.export.formats.page_pairs import Pair, page_pairs, pair_options
from ocrmill.pipeline.output.dataset_card import IMAGE
from ocrmill.pipeline.output.stores.store import Store

_CONTENT = pa.struct([("type", pa.string()), ("text", pa.string())])
PAIR_ROWS = pa.schema(
    [
        pa.field("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())])), metadata=IMAGE),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(_CONTENT))]))),
        *((name, pa.string()) for name in ("id", "source", "document_id")),
        ("page_number", pa.int32()),
        ("flags", pa.list_(pa.string())),
    ]
)


def export_trl(store: Store, destination: Path, options: ExportOptions | None = None) -> ExportReport:
    """Write the pairs into Parquet shards of about `options.shard_bytes`, and a card.

    Raises:
        OutputError: The output cannot be read or the folder not written; the destination is unchanged.
        UsageError: The destination is a file, a URL, somebody's folder, or an export that may not be replaced.
    """
    options = pair_options(options)
    with exported_folder(store, destination, options, "trl") as folder:
        with parquet_shards(folder.path, PAIR_ROWS, options.shard_bytes) as shards:
            for pair in page_pairs(folder, options):
                shards.add(_row(pair, options.instruction))
        about = "Pictures of pages with their Markdown, as TRL and Unsloth read them."
        write_card(folder.path, PAIR_ROWS, "trl", about)
    return folder.report


def _row(pair: Pair, instruction: str) -> dict[str, Any]:
    user = [{"type": "image", "text": None}, {"type": "text", "text": instruction}]
    answer = [{"type": "text", "text": pair.text}]
    return {
        **pair.facts,
        "id": pair.key,
        "images": [{"bytes": pair.jpeg, "path": pair.file.name}],
        "messages": [{"role": "user", "content": user}, {"role": "assistant", "content": answer}],
    }
