"""All servers of one model: which one gets the next page, which one rests, and when none is left.

A page goes to the server with the most room, if possible not to the one that failed it last. One that has no room
(429, 503) rests as long as it asks for, or twice as long each time. One that breaks off, fails or is silent while
nothing else comes from it is down: it gets no pages until it has answered a page of known text, for `/health` is 200
while an engine hangs. Times between are drawn, so that many clients do not come back at once.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Sequence

from ocrmill.configs.engine_settings import EndpointSettings
from ocrmill.workers.engines.endpoint.answer import FailedRequest, Fault, ModelOutput
from ocrmill.workers.engines.endpoint.server import Pulse, Server
from ocrmill.workers.rendering.encoded_page import EncodedPage

FIRST_REST_S, MOST_REST_S = 0.5, 30.0
LOOK_S = 1.0  # between two looks if any server makes progress
CHECK_TOKENS = 16  # of the answer that shows that a server is back
BACK_ANSWER_S = 120.0  # for that answer
MOST_FAILURES = 3  # requests in a row
_MOST_DOUBLINGS = 6
log = logging.getLogger(__name__)


class ServerSlot:
    """The right to send a page to a server."""

    def __init__(self, server: Server, *, alone: bool) -> None:
        self.server = server
        self.alone = alone or server.in_flight == 1  # this one counted
        self.in_flight = server.in_flight
        self.generation = server.limit.generation
        self.successes = server.successes
        self.pulse = Pulse()
        self.takes_all = alone


class Fleet:
    """The servers, and the pages that wait for one."""

    def __init__(self, servers: Sequence[Server], settings: EndpointSettings, page: EncodedPage) -> None:
        self._servers = servers
        self._settings = settings
        self._page = page  # of known text, which a server has to read to be back
        self._waiters: deque[tuple[asyncio.Future[ServerSlot | None], Server | None, bool]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._places: set[ServerSlot] = set()
        self._since = time.monotonic()  # pages wait, and nothing else happens
        self._none_since: float | None = None
        self._without_any = 0.0
        self.why = ""  # the last failed request, for the error

    def clock(self) -> float:
        """Seconds that go by while there is a server: the deadlines of pages are measured with it."""
        now = time.monotonic()
        return now - self._without_any - (now - self._none_since if self._none_since is not None else 0.0)

    async def acquire(self, last: Server | None = None, *, alone: bool = False) -> ServerSlot | None:
        """Wait for a place; None if no server made progress with any page for `outage_s`.

        Args:
            last: the server that failed this page; the page then goes before those that wait.
            alone: the page may be what ends the servers, and has to be the only one there.
        """
        waiter: asyncio.Future[ServerSlot | None] = asyncio.get_running_loop().create_future()
        if not self._waiters and not any(server.in_flight for server in self._servers):
            self._since = time.monotonic()
        entry = (waiter, last, alone)
        if last is None:
            self._waiters.append(entry)
        else:
            self._waiters.appendleft(entry)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        self._serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            place = waiter.result() if waiter.done() and not waiter.cancelled() else None
            if place is not None:
                self._leave(place)
            raise

    def release(self, place: ServerSlot, outcome: ModelOutput | FailedRequest) -> None:
        """Give a place back, and draw the conclusions from what the server did."""
        server = place.server
        self._leave(place)
        if isinstance(outcome, ModelOutput):
            self._note_success(server)
            if outcome.first_s is not None:
                server.limit.note_answer(outcome.first_s, place.in_flight, place.generation)
        elif outcome.fault is Fault.REFUSED:
            self._note_success(server)
        else:
            self.why = f"{server.shown}: {outcome.detail}"
            if outcome.fault is Fault.BUSY:
                server.limit.halve(place.generation)
                self._rest(server, outcome.rest_s)
            elif outcome.fault is not Fault.FORBIDDEN:
                server.failures += 1
                if server.failures >= MOST_FAILURES or not self._makes_progress(place):
                    self.take_down(server, outcome.detail)
        self._serve()

    async def close(self) -> None:
        """End what runs, and close the connections."""
        tasks = [*self._tasks, *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            await server.close()

    def _leave(self, place: ServerSlot) -> None:
        place.server.in_flight -= 1
        self._places.discard(place)
        if place.takes_all:
            place.server.is_taken = False

    def _note_success(self, server: Server) -> None:
        server.successes += 1
        server.failures = server.rests = 0
        self._since = time.monotonic()

    def _rest(self, server: Server, asked_s: float | None) -> None:
        if asked_s is None and time.monotonic() < server.rests_until:
            return  # several refusals at once are one
        seconds = asked_s if asked_s is not None else _pause(server)
        server.rests += 1
        until = time.monotonic() + seconds * random.uniform(1.0, 1.25)  # noqa: S311 - no secret
        if until > server.rests_until:
            server.rests_until = until
            asyncio.get_running_loop().call_at(until + 0.001, self._serve)
        self._note_whether_any()

    def take_down(self, server: Server, why: str) -> None:
        """Send no pages to a server until it has answered the page of known text."""
        if not server.is_up:
            return
        server.is_up = False
        log.warning("%s is down, its pages go elsewhere or wait: %s", server.shown, why)
        task = asyncio.create_task(self._bring_back(server))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._note_whether_any()

    async def _bring_back(self, server: Server) -> None:
        """Ask for a page of known text until one is read."""
        while True:
            await asyncio.sleep(_pause(server) * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            server.rests += 1
            assert server.writer is not None
            body = server.writer.body(self._page, max_tokens=CHECK_TOKENS)
            outcome = await server.ask(body, stop_loops=False, limit_s=BACK_ANSWER_S)
            if isinstance(outcome, ModelOutput):
                break
            self.why = f"{server.shown}: {outcome.detail}"
            if outcome.fault is Fault.BUSY and outcome.rest_s:
                await asyncio.sleep(outcome.rest_s)
        log.info("%s is back", server.shown)
        server.is_up = True
        server.limit.restart()
        self._note_success(server)
        self._serve()

    def _note_whether_any(self) -> None:
        """Stop the clock of the pages while no server takes any."""
        now = time.monotonic()
        is_any = any(server.is_up and now >= server.rests_until for server in self._servers)
        if is_any and self._none_since is not None:
            self._without_any += now - self._none_since
            self._none_since = None
        elif not is_any and self._none_since is None:
            self._none_since = now

    def _serve(self) -> None:
        """Give places to waiters in their order; one that has to be alone lets the others of its server finish."""
        self._note_whether_any()
        while self._waiters:
            waiter, last, alone = self._waiters[0]
            if not waiter.done():
                server = self._choose(last)
                if server is None or (alone and server.in_flight):
                    return
                server.in_flight += 1
                server.is_taken = alone
                place = ServerSlot(server, alone=alone)
                self._places.add(place)
                waiter.set_result(place)
            self._waiters.popleft()

    def _choose(self, last: Server | None) -> Server | None:
        if sum(server.in_flight for server in self._servers) >= self._settings.max_in_flight:
            return None
        free = [server for server in self._servers if server.has_room]
        return min(free, key=lambda server: (server is last, server.in_flight / server.limit.value), default=None)

    def _makes_progress(self, place: ServerSlot) -> bool:
        """Tell if the server that failed a page makes progress with others."""
        now, others = time.monotonic(), [other for other in self._places if other.server is place.server]
        return any(now - other.pulse.moved < LOOK_S for other in others)

    async def _watch(self) -> None:
        """Tell the pages that wait if nothing has happened for `outage_s`."""
        while self._waiters or any(server.in_flight for server in self._servers):
            await asyncio.sleep(min(LOOK_S, max(self._settings.outage_s / 4, 0.05)))
            moved = max((place.pulse.moved for place in self._places), default=0.0)
            if time.monotonic() - max(moved, self._since) < self._settings.outage_s:
                continue
            while self._waiters:
                waiter, *_ = self._waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)


def _pause(server: Server) -> float:
    return float(min(FIRST_REST_S * 2 ** min(server.rests, _MOST_DOUBLINGS), MOST_REST_S))
