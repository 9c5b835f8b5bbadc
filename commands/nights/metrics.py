"""Metrics of a run for Prometheus, at `http://ADDRESS:PORT/metrics` while it reads.

They are made from the run's own counts at each request: nothing is counted twice, and a request costs the run no more
than the answer.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.buckets.retries import retries
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.stores.store import Lease
from ocrmill.pipeline.records import Status
from ocrmill.pipeline.run_progress import RunProgress
from ocrmill.pipeline.run_report import RunReport
from ocrmill.pipeline.versions import versions
from ocrmill.workers.pools.pool import Pool
from ocrmill.workers.scheduling.progress import Progress

log = logging.getLogger(__name__)


class InFlight(Protocol):
    """The work that is in flight: a coordinator's, or that of a reader of single documents."""

    @property
    def image_bytes(self) -> tuple[int, int]:
        """Bytes of page images in flight, and the most there may be."""

    @property
    def documents_open(self) -> int:
        """The number of documents in work."""


class RunMetrics(Collector):
    """The counts of a run as metrics. A pool and the work in flight are added once they are up."""

    def __init__(self, report: RunReport, progress: Progress | None, run_id: str, lease: Lease | None = None) -> None:
        """Hold the counts; without `progress` and `lease` there is no end to come and no output, as in a service."""
        self._report = report
        self._progress = progress
        self._run_id = run_id
        self._lease = lease
        self._began_s = time.time()
        self._pool: Pool | None = None
        self._in_flight: InFlight | None = None

    def watch(self, pool: Pool, in_flight: InFlight) -> None:
        """Add the load of the workers, and what is in flight."""
        self._pool, self._in_flight = pool, in_flight

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, as they are now; the server calls this in a thread of its own."""
        yield self._run()
        yield GaugeMetricFamily("ocrmill_run_start_time_seconds", "Start of the run, Unix time", self._began_s)
        yield from self._pages()
        yield from self._work()
        yield _counters("storage_retries", "Requests and writes of rows that were made again", "kind", retries())
        if self._lease is not None:
            age_s = self._lease.age_s()
            yield GaugeMetricFamily("ocrmill_lease_age_seconds", "Time since the lease was last renewed", age_s)
        if self._progress is not None:
            yield from _progress(self._progress.snapshot())
        yield from self._load()

    def _run(self) -> Metric:
        family = GaugeMetricFamily("ocrmill_run", "The run, as labels", labels=["run_id", "version"])
        family.add_metric([self._run_id, dict(versions())["ocrmill"]], 1)
        return family

    def _pages(self) -> Iterator[Metric]:
        report, total = self._report, self._report.rates.total
        failed = dict(report.pages_by_reason.get(Status.FAILED, {}))
        yield _counters("pages", "Pages with a row, by status", "status", dict(report.pages))
        yield _counters("pages_failed", "Failed pages, by reason", "reason", failed)
        yield _counters("pages_routed", "Pages, by the reason of their route", "reason", dict(report.routes))
        yield _counters("documents", "Finished documents, by status", "status", dict(report.documents))
        yield _counter("pages_ocr", "Pages with a route to an engine", report.ocr_pages)
        yield _counter("pages_flagged", "Pages with a flag", report.flagged)
        yield _counter("pages_engine", "Pages that an engine answered: the whole of the degenerate ones", total.pages)
        definitions = {"kept": total.kept, "at_first": total.at_first, "no_end": total.no_end}
        yield _counters("pages_degenerate", "Pages that degenerate, by definition", "definition", definitions)

    def _work(self) -> Iterator[Metric]:
        report = self._report
        yield _counter("render_seconds", "Time that rasterizers spent on pages", report.render_s)
        yield _counter("engine_seconds", "Time that pages spent in engines, several at a time", report.engine_s)
        yield _counter("write_seconds", "Time that rows took to be written", report.write_s)
        yield _counter("engine_tokens", "Tokens that engines wrote, all attempts", report.output_tokens)

    def _load(self) -> Iterator[Metric]:
        if self._in_flight is not None:
            in_flight, limit = self._in_flight.image_bytes
            yield GaugeMetricFamily("ocrmill_image_bytes", "Bytes of page images in flight", in_flight)
            yield GaugeMetricFamily("ocrmill_image_bytes_limit", "Most bytes of page images in flight", limit)
            yield GaugeMetricFamily("ocrmill_documents_open", "Documents in work", self._in_flight.documents_open)
        if self._pool is not None:
            loads = self._pool.load()
            up = {kind: load.up for kind, load in loads.items()}
            busy = {kind: load.busy for kind, load in loads.items()}
            slots = {kind: load.slots for kind, load in loads.items()}
            taken = {kind: load.taken for kind, load in loads.items()}
            restarts = {kind: load.restarts for kind, load in loads.items()}
            yield _gauges("workers_up", "Workers that are up", "worker", up)
            yield _gauges("workers_busy", "Workers that have a task, be it one that waits for room", "worker", busy)
            yield _gauges("worker_slots", "Tasks that the workers take at once", "worker", slots)
            yield _gauges("worker_slots_taken", "Tasks that the workers have", "worker", taken)
            yield _counters("worker_restarts", "Workers that died and were started again", "worker", restarts)


@contextmanager
def serving(settings: WorkerSettings, metrics: RunMetrics) -> Iterator[None]:
    """Answer Prometheus during a run, if the settings name a port.

    Raises:
        UsageError: the port is not available.
    """
    if settings.metrics_port is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(metrics)
    address = settings.metrics_address
    try:
        server, thread = start_http_server(settings.metrics_port, address, registry)
    except OSError as error:
        where = f"{address}:{settings.metrics_port}"
        raise UsageError(f"no metrics at {where}: {error}. Choose another --metrics-port") from None
    log.info("metrics for Prometheus at http://%s:%d/metrics", address, server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _progress(progress: RunProgress) -> Iterator[Metric]:
    yield _gauges("phase", "1 for the phase of the run", "phase", {progress.phase: 1})
    yield GaugeMetricFamily("ocrmill_pages_per_second", "Pages a second over the last minutes", progress.pages_per_s)
    yield GaugeMetricFamily("ocrmill_documents_listed", "Documents to do, as listed so far", progress.documents_listed)
    yield GaugeMetricFamily("ocrmill_documents_opened", "Documents opened so far", progress.documents_opened)
    if progress.pages_expected is not None:
        yield GaugeMetricFamily("ocrmill_pages_expected", "Pages of all listed documents", progress.pages_expected)
    if progress.left_s is not None:
        yield GaugeMetricFamily("ocrmill_seconds_left", "Time for the pages left at this rate", progress.left_s)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"ocrmill_{name}", text, value)


def _counters(name: str, text: str, label: str, values: Mapping[Any, float]) -> Metric:
    family = CounterMetricFamily(f"ocrmill_{name}", text, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"ocrmill_{name}", text, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family
