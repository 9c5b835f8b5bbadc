"""The commands on an output that exists already: they show it, check it, hand it over and take out of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocrmill.commands.terminal.chosen_settings import chosen_settings
from ocrmill.commands.terminal.failing import SOME_FAILED, WORK_LEFT, WRONG_USAGE, fail, need_packages
from ocrmill.commands.terminal.options import (
    Against,
    CdmPython,
    Compression,
    CompressionPlot,
    Configs,
    Continuous,
    DocumentName,
    DryRun,
    EvalVerdicts,
    ExportFormat,
    Failed,
    Figures,
    Flagged,
    ForgottenDocuments,
    ForgottenGlobs,
    ForgottenSources,
    Form,
    Furniture,
    Gone,
    Host,
    IncludeFailed,
    Instruction,
    JsonFile,
    KatexFile,
    KeepFlagged,
    OlmocrPython,
    Output,
    Overwrite,
    Pager,
    Predictions,
    ReasonName,
    ReportDestination,
    Sets,
    ShardMb,
    Since,
    TokenizerFolder,
    Truth,
    ViewVerdicts,
    Where,
)

if TYPE_CHECKING:
    from ocrmill.commands.inspect.query import DocumentSummary, PageDetail, PageSummary
    from ocrmill.pipeline.output.stores.store import Store


def status(output: Output, since: Since = None, configs: Configs = None, sets: Sets = None) -> None:
    """Say how far an output is: finished, interrupted, or being written right now; or compare its last nights."""
    from ocrmill.commands.status import read_status
    from ocrmill.pipeline.output.journal import read_again

    store = _output(output, configs, sets)
    if since is not None:
        from ocrmill.commands.nights.drifts import nights_text, read_nights
        from ocrmill.commands.nights.drifts import since as moment

        typer.echo(nights_text(read_nights(store, moment(since, store.now()))), nl=False)
        return
    typer.echo(read_again(lambda: read_status(store)).to_text(), nl=False)


def inspect(
    output: Output,
    flagged: Flagged = False,
    failed: Failed = False,
    only_status: Annotated[str | None, typer.Option("--status", metavar="S", help="Only pages of this status.")] = None,
    reason: ReasonName = None,
    document: DocumentName = None,
    page: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only page N; with --document, every column of it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to show.")] = 50,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the pages into a web page, beside their images.")
    ] = None,
    pager: Pager = True,
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Show rows in the terminal: one line for each page, or everything about one page."""
    from ocrmill.commands.inspect.query import PageQuery, select_details, select_documents, select_pages
    from ocrmill.pipeline.output.journal import read_again

    store = _output(output, configs, sets)
    query = PageQuery(flagged, failed, only_status, reason, document, page)
    if html is not None:
        from ocrmill.commands.inspect.html_view import write_view

        settings = chosen_settings(configs, sets)
        typer.echo(read_again(lambda: write_view(store, query, limit, settings, html)))
        return
    if document is not None and page is not None:
        details, documents, pages = read_again(lambda: list(select_details(store, query, limit))), [], []
    else:
        details = []
        documents = read_again(lambda: list(select_documents(store, query, limit)))
        pages = read_again(lambda: list(select_pages(store, query, limit)))
    rows: list[PageDetail | DocumentSummary | PageSummary] = [*details, *documents, *pages]
    if rows and sys.stdout.isatty():
        from ocrmill.commands.inspect.screen import show_rows

        show_rows(details, documents, pages, uses_pager=pager)
    else:
        typer.echo("\n".join(row.to_text() for row in rows) if rows else "no rows match")
    if len(rows) >= limit:
        typer.echo(f"... at most {limit} rows are shown of each kind; --limit shows more", err=True)


def view(
    output: Output,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, or only print the URL.")
    ] = True,
    token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Visitors need it. Beyond loopback there always is one; default: made up."),
    ] = None,
    verdicts: ViewVerdicts = None,
    against: Against = None,
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Show OUT in a browser: numbers of a night, tables to filter and search, and single pages. Ctrl-C ends it.

    Nothing is loaded from elsewhere, and OUT is not changed. docs/view.md shows what there is.
    """
    need_packages("view", "duckdb", "jinja2", "latex2mathml", "nh3", "rapidfuzz", "starlette", "uvicorn", "vl_convert")
    from ocrmill.commands.view.server import view as serve
    from ocrmill.commands.web.access import Access

    store, settings = _output(output, configs, sets), chosen_settings(configs, sets)
    other = None if against is None else _output(against, configs, sets)
    serve(
        store,
        settings,
        Access.of(host, token),
        port=port,
        verdicts=verdicts,
        against=other,
        browser=browser,
        say=typer.echo,
    )


def report(
    output: Output,
    destination: ReportDestination = Path("report.html"),
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Write OUT as one HTML file to send to somebody: numbers, plots, failures, the most suspicious pages.

    The file has pictures of pages and stands alone; a JSON file beside it says the same. docs/report.md shows one.
    """
    from ocrmill.commands.report.report import check_report, write_report

    check_report(destination)
    typer.echo(write_report(_output(output, configs, sets), chosen_settings(configs, sets), destination))


def export(
    output: Output,
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DEST", help="The folder to write, or for jsonl the file of JSON lines; also in a bucket."
        ),
    ],
    export_format: ExportFormat = "markdown",
    where: Where = None,
    flagged: KeepFlagged = None,
    per_page: Annotated[bool, typer.Option("--per-page", help="jsonl, huggingface: pages, not documents.")] = False,
    include_failed: IncludeFailed = False,
    figures: Figures = False,
    furniture: Furniture = True,
    continuous: Continuous = False,
    instruction: Instruction = None,
    compression: Compression = None,
    shard_mb: ShardMb = None,
    overwrite: Overwrite = False,
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Write the text of OUT for other programs: Markdown, JSON lines, datasets, or pairs of page and text.

    docs/export.md shows each format, and how its readers take it.
    """
    from ocrmill.commands.export.export import chosen_options, export_to
    from ocrmill.pipeline.output.journal import read_again

    if where is not None:
        need_packages("--where", "duckdb")
    given = {
        "per_page": per_page,
        "include_failed": include_failed,
        "figures": figures,
        "no_furniture": not furniture,
        "continuous": continuous,
        "instruction": instruction,
        "compression": compression,
        "shard_mb": shard_mb,
        "overwrite": overwrite,
    }
    given = {name: value for name, value in given.items() if value}
    settings = chosen_settings(configs, sets)
    options = chosen_options(export_format, given, where=where, flagged=flagged, settings=settings)
    store = _output(output, configs, sets)
    report = read_again(lambda: export_to(store, destination, export_format, options))
    typer.echo(report.to_text(destination), nl=False)


def evaluate(
    output: Output,
    truth: Truth = None,
    form: Form = None,
    predictions: Predictions = None,
    json_file: JsonFile = None,
    model: TokenizerFolder = None,
    katex: KatexFile = None,
    cdm: CdmPython = None,
    olmocr: OlmocrPython = None,
    plot: CompressionPlot = None,
    verdicts: EvalVerdicts = None,
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Score OUT against ground truth: OmniDocBench's JSON, olmOCR-bench's JSON lines, or a folder of Markdown.

    Pages of the truth without a row count as empty, and are listed; so are rows without truth. docs/evaluation.md
    has the rules of each form, and what agrees with the official evaluators.
    """
    if (truth is None) == (verdicts is None):
        fail("give either TRUTH or --verdicts FILE", WRONG_USAGE)
    if verdicts is not None:
        from ocrmill.commands.eval.verdicts import verdicts_text

        typer.echo(verdicts_text(verdicts), nl=False)
        return
    assert truth is not None
    from ocrmill.commands.eval.evaluate import TruthForm
    from ocrmill.commands.eval.evaluate import evaluate as evaluate_output
    from ocrmill.commands.eval.report import write_json
    from ocrmill.pipeline.output.journal import read_again

    store = _output(output, configs, sets)
    chosen = None if form is None else TruthForm(form)
    report = read_again(
        lambda: evaluate_output(
            store,
            truth,
            form=chosen,
            predictions=predictions,
            model=model,
            katex=katex,
            cdm=cdm,
            olmocr=olmocr,
            plot=plot,
        )
    )
    if json_file is not None:
        write_json(report, json_file)
    typer.echo(report.to_text(), nl=False)


def verify(
    output: Output,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended; `run` does the rest.")] = False,
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Check that every page has exactly one row, that the sums are right, and that every shard can be read.

    Exit code 0: all right, or repaired. 3: something is wrong. 75: documents are unfinished. 130: ended by Ctrl-C.
    """
    from ocrmill.commands.verify import verify as verify_output
    from ocrmill.pipeline.output.journal import read_again

    store = _output(output, configs, sets)
    report = read_again(lambda: verify_output(store, repair=repair))
    typer.echo(report.to_text(), nl=False)
    if not report.sound:
        raise typer.Exit(SOME_FAILED)
    if report.unfinished_documents or report.withdrawn_sources:
        raise typer.Exit(WORK_LEFT)


def compact(
    output: Output,
    target_mb: Annotated[int, typer.Option(min=1, metavar="MB", help="Shards grow up to this size, in MiB.")] = 256,
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Merge small shards, and drop the rows of documents whose sources hold newer ones.

    It may be killed at any moment, and readers may go on meanwhile; no run may write at the same time.
    """
    from ocrmill.commands.compact import compact as compact_output

    typer.echo(compact_output(_output(output, configs, sets), target_mb=target_mb).to_text(), nl=False)


def reflag(
    output: Output,
    remeasure: Annotated[
        bool, typer.Option("--remeasure", help="Measure the stored texts again first: some milliseconds a page.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count pages by flag, before and after; no change.")
    ] = False,
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Judge every page of OUT again by the thresholds of today: flags, and what follows from them.

    No PDF and no engine is needed. It may be killed at any moment, and readers may go on meanwhile; no run may write at
    the same time. --config and --set give other thresholds, e.g. --set quality.longest_run=500.
    """
    from ocrmill.commands.reflag.reflag import reflag as reflag_output
    from ocrmill.pipeline.output.journal import read_again

    store, quality = _output(output, configs, sets), chosen_settings(configs, sets).quality
    report = read_again(lambda: reflag_output(store, quality, remeasure=remeasure, dry_run=dry_run))
    typer.echo(report.to_text(), nl=False)


def forget(
    output: Output,
    sources: ForgottenSources = None,
    documents: ForgottenDocuments = None,
    globs: ForgottenGlobs = None,
    gone: Gone = False,
    dry_run: DryRun = False,
    configs: Configs = None,
    sets: Sets = None,
) -> None:
    """Take sources or documents out of OUT for good, text and name: for takedown requests.

    They are not read again: OUT keeps a record of hashes. It may be killed at any moment; the next command that writes
    goes on.
    """
    from ocrmill.commands.forget import ForgetQuery
    from ocrmill.commands.forget import forget as forget_in

    query = ForgetQuery(tuple(sources or ()), tuple(documents or ()), tuple(globs or ()), gone)
    if query.is_empty():
        fail("say what to forget: --source, --document, --glob or --gone", WRONG_USAGE)
    storage = chosen_settings(configs, sets).storage
    report = forget_in(_output(output, configs, sets), query, storage, dry_run=dry_run)
    typer.echo(report.to_text(), nl=False)


def _output(output: str, configs: list[str] | None, overrides: list[str] | None) -> "Store":
    from ocrmill.pipeline.output.stores.open import open_output

    return open_output(output, chosen_settings(configs, overrides).storage)
