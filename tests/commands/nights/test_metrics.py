"""Prometheus reads from a run what the run counts; the dashboard asks for nothing else."""

import json
import re
import socket
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from pdfs import mixed_pdf
from ports import free_port
from prometheus_client.parser import text_string_to_metric_families

from ocrmill.commands.run import Job, run
from ocrmill.configs.load import load_settings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.stores.store import HEARTBEAT_S
from ocrmill.workers.pools.pool import SerialPool

DASHBOARD = Path(__file__).parents[3] / "deploy/grafana/ocrmill.json"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def samples(port: int, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Samples that a run gives when its last page is read, by name and labels."""
    folder = tmp_path_factory.mktemp("metrics")
    mixed_pdf(folder / "mixed.pdf")
    answers: list[str] = []

    class ScrapedPool(SerialPool):
        def close(self) -> None:
            answers.append(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
            super().close()

    settings = load_settings([], [f"workers.metrics_port={port}"])
    report = run(Job((str(folder),), str(folder / "out"), settings), lambda job: ScrapedPool(job.settings))
    assert report.pages_done == 3
    families = text_string_to_metric_families(answers[0])
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_counts_are_those_of_the_report(samples: Samples) -> None:
    """Pages by status and route, documents, time and load stand as the report has them."""
    pages = {labels: value for (name, labels), value in samples.items() if name == "ocrmill_pages_total"}

    assert sum(pages.values()) == 3
    assert samples["ocrmill_documents_total", (("status", "complete"),)] == 1
    assert samples["ocrmill_pages_ocr_total", ()] == samples["ocrmill_pages_engine_total", ()] == 1
    assert samples["ocrmill_render_seconds_total", ()] > 0
    assert samples["ocrmill_engine_seconds_total", ()] > 0
    assert samples["ocrmill_workers_up", (("worker", "engine"),)] == 1
    assert samples["ocrmill_image_bytes", ()] == 0 < samples["ocrmill_image_bytes_limit", ()]
    assert samples["ocrmill_storage_retries_total", (("kind", "write"),)] >= 0
    assert 0 <= samples["ocrmill_lease_age_seconds", ()] < HEARTBEAT_S + 5
    assert samples["ocrmill_phase", (("phase", "reading"),)] == 1


def test_the_port_is_free_again(samples: Samples, port: int) -> None:
    """The endpoint ends with the run."""
    assert samples
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    """A run whose port is taken ends at once, names the port, and has started no worker."""
    mixed_pdf(tmp_path / "mixed.pdf")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = load_settings([], [f"workers.metrics_port={port}"])
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}.*--metrics-port"):
            run(Job((str(tmp_path),), str(tmp_path / "out"), settings), lambda _: pytest.fail("workers were started"))


def test_metrics_change_no_row() -> None:
    """The port is no part of the fingerprint."""
    assert load_settings([], ["workers.metrics_port=9464"]).fingerprint() == RunSettings().fingerprint()


def _expressions(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "expr")
        for value in part.values():
            yield from _expressions(value)
    elif isinstance(part, list):
        for value in part:
            yield from _expressions(value)


def _kept(part: Any, read: Any, at: str = "") -> Iterator[str]:
    """Yield the places of a dashboard that are not the same once Grafana's own types have read it."""
    match part, read:
        case dict(), dict():
            for name, value in part.items():
                yield from _kept(value, read.get(name), f"{at}.{name}")
        case list(), list() if len(part) == len(read):
            for number, (value, other) in enumerate(zip(part, read, strict=True)):
                yield from _kept(value, other, f"{at}[{number}]")
        case _ if part != read:
            yield at


def test_grafana_knows_each_field_of_the_dashboard() -> None:
    """Its types, generated from Grafana's schema, read the file and write the same: an unknown field would be lost."""
    types = pytest.importorskip("grafana_foundation_sdk.models.dashboard")
    encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder").JSONEncoder
    dashboard = json.loads(DASHBOARD.read_text())

    def read(source: dict[str, Any]) -> Any:
        return json.loads(encoder().encode(types.Dashboard.from_json(source)))

    assert list(_kept(dashboard, read(dashboard))) == []
    (first, *others) = dashboard["panels"]
    wrong = {**dashboard, "panels": [{**first, "pannelType": "stat"}, *others]}
    assert list(_kept(wrong, read(wrong))) == [".panels[0].pannelType"]


def test_prometheus_can_parse_each_expression() -> None:
    """A parser of PromQL takes all expressions, with durations in the place of Grafana's variables for them."""
    parse = pytest.importorskip("promql_parser").parse
    expressions = list(_expressions(json.loads(DASHBOARD.read_text())))

    assert [parse(text.replace("$__rate_interval", "5m")) for text in expressions]
    with pytest.raises(ValueError, match="unexpected right parenthesis"):
        parse(expressions[0].replace("(", "", 1))


def test_the_dashboard_asks_for_metrics_that_exist(samples: Samples) -> None:
    """Every metric and label of the dashboard is one that a run gives; each panel has its place on the grid."""
    dashboard = json.loads(DASHBOARD.read_text())
    labels = {"job"} | {label for _, pairs in samples for label, _ in pairs}
    named = {name for name, _ in samples} | {"ocrmill_pages_failed_total", "ocrmill_seconds_left"}
    named |= {"ocrmill_worker_restarts_total"}
    expressions = list(_expressions(dashboard))

    assert len(expressions) > 10
    assert set(re.findall(r"ocrmill_\w+", " ".join(expressions))) <= named
    used = {label for text in expressions for label in re.findall(r"(?:by|ignoring) \((\w+)\)", text)}
    assert used <= labels | {"reason", "definition"}
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    columns = [range(at["x"], at["x"] + at["w"]) for at in places]
    rows = [range(at["y"], at["y"] + at["h"]) for at in places]
    cells = [cell for place in zip(columns, rows, strict=True) for cell in product(*place)]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(column for column, _ in cells) < 24
