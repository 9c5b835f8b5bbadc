"""A connection is closed if its client takes too long for the head of a request, or to take an answer."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.requests import Request
from waiting import wait_for

from ocrmill.commands.serve import slow_clients
from ocrmill.commands.web.listening import listen
from ocrmill.configs.serve.serve_settings import ServeSettings

HEAD_S, TAKE_S = 0.4, 2.0
LARGE = 64 << 20  # more than both sockets hold


async def answer(scope, receive, send):  # type: ignore[no-untyped-def]
    request = Request(scope, receive)
    size = LARGE if request.url.path == "/large" else 2
    await slow_clients.PartedResponse(b"x" * size)(scope, receive, send)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(answer, http=slow_clients.BoundedProtocol, ws="none", lifespan="off", timeout_keep_alive=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slow_clients, "HEAD_S", HEAD_S)
        patch.setattr(slow_clients, "TAKE_S", TAKE_S)
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def is_closed(connection: socket.socket) -> bool:
    """Tell if the server has ended the connection; what it sent before is thrown away."""
    connection.settimeout(0.05)
    try:
        while connection.recv(1 << 20):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return True


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"])
@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHo"])
def test_the_head_of_a_request_has_a_time(port: int, before: bytes, begun: bytes) -> None:
    """Nothing or half a head, as the first request or the second one: the connection ends, and not before."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(before)
        assert not before or connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        connection.sendall(begun)
        wait_for(lambda: is_closed(connection))

        assert time.monotonic() - began > 0.9 * HEAD_S


def test_an_answer_has_to_be_taken(port: int) -> None:
    """A client that takes nothing of a large answer loses it; one that takes it slowly gets the whole."""
    request = b"GET /large HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as lazy, socket.create_connection(("127.0.0.1", port)) as slow:
        lazy.sendall(request)
        slow.sendall(request)
        came = 0
        for number in range(1 << 20):
            part = slow.recv(1 << 20)
            came += len(part)
            if not part:
                break
            if number < 12:
                time.sleep(TAKE_S / 10)
        time.sleep(TAKE_S)
        taken = 0
        lazy.settimeout(60)
        with suppress(ConnectionResetError):
            while part := lazy.recv(1 << 20):
                taken += len(part)

    assert came > LARGE > taken


def test_the_body_has_a_time_of_its_own() -> None:
    """The time to send a document is a setting, longer than that for a head."""
    assert ServeSettings().upload_s > slow_clients.HEAD_S
