"""Metrics of the service for Prometheus: those of a run, and counts of answers."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ocrmill.commands.nights.metrics import RunMetrics
from ocrmill.commands.serve.service import Service

DOCUMENTS = "/v1/pages"
PATHS = frozenset({DOCUMENTS, "/health", "/ready", "/metrics"})  # no label for each address that somebody tries
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500)


class ServiceMetrics:
    """Counts answers, and writes all metrics when somebody asks."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, service: Service, run_id: str) -> None:
        """Make the metrics of one service."""
        self._service = service
        self._run = RunMetrics(service.report, None, run_id)
        self._registry = CollectorRegistry()
        self._registry.register(self._run)
        self._answers = Counter(
            "ocrmill_http_answers", "Answers, by address and status", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "ocrmill_document_seconds",
            "Time from a document's first byte to the end of its answer, of those that were read",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._ready = Gauge("ocrmill_ready", "1 while documents are taken", registry=self._registry)
        self._ready.set_function(lambda: service.state == "ready")
        places = Gauge("ocrmill_documents_in_work", "Documents with a place", registry=self._registry)
        places.set_function(lambda: service.documents)
        limit = Gauge("ocrmill_documents_limit", "Places for documents", registry=self._registry)
        limit.set(service.settings.serve.max_documents)

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._answers.labels(path if path in PATHS else "other", str(status)).inc()
        if path == DOCUMENTS and status == 200:  # noqa: PLR2004 - OK
            self._seconds.observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's form."""
        if self._service.pool is not None and self._service.reader is not None:
            self._run.watch(self._service.pool, self._service.reader)
        return generate_latest(self._registry)
