"""One server: its connections, and one request over them.

aiohttp sends the requests: its parser is compiled, and 512 pages in flight share one pool whose cost does not grow with
them. A page takes 1.0 ms of CPU there, and 3.0 ms in httpx, where each connection has to be a client of its own. A
connection that did anything but answer is closed, not used again.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp

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
from ocrmill.workers.engines.endpoint.transport import login_in, proxy_of, without_login

IDLE_S = 3.0  # that a connection may be idle and be used again; servers close theirs after 5 and more
_STALE_S = 0.5  # a used connection that breaks off so soon was closed before; the request is sent again
_LINGERS_S = 1.0  # a connection with bytes that are not taken, after its request was given up
_OK = 200
_MOST_ERROR_BYTES = 65_536
log = logging.getLogger(__name__)


def _make_session(
    url: str, settings: EndpointSettings, tls: ssl.SSLContext, silence_s: float, *, reuses: bool
) -> aiohttp.ClientSession:
    """Return the connections to a server: with the key of the settings, through the proxy of the environment.

    User and password in the URL are sent in place of the key. A connection that is closed while the server takes no
    bytes is given up soon after `silence_s`.
    """
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",
    }
    login = login_in(url)
    if login is not None:
        headers["Authorization"] = login
    elif settings.api_key is not None:
        headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
    reuse = aiohttp.TraceConfig()
    reuse.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            ssl=tls,
            limit=0,
            socket_factory=lambda address: _make_socket(address, silence_s + _LINGERS_S),
            **({"keepalive_timeout": IDLE_S} if reuses else {"force_close": True}),
        ),
        headers=headers,
        proxy=proxy_of(url),
        timeout=aiohttp.ClientTimeout(connect=settings.connect_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[reuse],
    )


def _make_socket(address: aiohttp.AddrInfoType, unsent_s: float) -> socket.socket:
    """Return a socket that gives up bytes which the other side has not taken for so long, where the system can."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * unsent_s))
    return made


async def _note_reuse(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.was_used = True


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in one piece: aiohttp cuts a file into many, and warns of large bytes."""
    yield body


@dataclass(slots=True)
class Pulse:
    """The signs of life of a request, by time.monotonic."""

    sent: float = 0.0
    moved: float = 0.0  # the last one
    was_used: bool = False  # its connection, by an earlier request


class Server:
    """One server, and what is known of it."""

    def __init__(self, url: str, settings: EndpointSettings, tls: ssl.SSLContext, silence_s: float) -> None:
        """Make ready for requests; connects to nothing.

        Args:
            url: its base, as in `http://gpu1:8000/v1`.
            settings: the key, and the most pages at a time.
            tls: the authorities that are accepted.
            silence_s: seconds without a byte after which a request is given up.
        """
        self.url = url.rstrip("/")
        self.shown = redacted(self.url)
        self.limit = InFlightLimit(settings.max_in_flight)
        self.in_flight = 0
        self.is_up = True
        self.is_taken = False  # by a page that has to be alone
        self.rests_until = 0.0  # of time.monotonic
        self.failures = 0  # requests in a row
        self.rests = 0  # in a row
        self.successes = 0
        self.writer: RequestWriter | None = None
        self._session = _make_session(url, settings, tls, silence_s, reuses=True)
        self._fresh = _make_session(url, settings, tls, silence_s, reuses=False)
        self._target = f"{without_login(self.url)}/chat/completions"
        self._silence_s = silence_s

    @property
    def has_room(self) -> bool:
        """Tell if it takes another page now."""
        is_open = self.is_up and not self.is_taken and time.monotonic() >= self.rests_until
        return is_open and self.in_flight < self.limit.value

    async def ask(
        self, body: bytes, *, stop_loops: bool, limit_s: float, pulse: Pulse | None = None
    ) -> ModelOutput | FailedRequest:
        """Send a request and read its answer as it comes; one that loops is broken off."""
        pulse = pulse or Pulse()
        try:
            async with asyncio.timeout(limit_s):
                outcome = await self._ask_once(self._session, body, pulse, stop_loops=stop_loops)
                if outcome is None:
                    outcome = await self._ask_once(self._fresh, body, pulse, stop_loops=stop_loops)
        except TimeoutError:
            return FailedRequest(Fault.SILENT, f"it was not done within {limit_s:.0f} s")
        assert outcome is not None, "no fresh connection was used before"
        return outcome

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
        await self._fresh.close()

    async def _ask_once(
        self, session: aiohttp.ClientSession, body: bytes, pulse: Pulse, *, stop_loops: bool
    ) -> ModelOutput | FailedRequest | None:
        """Return the outcome; None if the connection was used before, and had been closed when the request came."""
        pulse.sent, pulse.was_used, has_begun = time.monotonic(), False, False
        try:
            async with (
                asyncio.timeout(self._silence_s) as silence,
                session.post(
                    self._target,
                    data=_whole(body),
                    headers={"Content-Length": str(len(body))},
                    allow_redirects=False,
                    trace_request_ctx=pulse,
                ) as response,
            ):
                has_begun = True
                try:
                    pieces = self._pieces(response, pulse, silence)
                    return await self._read(response, pieces, TextLoopDetector() if stop_loops else None, pulse)
                finally:
                    if response.status != _OK or not response.content.at_eof():
                        response.close()
        except aiohttp.ClientError as error:
            if pulse.was_used and not has_begun and time.monotonic() - pulse.sent < _STALE_S:
                return None
            return FailedRequest(Fault.DOWN, f"{type(error).__name__}: {redacted(str(error))}")
        except TimeoutError:
            return FailedRequest(Fault.SILENT, f"nothing came for {self._silence_s:g} s")
        except (OSError, ValueError) as error:
            return FailedRequest(Fault.DOWN, f"{type(error).__name__}: {redacted(str(error))}")

    async def _pieces(
        self, response: aiohttp.ClientResponse, pulse: Pulse, silence: asyncio.Timeout
    ) -> AsyncIterator[bytes]:
        """Yield what comes, as it comes; each piece is a sign of life."""
        now = asyncio.get_running_loop().time
        async for data in response.content.iter_any():
            pulse.moved = time.monotonic()
            silence.reschedule(now() + self._silence_s)
            yield data

    async def _read(
        self,
        response: aiohttp.ClientResponse,
        pieces: AsyncIterator[bytes],
        detector: TextLoopDetector | None,
        pulse: Pulse,
    ) -> ModelOutput | FailedRequest:
        if response.status != _OK:
            body = b""
            async for data in pieces:
                body = (body + data)[:_MOST_ERROR_BYTES]
            return failure_of_status(response.status, response.headers, body)
        written = ModelOutput()
        if "json" in response.headers.get("content-type", ""):  # it does not stream
            whole = bytearray()
            async for data in pieces:
                with_bytes(len(whole), data)
                whole += data
            event = event_of(bytes(whole))
            failed = failure_of_event(event)
            written.add(event)
            written.first_s = time.monotonic() - pulse.sent
            return failed or self._judged(written)
        lines = EventLines()
        async for data in pieces:
            for event in lines.events(data):
                if failed := failure_of_event(event):
                    return failed
                new = written.add(event)
                if new and written.first_s is None:
                    written.first_s, written.first_token = pulse.moved - pulse.sent, time.time()
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
