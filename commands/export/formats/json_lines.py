"""JSON lines with Dolma's field names: one file, a line for each document or page."""

from pathlib import Path

from ocrmill.commands.export.chosen_documents import ChosenDocuments, ExportOptions
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.places.new_file import new_file, regular_file, reporting_os_errors
from ocrmill.commands.export.records import document_record, line, page_records
from ocrmill.commands.export.whole_documents import read_held_documents
from ocrmill.pipeline.output.stores.store import Store

LINE_BEGINS = b'{"'


def export_jsonl(store: Store, destination: Path, options: ExportOptions | None = None) -> ExportReport:
    """Write one line for each document, or for each page, into one file.

    A document's `text` is its pages, joined by a blank line or as `options.form` says; `metadata.pages` has the span,
    status and measures of each page. With `include_failed`, documents or pages that could not be read get lines, too: a
    reason and no text.

    Raises:
        OutputError: The output cannot be read or the file not written; the destination is unchanged.
        UsageError: The destination is a folder, a pipe, a device, a URL or somebody's file.
    """
    options = options or ExportOptions()
    report = ExportReport()
    held = read_held_documents(store)
    with reporting_os_errors(destination):
        destination = regular_file(destination, LINE_BEGINS)
        chosen = ChosenDocuments(store, held, destination.parent, report, options)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with new_file(destination) as file:
            for document in chosen:
                records = (
                    page_records(document, options.form, include_failed=options.include_failed)
                    if options.per_page
                    else [document_record(document, options.form)]
                )
                for record in records:
                    report.bytes += file.write(line(record))
    return report
