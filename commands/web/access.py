"""Access to a server of ours: the names by which it is called, its token, and the origin of what changes something."""

import secrets
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers

SAFE_METHODS = frozenset({"GET", "HEAD"})  # they change nothing
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Access:
    """Address to listen on, and the token that visitors need; no token on loopback unless one was asked for."""

    host: str
    token: str | None = field(default=None, repr=False)
    names: frozenset[str] = frozenset()  # other names of this server, in lower case

    @classmethod
    def of(cls, host: str, token: str | None = None) -> "Access":
        """Decide on access for a server that listens on this host; beyond loopback a token is made up."""
        if token is None and not is_loopback(host):
            token = secrets.token_urlsafe(24)
        return cls(host, token or None)

    def allows_host(self, host_header: str) -> bool:
        """Return True if a Host header names this server: as localhost or, beyond loopback, also by address or name."""
        try:
            name = urlsplit(f"//{host_header}").hostname or ""
        except ValueError:
            return False
        if name in self.names:
            return True
        if is_loopback(self.host):
            return is_loopback(name)
        return _is_address(name) or name in {
            "localhost",
            self.host,
            socket.gethostname().lower(),
            socket.getfqdn().lower(),
        }

    def is_token(self, given: str) -> bool:
        """Return True if this is the token, in a time that does not depend on how much of it is right."""
        return self.token is not None and secrets.compare_digest(given.encode(), self.token.encode())

    def has_token(self, headers: Headers) -> bool:
        """Return True if a request brings the token as `Authorization: Bearer TOKEN`."""
        value = headers.get("authorization", "")
        return value[: len(_BEARER)].lower() == _BEARER and self.is_token(value[len(_BEARER) :].strip())


def is_loopback(host: str) -> bool:
    """Return True for localhost and the addresses of this machine alone."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def is_same_origin(headers: Headers) -> bool:
    """Return True unless the browser says that another site sent this."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "same-origin") == "same-origin"
    try:
        return urlsplit(origin).netloc == headers.get("host")
    except ValueError:  # no browser writes such an origin
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
