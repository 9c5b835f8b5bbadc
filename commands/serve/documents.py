"""`POST /v1/pages`: a document comes, is read, and its rows go back."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ocrmill.commands.build import build_stamp
from ocrmill.commands.serve.answers import Answers, json_line
from ocrmill.commands.serve.asked import Asked
from ocrmill.commands.serve.refusal import Refusal, wrong
from ocrmill.commands.serve.service import Service
from ocrmill.commands.serve.slow_clients import PartedResponse
from ocrmill.commands.serve.upload import Body, Upload, receive_document
from ocrmill.configs.errors import SettingsError
from ocrmill.configs.serve.asked_prompt import with_prompt
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.records import EngineDescription
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.pools.document_pool import Wanted
from ocrmill.workers.scheduling.single.document_reader import ReadDocument

JSON = "application/json"
MARKDOWN = "text/markdown; charset=utf-8"
NDJSON = "application/x-ndjson"
Events = AsyncGenerator[PageRow | ReadDocument, None]
log = logging.getLogger(__name__)


class Documents:
    """The endpoint; a document holds its place from its first byte to the last one of the answer."""

    def __init__(self, service: Service, scratch: Path, run_id: str) -> None:
        """Hold the service; documents wait in `scratch` while they are read."""
        self._service = service
        self._scratch = scratch
        self._run_id = run_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a client that goes away gets its document given up."""
        body = Body(receive)
        request = Request(scope, body)
        try:
            asked = Asked.parse(request.query_params)
            with self._service.place():
                upload = await receive_document(request, self._scratch, self._service.settings.serve)
                try:
                    await _unless_gone(receive, self._answer(upload, asked, scope, send))
                finally:
                    upload.path.unlink(missing_ok=True)
        except Refusal:
            await body.discard(request.headers)
            raise
        except ClientDisconnect:
            log.info("a client went away: its document is given up")

    async def _answer(self, upload: Upload, asked: Asked, scope: Scope, send: Send) -> None:
        service = self._service
        service.refuse_unless_ready()  # it may have taken long to arrive
        assert service.engine is not None
        settings, prompt = _settings_for(asked, service.settings, service.engine)
        answers = Answers(build_stamp(self._run_id, service.engine, settings), upload)
        wanted = Wanted(asked.pages, asked.route, service.settings.serve.max_pages, prompt)
        async with aclosing(_logged(service.read(upload.source(), wanted), upload)) as events:
            if asked.format == "ndjson":
                await _stream(events, answers, send)
                return
            pages: list[PageRow] = []
            async for event in events:
                if isinstance(event, PageRow):
                    pages.append(event)
                else:
                    answers.check(event, len(pages))
                    response = await asyncio.to_thread(_whole_answer, answers, asked, pages, event)
                    await response(scope, _no_messages, send)


def _whole_answer(answers: Answers, asked: Asked, pages: list[PageRow], read: ReadDocument) -> Response:
    if asked.format == "markdown":
        return PartedResponse(answers.markdown(pages, asked.form), media_type=MARKDOWN)
    values = {"document": answers.document(read.row), "pages": answers.pages(pages)}
    return PartedResponse(json_line(values), media_type=JSON)


async def _stream(events: Events, answers: Answers, send: Send) -> None:
    """Send each row as it comes; the first event decides on the status, what goes wrong later is a line."""
    started = False
    number = 0

    async def send_line(values: dict[str, Any], *, is_last: bool = False) -> None:
        nonlocal started
        if not started:
            headers = [(b"content-type", NDJSON.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            started = True
        await send({"type": "http.response.body", "body": json_line(values), "more_body": not is_last})

    try:
        async for event in events:
            if isinstance(event, PageRow):
                number += 1
                await send_line({"page": answers.page(event)})
            else:
                answers.check(event, number)
                await send_line({"document": answers.document(event.row)}, is_last=True)
    except Refusal as refusal:
        if not started:
            raise
        await send_line({"error": refusal.error, "message": refusal.message}, is_last=True)


async def _logged(events: Events, upload: Upload) -> Events:
    """Pass the events of a document on, and log what became of it."""
    began = time.monotonic()
    statuses: Counter[str] = Counter()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, PageRow):
                statuses[event.status] += 1
            else:
                seconds = time.monotonic() - began
                reason = None if event.row is None or event.row.status != "failed" else event.row.reason
                fields = {"event": "document", "source": upload.name, "seconds": round(seconds, 3), **statuses}
                outcome = reason or ", ".join(f"{count} {status}" for status, count in statuses.items())
                log.info("%s: %s in %.1f s", upload.name, outcome or "no pages", seconds, extra={"fields": fields})
            yield event


async def _unless_gone(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, unless the client goes away before its end.

    Raises:
        ClientDisconnect: it went away, and the work was cancelled.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})
    working.result()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _no_messages() -> dict[str, Any]:
    raise AssertionError("the body was received before")


def _settings_for(asked: Asked, settings: RunSettings, engine: EngineDescription) -> tuple[RunSettings, str | None]:
    """Return the settings by which the rows are made, for their fingerprint, and the prompt if it is another one.

    Raises:
        Refusal: The engine takes no such prompt.
    """
    if asked.route is not None:
        settings = settings.model_copy(update={"routing": settings.routing.model_copy(update={"mode": asked.route})})
    if asked.prompt is None:
        return settings, None
    if engine.usual is None:
        raise wrong(f"prompt: the engine {engine.name} takes none")
    try:
        wanted = with_prompt(settings, asked.prompt)
    except SettingsError as error:
        raise wrong(f"prompt: {error}") from None
    prompt = wanted.engine.prompt
    return wanted, None if prompt == settings.engine.prompt else prompt
