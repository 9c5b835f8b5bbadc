"""Writes an output as one HTML file to send to somebody, and what it says as JSON beside it."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from ocrmill.commands.export.places.new_file import file_in_folder, new_file, regular_file, reporting_os_errors
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import MissingPackageError, UsageError
from ocrmill.pipeline.output.journal import read_again
from ocrmill.pipeline.output.stores.store import Store

BEGINS = b"<!doctype html>\n<html"
JSON_BEGINS = b'{\n "schema_version"'
_PACKAGES = ("duckdb", "jinja2", "vl_convert")


def json_beside(destination: Path) -> Path:
    """Return the path of the JSON file."""
    return destination.with_suffix(".json")


def check_report(destination: Path) -> None:
    """Refuse, before any work, what could not be written.

    Raises:
        MissingPackageError: A package of the extra `view` is not installed.
        UsageError: The destination is a folder, a pipe, a device, a URL or somebody's file, or its JSON file is.
    """
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise MissingPackageError(
            f"a report needs packages that are not installed ({', '.join(missing)}): pip install --editable '.[view]' "
            "in the clone"
        )
    if destination.suffix == ".json":
        raise UsageError(f"{destination}: name the HTML file; the JSON file is beside it")
    file_in_folder(destination, BEGINS)
    file_in_folder(json_beside(destination), JSON_BEGINS)


def write_report(store: Store, settings: RunSettings, destination: Path) -> str:
    """Write both files, and return a sentence about them; files of an earlier report are replaced.

    Raises:
        MissingPackageError: A package of the extra `view` is not installed.
        OutputError: The output cannot be read or a file not written; older files are kept.
        UsageError: The destination is a folder, a pipe, a device, a URL or somebody's file, or its JSON file is.
    """
    check_report(destination)
    from ocrmill.commands.report.page import render_report
    from ocrmill.commands.report.read_report import read_report

    report, pictures = read_again(lambda: read_report(store, settings))
    files: Mapping[Path, tuple[bytes, bytes]] = {
        destination: (render_report(report, pictures).encode(), BEGINS),
        json_beside(destination): (report.model_dump_json(indent=1).encode() + b"\n", JSON_BEGINS),
    }
    for path, (content, begins) in files.items():
        with reporting_os_errors(path), new_file(regular_file(path, begins)) as file:
            file.write(content)
    named = f"{destination} ({len(files[destination][0]) / 1e6:.1f} MB) and {json_beside(destination)}"
    return f"{report.totals.pages:,} pages are reported in {named}"
