"""Warnings of the clouds, as their metadata servers give them."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ocrmill.workers.scheduling.preemption import preemption, stop_on_preemption


class MetadataServer(ThreadingHTTPServer):
    """A server of metadata: its token, what is announced by now, and the statuses of its answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Metadata)
        self.token = "first"
        self.events: dict[str, str] = {}
        self.answers: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Metadata(BaseHTTPRequestHandler):
    """Answers as the three clouds do; the server's `events` are what is announced by now."""

    server: MetadataServer

    def do_PUT(self) -> None:
        asked = "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
        self._send(200 if asked else 400, self.server.token)

    def do_GET(self) -> None:
        path = self.path
        if path.startswith("/latest/") and self.headers.get("X-aws-ec2-metadata-token") != self.server.token:
            self._send(401, "")
        elif path.startswith("/computeMetadata/") and self.headers.get("Metadata-Flavor") != "Google":
            self._send(403, "")
        elif path.startswith("/metadata/") and self.headers.get("Metadata") != "true":
            self._send(400, "")
        elif path in self.server.events:
            self._send(200, self.server.events[path])
        else:
            self._send(404, "not found")

    def _send(self, status: int, body: str) -> None:
        self.server.answers.append(status)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@contextmanager
def metadata_server() -> Iterator[MetadataServer]:
    server = MetadataServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def asked(server: MetadataServer, times: int, status: int | None = None) -> None:
    """Wait until the server has answered so often, with this status if one is named."""
    while sum(status in (None, answer) for answer in server.answers) < times:  # noqa: ASYNC110 - a thread answers
        await asyncio.sleep(0.01)


AZURE_EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
AZURE_NAME = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"
GCP = "/computeMetadata/v1/instance/preempted"
AWS = "/latest/meta-data/spot/instance-action"
AWS_REBALANCE = "/latest/meta-data/events/recommendations/rebalance"


def azure(kind: str, machine: str) -> str:
    return json.dumps({"Events": [{"EventType": kind, "Resources": [machine], "NotBefore": "Mon, 19 Sep"}]})


@pytest.mark.parametrize(
    ("cloud", "quiet", "announced", "words"),
    [
        ("aws", {}, {AWS: '{"action": "terminate", "time": "2026-09-18T08:22:00Z"}'}, "terminate"),
        ("aws", {}, {AWS_REBALANCE: '{"noticeTime": "2026-10-27T08:22:00Z"}'}, "rebalance"),
        ("gcp", {GCP: "FALSE"}, {GCP: "TRUE"}, "preempted"),
        (
            "azure",
            {AZURE_NAME: "vm_1", AZURE_EVENTS: azure("Preempt", "vm_0")},
            {AZURE_EVENTS: azure("Preempt", "vm_1")},
            "Preempt",
        ),
        (
            "azure",
            {AZURE_NAME: "vm_1", AZURE_EVENTS: azure("Reboot", "vm_1")},
            {AZURE_EVENTS: azure("Preempt", "vm_1")},
            "19",
        ),
    ],
)
def test_a_warning_is_heard(cloud: str, quiet: dict[str, str], announced: dict[str, str], words: str) -> None:
    """Nothing is heard before the cloud announces that this machine goes, and its words once it does."""

    async def scenario(server: MetadataServer) -> str:
        server.events.update(quiet)
        heard = asyncio.create_task(preemption(cloud, server.url, poll_s=0.05))
        await asked(server, 12)
        assert not heard.done()
        server.events.update(announced)
        return await heard

    with metadata_server() as server:
        assert words in asyncio.run(scenario(server))


def test_a_token_that_is_too_old_is_renewed() -> None:
    """AWS forgets tokens after some hours: the next question brings a new one, and the warning is heard."""

    async def scenario(server: MetadataServer) -> str:
        heard = asyncio.create_task(preemption("aws", server.url, poll_s=0.05))
        await asked(server, 1, status=404)
        server.token = "second"
        await asked(server, 2, status=401)  # the first one was for no token at all
        server.events[AWS] = '{"action": "stop"}'
        return await heard

    with metadata_server() as server:
        assert "stop" in asyncio.run(scenario(server))


def test_a_machine_without_metadata_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on if nobody answers, and the log says once that no warning can be received."""

    def hang_up(listening: socket.socket, times: int) -> None:
        for _ in range(times):
            listening.accept()[0].close()

    async def scenario(listening: socket.socket) -> None:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        asking = asyncio.create_task(preemption("gcp", url, poll_s=0.05))
        await asyncio.to_thread(hang_up, listening, 3)
        assert not asking.done()
        asking.cancel()

    with caplog.at_level(logging.WARNING, "ocrmill"), socket.create_server(("127.0.0.1", 0)) as listening:
        asyncio.run(scenario(listening))
    assert 1 == caplog.text.count("no warning can be received")


def test_a_warning_stops_the_run_as_a_signal_does() -> None:
    """The run's `stop` is called once; without a cloud nobody is asked."""
    stopped: list[int] = []
    with metadata_server() as server:
        server.events[GCP] = "TRUE"
        asyncio.run(stop_on_preemption("gcp", lambda: stopped.append(1), server.url))
        answered = len(server.answers)
        asyncio.run(stop_on_preemption("none", lambda: stopped.append(2), server.url))

        assert [1] == stopped
        assert answered == len(server.answers)
