"""The border of the viewer: who may ask, and what a browser may do with the answer.

Every answer forbids scripts, styles, pictures and connections that are not of this server. A request needs a Host
header that names this server, so that no other site can reach it through a name of its own (DNS rebinding). One that
changes something has to come from a page of ours. If the server listens elsewhere than on loopback, it needs the token.
"""

import secrets
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
_SAFE = {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class Access:
    """Address to listen on, and the token that visitors need; no token on loopback unless one was asked for."""

    host: str
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, host: str, token: str | None = None) -> "Access":
        """Decide on access for a server that listens on this host."""
        if token is None and not is_loopback(host):
            token = secrets.token_urlsafe(24)
        return cls(host, token or None)

    def allows_host(self, host_header: str) -> bool:
        """Return True if a Host header names this server: as localhost or, beyond loopback, also by address or name."""
        try:
            name = urlsplit(f"//{host_header}").hostname or ""
        except ValueError:
            return False
        if is_loopback(self.host):
            return is_loopback(name)
        return _is_address(name) or name in {
            "localhost",
            self.host,
            socket.gethostname().lower(),
            socket.getfqdn().lower(),
        }


def is_loopback(host: str) -> bool:
    """Return True for localhost and the addresses of this machine alone."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware that checks each request and puts the policies on each answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Keep what is allowed."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
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
        if scope["method"] not in _SAFE and not _is_same_origin(headers):
            return PlainTextResponse("Only pages of this server may change anything.", 403)
        if self._access.token is None:
            return None
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if self._is_token(query.pop(TOKEN, "")) and scope["method"] in _SAFE:
            response = RedirectResponse(f"{scope['path']}?{urlencode(query)}" if query else scope["path"], 303)
            response.set_cookie(COOKIE, self._access.token, httponly=True, samesite="strict")
            return response
        given = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        if self._is_token(given) or self._is_token(headers.get("authorization", "").removeprefix("Bearer ")):
            return None
        return PlainTextResponse("Open the address that `ocrmill view` printed: it has the token.", 401)

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), (self._access.token or "").encode())


def _is_same_origin(headers: Headers) -> bool:
    """Return True unless the browser says that another site sent this."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == headers.get("host")
    return headers.get("sec-fetch-site", "same-origin") == "same-origin"
