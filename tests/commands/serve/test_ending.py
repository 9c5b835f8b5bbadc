"""The service with an engine that takes its time: signals, clients that leave, the token, and engines that are gone."""

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from pdfs import mixed_pdf, scan_pdf
from service import Serving, serving
from typer.testing import CliRunner
from waiting import wait_for

from ocrmill.cli import app

TOKEN = "a-token-of-a-test"
# The program itself, but for an engine that takes as long as the variable SECONDS says, and dies if that is 0; only the
# page by which the service warms it up it reads at once.
SLOW = """
import asyncio, os, sys
import ocrmill.workers.pools.pool
from ocrmill import cli
from fake_engine import FakeEngine
from ocrmill.pipeline.records import EngineDescription, EngineDown, PageText

class Slow(FakeEngine):
    is_warm = False
    def describe(self):
        return EngineDescription("slow", 8)
    async def read(self, image, geometry, repair):
        if not self.is_warm:
            self.is_warm = True
            return PageText("warm")
        seconds = float(os.environ["SECONDS"])
        if not seconds:
            return EngineDown("its card at /dev/nvidia7 is gone", is_final=True)
        print("THE ENGINE HAS IT", file=sys.stderr, flush=True)
        await asyncio.sleep(seconds)
        return PageText("read")

ocrmill.workers.pools.pool.make_engine = lambda settings: Slow()
sys.argv[0] = "ocrmill"
cli.main()
"""


@pytest.fixture
def scan(tmp_path: Path) -> bytes:
    return scan_pdf(tmp_path / "scan.pdf", pages=1).read_bytes()


def slow(folder: Path, seconds: float, *arguments: str, token: str | None = None) -> AbstractContextManager[Serving]:
    environment = {"SECONDS": str(seconds)} | ({} if token is None else {"OCRMILL_SERVE_TOKEN": token})
    headers = None if token is None else {"authorization": f"Bearer {token}"}
    return serving(folder, *arguments, program=("-c", SLOW), environment=environment, headers=headers)


def pages_taken(service: Serving) -> int:
    """The number of pages that the engine has had, the one of the warm-up not counted."""
    return service.log.read_text().count("THE ENGINE HAS IT")


def wait_for_page(service: Serving) -> None:
    wait_for(lambda: pages_taken(service) > 0, what="the engine has a page")


@pytest.mark.fault
def test_sigterm_lets_the_documents_in_work_end(tmp_path: Path, scan: bytes) -> None:
    """SIGTERM to `ocrmill serve`: no document is taken, the one in work gets its rows, and the exit code is 0.

    Before that: with a token nothing but health and readiness answers without it.
    """
    with slow(tmp_path, 1.5, token=TOKEN) as service, ThreadPoolExecutor() as threads:
        url = str(service.client.base_url)
        assert httpx.get(f"{url}/health").status_code == httpx.get(f"{url}/ready").status_code == 200
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
            assert httpx.get(f"{url}/metrics", headers=headers).status_code == 401
            refused = httpx.post(f"{url}/v1/pages", content=scan, headers=headers)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert service.client.get("/metrics").status_code == 200

        answer = threads.submit(service.post, scan)
        wait_for_page(service)
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: service.client.get("/ready").status_code == 503)
        late = service.post(scan)

        assert (late.status_code, late.json()["message"][:21]) == (503, "the service is ending")
        assert int(late.headers["retry-after"]) > 0
        assert service.client.get("/health").json() == {"state": "draining", "documents": 1}
        assert answer.result(30).json()["pages"][0]["markdown"] == "read"
        assert service.process.wait(30) == 0
        assert not list(service.scratch.iterdir())
        assert TOKEN not in service.log.read_text()


@pytest.mark.fault
def test_a_client_that_leaves_gives_its_document_up(tmp_path: Path, scan: bytes) -> None:
    """A client of `ocrmill serve` goes away: its document's place and slot in the engine are free at once.

    A document that outlasts `drain_s` is given up, too.
    """
    with slow(tmp_path, 600, "--set", "workers.drain_s=0.3") as service, ThreadPoolExecutor() as threads:
        url = service.client.base_url
        with socket.create_connection((url.host, url.port or 80)) as leaving:
            head = f"POST /v1/pages HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(scan)}\r\n\r\n"
            leaving.sendall(head.encode() + scan)
            wait_for_page(service)
        wait_for(lambda: service.documents() == 0, what="the place is free")
        assert 'ocrmill_worker_slots_taken{worker="engine"} 0.0' in service.client.get("/metrics").text
        assert service.uploads() == []

        answer = threads.submit(service.post, scan)
        wait_for(lambda: pages_taken(service) == 2)
        assert service.end(signal.SIGINT) == 0
        assert (answer.result(30).status_code, "given up" in answer.result().json()["message"]) == (503, True)


def test_a_page_is_answered_while_the_next_one_is_read(tmp_path: Path) -> None:
    """With ndjson the first page is there although the last one is never read."""
    document = mixed_pdf(tmp_path / "mixed.pdf").read_bytes()
    with slow(tmp_path, 600) as service:
        with service.client.stream("POST", "/v1/pages?format=ndjson", content=document) as answer:
            first = json.loads(next(answer.iter_lines()))
        assert first["page"]["status"] in {"text_layer", "blank"}


def test_a_second_signal_ends_at_once(tmp_path: Path, scan: bytes) -> None:
    """With a document in work the second Ctrl-C ends the service with 130, and nobody is shown a traceback."""
    with ThreadPoolExecutor() as threads, slow(tmp_path, 600) as service:
        threads.submit(service.post, scan)
        wait_for_page(service)
        service.process.send_signal(signal.SIGINT)
        wait_for(lambda: "send it again to end at once" in service.log.read_text())

        assert service.end(signal.SIGINT) == 130
        assert "Traceback" not in service.log.read_text()


@pytest.mark.fault
def test_without_an_engine_nothing_is_taken(tmp_path: Path, scan: bytes) -> None:
    """The last engine of `ocrmill serve` dies: documents, readiness and health have 503; only the log says why."""
    with slow(tmp_path, 0) as service:
        answers = [service.post(scan), service.post(scan)]

        assert [answer.status_code for answer in answers] == [503, 503]
        assert all("no engine is left" in answer.json()["message"] for answer in answers)
        assert not any("nvidia" in answer.text for answer in answers)
        assert "its card at /dev/nvidia7 is gone" in service.log.read_text()
        assert [service.client.get(path).status_code for path in ("/ready", "/health")] == [503, 503]
        assert service.end() == 0


def test_beyond_loopback_there_is_a_token(tmp_path: Path) -> None:
    """Without one the command ends before it listens, and says how to make one; a short one is refused."""
    short = tmp_path / "token"
    short.write_text("secret\n")
    for arguments, said in (
        (["--host", "0.0.0.0"], "clients need a token"),
        (["--token-file", str(short)], "at least 16 ASCII characters"),
        (["--token-file", str(tmp_path / "none")], "cannot be read"),
    ):
        done = CliRunner().invoke(app, ["serve", "--engine", "cpu", "--no-ray", *arguments])
        assert (done.exit_code, said in done.output) == (2, True), done.output
