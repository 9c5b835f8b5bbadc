"""A web server on localhost that answers as a test tells it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Asked"], None]


class WebServer(ThreadingHTTPServer):
    """Serves what `answers` holds for a path; counts and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []  # method, path, headers

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def serves(self, path: str, data: bytes, **headers: str) -> None:
        """Give these bytes, with these headers (`_` for `-`), and ranges of them."""
        self.answers[path] = lambda asked: asked.give(data, {name.replace("_", "-"): headers[name] for name in headers})

    def redirects(self, path: str, target: str, status: int = 302) -> None:
        """Lead on to another URL."""
        self.answers[path] = lambda asked: asked.say(status, {"Location": target})

    def fails(self, path: str, status: int, *, times: int, **headers: str) -> None:
        """Answer with this status so many times, then as before."""
        after, left = self.answers[path], [times]

        def answer(asked: "Asked") -> None:
            left[0] -= 1
            if left[0] < 0:
                after(asked)
            else:
                asked.say(status, {name.replace("_", "-"): headers[name] for name in headers})

        self.answers[path] = answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what some tests are for."""


class Asked(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: WebServer

    def do_GET(self) -> None:
        self.server.asked.append(
            (self.command, self.path, {name.title(): value for name, value in self.headers.items()})
        )
        answer = self.server.answers.get(self.path)
        if answer is None:
            self.say(404, {})
        else:
            answer(self)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def say(self, status: int, headers: dict[str, str], data: bytes = b"", length: int | None = None) -> None:
        """Answer; with a `length` other than that of `data`, hang up after it."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        if length is not None:
            self.close_connection = True

    def give(self, data: bytes, headers: dict[str, str]) -> None:
        """All bytes, or those of the range that is asked for, if the version is still the same."""
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == headers.get("ETag"):
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            part = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            self.say(206, {**headers, **part}, data[start:])
        else:
            self.say(200, headers, data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        """The tests look at `asked`."""


@contextmanager
def serving() -> Iterator[WebServer]:
    """A server that runs as long as this lasts."""
    server = WebServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
