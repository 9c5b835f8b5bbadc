"""The spans of a run at a collector: a receiver of OTLP over HTTP."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pdfs import text_pdf

from ocrmill.commands.run import Job, run
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RoutingSettings, RunSettings
from ocrmill.workers.scheduling.tracing.open_telemetry import OpenTelemetrySpans
from ocrmill.workers.scheduling.tracing.span import Span as OneSpan
from ocrmill.workers.scheduling.tracing.span import Subject

OF_A_PAGE = {"queue", "wait for a rasterizer", "render", "cut and encode", "post-process", "until durable"}


@contextmanager
def collector(answer: int = 200) -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Give the address of a collector, and the requests that it has got."""
    requests: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(answer)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spans_of(requests: list[ExportTraceServiceRequest]) -> list[Span]:
    resources = [resource for request in requests for resource in request.resource_spans]
    return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


def attributes(span: Span) -> dict[str, object]:
    """Return the attributes of a span that are words or numbers."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def read(source: Path, out: Path) -> None:
    settings = RunSettings(engine=EngineSettings(name="cpu"), routing=RoutingSettings(mode="fast"))
    run(Job((str(source),), str(out), settings, use_ray=False, open_telemetry=True))


def test_each_page_is_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a span with what the row says are the page's waits and works; documents and writes are by themselves."""
    source = text_pdf(tmp_path / "a.pdf", pages=2)
    with collector() as (address, requests):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "night")
        read(source, tmp_path / "out")
    (resource,) = {str(each.resource.attributes) for request in requests for each in request.resource_spans}
    spans = spans_of(requests)
    pages = [span for span in spans if span.name == "page"]

    assert "night" in resource
    assert "ocrmill.run_id" in resource
    assert sorted(attributes(page)["ocrmill.page_number"] for page in pages) == [1, 2]  # type: ignore[type-var]
    assert {attributes(page)["ocrmill.status"] for page in pages} == {"text_layer"}
    for page in pages:
        below = [span for span in spans if span.parent_span_id == page.span_id]
        assert {span.name for span in below} == OF_A_PAGE
        assert {span.trace_id for span in below} == {page.trace_id}
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in below)
    assert {span.name for span in spans if not span.parent_span_id} == {"page", "open", "write"}


def test_a_failed_page_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The span of a page that failed has the status of an error with the reason; without times there is no span."""
    failed = Subject("a.pdf 1", {"ocrmill.page_number": 1}, "render_timeout")
    with collector() as (address, requests):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        sent = OpenTelemetrySpans("a run", "1")
        sent.write(failed, [OneSpan("queue", 1.0, 2.0)])
        sent.write(Subject("a.pdf 2", {"ocrmill.page_number": 2}), [])
        sent.close()
    found = {span.name: span.status for span in spans_of(requests)}

    assert found.keys() == {"page", "queue"}
    assert (found["page"].code, found["page"].message) == (Status.STATUS_CODE_ERROR, "render_timeout")


def test_a_collector_that_hangs_costs_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never answers: all rows are there, and the run's time is without the wait for it."""
    source = text_pdf(tmp_path / "a.pdf", pages=1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")  # so that nothing is sent before the end
        began = time.monotonic()
        read(source, tmp_path / "out")
        took_s = time.monotonic() - began
    (record,) = (tmp_path / "out/runs").glob("*.json")

    assert len(list((tmp_path / "out/pages").glob("*.parquet"))) == 1
    assert json.loads(record.read_text())["totals"]["wall_s"] < took_s - 2


def test_a_collector_that_refuses_costs_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends as without one; the SDK says in the log what it could not send."""
    source = text_pdf(tmp_path / "a.pdf", pages=1)
    with collector(answer=400) as (address, requests):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        read(source, tmp_path / "out")
    assert requests
    assert len(list((tmp_path / "out/pages").glob("*.parquet"))) == 1
