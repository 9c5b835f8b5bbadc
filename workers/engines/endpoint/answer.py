"""The answer of a server to one request: the text as it came, or what went wrong and whose fault that is."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

from ocrmill.pipeline.printable import printable_line

LONGEST_REST_S = 120.0  # of a Retry-After that is believed
MOST_ANSWER_BYTES = 64 << 20  # 250,000 tokens with 250 bytes around each; no profile writes a tenth of that
_WORDS = 300  # characters of an error that are shown


class Fault(Enum):
    """The party at fault for a request without an answer; it decides what happens next."""

    BUSY = "busy"  # the server has no room: it rests, the page goes elsewhere or waits
    DOWN = "down"  # the server broke off, failed, or is not there
    SILENT = "silent"  # nothing came for too long: the server's fault or the page's
    REFUSED = "refused"  # the request is not one that the server takes: the page's fault, or the profile's
    FORBIDDEN = "forbidden"  # the key is not accepted: the user's fault


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request without an answer."""

    fault: Fault
    detail: str
    rest_s: float | None = None  # that the server asked for


@dataclass(slots=True)
class ModelOutput:
    """The output of a model for a page."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    first_s: float | None = None  # seconds to the first piece of text
    first_token: float | None = None  # Unix time of it, if the answer was streamed

    def add(self, event: Mapping[str, Any]) -> str:
        """Take in an event of the stream, or a whole answer; return the new text.

        Raises:
            ValueError: its parts are not those of OpenAI's interface.
        """
        usage = event.get("usage")
        if isinstance(usage, Mapping):
            self.prompt_tokens = _count(usage.get("prompt_tokens"))
            self.output_tokens = _count(usage.get("completion_tokens"))
        new = ""
        choices = event.get("choices")
        for choice in choices[:1] if isinstance(choices, list) else ():
            choice = _object(choice)  # noqa: PLW2901 - the same, known for one
            message = _object(choice.get("delta") or choice.get("message") or {})
            new = _text(message.get("content"))
            self.reasoning += _text(message.get("reasoning")) or _text(message.get("reasoning_content"))
            self.refusal += _text(message.get("refusal"))
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
        self.text += new
        return new


def _object(part: object) -> Mapping[str, Any]:
    if not isinstance(part, Mapping):
        raise ValueError(f"no object where one should be: {printable_line(str(part), 80)}")  # noqa: TRY004 - of JSON
    return part


class EventLines:
    """The events of a stream (`data: {...}`), from the bytes as they come: in linear time, and of a bounded size."""

    def __init__(self) -> None:
        self._rest = bytearray()  # of a line that is not complete
        self._bytes = 0
        self.ended = False  # the server said so: [DONE]

    def events(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield the events that are complete.

        Raises:
            ValueError: a line is not JSON, or not an object, or there is no end to them.
        """
        self._bytes = with_bytes(self._bytes, data)
        if b"\n" not in data:
            self._rest += data
            return
        *lines, rest = (bytes(self._rest) + data).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            if not line.startswith(b"data:"):
                continue  # a comment that keeps the connection open, or an empty line
            value = line[5:].strip()
            if value == b"[DONE]":
                self.ended = True
            elif value:
                yield event_of(value)


def with_bytes(so_far: int, data: bytes) -> int:
    """Return the size of an answer with its next piece, as it comes out of its compression.

    Raises:
        ValueError: it is larger than any page: the server is broken, or is none.
    """
    if so_far + len(data) > MOST_ANSWER_BYTES:
        raise ValueError(f"an answer of more than {MOST_ANSWER_BYTES:,} bytes")
    return so_far + len(data)


def event_of(data: bytes) -> dict[str, Any]:
    """Parse an event, or a whole answer.

    Raises:
        ValueError: it is no object of JSON.
    """
    event = json.loads(data)
    if not isinstance(event, dict):
        shown = printable_line(data[:80].decode(errors="replace"), 80)
        raise ValueError(f"JSON, but no object: {shown}")  # noqa: TRY004 - of JSON
    return event


def failure_of_event(event: Mapping[str, Any]) -> FailedRequest | None:
    """Return what is wrong if an event of the stream is an error."""
    error = event.get("error")
    if not error:
        return None
    said = error.get("message", error) if isinstance(error, Mapping) else error
    return FailedRequest(Fault.DOWN, f"it broke off with an error: {printable_line(str(said), _WORDS)}")


_FAULTS = {401: Fault.FORBIDDEN, 403: Fault.FORBIDDEN, 408: Fault.BUSY, 429: Fault.BUSY, 503: Fault.BUSY}
_NOT_FOUND, _OF_REQUESTS = 404, range(400, 500)


def failure_of_status(status: int, headers: Mapping[str, str], body: bytes) -> FailedRequest:
    """Return what a status other than 200 means.

    A model that is gone (404) may come back; a redirect leads to a login or to nothing, and says nothing of the page.
    """
    fault = _FAULTS.get(status, Fault.REFUSED)
    if status == _NOT_FOUND or (status not in _OF_REQUESTS and fault is Fault.REFUSED):
        fault = Fault.DOWN
    said = _message(body)
    return FailedRequest(
        fault, f"it answered {status}" + (f": {said}" if said else ""), _rest_s(headers.get("retry-after"))
    )


def _message(body: bytes) -> str:
    text = body.decode(errors="replace")
    try:
        event = json.loads(text)
        error = event.get("error", event)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        text = re.sub(r"<[^<>]{0,200}>", " ", text)
    return printable_line(" ".join(text.split()), _WORDS)


def _rest_s(header: str | None) -> float | None:
    """Return the seconds of a Retry-After: a number, or a date."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_REST_S) if math.isfinite(seconds) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
