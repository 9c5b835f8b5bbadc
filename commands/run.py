"""A run: the main path from inputs to durable rows, top to bottom."""

import asyncio
import json
import logging
import math
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from ocrmill.commands.build import build_pool, build_sink
from ocrmill.commands.nights.bands import alarms_of
from ocrmill.commands.nights.bottleneck import Occupancy
from ocrmill.commands.nights.metrics import RunMetrics, serving
from ocrmill.commands.nights.notices import give_notice
from ocrmill.commands.share import SourceHash
from ocrmill.configs.part import MachineShare, PageChoice
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.buckets.bucket import BucketUrl
from ocrmill.pipeline.errors import InputError, OcrmillError, OutputError, SettingsMismatchError, StoppedEarlyError
from ocrmill.pipeline.output.changes.drop_rows import drop_rows, unreadable_rows
from ocrmill.pipeline.output.dataset_card import write_dataset_card
from ocrmill.pipeline.output.journal import recover
from ocrmill.pipeline.output.ledger import Ledger, read_ledger
from ocrmill.pipeline.output.runs.records import write_record
from ocrmill.pipeline.output.runs.settings_difference import describe_difference
from ocrmill.pipeline.output.stores.open import open_store
from ocrmill.pipeline.output.stores.store import Lease, LeaseOwner, Store
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.redaction import redacted, redacted_command
from ocrmill.pipeline.run_report import RunReport
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.pipeline.sources.manifests import MANIFEST_ENDINGS
from ocrmill.pipeline.sources.uri import one_line
from ocrmill.pipeline.versions import versions
from ocrmill.workers.engines.registry import check_engine, with_engine_chosen
from ocrmill.workers.logging import logs_json, naming_run
from ocrmill.workers.pools.early_stop import ended_early
from ocrmill.workers.pools.pool import Pool
from ocrmill.workers.rendering.sandbox import sandbox
from ocrmill.workers.scheduling.coordinator import Coordinator
from ocrmill.workers.scheduling.preemption import stop_on_preemption
from ocrmill.workers.scheduling.progress import Progress
from ocrmill.workers.scheduling.tracing.perfetto import PerfettoFile
from ocrmill.workers.scheduling.tracing.span import SpanWriter
from ocrmill.workers.scheduling.tracing.trace import Trace
from ocrmill.workers.signals import stop_on_signals

INTERRUPTED = 130  # 128 and SIGINT, as shells have it
_SECRETS: Any = {"input": {"passwords"}, "engine": {"endpoint": {"api_key"}}, "alarms": {"webhook"}}
EVENT_POLL_S = 0.1  # between two looks at `Job.stop`
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """The arguments of one invocation."""

    inputs: tuple[str, ...]
    output: str  # a folder, or the URL of a bucket
    settings: RunSettings
    use_ray: bool = True
    keep_existing: bool = False  # accept an output made with other settings; its rows stay as they are
    max_documents: int | None = None
    time_budget_s: float | None = None
    pages: PageChoice | None = None  # of each document; one that is read in part stays unfinished
    sample: int | None = None  # documents, drawn by a hash of their names
    share: MachineShare | None = None
    trace: Path | None = None  # gets what each page waited for
    open_telemetry: bool = False  # send that to a collector, too
    command: tuple[str, ...] = ()  # the command line, for the run's record
    stop: threading.Event | None = None  # set by another thread, it ends the run as SIGTERM does
    started: float = field(default_factory=time.monotonic)

    @property
    def until(self) -> float:
        """The time of `time.monotonic` at which the time budget ends."""
        return math.inf if self.time_budget_s is None else self.started + self.time_budget_s


def run(job: Job, make_pool: Callable[[Job], Pool] | None = None) -> RunReport:
    """Read every page that the output does not have yet, and write one row for each.

    `make_pool` is called once there is work; by default it makes what the job asks for.

    Raises:
        OcrmillError: if the run cannot start or go on. What was finished is durable; run again to go on.
    """
    job = replace(job, settings=with_engine_chosen(job.settings))
    if make_pool is None:
        check_engine(job.settings, use_ray=job.use_ray)
    sandbox.check(job.settings.raster)
    report = RunReport()
    discovery = Discovery(job.inputs, job.settings.input, job.settings.storage)
    with lease_output(job, open_store(job.output, job.settings.storage), report) as output:
        todo = output.ledger.without_known(choose_sources(job, discovery), report)
        first = next(todo, None)
        if first is None:
            refuse_empty_input(job, output.store, discovery, report)
        else:
            read_sources(job, chain([first], todo), make_pool or start_pool, output, report)
        drop_resolved_failures(output, discovery)
        report.files_skipped = discovery.skipped.other_endings
        lists_all = job.sample is None and job.share is None and not report.stopped
        if lists_all and not report.document_reasons[Reason.UNREADABLE]:  # else some were not listed
            report.sources_gone = output.ledger.gone(_folders(job.inputs))
    return report


def choose_sources(job: Job, sources: Iterator[Source]) -> Iterator[Source]:
    """Return the sources that a job reads: all, this machine's share, or a sample of either."""
    hashes = SourceHash(_folders(job.inputs))
    if job.share is not None:
        sources = hashes.share(sources, job.share)
    if job.sample is None:
        return sources
    log.info("drawing a sample of %d documents: everything is listed first", job.sample)
    return iter(hashes.sample(sources, job.sample))


@dataclass(frozen=True, slots=True)
class LeasedOutput:
    """An output under this run's lease, with its content at the start, and what traces the run."""

    store: Store
    lease: Lease
    run_id: str
    ledger: Ledger
    trace: Trace


@contextmanager
def lease_output(job: Job, store: Store, report: RunReport) -> Iterator[LeasedOutput]:
    """Take the lease, recover from a killed run, read the ledger; at the end write a record of the run.

    The trace begins here, not with the first page: a run that finds nothing to read leaves no trace of an earlier one.
    It ends after the record, as a collector that hangs keeps it for a while.

    Raises:
        OcrmillError: another run holds the lease, the output cannot be read, or was made with other settings.
    """
    run_id = new_run_id()
    with naming_run(run_id), store.lease(LeaseOwner.current(run_id)) as lease:
        for sentence in recover(store):
            log.warning("%s: %s", store.url, sentence)
        ledger = read_ledger(store)
        refuse_mixed_settings(store, ledger, job)
        with closing(Trace(list(_span_writers(job, run_id)))) as trace, _record_run(job, run_id, store, report):
            yield LeasedOutput(store, lease, run_id, ledger, trace)
    if report.alarms:
        give_notice(report.alarms, job.settings.alarms, run_id, redacted(store.url))


@contextmanager
def _record_run(job: Job, run_id: str, store: Store, report: RunReport) -> Iterator[None]:
    """Write `runs/<run_id>.json`, whatever ends the run. It is for people, so a run does not fail without it."""
    started_at = datetime.now(UTC)
    inputs = [redacted(name) for name in job.inputs]
    fields = {"event": "start", "run_id": run_id, "inputs": inputs, "output": store.url}
    log.info("run %s writes to %s", run_id, store.url, extra={"fields": fields})
    exit_code = 1
    try:
        with _timed(report):
            yield
        report.alarms = alarms_of(report, job.settings.alarms)
        exit_code = report.exit_code
    except OcrmillError as error:
        exit_code, report.error = error.exit_code, redacted(str(error))
        raise
    except KeyboardInterrupt:
        exit_code, report.error = INTERRUPTED, "interrupted by a second signal"
        raise
    finally:
        values = record(job, run_id, report, started_at, exit_code)
        try:
            write_record(store, run_id, values)
            if store.list("pages"):
                write_dataset_card(store)
        except OutputError as error:
            log.warning("the record of this run cannot be written: %s", error)
        if logs_json():
            log.info("the run has ended", extra={"fields": {"event": "end", **values}})


@contextmanager
def _timed(report: RunReport) -> Iterator[None]:
    """Measure the seconds of a run, whatever ends it."""
    started = time.monotonic()
    try:
        yield
    finally:
        report.wall_s = time.monotonic() - started


def read_sources(
    job: Job, sources: Iterator[Source], make_pool: Callable[[Job], Pool], output: LeasedOutput, report: RunReport
) -> None:
    """Read the pages of some sources that the ledger does not have, until there are no more or the run is stopped."""
    workers = job.settings.workers
    with (
        Progress(report, sys.stderr, max_documents=job.max_documents) as progress,
        serving(workers, metrics := RunMetrics(report, progress, output.run_id, output.lease)),
    ):
        output.lease.carry(progress.snapshot)
        try:
            with ended_early(job.until):
                pool = make_pool(job)
        except StoppedEarlyError as error:
            log.warning("%s", error)
            report.stopped = True
            return
        sink = build_sink(output.store, output.run_id, pool, job.settings, output.ledger)
        coordinator = Coordinator(pool, sink, output.ledger, job.settings, report, progress, job.pages, output.trace)
        metrics.watch(pool, coordinator)
        occupancy = Occupancy()
        try:
            with asyncio.Runner() as runner:
                _install_stops(coordinator, job, runner.get_loop())
                heartbeat, most = partial(_beat, output.lease, pool, occupancy), job.max_documents
                runner.run(coordinator.run(sources, heartbeat=heartbeat, max_documents=most))
        finally:  # finished rows are kept, whatever ended the run
            pool.close()
            coordinator.flush()
        report.bottleneck = occupancy.to_text(report.write_s, time.monotonic() - job.started)


def _span_writers(job: Job, run_id: str) -> Iterator[SpanWriter]:
    """Yield what takes the spans of a run.

    Raises:
        OutputError: The file of the trace cannot be written.
    """
    if job.trace is not None:
        yield PerfettoFile(job.trace)
    if job.open_telemetry:
        from ocrmill.workers.scheduling.tracing.open_telemetry import OpenTelemetrySpans

        yield OpenTelemetrySpans(run_id, version("ocrmill"))


def _beat(lease: Lease, pool: Pool, occupancy: Occupancy) -> None:
    """Do what each heartbeat does: see how busy the workers are, and that the output is still this run's."""
    occupancy.sample(pool.load())
    lease.check()


def drop_resolved_failures(output: LeasedOutput, discovery: Discovery) -> None:
    """Drop the failure rows of folders and archives that were unreadable earlier and are listed in full now."""
    for shard, uris in output.ledger.now_listed(discovery.listed).items():
        drop_rows(output.store, shard, partial(unreadable_rows, uris=uris))


def _install_stops(coordinator: Coordinator, job: Job, loop: asyncio.AbstractEventLoop) -> None:
    """Stop the coordinator on signals, at the end of the time budget, and when the machine is preempted."""
    doing = "finishing pages in flight; send it again to end at once (nothing durable is lost)"
    stop_on_signals(loop, coordinator.stop, doing)
    if job.time_budget_s is not None:
        loop.call_later(max(0.0, job.until - time.monotonic()), coordinator.stop)
    loop.create_task(stop_on_preemption(job.settings.workers.preemption, coordinator.stop))
    loop.create_task(_stop_on_event(job.stop, coordinator))


async def _stop_on_event(event: threading.Event | None, coordinator: Coordinator) -> None:
    """Stop the run once another thread sets the event, if there is one."""
    if event is None:
        return
    while not event.is_set():  # noqa: ASYNC110 - an event of threads, which no loop can await
        await asyncio.sleep(EVENT_POLL_S)
    log.warning("the stop event is set: finishing the pages in flight")
    coordinator.stop()


def refuse_mixed_settings(store: Store, ledger: Ledger, job: Job) -> None:
    """Refuse an output with rows of other settings, which are not comparable, unless the user allows it.

    Raises:
        SettingsMismatchError: the fingerprints differ.
    """
    others = {found for found in ledger.fingerprints() if found != job.settings.fingerprint()}
    if others and not job.keep_existing:
        differences = [describe_difference(store, other, job.settings) for other in sorted(others)]
        raise SettingsMismatchError(
            f"{job.output} was made with other settings: {'. Other rows in it: '.join(differences)}. Choose another "
            "--out, use those settings again (--config and --set; they are in runs/*.json), or pass --keep-existing "
            "to read only what is new with the present settings"
        )


def refuse_empty_input(job: Job, store: Store, discovery: Discovery, report: RunReport) -> None:
    """Refuse a run that finds nothing while its output is empty; later that is a night without news.

    A machine's share of a few documents may be empty.

    Raises:
        InputError: nothing was found, and the output is empty.
    """
    if (
        report.sources_known
        or job.share is not None
        or any(store.list(folder) for folder in ("pages", "documents", "sources"))
    ):
        return
    skipped = discovery.skipped
    passed_over = {
        "of other kinds": skipped.other_endings,
        "hidden": skipped.hidden,
        "excluded by input.include and input.exclude": skipped.excluded,
    }
    counts = ", ".join(f"{count:,} {which}" for which, count in passed_over.items() if count)
    manifests = [name for name in job.inputs if name.lower().endswith(MANIFEST_ENDINGS)]
    raise InputError(
        f"nothing to read: {one_line(redacted(', '.join(job.inputs)))} holds no PDF, image or archive"
        + (f" (files passed over: {counts})" if counts else "")
        + (f"; {one_line(redacted(manifests[0]))} is read as a manifest: one source on each line" if manifests else "")
        + ". Check the path. Once the output holds rows, a run that finds nothing new ends with 0"
    )


def start_pool(job: Job) -> Pool:
    """Start the workers that a job asks for."""
    return build_pool(job.settings, use_ray=job.use_ray, until=job.until)


def new_run_id() -> str:
    """Make a run id that sorts by the start of the run: 20260131T235959Z-1a2b3c."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def record(job: Job, run_id: str, report: RunReport, started_at: datetime, exit_code: int) -> dict[str, Any]:
    """Return the content of `runs/<run_id>.json`, without passwords, also those of URLs."""
    return {
        "run_id": run_id,
        "started_at": started_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "exit_code": exit_code,
        "command": redacted_command(job.command),
        "host": socket.gethostname(),
        "inputs": [redacted(name) for name in job.inputs],
        "settings": json.loads(redacted(job.settings.model_dump_json(exclude=_SECRETS))),
        "settings_fingerprint": job.settings.fingerprint(),
        "versions": dict(versions()),
        "totals": report.to_record(),
    }


def _folders(inputs: Sequence[str]) -> list[str]:
    """Return the prefixes of the URIs of all sources below the folders and buckets among the inputs."""
    buckets = [name.rstrip("/") for name in inputs if BucketUrl.parse(name)]
    folders = [os.path.abspath(name) for name in inputs if os.path.isdir(name)]  # noqa: PTH100, PTH112 - as in discovery
    return [f"{one_line(folder)}/" for folder in (*buckets, *folders)]
