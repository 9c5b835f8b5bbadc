"""Google Cloud Storage on localhost, as far as we use its XML API; there is no emulator of that API to install.

with GoogleServer().running() as server:
    server.put(server.bucket(), "a.pdf", data)

It answers as Google's documentation of the XML API says, and as recorded answers of the real service look: quoted MD5
sums as entity tags, generations, errors in XML, pages of listings, ranges, and decompression on the way to who does not
accept gzip, which then has neither ranges nor a length nor an entity tag. Objects that anybody may read come from a
cache, unless they forbid it.
"""

import gzip
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from ocrmill.configs.settings import StorageSettings

TOKEN = "ya29.TOKEN"
PAGE_KEYS = 50  # on a page of a listing, so that few objects make several; Google's own pages have up to 1,000
_MESSAGES = {
    "AuthenticationRequired": "Authentication required.",
    "InvalidBucketName": "The specified bucket is not valid.",
    "InvalidRange": "The requested range cannot be satisfied.",
    "NoSuchBucket": "The specified bucket does not exist.",
    "NoSuchKey": "The specified key does not exist.",
    "PreconditionFailed": "At least one of the pre-conditions you specified did not hold.",
    "SlowDown": "Please reduce your request rate.",
}


@dataclass(frozen=True)
class _Object:
    data: bytes
    encoding: str
    generation: int
    cache: str
    modified: float = field(default_factory=time.time)

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Last-Modified": formatdate(self.modified, usegmt=True),
            "x-goog-generation": str(self.generation),
            "x-goog-metageneration": "1",
            "x-goog-stored-content-encoding": self.encoding,
            "x-goog-stored-content-length": str(len(self.data)),
        }


class _RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class GoogleServer:
    """The server, with what a test does there behind the back of the code that it tests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []  # method and path of each, in order
        self.rewritten_after_s = 0.0  # Google takes one write of an object a second, or a few more
        self.lock = threading.Lock()
        self._buckets: dict[str, dict[str, _Object]] = {}
        self._cached: dict[str, dict[str, _Object]] = {}  # of public buckets
        self._generation = time.time_ns() // 1000
        self._server = _Server(("127.0.0.1", 0), self)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which the project finds the server."""
        return {"GOOGLE_BASE_URL": self.url, "GOOGLE_BEARER_TOKEN": TOKEN}

    @property
    def settings(self) -> StorageSettings:
        """Settings with the project's patience towards the server."""
        return StorageSettings(connect_s=2, timeout_s=10, attempts=3)

    @contextmanager
    def running(self) -> Iterator["GoogleServer"]:
        """Serve as long as this lasts."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def bucket(self, *, public: bool = False) -> str:
        """Make a bucket, and give its name."""
        name = f"test-{secrets.token_hex(6)}"
        self._buckets[name] = {}
        if public:
            self._cached[name] = {}
        return name

    def put(self, bucket: str, key: str, data: bytes, *, encoding: str = "identity", cache: str = "") -> _Object:
        """Write an object; `encoding` is the one that its Content-Encoding names, `cache` its Cache-Control."""
        self._generation += 1
        written = self._buckets[bucket][key] = _Object(data, encoding, self._generation, cache)
        return written

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object."""
        self.find(bucket, key)
        del self._buckets[bucket][key]

    def objects(self, bucket: str) -> Mapping[str, _Object]:
        """All of a bucket."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", bucket):
            raise _RefusedError(400, "InvalidBucketName")
        if bucket not in self._buckets:
            raise _RefusedError(404, "NoSuchBucket")
        return self._buckets[bucket]

    def find(self, bucket: str, key: str) -> _Object:
        """One of them."""
        if key not in self.objects(bucket):
            raise _RefusedError(404, "NoSuchKey")
        return self._buckets[bucket][key]

    def read(self, bucket: str, key: str) -> _Object:
        """One of them, as it is or was."""
        found = self.find(bucket, key)
        may_be_old = bucket in self._cached and found.cache not in {"no-cache", "no-store", "private"}
        return self._cached[bucket].setdefault(key, found) if may_be_old else found


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # one may sit in a connection that its client keeps open

    def __init__(self, address: tuple[str, int], google: GoogleServer) -> None:
        super().__init__(address, _Handler)
        self.google = google


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: in two, the second waits 40 ms for the first one's receipt
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        bucket, _, key = (unquote(part) for part in url.path[1:].partition("/"))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            with self.server.google.lock:
                self.server.google.requests.append((self.command, unquote(url.path)))
                self._check_token()
                if key:
                    self._object(bucket, key, body)
                else:
                    self._listing(bucket, dict(parse_qsl(url.query)))
        except _RefusedError as refused:
            message = f"<Code>{refused.code}</Code><Message>{_MESSAGES[refused.code]}</Message>"
            self._answer(refused.status, f"<?xml version='1.0' encoding='UTF-8'?><Error>{message}</Error>".encode())

    do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

    def _check_token(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _RefusedError(401, "AuthenticationRequired")

    def _object(self, bucket: str, key: str, body: bytes) -> None:
        google = self.server.google
        if self.command == "PUT":
            wanted, present = self.headers.get("x-goog-if-generation-match"), google.objects(bucket).get(key)
            if wanted is not None and int(wanted) != (present.generation if present else 0):
                raise _RefusedError(412, "PreconditionFailed")
            if present and time.time() - present.modified < google.rewritten_after_s:
                raise _RefusedError(429, "SlowDown")
            written = google.put(bucket, key, body, cache=self.headers.get("Cache-Control", ""))
            self._answer(200, b"", {"ETag": written.etag, **written.headers})
        elif self.command == "DELETE":
            google.delete(bucket, key)
            self._answer(204, b"")
        else:
            self._read(google.read(bucket, key))

    def _read(self, found: _Object) -> None:
        if self.headers.get("If-Match", found.etag) != found.etag:
            raise _RefusedError(412, "PreconditionFailed")
        if found.encoding == "gzip" and "gzip" not in self.headers.get("Accept-Encoding", ""):
            self._answer(200, gzip.decompress(found.data), found.headers, length_known=False)
            return
        headers = {"ETag": found.etag, **found.headers}
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._answer(200, found.data, headers)
            return
        size = len(found.data)
        start = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
        end = min(size, int(asked[2]) + 1) if asked[1] and asked[2] else size
        if start >= size:
            raise _RefusedError(416, "InvalidRange")
        self._answer(206, found.data[start:end], {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"})

    def _listing(self, bucket: str, query: Mapping[str, str]) -> None:
        assert query["list-type"] == "2"
        after = query.get("continuation-token", query.get("start-after", ""))
        objects = self.server.google.objects(bucket)
        keys = sorted(key for key in objects if key.startswith(query.get("prefix", "")) and key > after)
        page = keys[: min(PAGE_KEYS, int(query.get("max-keys", PAGE_KEYS)))]
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(page) < len(keys) else ""
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Generation>{objects[key].generation}</Generation>"
            f"<MetaGeneration>1</MetaGeneration><LastModified>{_timestamp(objects[key].modified)}</LastModified>"
            f"<ETag>{objects[key].etag}</ETag><Size>{len(objects[key].data)}</Size></Contents>"
            for key in page
        )
        text = (
            "<?xml version='1.0' encoding='UTF-8'?>"
            f"<ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'><Name>{bucket}</Name>"
            f"<Prefix>{escape(query.get('prefix', ''))}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{entries}</ListBucketResult>"
        )
        self._answer(200, text.encode())

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None, **how: Any) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/xml; charset=UTF-8"}).items():
            self.send_header(name, value)
        if how.get("length_known", True):
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")  # its end says how long it was
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        """The tests look at `requests`."""


def _timestamp(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03}Z"
