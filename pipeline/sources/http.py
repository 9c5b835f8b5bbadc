"""Documents on web servers: look up the version of a URL, and download it from allowed addresses only.

    look_up("https://example.org/a.pdf", access)  ->  WebFile(version='"5f2a-1c"', bytes=7196)

A URL may come from anybody, and redirects from any server. So each hop's name is resolved once, its addresses are
checked, and the connection goes to a checked one: a second answer of the name server can lead nowhere else. urllib3,
which botocore needs, accepts an address to connect to beside the name for the certificate, in its public interface.
Proxies of the environment are not used: they would resolve the name themselves.

Not covered: pages that require a login, cookies, JavaScript; FTP; a server that sends its headers a byte at a time.
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
SLOWEST_BYTES_PER_S = 10_000  # a server that is slower over a whole download blocks a worker
UNVERSIONED = "unversioned-"  # the start of a version if the server gives none; it never repeats
_CHUNK = 1 << 18
_LONGEST_VERSION = 200
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_HEAD = frozenset({403, 405, 501})  # answers of servers that support GET only
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # the last 32 bits are an IPv4 address (RFC 6052)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})\Z", re.ASCII)
_Result = TypeVar("_Result")


class WebError(OcrmillError):
    """A web server did not give a document; the text has the URL without credentials, the problem and what to do."""


class WebChangedError(WebError):
    """The document has another version than expected."""


class _PassingError(WebError):
    """A failure that may not happen again at the next try."""

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
        """Take the limits from the settings."""
        return cls(settings.allow_private_addresses, storage.connect_s, storage.timeout_s, storage.attempts)


@dataclass(frozen=True, slots=True)
class WebFile:
    """A document as its server describes it."""

    version: str
    bytes: int  # 0 if the server does not say


def look_up(url: str, access: WebAccess) -> WebFile | None:
    """Look up a document without reading it; None if there is none.

    Raises:
        WebError: the server does not answer, or refuses.
    """

    def ask(method: str) -> urllib3.BaseHTTPResponse:
        with closing(_follow(method, url, {}, access)) as answer:
            if answer.status in _TRY_AGAIN:
                raise _refusal(url, answer)
            return answer

    answer = _retry(lambda: ask("HEAD"), access)
    if answer.status in _NO_HEAD:
        answer = _retry(lambda: ask("GET"), access)
    if answer.status in _GONE:
        return None
    if answer.status != HTTPStatus.OK:
        raise _refusal(url, answer)
    return _describe(answer)


def download(url: str, file: IO[bytes], *, version: str, access: WebAccess) -> None:
    """Write all bytes of that version to an empty file; resume after a broken connection.

    Raises:
        WebChangedError: the document has another version now.
        WebError: it cannot be downloaded.
    """
    _retry(lambda: _copy(url, file, version, access), access)


def _copy(url: str, file: IO[bytes], version: str, access: WebAccess) -> None:
    done = file.tell()
    # A weak tag does not identify bytes, so a download cannot be resumed with it.
    wanted = {"Range": f"bytes={done}-", "If-Range": version} if done and version.startswith('"') else {}
    began = time.monotonic()
    with closing(_follow("GET", url, wanted, access)) as answer:
        if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise _refusal(url, answer)
        found = _describe(answer)
        if not version.startswith(UNVERSIONED) and found.version != version:
            raise WebChangedError(f"{redacted(url)}: it has another version than the one that was found")
        if not _is_continuation(answer, done):
            file.seek(0)
            file.truncate()
            if answer.status == HTTPStatus.PARTIAL_CONTENT:
                raise _PassingError(f"{redacted(url)}: the server sent another part than requested")
        while data := _read(url, answer):
            file.write(data)
            if time.monotonic() - began > access.timeout_s + file.tell() / SLOWEST_BYTES_PER_S:
                raise WebError(f"{redacted(url)}: slower than {SLOWEST_BYTES_PER_S} bytes a second")


def _is_continuation(answer: urllib3.BaseHTTPResponse, done: int) -> bool:
    """Tell if the answer's body is just the missing part of the file; compressed bytes would count differently."""
    part = _RANGE.match(answer.headers.get("Content-Range", ""))
    if answer.status != HTTPStatus.PARTIAL_CONTENT or part is None or "Content-Encoding" in answer.headers:
        return False
    start, last, total = map(int, part.groups())
    return start == done and last + 1 == total


def _read(url: str, answer: urllib3.BaseHTTPResponse) -> bytes:
    try:
        return bytes(answer.read1(_CHUNK))
    except HTTPError as error:
        raise _PassingError(f"{redacted(url)}: the answer broke off: {_message(error)}") from error


def _retry(action: Callable[[], _Result], access: WebAccess) -> _Result:
    """Call `action`, again after a passing failure: waits double, with jitter, or the server sets them."""
    for attempt in range(access.attempts - 1):
        try:
            return action()
        except _PassingError as error:
            longest = min(LONGEST_WAIT_S, 0.5 * 2**attempt)
            wait = random.uniform(0, longest) if error.wait_s is None else error.wait_s  # noqa: S311 - jitter
            time.sleep(min(LONGEST_WAIT_S, wait))
    return action()


def _follow(method: str, url: str, headers: Mapping[str, str], access: WebAccess) -> urllib3.BaseHTTPResponse:
    """Follow redirects and return the last answer, with its body unread."""
    here = _parse(url)
    login = {} if here.auth is None else make_headers(basic_auth=unquote(here.auth))
    origin = here.netloc, here.scheme
    for _ in range(MOST_REDIRECTS + 1):
        answer = _request(method, here, {**headers, **(login if (here.netloc, here.scheme) == origin else {})}, access)
        target = answer.get_redirect_location()
        if not target:
            return answer
        answer.close()
        here = _parse(urljoin(here.url, target))
    raise WebError(f"{redacted(url)}: more than {MOST_REDIRECTS} redirects, the last one to {redacted(here.url)}")


def _parse(url: str) -> Url:
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise WebError(f"{redacted(url)}: this is not a web address") from error
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise WebError(f"{redacted(url)}: this is not an address of http or https")
    return parts


def _request(method: str, url: Url, headers: Mapping[str, str], access: WebAccess) -> urllib3.BaseHTTPResponse:
    """Send a request to the first of the server's addresses that accepts the connection."""
    host = (url.host or "").strip("[]")
    port = url.port or (443 if url.scheme == "https" else 80)
    sent = {"Host": url.netloc or "", "Accept-Encoding": "identity", "User-Agent": "ocrmill", **headers}
    timeout = Timeout(connect=access.connect_s, read=access.timeout_s)
    trouble: Exception | None = None
    for address in _allowed_addresses(url, host, port, private=access.private_addresses):
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
            raise WebError(f"{redacted(url.url)}: no trusted connection: {_message(error)}") from error
        except HTTPError as error:
            raise _PassingError(f"{redacted(url.url)}: no answer: {_message(error)}") from error
    raise _PassingError(f"{redacted(url.url)}: no connection: {_message(trouble)}") from trouble


def _allowed_addresses(url: Url, host: str, port: int, *, private: bool) -> list[str]:
    """Resolve a server's name to the addresses that are allowed."""
    try:
        found = [entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except socket.gaierror as error:
        what = f"{redacted(url.url)}: the address of {host} cannot be found: {error.strerror}"
        raise (_PassingError if error.errno == socket.EAI_AGAIN else WebError)(what) from error
    except UnicodeError as error:
        raise WebError(f"{redacted(url.url)}: {host} is not the name of a server") from error
    allowed = [str(address) for address in found if private or is_public(str(address))]
    if not allowed:
        raise WebError(
            f"{redacted(url.url)}: {host} is at {found[0]}, which is not a public address; to allow it, set "
            "input.allow_private_addresses"
        )
    return list(dict.fromkeys(allowed))


def is_public(address: str) -> bool:
    """Tell if an IP address is public: not one of this machine, its networks or its cloud's services."""
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


def _describe(answer: urllib3.BaseHTTPResponse) -> WebFile:
    """Describe a document. Its version is the entity tag, else date and length, else a unique one."""
    headers = answer.headers
    part = _RANGE.match(headers.get("Content-Range", ""))
    length = part[3] if part else headers.get("Content-Length", "")
    size = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else 0
    tag, modified = (headers.get(name, "").strip()[:_LONGEST_VERSION] for name in ("ETag", "Last-Modified"))
    if tag:
        return WebFile(tag, size)
    return WebFile(f"{size}-{modified}" if modified and size else f"{UNVERSIONED}{time.time_ns()}", size)


def _refusal(url: str, answer: urllib3.BaseHTTPResponse) -> WebError:
    what = f"{redacted(url)}: the server answers {answer.status} {answer.reason or ''}".rstrip()
    if answer.status in _TRY_AGAIN:
        return _PassingError(what, urllib3.Retry().get_retry_after(answer))
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return WebError(f"{what}: it requires credentials, or other ones; a signed URL may have expired")
    return WebError(what)


def _message(error: object) -> str:
    """Return the message of an error of urllib3 without its first part, the connection's address in memory."""
    return redacted(str(error).rpartition(">: ")[2] or str(error) or type(error).__name__)[:300]
