"""A proxy before an S3 server that fails as a test tells it: what clouds do on bad days.

proxy.answers(503, "SlowDown", times=3)             the next three requests
proxy.answers(500, "InternalError", seconds=60)     all requests for a minute
proxy.cuts_answers(after=1000, method="GET")        one download ends after 1,000 bytes of its body
proxy.at_request(2, strike, method="PUT")           call strike() as soon as the second upload arrives
"""

import http.client
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from ocrmill.configs.settings import StorageSettings

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class _Fault:
    act: Callable[["_Handler"], None]
    method: str | None
    path: re.Pattern[str]
    left: int | None
    until: float | None

    def takes(self, method: str, path: str) -> bool:
        """Tell if the fault strikes this request; count down."""
        if self.method not in {None, method} or not self.path.search(path):
            return False
        if self.until is not None:
            return time.monotonic() < self.until
        if self.left is None or self.left == 0:
            return self.left is None
        self.left -= 1
        return True


@dataclass
class _Strike:
    act: Callable[[], None]
    method: str
    path: re.Pattern[str]
    number: int

    def is_due(self, method: str, path: str) -> bool:
        """Count this request if it is one of those meant; true for the one of the number."""
        if self.method != method or not self.path.search(path):
            return False
        self.number -= 1
        return self.number == 0


class FaultyS3:
    """The proxy. Every fault strikes `times` requests, or all for `seconds`, or (with neither) until `heals()`.

    `method` and `path` (a regular expression, searched in path and query) choose the requests.
    """

    def __init__(self, upstream: str, settings: StorageSettings) -> None:
        self.requests: Counter[str] = Counter()  # by method, those struck included
        self.paths: list[str] = []  # method and path of each, in order
        self._upstream = urlsplit(upstream)
        self._settings = settings
        self._faults: list[_Fault] = []
        self._strike: _Strike | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def settings(self) -> StorageSettings:
        """Settings by which the project reaches the server through the proxy."""
        return self._settings.model_copy(update={"endpoint": self.endpoint})

    def answers(self, status: int, code: str, *, region: str = "", **when: Any) -> None:
        """Answer with S3's XML for this error."""
        self._add(lambda handler: handler.answer_error(status, code, region), **when)

    def hangs(self, *, for_s: float = 3600.0, **when: Any) -> None:
        """Take the request and say nothing for so long; then close the connection."""
        self._add(lambda handler: handler.hang(for_s), **when)

    def cuts_answers(self, *, after: int, **when: Any) -> None:
        """Pass the request on, and end the connection after so many bytes of the answer's body."""
        self._add(lambda handler: handler.forward(cut_after=after), **{"times": 1, **when})

    def cuts_requests(self, *, after: int, **when: Any) -> None:
        """End the connection after so many bytes of the request's body; the server sees nothing of it."""
        self._add(lambda handler: handler.cut_request(after), **{"times": 1, **when})

    def loses_answers(self, **when: Any) -> None:
        """Pass the request on, and end the connection instead of giving the server's answer."""
        self._add(lambda handler: handler.forward(cut_after=None, answer=False), **{"times": 1, **when})

    def at_request(self, number: int, act: Callable[[], None], *, method: str, path: str) -> None:
        """Call `act` when the request of this number (from 1, counted from now) arrives, before it is answered."""
        self._strike = _Strike(act, method, re.compile(path), number)

    def heals(self) -> None:
        """Pass everything on from now."""
        with self._lock:
            self._faults.clear()

    @contextmanager
    def running(self) -> Iterator["FaultyS3"]:
        """Serve as long as this lasts."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def serve(self, handler: "_Handler") -> None:
        """Do to one request what the test asked for."""
        with self._lock:
            self.requests[handler.command] += 1
            self.paths.append(f"{handler.command} {handler.path}")
            due = self._strike is not None and self._strike.is_due(handler.command, handler.path)
        if due and self._strike is not None:
            self._strike.act()
        with self._lock:
            fault = next((fault for fault in self._faults if fault.takes(handler.command, handler.path)), None)
        if fault is None:
            handler.forward()
        else:
            fault.act(handler)

    def ask_upstream(self, handler: "_Handler", body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """The server's answer to a request."""
        connection = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=60)
        try:
            headers = {name: value for name, value in handler.headers.items() if name.lower() != "expect"}
            connection.request(handler.command, handler.path, body or None, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than the proxy runs."""
        self._ended.wait(seconds)

    def _add(
        self,
        act: Callable[["_Handler"], None],
        *,
        times: int | None = None,
        seconds: float | None = None,
        method: str | None = None,
        path: str = "",
    ) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        with self._lock:
            self._faults.append(_Fault(act, method, re.compile(path), times, until))


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # one may sit in a connection that its client keeps open

    def __init__(self, address: tuple[str, int], proxy: FaultyS3) -> None:
        super().__init__(address, _Handler)
        self.proxy = proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that give up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.proxy.serve(self)

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

    def answer_error(self, status: int, code: str, region: str) -> None:
        self._body()
        named = f"<Region>{region}</Region>" if region else ""
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as told</Message>{named}</Error>".encode()
        self.send_response(status)
        if region:
            self.send_header("x-amz-bucket-region", region)
        self._end("application/xml", text)

    def hang(self, seconds: float) -> None:
        self.server.proxy.wait(seconds)
        self.close_connection = True

    def cut_request(self, after: int) -> None:
        self.rfile.read(min(after, int(self.headers.get("Content-Length", 0))))
        self._hang_up()

    def forward(self, *, cut_after: int | None = None, answer: bool = True) -> None:
        reply, body = self.server.proxy.ask_upstream(self, self._body())
        if not answer:
            self._hang_up()
            return
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in _HOP_BY_HOP | {"date", "server"}:
                self.send_header(name, value)
        size = reply.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", size or str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut_after is None else body[:cut_after])
        if cut_after is not None:
            self._hang_up()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        """The tests look at `requests`."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _end(self, kind: str, text: bytes) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True
