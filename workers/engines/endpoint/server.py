"""One server: its connections, and one request over them.

Each connection is a client of its own, with room for one. The pool of httpx (0.28, with httpcore 1.0.9) walks through
all of its connections at each request, and loses places in it when a request is cancelled that waits for one
(httpcore#1093); a pool of one has nobody waiting. A connection that did anything but answer is closed, not used again.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from ocrmill.configs.engine_settings import EndpointSettings
from ocrmill.pipeline.redaction import redacted
from ocrmill.workers.engines.endpoint.answer import (
    EventLines,
    FailedRequest,
    Fault,
    ModelOutput,
    event_of,
    failure_of_event,
    failure_of_status,
    with_bytes,
)
from ocrmill.workers.engines.endpoint.in_flight_limit import InFlightLimit
from ocrmill.workers.engines.endpoint.request import RequestWriter
from ocrmill.workers.engines.endpoint.text_loops import TextLoopDetector
from ocrmill.workers.engines.endpoint.transport import tls_context

IDLE_S = 3.0  # that a connection may be idle and be used again; servers close theirs after 5 and more
_STALE_S = 0.5  # a used connection that breaks off so soon was closed before; the request is sent again
_OK = 200
_MOST_ERROR_BYTES = 65_536
log = logging.getLogger(__name__)


def make_client(settings: EndpointSettings, silence_s: float) -> Callable[[], httpx.AsyncClient]:
    """Return what makes connections, with key and authority of the settings, through the proxies of the environment."""
    context = tls_context(settings)
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",
    }
    if settings.api_key is not None:
        headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
    timeout = httpx.Timeout(silence_s, connect=settings.connect_s)
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_S)
    return lambda: httpx.AsyncClient(verify=context, headers=headers, timeout=timeout, limits=limits)


@dataclass(slots=True)
class Pulse:
    """The time of the last sign of life of a request."""

    moved: float = 0.0


class Server:
    """One server, and what is known of it."""

    def __init__(self, url: str, most: int, make_client: Callable[[], httpx.AsyncClient]) -> None:
        self.url = url.rstrip("/")
        self.shown = redacted(self.url)
        self.limit = InFlightLimit(most)
        self.in_flight = 0
        self.is_up = True
        self.is_taken = False  # by a page that has to be alone
        self.rests_until = 0.0  # of time.monotonic
        self.failures = 0  # requests in a row
        self.rests = 0  # in a row
        self.successes = 0
        self.writer: RequestWriter | None = None
        self._make_client = make_client
        self._free: list[httpx.AsyncClient] = []

    @property
    def has_room(self) -> bool:
        """Tell if it takes another page now."""
        is_open = self.is_up and not self.is_taken and time.monotonic() >= self.rests_until
        return is_open and self.in_flight < self.limit.value

    async def ask(
        self, body: bytes, *, stop_loops: bool, limit_s: float, pulse: Pulse | None = None
    ) -> ModelOutput | FailedRequest:
        """Send a request and read its answer as it comes; one that loops is broken off."""
        started = time.monotonic()
        pulse = pulse or Pulse()
        try:
            async with asyncio.timeout(limit_s):
                outcome, was_used = await self._ask_once(body, pulse, stop_loops=stop_loops)
                is_down = isinstance(outcome, FailedRequest) and outcome.fault is Fault.DOWN
                if was_used and is_down and time.monotonic() - started < _STALE_S:
                    await self._close_free()
                    outcome, _ = await self._ask_once(body, pulse, stop_loops=stop_loops)
        except TimeoutError:
            return FailedRequest(Fault.SILENT, f"it was not done within {limit_s:.0f} s")
        return outcome

    async def close(self) -> None:
        """Close the connections that are free; those in use are closed by who uses them."""
        await self._close_free()

    async def _close_free(self) -> None:
        while self._free:
            await self._free.pop().aclose()

    async def _ask_once(
        self, body: bytes, pulse: Pulse, *, stop_loops: bool
    ) -> tuple[ModelOutput | FailedRequest, bool]:
        """Return the outcome, and if it came over a connection that was used before."""
        was_used = bool(self._free)
        client = self._free.pop() if was_used else self._make_client()
        is_whole = False
        sent = time.monotonic()
        try:
            async with client.stream("POST", f"{self.url}/chat/completions", content=body) as response:
                outcome = await self._read(response, TextLoopDetector() if stop_loops else None, pulse, sent)
                is_whole = response.is_stream_consumed and response.status_code == _OK
        except httpx.TimeoutException as error:
            fault = Fault.DOWN if isinstance(error, httpx.ConnectTimeout) else Fault.SILENT
            outcome = FailedRequest(fault, f"no answer in time ({type(error).__name__})")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            outcome = FailedRequest(Fault.DOWN, f"{type(error).__name__}: {redacted(str(error))}")
        finally:
            if is_whole:
                self._free.append(client)
            else:
                await asyncio.shield(client.aclose())
        return outcome, was_used

    async def _read(
        self, response: httpx.Response, detector: TextLoopDetector | None, pulse: Pulse, sent: float
    ) -> ModelOutput | FailedRequest:
        if response.status_code != _OK:
            body = b""
            async for data in response.aiter_bytes():
                body = (body + data)[:_MOST_ERROR_BYTES]
            return failure_of_status(response.status_code, response.headers, body)
        written = ModelOutput()
        if "json" in response.headers.get("content-type", ""):  # it does not stream
            whole = bytearray()
            async for data in response.aiter_bytes():
                with_bytes(len(whole), data)
                whole += data
            event = event_of(bytes(whole))
            failed = failure_of_event(event)
            written.add(event)
            written.first_s = time.monotonic() - sent
            return failed or self._judged(written)
        lines = EventLines()
        async for data in response.aiter_bytes():
            pulse.moved = time.monotonic()
            for event in lines.events(data):
                if failed := failure_of_event(event):
                    return failed
                new = written.add(event)
                if new and written.first_s is None:
                    written.first_s = pulse.moved - sent
                if detector is not None and new and written.finish_reason is None and detector.push(new):
                    written.finish_reason = "repetition"
                    return written  # closing the connection tells the server to drop the page
        return self._judged(written)

    def _judged(self, written: ModelOutput) -> ModelOutput | FailedRequest:
        if written.finish_reason is None:
            return FailedRequest(Fault.DOWN, f"the answer broke off after {len(written.text)} characters")
        if written.finish_reason in {"abort", "error"}:
            return FailedRequest(Fault.DOWN, f"it gave the page up: finish_reason is {written.finish_reason}")
        assert self.writer is not None
        if written.output_tokens is not None and written.output_tokens >= self.writer.max_tokens:
            written.finish_reason = "length"  # some servers say `stop` all the same
        return written
