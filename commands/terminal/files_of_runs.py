"""The files beside OUT that a run may write: a report once its rows are durable, and a trace.

Nothing that goes wrong with a report changes how the run ended.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ocrmill.commands.terminal.failing import need_packages, print_error

if TYPE_CHECKING:
    from ocrmill.configs.settings import RunSettings


def check_report_at_end(destination: Path | None, output: str) -> None:
    """Refuse before the run what could not be written after it.

    Raises:
        UsageError: The destination is no place for a file of ours, or is OUT; or a package is not installed.
    """
    if destination is None:
        return
    from ocrmill.commands.report.report import check_report, json_beside

    check_report(destination)
    for file in (destination, json_beside(destination)):
        _refuse_same(file, "--report", Path(output), "the output")


def checked_trace(path: Path | None, output: str, report: Path | None) -> Path | None:
    """Return the path of a trace, with links resolved.

    Raises:
        UsageError: It is no place for a file of ours, or is OUT or a file of the report.
    """
    if path is None:
        return None
    from ocrmill.commands.export.places.new_file import file_in_folder
    from ocrmill.commands.report.report import json_beside
    from ocrmill.workers.scheduling.tracing.perfetto import TRACE_BEGINS

    _refuse_same(path, "--trace", Path(output), "the output")
    for file in () if report is None else (report, json_beside(report)):
        _refuse_same(path, "--trace", file, "written by --report")
    return file_in_folder(path, TRACE_BEGINS)


def _refuse_same(path: Path, option: str, other: Path, what: str) -> None:
    """Refuse a file that another part of the run writes: neither is there yet, so that only their paths tell."""
    from ocrmill.pipeline.errors import UsageError

    if path.resolve() == other.resolve():
        raise UsageError(f"{option} {path}: that is {what}: name another file")


def checked_telemetry(*, wanted: bool) -> bool:
    """Return `wanted`; end the command if spans are wanted and the packages that send them are not installed."""
    if wanted:
        need_packages("--open-telemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http", extra="otel")
    return wanted


def report_at_end(output: str, settings: "RunSettings", destination: Path | None) -> None:
    """Write the report of an output, or say why that is not possible; nothing if none is asked for."""
    if destination is None:
        return
    from ocrmill.commands.report.report import write_report
    from ocrmill.pipeline.output.stores.open import open_output

    try:
        typer.echo(f"{'report':12} {write_report(open_output(output, settings.storage), settings, destination)}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the run has ended before, and ended well
        print_error(
            f"the report could not be written ({error}); the rows are not touched: `ocrmill report` tries again", 0
        )
