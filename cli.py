"""The commands: parse, call one function, print. Heavy imports happen inside the commands."""

import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocrmill.commands.terminal.chosen_settings import chosen_settings, print_chosen
from ocrmill.commands.terminal.engine_options import NONE_GIVEN, EngineOptions, takes_engine_options
from ocrmill.commands.terminal.failing import EXIT_CODES, WRONG_USAGE, fail, print_error
from ocrmill.commands.terminal.files_of_runs import check_report_at_end, checked_telemetry, checked_trace, report_at_end
from ocrmill.commands.terminal.options import (
    ChosenPages,
    Configs,
    DocumentName,
    Failed,
    Flagged,
    Host,
    Inputs,
    KeptFigures,
    LogJson,
    MetricsPort,
    ModelSizeName,
    OlderThan,
    OpenTelemetry,
    Out,
    Output,
    ReasonName,
    ReportFile,
    Sample,
    SeededModelName,
    Sets,
    Shard,
    TimeBudget,
    TlsCertificate,
    TlsKey,
    TokenFile,
    TraceFile,
)
from ocrmill.commands.terminal.output_commands import (
    compact,
    evaluate,
    export,
    forget,
    inspect,
    reflag,
    report,
    status,
    verify,
    view,
)
from ocrmill.commands.terminal.version import Version

if TYPE_CHECKING:
    from ocrmill.commands.run import Job
    from ocrmill.pipeline.run_report import RunReport

_INTERRUPTED_QUERY = "Query interrupted"  # the RuntimeError that DuckDB makes of Ctrl-C

app = typer.Typer(
    name="ocrmill",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def ocrmill(version: Version = False) -> None:
    """Turn PDFs into Markdown for corpora: one Parquet row for every page, none missing."""


model_app = typer.Typer(help="Model files.", no_args_is_help=True)
app.add_typer(model_app, name="model")


@app.command(epilog=EXIT_CODES)
@takes_engine_options
def run(
    inputs: Annotated[list[str] | None, Inputs.__metadata__[0]] = None,
    out: Out = None,
    reading: EngineOptions = NONE_GIVEN,
    figures: KeptFigures = None,
    metrics_port: MetricsPort = None,
    time_budget: TimeBudget = None,
    max_documents: Annotated[int | None, typer.Option(min=1, help="Begin no more documents than this.")] = None,
    pages: ChosenPages = None,
    sample: Sample = None,
    shard: Shard = None,
    keep_existing: Annotated[
        bool, typer.Option("--keep-existing", help="Add to an OUT made with other settings; its rows stay as they are.")
    ] = False,
    log_json: LogJson = False,
    report_file: ReportFile = None,
    trace: TraceFile = None,
    open_telemetry: OpenTelemetry = False,
    print_config: Annotated[bool, typer.Option("--print-config", help="Print the settings as TOML, and end.")] = False,
) -> None:
    """Read every page that OUT does not have yet, and write one row for each.

    Run it again after any interruption: finished pages are kept, the rest is read. Documents that are known, by
    source and version or by their bytes, are skipped.
    """
    _start_logging(log_json)
    settings = reading.settings(figures=figures, metrics_port=metrics_port)
    if print_config:
        print_chosen(settings)
        return
    if not inputs or out is None:
        fail("name at least one INPUT, and the output folder with --out", WRONG_USAGE)
    from ocrmill.commands.run import Job
    from ocrmill.commands.run import run as run_job
    from ocrmill.configs.duration import parse_seconds
    from ocrmill.configs.part import MachineShare, PageChoice

    check_report_at_end(report_file, out)
    job = Job(
        inputs=tuple(inputs),
        output=out,
        settings=settings,
        use_ray=not reading.no_ray,
        keep_existing=keep_existing,
        max_documents=max_documents,
        time_budget_s=parse_seconds(time_budget),
        command=tuple(sys.argv),
        pages=None if pages is None else PageChoice.parse(pages),
        sample=sample,
        share=None if shard is None else MachineShare.parse(shard),
        trace=checked_trace(trace, out, report_file),
        open_telemetry=checked_telemetry(wanted=open_telemetry),
    )
    _print_and_exit(run_job(job), job, report_file)


@app.command()
@takes_engine_options
def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one, which is printed.")] = 8080,
    token_file: TokenFile = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    reading: EngineOptions = NONE_GIVEN,
    figures: KeptFigures = None,
    log_json: LogJson = False,
) -> None:
    """Take PDFs and images by HTTP, and answer with the rows of their pages, as JSON or Markdown.

    POST /v1/pages takes a document; /health, /ready and /metrics tell about the service. SIGTERM or Ctrl-C ends it:
    documents in work are finished first, for up to workers.drain_s. docs/serve-documents.md has examples; limits are
    settings: `--set serve.max_pages=200`.
    """
    _start_logging(log_json)
    from ocrmill.commands.terminal.serving import serve_documents

    settings = reading.settings(figures=figures)
    tls = (tls_certificate, tls_key)
    serve_documents(settings, host=host, port=port, token_file=token_file, tls=tls, use_ray=not reading.no_ray)


@app.command(epilog=EXIT_CODES)
@takes_engine_options
def retry(
    output: Output,
    reason: ReasonName = None,
    flagged: Flagged = False,
    failed: Failed = False,
    document: DocumentName = None,
    page: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only page N.")] = None,
    older_than: OlderThan = None,
    reading: EngineOptions = NONE_GIVEN,
    time_budget: TimeBudget = None,
    keep_existing: Annotated[
        bool, typer.Option("--keep-existing", help="Even with settings other than those of OUT: rows will differ.")
    ] = False,
    log_json: LogJson = False,
) -> None:
    """Read pages of OUT again, and put their new rows in the place of the old ones.

    Name what to read again; several conditions hold at once. Old rows stay until new ones are durable, and for good
    where the source is gone or holds another document by now, or where a page that has a text cannot be read this time.
    """
    _start_logging(log_json)
    if not (reason or flagged or failed or document or older_than):
        fail("say what to read again: --reason, --flagged, --failed, --document or --older-than", WRONG_USAGE)
    from ocrmill.commands.inspect.query import PageQuery
    from ocrmill.commands.retry import retry as retry_job
    from ocrmill.commands.run import Job
    from ocrmill.configs.duration import parse_seconds

    settings = reading.settings()
    job = Job(
        inputs=(),
        output=output,
        settings=settings,
        use_ray=not reading.no_ray,
        keep_existing=keep_existing,
        time_budget_s=parse_seconds(time_budget),
        command=tuple(sys.argv),
    )
    _print_and_exit(retry_job(job, PageQuery(flagged, failed, None, reason, document, page, older_than)), job)


@app.command()
def plan(
    inputs: Inputs,
    out: Out = None,
    configs: Configs = None,
    sets: Sets = None,
    sample: Annotated[int, typer.Option(min=1, help="Documents that are opened for the estimate.")] = 30,
) -> None:
    """Say what a run would do: documents, pages, how they would be read and how long that takes.

    Lists everything, opens only a sample. With --out, what is done there already is left out.
    """
    from ocrmill.commands.plan import make_plan

    typer.echo(make_plan(inputs, chosen_settings(configs, sets), output=out, sample=sample).to_text(), nl=False)


for command in (status, inspect, view, report, export, verify, compact, reflag, forget):
    app.command()(command)
app.command("eval")(evaluate)


@app.command()
def profiles() -> None:
    """List the models that --profile names: licence, what they write, and how to start a server."""
    from ocrmill.commands.profiles import list_profiles

    typer.echo(list_profiles(), nl=False)


@model_app.command()
def seed(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet, or is empty.")],
    size: ModelSizeName = "tiny",
    model: SeededModelName = "deepseek-ocr2",
) -> None:
    """Write a DeepSeek-OCR with made-up weights, for tests and benchmarks: it runs, but what it writes means nothing.

    The files, their layout and the names and shapes of the tensors are those of the published model.
    """
    from ocrmill.model_adapter.checkpoint.published_config import ModelSize
    from ocrmill.model_adapter.checkpoint.seeded import seed_checkpoint
    from ocrmill.model_adapter.checkpoint.versions import version_read_by

    typer.echo(seed_checkpoint(directory, ModelSize(size), version_read_by(model)).to_text())


def _print_and_exit(report: "RunReport", job: "Job", report_file: Path | None = None) -> None:
    typer.echo(report.to_text(job.output), nl=False)
    report_at_end(job.output, job.settings, report_file)
    raise typer.Exit(report.exit_code)


def _start_logging(as_json: bool) -> None:
    from ocrmill.workers.logging import start_logging

    start_logging(as_json=as_json)


def main() -> None:
    """Run the command line; our errors become one line and their exit code."""
    from ocrmill.workers.import_path import leave_out_current_folder

    leave_out_current_folder()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # documents hold letters that the terminal's encoding may lack
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except KeyboardInterrupt:  # while typer makes the commands; later it ends them with this code itself
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if str(error) == _INTERRUPTED_QUERY:
            sys.exit(128 + signal.SIGINT)
        code = getattr(error, "exit_code", None)  # ours have one (pipeline/errors.py)
        if code is None:
            raise
        print_error(str(error), code)
        sys.exit(code)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would show where in its own end Ctrl-C came


if __name__ == "__main__":
    main()
