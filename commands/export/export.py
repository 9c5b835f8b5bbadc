"""The output as files that others read: each format is a line here and a file in `formats/`.

What is exported is what the sources hold now, each document once however many sources hold it; whole_documents.py says
what is left out, and how much memory that takes. Each file or folder appears complete or not at all. The same output
gives the same bytes again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrmill.commands.export.chosen_documents import MIB, ExportOptions
from ocrmill.commands.export.document_text import TextForm
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.dataset_folder import export_dataset
from ocrmill.commands.export.formats.dolma import export_dolma
from ocrmill.commands.export.formats.json_lines import export_jsonl
from ocrmill.commands.export.formats.markdown_tree import export_markdown
from ocrmill.commands.export.formats.ms_swift import export_ms_swift
from ocrmill.commands.export.formats.trl import export_trl
from ocrmill.commands.export.formats.webdataset import export_webdataset
from ocrmill.commands.export.places.to_bucket import export_to_bucket
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.buckets.bucket import BucketUrl
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.stores.store import Store


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format, and the options that only some formats take."""

    write: Callable[[Store, Path, ExportOptions], ExportReport]
    takes: frozenset[str]
    is_file: bool = False  # and not a folder


_FORM = ("no_furniture", "continuous")
_SHARDS = ("overwrite", "shard_mb")
_PAIRS = ("overwrite", "no_furniture")
FORMATS = {
    "markdown": ExportFormat(export_markdown, frozenset({"include_failed", "figures", *_FORM})),
    "jsonl": ExportFormat(export_jsonl, frozenset({"per_page", "include_failed", *_FORM}), is_file=True),
    "dolma": ExportFormat(export_dolma, frozenset({*_SHARDS, "compression", *_FORM})),
    "huggingface": ExportFormat(export_dataset, frozenset({*_SHARDS, "per_page", *_FORM})),
    "trl": ExportFormat(export_trl, frozenset({*_PAIRS, "shard_mb", "instruction"})),
    "ms-swift": ExportFormat(export_ms_swift, frozenset({*_PAIRS, "instruction"})),
    "webdataset": ExportFormat(export_webdataset, frozenset({*_PAIRS, "shard_mb"})),
}


def export_to(store: Store, destination: str, export_format: str, options: ExportOptions) -> ExportReport:
    """Write an export to a folder or a file, or into a bucket.

    Raises:
        OutputError: The output cannot be read, or the destination not written.
        UsageError: The destination is somebody's, or an export that may not be replaced.
    """
    chosen, where = FORMATS[export_format], BucketUrl.parse(destination)
    if where is None:
        return chosen.write(store, Path(destination), options)
    return export_to_bucket(store, where, chosen.write, options, is_file=chosen.is_file)


def chosen_options(
    export_format: str, given: Mapping[str, Any], *, where: str | None, flagged: bool | None, settings: RunSettings
) -> ExportOptions:
    """Return the options of an export.

    Args:
        export_format: Its name.
        given: The options that only some formats take, by name, as far as somebody gave them.
        where: A condition in SQL over the columns of pages.
        flagged: Whether pages with flags are kept; None for what the format does.
        settings: Sources are opened with them.

    Raises:
        UsageError: An option is for other formats, or goes without another one.
    """
    for name in given:
        if name not in FORMATS[export_format].takes:
            others = ", ".join(other for other, each in FORMATS.items() if name in each.takes)
            option = name.replace("_", "-")
            raise UsageError(f"--{option} does not go with --format {export_format}, but with: {others}")
    if {"per_page", "continuous"} <= given.keys():
        raise UsageError("--per-page goes without --continuous")
    form = TextForm(furniture="no_furniture" not in given, continuous="continuous" in given)
    sizes = {"shard_bytes": given["shard_mb"] * MIB} if "shard_mb" in given else {}
    as_they_are = {name: value for name, value in given.items() if name not in {*_FORM, "shard_mb"}}
    return ExportOptions(form=form, where=where, flagged=flagged, settings=settings, **as_they_are, **sizes)
