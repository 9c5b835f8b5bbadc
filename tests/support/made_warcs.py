"""Small WARC files, written record by record for the tests of what reads them.

warc_of(path, [answer("https://host/a.pdf", PDF), resource("https://host/b.png", image)])
"""

import gzip
import uuid
from collections.abc import Iterable
from pathlib import Path

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 20


def record(kind: str, uri: str, block: bytes, media_type: str, extra: str = "") -> bytes:
    """One record, unpacked; `extra` are more header lines, each with its line end."""
    header = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, repr(uri))}>\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nWARC-Target-URI: {uri}\r\nContent-Type: {media_type}\r\n{extra}"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return header.encode("utf-8", "surrogateescape") + block + b"\r\n\r\n"


def answer(
    uri: str,
    body: bytes,
    media_type: str = "application/pdf",
    status: str = "200 OK",
    http: str = "",
    extra: str = "",
    kind: str = "response",
) -> bytes:
    """A server's answer; `http` are more lines of its header."""
    block = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\n{http}\r\n".encode() + body
    return record(kind, uri, block, "application/http; msgtype=response", extra)


def resource(uri: str, body: bytes, media_type: str = "application/pdf", extra: str = "") -> bytes:
    return record("resource", uri, body, media_type, extra)


def chunked(body: bytes, size: int = 1000) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


def warc_of(path: Path, records: Iterable[bytes]) -> Path:
    """A WARC file; each record is packed by itself if the name ends in .gz."""
    pack = gzip.compress if path.suffix == ".gz" else bytes
    path.write_bytes(
        b"".join(map(pack, [record("warcinfo", "", b"software: ours\r\n", "application/warc-fields"), *records]))
    )
    return path
