"""A folder that an export writes: it appears whole, and `_export.json` says what is in it and what was left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ocrmill.commands.export.chosen_documents import ChosenDocuments, ExportOptions
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.places.new_file import empty_place, new_folder, reporting_os_errors
from ocrmill.commands.export.records import line
from ocrmill.commands.export.whole_documents import read_held_documents
from ocrmill.pipeline.output.stores.store import Store

MADE = "_export.json"


@dataclass(frozen=True, slots=True)
class ExportedFolder:
    """A folder while it is written, the documents to put there, and the counts of what was."""

    path: Path
    documents: ChosenDocuments
    report: ExportReport

    def size(self) -> int:
        """Add up the bytes of its files."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


@contextmanager
def exported_folder(
    store: Store, destination: Path, options: ExportOptions, export_format: str
) -> Iterator[ExportedFolder]:
    """Write a folder that appears when the block ends without an error.

    Raises:
        OutputError: The output cannot be read or the folder not written; the destination is unchanged.
        UsageError: The destination is a file, a URL, somebody's folder, or an export that may not be replaced.
    """
    report = ExportReport()
    held = read_held_documents(store)
    with reporting_os_errors(destination):
        place = empty_place(destination, MADE, overwrite=options.overwrite)
        documents = ChosenDocuments(store, held, place.parent, report, options)
        with new_folder(place) as path:
            folder = ExportedFolder(path, documents, report)
            yield folder
            report.bytes = folder.size()
            about = {"format": export_format, "where": options.where, **report.counts()}
            (path / MADE).write_bytes(line(about))
