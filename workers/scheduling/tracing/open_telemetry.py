"""A trace as spans of OpenTelemetry, to the collector that its environment variables name.

A page is a trace of its own: a span `page` from the queue to its row, with what its row says, and below it what the
page waited for and who worked on it. The SDK sends them in the background, in batches, and drops spans if the collector
does not keep up; its sampling (`OTEL_TRACES_SAMPLER`) decides by page.
"""

import threading
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import StatusCode, set_span_in_context

from ocrmill.workers.scheduling.tracing.span import Span, Subject

PAGE = "page"  # the span around those of a page
_NS = 1_000_000_000


class OpenTelemetrySpans:
    """Spans on their way to a collector."""

    def __init__(self, run_id: str, version: str) -> None:
        """Start to send; the standard variables `OTEL_*` say where to, and may name the service differently."""
        ours = {"service.name": "ocrmill", "service.version": version, "ocrmill.run_id": run_id}
        resource = Resource.create(ours).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("ocrmill", version)
        self._lock = threading.Lock()
        self._pages: dict[str, Context] = {}  # of pages with a row that is not durable yet

    def write(self, subject: Subject, spans: Sequence[Span]) -> None:
        """Send the spans of a page below one of its own, also those that come later; others by themselves."""
        if not spans:
            return
        with self._lock:
            parent = self._pages.pop(subject.name, None)
        if parent is None and "ocrmill.page_number" in subject.attributes:
            parent = self._begin_page(subject, spans)
            with self._lock:
                self._pages[subject.name] = parent
        for span in spans:
            attributes = {} if parent is not None else dict(subject.attributes)
            if span.track is not None:
                attributes["ocrmill.workers"] = span.track
            sent = self._tracer.start_span(span.name, parent, attributes=attributes, start_time=_ns(span.began))
            sent.end(_ns(max(span.began, span.ended)))

    def close(self) -> None:
        """Send what waits; a collector that does not answer is given up after the exporter's time."""
        self._provider.shutdown()

    def _begin_page(self, subject: Subject, spans: Sequence[Span]) -> Context:
        """Send the span of a page; return the context for those below it."""
        began, ended = min(span.began for span in spans), max(span.ended for span in spans)
        page = self._tracer.start_span(PAGE, Context(), attributes=dict(subject.attributes), start_time=_ns(began))
        if subject.error is not None:
            page.set_status(StatusCode.ERROR, subject.error)
        page.end(_ns(ended))
        return set_span_in_context(page, Context())


def _ns(moment: float) -> int:
    return round(moment * _NS)
