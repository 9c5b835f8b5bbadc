"""The files beside OUT that a run may write: a report once its rows are durable, and a trace.

Nothing that goes wrong with a report changes how the run ended.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ocrmill.commands.terminal.failing import need_packages, print_error

if TYPE_CHECKING:
    from ocrmill.configs.settings import RunSettings


def check_report_at_end(destination: Path | None) -> None:
    """Refuse before the run what could not be written after it.

    Raises:
        UsageError: The destination is no place for a file of ours, or a package is not installed.
    """
    if destination is None:
        return
    from ocrmill.commands.report.report import check_report

    check_report(destination)


def checked_trace(path: Path | None) -> Path | None:
    """Return the path of a trace, with links resolved.

    Raises:
        UsageError: It is no place for a file of ours.
    """
    if path is None:
        return None
    from ocrmill.commands.export.new_file import file_in_folder
    from ocrmill.workers.scheduling.tracing.perfetto import TRACE_BEGINS

    return file_in_folder(path, TRACE_BEGINS)


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
