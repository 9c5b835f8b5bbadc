"""Answers to requests that get no document: a status, a word for programs and a sentence for people."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

RETRY_AFTER_S = 5  # a place is free as soon as any document ends


class Refusal(Exception):  # noqa: N818 - an answer, not an error of ours
    """A request that is answered without a document."""

    def __init__(
        self, status: int, error: str, message: str, *, retry: bool = False, body: Mapping[str, Any] | None = None
    ) -> None:
        """Hold the answer; `retry` asks for the same request again later, `body` has more fields for the answer."""
        super().__init__(message)
        self.status, self.error, self.message = status, error, message
        self.retry = retry
        self.body = body or {}

    def response(self) -> Response:
        """Return the answer, which closes the connection: the rest of the body is not wanted."""
        headers = {"connection": "close"}
        if self.retry:
            headers["retry-after"] = str(RETRY_AFTER_S)
        if self.status == 401:  # noqa: PLR2004 - Unauthorized
            headers["www-authenticate"] = "Bearer"
        return JSONResponse({"error": self.error, "message": self.message, **self.body}, self.status, headers)


def wrong(message: str) -> Refusal:
    """Refuse what the client has to write differently."""
    return Refusal(400, "bad_request", message)


def unavailable(message: str) -> Refusal:
    """Refuse what may work later, or at another service."""
    return Refusal(503, "unavailable", message, retry=True)


def answer_refusal(_request: Request, refusal: Exception) -> Response:
    """Answer a request that was refused."""
    assert isinstance(refusal, Refusal)
    return refusal.response()
