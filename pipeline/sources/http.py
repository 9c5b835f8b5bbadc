"""Documents on web servers: which version a URL has now, and a download that goes only where it may.

    look_up("https://example.org/a.pdf", access)  ->  WebFile(version='"5f2a-1c"', bytes=7196)

A URL may come from anybody, and redirects from any server: of each hop the name is looked up once, its addresses are
checked, and the connection goes to a checked one, so that no second answer of the name server can lead elsewhere.
urllib3 is what botocore already brings; it takes an address to connect to beside the name that the certificate must
have, in its public interface. Proxies of the environment are not used: they would look the name up themselves.

Not covered: pages that want a login, cookies, JavaScript; FTP; a server that sends its headers a byte at a time.
"""

import ipaddress
import random
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, TypeVar
from urllib.parse import unquote, urljoin

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationParseError, NewConnectionError, SSLError
from urllib3.util import Timeout, Url, make_headers, parse_url

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.errors import OcrmillError
from ocrmill.pipeline.redaction import redacted

MOST_REDIRECTS = 5
LONGEST_WAIT_S = 30.0  # before the next try, whatever Retry-After says
SLOWEST_BYTES_PER_S = 10_000  # a server that is slower over a whole download holds a worker up
UNVERSIONED = "unversioned-"  # how the version begins where the server tells none: it never comes again
_CHUNK = 1 << 18
_LONGEST_VERSION = 200
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_HEAD = frozenset({403, 405, 501})  # what servers say that know GET only
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # the last 32 bits are an IPv4 address (RFC 6052)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})\Z", re.ASCII)
_Result = TypeVar("_Result")


class WebError(OcrmillError):
    """A web server did not give a document; the text names the URL without credentials, the trouble and the cure."""


class WebChangedError(WebError):
    """The document is not in the version that was expected."""


class _PassingError(WebError):
    """The failures that may be over at the next try."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class WebAccess:
    """Limits of a download from a web server."""

    private_addresses: bool
    connect_s: float
    timeout_s: float
    attempts: int

    @classmethod
    def of(cls, settings: InputSettings, storage: StorageSettings) -> "WebAccess":
        """Return the value in the settings."""
        return cls(settings.allow_private_addresses, storage.connect_s, storage.timeout_s, storage.attempts)


@dataclass(frozen=True, slots=True)
class WebFile:
    """A document as its server describes it."""

    version: str
    bytes: int  # 0 where the server does not say


def look_up(url: str, access: WebAccess) -> WebFile | None:
    """Look up what is at a URL, without reading it; None if there is nothing.

    Raises:
        WebError: the server cannot be asked, or refuses.
    """

    def ask(method: str) -> urllib3.BaseHTTPResponse:
        with closing(_followed(method, url, {}, access)) as answer:
            if answer.status in _TRY_AGAIN:
                raise _refused(url, answer)
            return answer

    answer = _tried(lambda: ask("HEAD"), access)
    if answer.status in _NO_HEAD:
        answer = _tried(lambda: ask("GET"), access)
    if answer.status in _GONE:
        return None
    if answer.status != HTTPStatus.OK:
        raise _refused(url, answer)
    return _described(answer)


def download(url: str, file: IO[bytes], *, version: str, access: WebAccess) -> None:
    """Write all bytes of that version to an empty file; a connection that breaks off is taken up again.

    Raises:
        WebChangedError: it is in another version now.
        WebError: it cannot be downloaded.
    """
    _tried(lambda: _copy(url, file, version, access), access)


def _copy(url: str, file: IO[bytes], version: str, access: WebAccess) -> None:
    done = file.tell()
    # A weak tag names no bytes, so nothing can be put together by it.
    wanted = {"Range": f"bytes={done}-", "If-Range": version} if done and version.startswith('"') else {}
    began = time.monotonic()
    with closing(_followed("GET", url, wanted, access)) as answer:
        if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise _refused(url, answer)
        there = _described(answer)
        if not version.startswith(UNVERSIONED) and there.version != version:
            raise WebChangedError(f"{redacted(url)}: it is not in the version that was found")
        if not _goes_on(answer, done):
            file.seek(0)
            file.truncate()
            if answer.status == HTTPStatus.PARTIAL_CONTENT:
                raise _PassingError(f"{redacted(url)}: the server gives another part than was asked for")
        while data := _read(url, answer):
            file.write(data)
            if time.monotonic() - began > access.timeout_s + file.tell() / SLOWEST_BYTES_PER_S:
                raise WebError(f"{redacted(url)}: slower than {SLOWEST_BYTES_PER_S} bytes a second")


def _goes_on(answer: urllib3.BaseHTTPResponse, done: int) -> bool:
    """Tell if the answer's body is all that the file lacks, as it is stored: packed bytes are counted differently."""
    part = _RANGE.match(answer.headers.get("Content-Range", ""))
    if answer.status != HTTPStatus.PARTIAL_CONTENT or part is None or "Content-Encoding" in answer.headers:
        return False
    start, last, total = map(int, part.groups())
    return start == done and last + 1 == total


def _read(url: str, answer: urllib3.BaseHTTPResponse) -> bytes:
    try:
        return bytes(answer.read1(_CHUNK))
    except HTTPError as error:
        raise _PassingError(f"{redacted(url)}: the answer broke off: {_said(error)}") from error


def _tried(action: Callable[[], _Result], access: WebAccess) -> _Result:
    """Do it, again after what may pass: doubling waits, with jitter, or as long as the server asks for."""
    for attempt in range(access.attempts - 1):
        try:
            return action()
        except _PassingError as error:
            longest = min(LONGEST_WAIT_S, 0.5 * 2**attempt)
            wait = random.uniform(0, longest) if error.wait_s is None else error.wait_s  # noqa: S311 - jitter
            time.sleep(min(LONGEST_WAIT_S, wait))
    return action()


def _followed(method: str, url: str, headers: Mapping[str, str], access: WebAccess) -> urllib3.BaseHTTPResponse:
    """The answer at the end of the redirects, its body unread."""
    here = _parsed(url)
    login = {} if here.auth is None else make_headers(basic_auth=unquote(here.auth))
    origin = here.netloc, here.scheme
    for _ in range(MOST_REDIRECTS + 1):
        answer = _asked(method, here, {**headers, **(login if (here.netloc, here.scheme) == origin else {})}, access)
        target = answer.get_redirect_location()
        if not target:
            return answer
        answer.close()
        here = _parsed(urljoin(here.url, target))
    raise WebError(f"{redacted(url)}: more than {MOST_REDIRECTS} redirects, the last one to {redacted(here.url)}")


def _parsed(url: str) -> Url:
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise WebError(f"{redacted(url)}: this is no web address") from error
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise WebError(f"{redacted(url)}: only http and https are read; this is no such address")
    return parts


def _asked(method: str, url: Url, headers: Mapping[str, str], access: WebAccess) -> urllib3.BaseHTTPResponse:
    """The answer of the first of the server's addresses that takes the connection."""
    host = (url.host or "").strip("[]")
    port = url.port or (443 if url.scheme == "https" else 80)
    sent = {"Host": url.netloc or "", "Accept-Encoding": "identity", "User-Agent": "ocrmill", **headers}
    timeout = Timeout(connect=access.connect_s, read=access.timeout_s)
    trouble: Exception | None = None
    for address in _addresses(url, host, port, private=access.private_addresses):
        pool = (
            urllib3.HTTPSConnectionPool(address, port, timeout=timeout, assert_hostname=host, server_hostname=host)
            if url.scheme == "https"
            else urllib3.HTTPConnectionPool(address, port, timeout=timeout)
        )
        try:
            return pool.urlopen(
                method, url.request_uri, headers=sent, redirect=False, retries=False, preload_content=False
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            trouble = error
        except SSLError as error:
            raise WebError(f"{redacted(url.url)}: no trusted connection: {_said(error)}") from error
        except HTTPError as error:
            raise _PassingError(f"{redacted(url.url)}: no answer: {_said(error)}") from error
    raise _PassingError(f"{redacted(url.url)}: no connection: {_said(trouble)}") from trouble


def _addresses(url: Url, host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of a server that may be asked."""
    try:
        found = [entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except socket.gaierror as error:
        what = f"{redacted(url.url)}: the address of {host} cannot be found: {error.strerror}"
        raise (_PassingError if error.errno == socket.EAI_AGAIN else WebError)(what) from error
    except UnicodeError as error:
        raise WebError(f"{redacted(url.url)}: {host} is no name of a server") from error
    allowed = [str(address) for address in found if private or is_public(str(address))]
    if not allowed:
        raise WebError(
            f"{redacted(url.url)}: {host} is at {found[0]}, which is no public address; if it may be read from, set "
            "input.allow_private_addresses"
        )
    return list(dict.fromkeys(allowed))


def is_public(address: str) -> bool:
    """Tell if an IP address is one of the open Internet: none of this machine, its networks or its cloud's services."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is None and parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
        if parsed.is_site_local:
            return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved)


def _described(answer: urllib3.BaseHTTPResponse) -> WebFile:
    """The version is the entity tag, else the date and the length, else one that never comes again."""
    headers = answer.headers
    part = _RANGE.match(headers.get("Content-Range", ""))
    length = part[3] if part else headers.get("Content-Length", "")
    size = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else 0
    tag, modified = (headers.get(name, "").strip()[:_LONGEST_VERSION] for name in ("ETag", "Last-Modified"))
    if tag:
        return WebFile(tag, size)
    return WebFile(f"{size}-{modified}" if modified and size else f"{UNVERSIONED}{time.time_ns()}", size)


def _refused(url: str, answer: urllib3.BaseHTTPResponse) -> WebError:
    what = f"{redacted(url)}: the server answers {answer.status} {answer.reason or ''}".rstrip()
    if answer.status in _TRY_AGAIN:
        return _PassingError(what, urllib3.Retry().get_retry_after(answer))
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return WebError(f"{what}: it wants credentials, or others; a signed URL may have expired")
    return WebError(what)


def _said(error: object) -> str:
    """The gist of an error of urllib3, which begins with the connection's place in memory."""
    return redacted(str(error).rpartition(">: ")[2] or str(error) or type(error).__name__)[:300]
