"""A tree of Markdown: one file for each document, at a path made from its source."""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from ocrmill.commands.export.chosen_documents import ChosenDocuments, ExportOptions
from ocrmill.commands.export.document_text import document_markdown
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.figures import drop_figures, write_figures
from ocrmill.commands.export.paths import ENDING, INDEX, export_paths
from ocrmill.commands.export.places.new_file import new_file, refuse_place, reporting_os_errors, written_by_one
from ocrmill.commands.export.records import document_facts, line
from ocrmill.commands.export.whole_documents import DocumentFacts, HeldDocuments, read_held_documents
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.stores.store import Store


def export_markdown(store: Store, destination: Path, options: ExportOptions | None = None) -> ExportReport:
    """Write one file for each document into a folder, at the path that paths.py gives, and list them in `_index.jsonl`.

    Each page follows a line `<!-- page: 3 status: ok -->`, also a page that failed, with its reason; no other line of
    a file begins like that. In a continuous text only failed pages have one. With `include_failed`, a document without
    any text gets a file too. With `figures`, stored figures become files and links (figures.py). Files of an earlier
    export that are not part of this one are deleted.

    Raises:
        OutputError: The output cannot be read or a file not written. The files that are there are complete; run again.
        UsageError: The destination holds files that no export wrote, or is a URL; or figures are asked for beside an
            option that leaves out pages.
    """
    options = options or ExportOptions()
    if options.figures and options.leaves_out_pages:
        raise UsageError("--figures writes the pictures of all pages: it goes without --where and --no-flagged")
    refuse_place(destination)
    held = read_held_documents(store)
    with reporting_os_errors(destination):
        index = _Index(destination)
        report = ExportReport()
        chosen = ChosenDocuments(store, held, destination, report, options)
        destination.mkdir(parents=True, exist_ok=True)
        with written_by_one(destination):
            _write_tree(store, held, chosen, destination, index, report, options)
    return report


def _write_tree(
    store: Store,
    held: HeldDocuments,
    chosen: ChosenDocuments,
    destination: Path,
    index: "_Index",
    report: ExportReport,
    options: ExportOptions,
) -> None:
    paths = [path + ENDING for path in export_paths(held.sources())]
    listed = zip(paths, held, strict=True)
    index.begin(_index_entry(path, facts) for path, facts in listed if options.include_failed or facts.has_text)
    if options.figures:
        ids = zip(held.document_ids(), paths, strict=True)
        for size in write_figures(store, {name: destination / path for name, path in ids if name}):
            report.figures += 1
            report.bytes += size
    written = set()
    for document in chosen:
        written.add(paths[document.at])
        path = destination / paths[document.at]
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path) as file:
            report.bytes += file.write(document_markdown(document, path, options.form).encode())
        drop_figures(path, {(page.page_number, name) for page in document.pages for _, name, _ in page.figures})
    index.finish(written)


def _index_entry(path: str, facts: DocumentFacts) -> dict[str, Any]:
    return {"path": path, "document_id": facts.document_id, **document_facts(facts)}


class _Index:
    """`_index.jsonl`, the list of the files of an exported tree. At any time it lists at least the files that exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / INDEX
        if not self._file.is_file() and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} holds files that no export wrote: choose a new or an empty folder")

    def begin(self, entries: Iterable[dict[str, Any]]) -> None:
        """Write the index: the files of this export, and those that an earlier export left."""
        old = self._lines()
        with new_file(self._file) as file:
            new = set()
            for entry in entries:
                new.add(entry["path"])
                file.write(line(entry))
            file.writelines(each for each in old if self._path(each) not in new)

    def finish(self, written: Collection[str]) -> None:
        """Delete the files that are listed and not written by this export, and drop them from the index."""
        lines = self._lines()
        kept = [each for each in lines if self._path(each) in written]
        if len(kept) < len(lines):
            for path in {self._path(each) for each in lines}.difference(written):
                _delete(self._folder, path)
            with new_file(self._file) as file:
                file.writelines(kept)

    def _lines(self) -> list[bytes]:
        return self._file.read_bytes().splitlines(keepends=True) if self._file.is_file() else []

    def _path(self, entry: bytes) -> str:
        """Return the path in a line. It must be one that an export writes, because its file may be deleted."""
        try:
            path = json.loads(entry)["path"]
            good = path.endswith(ENDING) and all(name not in ("", ".", "..") for name in path.split("/"))
        except (ValueError, TypeError, KeyError, AttributeError):
            good = False
        if not good:
            raise UsageError(f"{self._file} was changed, or was not written by an export: choose another folder")
        return str(path)


def _delete(folder: Path, path: str) -> None:
    """Delete a file, and the folders that it leaves empty."""
    file = folder / path
    file.unlink(missing_ok=True)
    drop_figures(file)
    for above in file.parents:
        if above == folder or not above.is_dir() or any(above.iterdir()):
            break
        above.rmdir()
