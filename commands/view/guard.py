"""The border of the viewer: who may ask, and what a browser may do with the answer.

Every answer forbids scripts, styles, pictures and connections that are not of this server. A request needs a Host
header that names this server, so that no other site can reach it through a name of its own (DNS rebinding). One that
changes something has to come from a page of ours. If the server listens elsewhere than on loopback, it needs the token.
"""

from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocrmill.commands.web.access import SAFE_METHODS, Access, is_same_origin

COOKIE = "ocrmill-view"
TOKEN = "token"  # noqa: S105 (the name of a parameter)
POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "font", "connect")),
        "img-src 'self' data:",
        *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
    ]
)
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware that checks each request and puts the policies on each answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Keep what is allowed."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":  # no web sockets here
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """Return the answer that refuses a request, or hands out the cookie for a token; None if it may go on."""
        headers = Headers(scope=scope)
        if not self._access.allows_host(headers.get("host", "")):
            return PlainTextResponse("This server is not known by that name.", 421)
        if scope["method"] not in SAFE_METHODS and not is_same_origin(headers):
            return PlainTextResponse("Only pages of this server may change anything.", 403)
        if self._access.token is None:
            return None
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if self._access.is_token(query.pop(TOKEN, "")) and scope["method"] in SAFE_METHODS:
            response = RedirectResponse(f"{scope['path']}?{urlencode(query)}" if query else scope["path"], 303)
            response.set_cookie(COOKIE, self._access.token, httponly=True, samesite="strict")
            return response
        given = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        if self._access.is_token(given) or self._access.has_token(headers):
            return None
        return PlainTextResponse("Open the address that `ocrmill view` printed: it has the token.", 401)
