"""The border of the service: who may ask. It counts the answers, too."""

import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocrmill.commands.serve.metrics import ServiceMetrics
from ocrmill.commands.serve.refusal import Refusal
from ocrmill.commands.web.access import SAFE_METHODS, Access, is_same_origin

OPEN_PATHS = frozenset({"/health", "/ready"})  # whoever restarts the service has no token; they tell no names
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


class Guard:
    """ASGI middleware that refuses whoever may not ask."""

    def __init__(self, app: ASGIApp, access: Access, metrics: ServiceMetrics) -> None:
        """Keep what is allowed, and where answers are counted."""
        self._app = app
        self._access = access
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":  # no web sockets here
            return
        began, status = time.monotonic(), 499  # nginx's number for a client that went away before the answer

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        try:
            app = self._app if refusal is None else refusal.response()
            await app(scope, receive, send_guarded)
        except Exception:
            status = 500
            raise
        finally:
            self._metrics.count(scope["path"], status, time.monotonic() - began)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        if not self._access.allows_host(headers.get("host", "")):
            return Refusal(403, "unknown_host", "the service is not known by that name: serve.hosts has further ones")
        if scope["method"] not in SAFE_METHODS and not is_same_origin(headers):
            return Refusal(403, "foreign_origin", "pages of other sites may not send documents here")
        if self._access.token is None or scope["path"] in OPEN_PATHS or self._access.has_token(headers):
            return None
        return Refusal(401, "unauthorized", "send the token of the service: Authorization: Bearer TOKEN")
