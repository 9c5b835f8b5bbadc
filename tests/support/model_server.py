"""A server with OpenAI's interface on localhost: it reads nothing, and answers, or fails, as a test tells it.

with serving_model(answers=lambda asked: Say("some text")) as server: ...
"""

import asyncio
import base64
import io
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

TLS_HELLO = b"\x16"  # the first byte of a client that speaks TLS
PIECE = 12  # characters of an event
KNOWN_TEXT = (
    "The harbour has a lantern and seven copper bells. In the meadow a whistle was heard by the orchard. "
    "Granite, velvet, compass: number 4711 of the year 2026."
)


@dataclass(slots=True)
class Asked:
    """One request for a page."""

    body: dict[str, Any]
    headers: Mapping[str, str]
    number: int  # from 1, of all requests
    at: float = field(default_factory=time.monotonic)

    def image(self) -> Image.Image:
        """The page image in it."""
        for message in self.body["messages"]:
            for part in message["content"] if isinstance(message["content"], list) else ():
                if part["type"] == "image_url":
                    return Image.open(io.BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2])))
        raise AssertionError("there is no image")

    @property
    def is_known_page(self) -> bool:
        """True if only a small share of it is dark: text in large letters at the top, and nothing below."""
        image = self.image().convert("L")
        below = image.crop((0, image.height * 3 // 4, image.width, image.height))
        return below.getextrema() == (255, 255) and image.getextrema() != (255, 255)


@dataclass(slots=True)
class Say:
    """Answer with a text."""

    text: str
    finish_reason: str | None = "stop"
    wait_s: float = 0.0  # before the first piece
    pause_s: float = 0.0  # between pieces
    at_once: int = 0  # requests that have to be there at a time before it begins
    output_tokens: int | None = None
    reasoning: str = ""
    refusal: str = ""
    stream: bool = True


@dataclass(slots=True)
class Status:
    """Answer with a status."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "no"


@dataclass(slots=True)
class Drop:
    """Begin to answer, and hang up."""

    after: str = "half of it"


@dataclass(slots=True)
class HangUp:
    """Take the request and close the connection without a word, as servers do that were idle too long."""


@dataclass(slots=True)
class Hang:
    """Take the request and say nothing."""


@dataclass(slots=True)
class Raw:
    """Answer 200 with these bytes."""

    data: bytes
    kind: str = "text/event-stream"


@dataclass(slots=True)
class Loop:
    """Write the same for ever, until the client hangs up."""

    text: str = "The same sentence once more. "


Answer = Say | Status | Drop | HangUp | Hang | Raw | Loop


class ModelServer:
    """Answers; counts what it is asked and how many requests it has at a time."""

    def __init__(
        self,
        answers: Callable[[Asked], Answer],
        models: list[dict[str, Any]],
        slots: int,
        key: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answers = answers
        self.models = models
        self.asked: list[Asked] = []
        self.keeps_all = True
        self.at_once = 0
        self.most_at_once = 0
        self.connections = 0
        self.left = 0  # answers that the client did not wait for
        self.port = 0
        self._count = 0
        self._key = key
        self._slots = slots
        self._tls = tls
        self._room: asyncio.Semaphore | None = None

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}/v1"

    async def serve(self, ready: Callable[[int], None], stop: asyncio.Event) -> None:
        self._room = asyncio.Semaphore(self._slots)
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            self.connections += 1
            try:
                with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    while await self._answer(reader, writer):
                        pass
            finally:
                connections.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", self.port, limit=1 << 26, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        ready(self.port)
        await stop.wait()
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = await reader.readexactly(1)
        if first == TLS_HELLO:
            return _send(writer, 400, {"error": {"message": "not HTTP"}})
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if self._key and headers.get("authorization") != f"Bearer {self._key}":
            return _send(writer, 401, {"error": {"message": "wrong key"}})
        if method == "GET":
            found = {
                "/v1/models": {"object": "list", "data": self.models},
                "/version": {"version": "0.32.0"},
                "/health": {},
            }
            return _send(writer, 200 if path in found else 404, found.get(path, {"detail": "Not Found"}))
        self._count += 1
        asked = Asked(json.loads(body), headers, self._count)
        if self.keeps_all:
            self.asked.append(asked)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert self._room is not None
        try:
            async with self._room:
                return await self._give(self.answers(asked), writer)
        finally:
            self.at_once -= 1

    async def _give(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        match answer:
            case Status():
                return _send(writer, answer.code, {"error": {"message": answer.message}}, answer.headers)
            case Raw():
                _begin(writer, answer.kind)
                _chunk(writer, answer.data)
                return _end(writer)
            case HangUp():
                return False
            case Hang():
                await asyncio.sleep(3600)
            case Drop():
                _begin(writer, "text/event-stream")
                _event(writer, _delta(answer.after))
                await writer.drain()
                return False
            case Loop():
                _begin(writer, "text/event-stream")
                try:
                    while True:
                        _event(writer, _delta(answer.text))
                        await writer.drain()
                        await asyncio.sleep(0)
                except ConnectionError:
                    self.left += 1
                    raise
            case Say():
                return await self._say(answer, writer)
        return False

    async def _say(self, answer: Say, writer: asyncio.StreamWriter) -> bool:
        while self.most_at_once < answer.at_once:  # noqa: ASYNC110 - requests tell nobody
            await asyncio.sleep(0.01)
        await asyncio.sleep(answer.wait_s)
        tokens = len(answer.text) // 4 if answer.output_tokens is None else answer.output_tokens
        usage = {"prompt_tokens": 1000, "completion_tokens": tokens}
        message = {"content": answer.text or None, "reasoning": answer.reasoning, "refusal": answer.refusal}
        if not answer.stream:
            choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
            return _send(writer, 200, {"choices": [choice], "usage": usage})
        _begin(writer, "text/event-stream")
        _event(writer, {"choices": [{"index": 0, "delta": {**message, "content": ""}}]})
        for start in range(0, len(answer.text), PIECE):
            _event(writer, _delta(answer.text[start : start + PIECE]))
            if answer.pause_s:
                await writer.drain()
                await asyncio.sleep(answer.pause_s)
        if answer.finish_reason is not None:
            _event(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}]})
            _event(writer, {"choices": [], "usage": usage})
            _chunk(writer, b"data: [DONE]\n\n")
        await writer.drain()
        return _end(writer)


def _delta(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def _begin(writer: asyncio.StreamWriter, kind: str) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())


def _event(writer: asyncio.StreamWriter, event: dict[str, Any]) -> None:
    _chunk(writer, f"data: {json.dumps(event)}\n\n".encode())


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _end(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"0\r\n\r\n")
    return True


def _send(writer: asyncio.StreamWriter, status: int, value: Any, headers: Mapping[str, str] | None = None) -> bool:
    data = json.dumps(value).encode()
    lines = "".join(f"{name}: {text}\r\n" for name, text in (headers or {}).items())
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n{lines}\r\n"
    writer.write(head.encode() + data)
    return True


def model_card(name: str = "lightonai/LightOnOCR-2-1B", context: int = 16384, owner: str = "vllm") -> dict[str, Any]:
    """An entry of the list of models."""
    return {"id": name, "object": "model", "owned_by": owner, "max_model_len": context}


@contextmanager
def serving_model(
    answers: Callable[[Asked], Answer] = lambda _: Say(KNOWN_TEXT),
    *,
    models: list[dict[str, Any]] | None = None,
    slots: int = 1000,
    key: str = "",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[ModelServer]:
    """A server that runs as long as this lasts, in a thread of its own."""
    server = ModelServer(answers, [model_card()] if models is None else models, slots, key, tls)
    server.port = port
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.serve(lambda _: ready.set(), stop))

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def main() -> None:
    """Serve in a process of its own, on a port: each page gets KNOWN_TEXT."""
    import sys

    wait_s = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0

    async def serve() -> None:
        server = ModelServer(lambda _: Say(KNOWN_TEXT, wait_s=wait_s), [model_card()], 1000, "")
        server.port, server.keeps_all = int(sys.argv[1]), False
        await server.serve(lambda port: print(port, flush=True), asyncio.Event())

    asyncio.run(serve())


if __name__ == "__main__":
    main()
