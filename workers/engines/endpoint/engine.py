"""The engine: a page goes to the server with the most room, and again, until it has an answer or its time is up.

Which page is to blame is decided by what else the servers do. A page whose request fails is sent again. Its
failure counts against it only if the server that failed it has since read another page, or the page of known text: then
the server is good. A page that was lost with its server twice is sent alone. So no page fails because a server
restarts, is full, hangs or loses its model, and one that ends every server does not end the run.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import assert_never

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.profiles.profile import Profile
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import (
    EngineDescription,
    EngineDown,
    Failure,
    PageGeometry,
    PageText,
    Reason,
    RetryParams,
)
from ocrmill.pipeline.redaction import redacted
from ocrmill.workers.engines.endpoint.answer import FailedRequest, Fault, ModelOutput
from ocrmill.workers.engines.endpoint.fleet import Fleet, ServerSlot
from ocrmill.workers.engines.endpoint.forms.parts import MalformedOutputError, Parsed
from ocrmill.workers.engines.endpoint.forms.read import read_answer
from ocrmill.workers.engines.endpoint.preflight import check, find_servers, version_warning
from ocrmill.workers.engines.endpoint.probe import complaint, known_page
from ocrmill.workers.engines.endpoint.request import RequestWriter
from ocrmill.workers.engines.endpoint.server import Server
from ocrmill.workers.engines.endpoint.transport import tls_context
from ocrmill.workers.rendering.encoded_page import EncodedPage
from ocrmill.workers.rendering.protocol import PageImage

MOST_FAILED_REQUESTS = 4  # of a page on servers that are good
MOST_SILENCES = 2
ALONE_FROM = 2  # times that a page was lost with its server
CUT_OFF = ("length", "repetition")
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Trial:
    """The requests for one page so far."""

    deadline: float  # by the clock of the fleet
    failures: list[tuple[Server, int, FailedRequest]] = field(
        default_factory=list
    )  # and the server's earlier successes
    deaths: int = 0  # servers that went down with it
    last: Server | None = None

    def proven(self) -> list[FailedRequest]:
        """The failures after which the server was seen to be good."""
        return [failed for server, successes, failed in self.failures if server.successes > successes]


class EndpointEngine:
    """Reads pages with a model behind one server or several. Needs no GPU."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings.endpoint
        self._silence_s = settings.page_timeout_s
        self._image = settings.image_format
        self._fleet: Fleet | None = None

    def describe(self) -> EngineDescription:
        """Model, profile and how many pages it wants; loads and asks nothing."""
        settings, profile = self._settings, self._settings.profile
        return EngineDescription(
            name="endpoint",
            slots=settings.max_in_flight,
            model=settings.model or (profile.hub if profile else None),
            prompt=settings.prompt_name,
            temperature=profile.sampling.temperature if profile else None,
            writes_markup=True,
            scripts=None,  # what a model reads well is not known by script
            takes_all_cores=True,
            keeps_deadlines=True,
            retry_policy=_retry_policy(profile, settings.prompt)[: settings.repairs] if profile else (),
            usual=_usual(profile) if profile else None,
        )

    async def start(self, memory: float) -> None:  # noqa: ARG002 - the memory is the servers'
        """Ask the servers for their models and versions, and send them a page of known text.

        Raises:
            EngineError: with all that is missing or wrong.
        """
        settings = self._settings
        if problems := await asyncio.to_thread(check, settings):
            raise EngineError("the engine endpoint cannot start: " + "; ".join(problems))
        assert settings.profile is not None
        assert self._image is not None
        if settings.profile.note:
            log.warning("%s (%s): %s", settings.profile.title, settings.profile.licence, settings.profile.note)
        page, geometry = known_page(self._image)
        tls = tls_context(settings)
        servers: list[Server] = []
        away: list[Server] = []
        for found in await asyncio.to_thread(find_servers, settings):
            known = found.model or (servers[0].writer.model if servers and servers[0].writer else None)
            if known is None:
                log.warning("%s is left out: %s", redacted(found.url), found.problem)
                continue
            server = Server(found.url, settings, tls, self._silence_s)
            server.writer = RequestWriter(settings.asked_profile or settings.profile, known, settings.max_output_tokens)
            (servers if found.problem is None else away).append(server)
            if warning := version_warning(settings.profile, found):
                log.warning("%s", warning)
        self._fleet = Fleet([*servers, *away], settings, page)
        for server in away:
            self._fleet.take_down(server, "it did not answer at the start")
        if settings.check_page:
            try:
                await asyncio.gather(*(self._check_page(server, page, geometry) for server in servers))
            except EngineError:
                await self.close()
                raise

    def idle_s(self) -> float:
        """Never idle: it bounds the time of pages itself, and waiting for a server is what it is for."""
        return 0.0

    async def read(
        self, image: PageImage, geometry: PageGeometry, params: RetryParams | None = None
    ) -> PageText | Failure | EngineDown:
        """Read one page. A server's fault is waited out; what is the page's own is a `Failure` with its reason."""
        assert isinstance(image, EncodedPage), "its settings have an image_format"
        outcome = await self._read_once(image, geometry, params)
        profile = self._settings.profile
        assert profile is not None
        if isinstance(outcome, tuple) and profile.output.rotates and outcome[1].turn:
            turned = await asyncio.get_running_loop().run_in_executor(None, image.turned, outcome[1].turn)
            again = await self._read_once(turned, geometry, params)
            outcome = again if isinstance(again, tuple) else outcome
        if not isinstance(outcome, tuple):
            return outcome
        written, parsed = outcome
        return PageText(
            parsed.markdown,
            raw=written.text,
            blocks=parsed.blocks,
            finish_reason=written.finish_reason,
            prompt_tokens=written.prompt_tokens,
            output_tokens=written.output_tokens,
            first_token=written.first_token,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._fleet is not None:
            await self._fleet.close()
            self._fleet = None

    async def _read_once(
        self, image: EncodedPage, geometry: PageGeometry, params: RetryParams | None
    ) -> tuple[ModelOutput, Parsed] | Failure | EngineDown:
        outcome = await self._ask(image, params)
        if not isinstance(outcome, ModelOutput):
            return outcome
        return await asyncio.get_running_loop().run_in_executor(None, self._parse, outcome, geometry)

    def _parse(self, written: ModelOutput, geometry: PageGeometry) -> tuple[ModelOutput, Parsed] | Failure:
        assert self._settings.profile is not None
        output = self._settings.profile.output
        if written.refusal or written.finish_reason == "content_filter":
            said = written.refusal or written.text or "finish_reason is content_filter"
            return Failure(Reason.REFUSED, f"the server does not read this page: {said[:300]}")
        text = written.text.strip()
        if not text or (output.blank is not None and text == output.blank):
            why = f"{len(written.reasoning)} characters of reasoning and no text" if written.reasoning else "nothing"
            why = f"that the page is blank ({text})" if text else why
            return Failure(Reason.EMPTY_OUTPUT, f"the model wrote {why} ({written.output_tokens or 0} tokens)")
        try:
            parsed = read_answer(written.text, output, geometry, is_cut_off=written.finish_reason in CUT_OFF)
        except MalformedOutputError as error:
            return Failure(Reason.MALFORMED_OUTPUT, f"the answer is not of the form {output.form}: {error}")
        return written, parsed

    async def _ask(self, image: EncodedPage, params: RetryParams | None) -> ModelOutput | Failure | EngineDown:
        """Send a page until it has an answer, has shown that it is to blame, or its time is up."""
        fleet = self._fleet
        assert fleet is not None
        trial: _Trial | None = None
        while True:
            alone = trial is not None and trial.deaths >= ALONE_FROM
            place = await fleet.acquire(trial.last if trial else None, alone=alone)
            if place is None:
                return EngineDown(
                    f"no server made progress with any page for {self._settings.outage_s:g} s, the last one was "
                    f"{fleet.why}. Finished pages are kept: run again once one is up",
                    is_final=True,
                )
            trial = trial or _Trial(fleet.clock() + self._settings.page_deadline_s)
            outcome = await self._send(place, image, params, trial.deadline - fleet.clock())
            if isinstance(outcome, ModelOutput):
                return outcome
            if (end := self._judge(trial, place, outcome)) is not None:
                return end

    async def _send(
        self, place: ServerSlot, image: EncodedPage, params: RetryParams | None, limit_s: float
    ) -> ModelOutput | FailedRequest:
        assert self._fleet is not None
        server = place.server
        assert server.writer is not None
        outcome: ModelOutput | FailedRequest = FailedRequest(Fault.DOWN, "the page was given up")
        try:
            body = server.writer.body(image, params)
            outcome = await server.ask(
                body, stop_loops=self._settings.stop_loops, limit_s=max(limit_s, 1.0), pulse=place.pulse
            )
        except asyncio.CancelledError:
            outcome = FailedRequest(Fault.FORBIDDEN, "the run is stopping")  # which says nothing of the server
            raise
        finally:
            self._fleet.release(place, outcome)
        return outcome

    def _judge(self, trial: _Trial, place: ServerSlot, failed: FailedRequest) -> Failure | EngineDown | None:
        """Return the end of a page after a request that failed; None if it is sent again."""
        assert self._fleet is not None
        server = place.server
        said = f"{server.shown}: {failed.detail}"
        match failed.fault:
            case Fault.FORBIDDEN:
                return EngineDown(f"the key is not accepted any more: {said}", is_final=True)
            case Fault.REFUSED:
                return Failure(Reason.ENGINE_ERROR, f"the request is not accepted: {said}")
            case Fault.BUSY:
                pass
            case Fault.DOWN | Fault.SILENT:
                proven = trial.proven()
                trial.failures.append((server, place.successes, failed))
                trial.deaths += not server.is_up
                silences = sum(each.fault is Fault.SILENT for each in proven) + (failed.fault is Fault.SILENT)
                if silences >= MOST_SILENCES and proven:
                    return Failure(Reason.ENGINE_TIMEOUT, f"no answer to this page {silences} times; {said}")
                if len(proven) + 1 >= MOST_FAILED_REQUESTS:
                    return Failure(Reason.ENGINE_CRASH, f"failed {len(proven) + 1} times on good servers; {said}")
            case _:
                assert_never(failed.fault)
        trial.last = server
        if self._fleet.clock() >= trial.deadline:
            detail = f"no answer within {self._settings.page_deadline_s:g} s; the last try: {said}"
            return Failure(Reason.ENGINE_TIMEOUT, detail)
        return None

    async def _check_page(self, server: Server, page: EncodedPage, geometry: PageGeometry) -> None:
        """Have a page of known text read, by the profile's own prompt.

        Raises:
            EngineError: the server does not read it.
        """
        assert self._settings.profile is not None
        assert server.writer is not None
        writer = RequestWriter(self._settings.profile, server.writer.model, self._settings.max_output_tokens)
        until = time.monotonic() + self._settings.outage_s
        while True:
            written = await server.ask(writer.body(page), stop_loops=True, limit_s=self._silence_s)
            if isinstance(written, ModelOutput):
                break
            if written.fault is not Fault.BUSY or time.monotonic() > until:
                raise EngineError(
                    f"{server.shown} does not read a page of known text with the profile "
                    f"{self._settings.profile.name}: {written.detail}"
                )
            await asyncio.sleep(written.rest_s or 1.0)
        parsed = self._parse(written, geometry)
        markdown, why = (parsed[1].markdown, "") if isinstance(parsed, tuple) else ("", f" ({parsed.detail})")
        if problem := complaint(self._settings.profile, written, markdown, why):
            raise EngineError(f"{server.shown}: {problem}")


def _usual(profile: Profile) -> RetryParams | None:
    """Describe the first attempt in the words of those that may follow it; None if it is made without a prompt."""
    if profile.order == "image_only":
        return None
    return RetryParams(frozenset(), ngram_size=0, ngram_window=1, temperature=profile.sampling.temperature)


def _retry_policy(profile: Profile, prompt: str | None) -> tuple[RetryParams, ...]:
    """Return the profile's further attempts in the words of the scheduler; beside another prompt none with its own."""
    usual = profile.sampling.temperature
    return tuple(
        RetryParams(
            frozenset(map(Reason, retry.handles)),
            ngram_size=0,
            ngram_window=1,
            prompt=retry.prompt,
            temperature=usual if retry.temperature is None else retry.temperature,
        )
        for retry in profile.retry
        if prompt is None or retry.prompt is None
    )
