"""The connections of one server, against real sockets on loopback."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import psutil
import pytest
from endpoint_pages import engine_settings, run
from model_server import Answer, Asked, Hang, HangUp, Say, serving_model

from ocrmill.workers.engines.endpoint import server as server_module
from ocrmill.workers.engines.endpoint.answer import FailedRequest, Fault, ModelOutput
from ocrmill.workers.engines.endpoint.request import RequestWriter, ServedModel
from ocrmill.workers.engines.endpoint.server import Server
from ocrmill.workers.engines.endpoint.transport import tls_context

BODY = b'{"messages": []}'
LARGE = bytes(64 << 20)  # more than the buffers of two sockets hold
Outcome = ModelOutput | FailedRequest


def with_server(url: str, ask: Callable[[Server], Awaitable[list[Outcome]]], silence_s: float = 30.0) -> list[Outcome]:
    """Ask one server, over connections that are closed in the end."""

    async def asking() -> list[Outcome]:
        settings = engine_settings(url).endpoint
        server = Server(url, settings, tls_context(settings), silence_s)
        assert settings.profile is not None
        server.writer = RequestWriter(settings.profile, ServedModel("model"))
        try:
            return await ask(server)
        finally:
            await server.close()

    outcomes: list[Outcome] = run(asking())
    return outcomes


def answers(*then: Answer) -> Callable[[Asked], Answer]:
    """Give these answers in their order, and then a text."""
    return lambda asked: then[asked.number - 1] if asked.number <= len(then) else Say("the text")


def one_by_one(*bodies: bytes) -> Callable[[Server], Awaitable[list[Outcome]]]:
    async def ask(server: Server) -> list[Outcome]:
        return [await server.ask(body, stop_loops=False, limit_s=20.0) for body in bodies]

    return ask


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection counts as closed before its request also if this machine is slow to notice."""
    monkeypatch.setattr(server_module, "_STALE_S", 20.0)


def faults(outcomes: list[Outcome]) -> list[Fault | None]:
    return [outcome.fault if isinstance(outcome, FailedRequest) else None for outcome in outcomes]


def test_a_connection_is_used_again() -> None:
    """Pages one after another need one connection."""
    with serving_model(answers()) as server:
        assert [None] * 3 == faults(with_server(server.url, one_by_one(BODY, BODY, BODY)))
    assert server.connections == 1


@pytest.mark.usefixtures("_patient")
def test_a_connection_that_was_closed_meanwhile_is_no_fault() -> None:
    """A request over a used connection that is closed without a word goes out again at once, over another one."""
    with serving_model(answers(Say("a"), HangUp())) as server:
        assert [None, None] == faults(with_server(server.url, one_by_one(BODY, BODY)))
    assert (len(server.asked), server.connections) == (3, 2)


def test_a_new_connection_that_is_closed_is_a_fault() -> None:
    """A request over a connection of its own that is closed without a word has failed, and is not sent again here."""
    with serving_model(answers(HangUp())) as server:
        assert [Fault.DOWN] == faults(with_server(server.url, one_by_one(BODY)))
    assert len(server.asked) == 1


@pytest.mark.usefixtures("_patient")
def test_all_connections_may_be_closed_at_once() -> None:
    """Of eight used connections each is closed without a word: no page that was to go over them has failed."""

    async def ask(server: Server) -> list[Outcome]:
        return [
            outcome
            for _ in range(2)
            for outcome in await asyncio.gather(*(server.ask(BODY, stop_loops=False, limit_s=20.0) for _ in range(8)))
        ]

    with serving_model(answers(*[Say("a", at_once=8)] * 8, *[HangUp()] * 8)) as server:
        assert [None] * 16 == faults(with_server(server.url, ask))


def test_silence_has_an_end() -> None:
    """A server that says nothing is silent after the time for it."""
    started = time.monotonic()
    with serving_model(answers(Hang())) as server:
        assert [Fault.SILENT] == faults(with_server(server.url, one_by_one(BODY), silence_s=0.3))
    assert time.monotonic() - started < 10


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone gives up what is not taken")
def test_a_server_that_takes_no_request_is_silent_and_its_connection_ends() -> None:
    """A server that accepts a connection and reads nothing is silent; the bytes not taken are not kept for ever."""

    async def ask(server: Server) -> list[Outcome]:
        before = psutil.Process().num_fds()
        outcome = await server.ask(LARGE, stop_loops=False, limit_s=20.0)
        while psutil.Process().num_fds() > before:  # noqa: ASYNC110 - the transport tells nobody
            await asyncio.sleep(0.05)
        return [outcome]

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        assert [Fault.SILENT] == faults(with_server(url, ask, silence_s=0.3))


def test_a_server_that_writes_slowly_is_not_silent() -> None:
    """An answer may take longer than the time for silence while its pieces come sooner."""
    with serving_model(answers(Say("a text of forty-eight characters, in four pieces", pause_s=0.8))) as server:
        assert [None] == faults(with_server(server.url, one_by_one(BODY), silence_s=3.0))


def test_user_and_password_of_a_url_are_sent() -> None:
    """User and password go into the header alone, unquoted."""
    with serving_model(answers()) as server:
        with_server(server.url.replace("http://", "http://ann:a%40b@"), one_by_one(BODY))
    assert server.asked[0].headers["authorization"] == "Basic YW5uOmFAYg=="
