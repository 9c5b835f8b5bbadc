"""Inputs from web servers: read in the version that was found, and from nowhere that an input may not lead to."""

import gzip
import io
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import web_server
from narrowed import instance
from web_server import Asked, WebServer

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.errors import InputError, PageError
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.pipeline.sources.fetch import current, fetch
from ocrmill.pipeline.sources.http import UNVERSIONED, WebAccess, WebError, is_public, look_up

PUBLIC = InputSettings()
LOCAL = InputSettings(allow_private_addresses=True, max_object_mb=8)
STORAGE = StorageSettings(connect_s=10, timeout_s=10, attempts=3)
HASTY = StorageSettings(connect_s=1, timeout_s=1, attempts=3)  # with servers that hang
DIGITS = bytes(range(256)) * 12_000


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server.serving() as server:
        yield server


def found(url: str, limits: InputSettings = LOCAL) -> Source:
    (source,) = Discovery([url], limits, STORAGE)
    return source


def content(source: Source, scratch: Path, limits: InputSettings = LOCAL, storage: StorageSettings = STORAGE) -> bytes:
    with fetch(source, scratch, limits, storage) as path:
        return path.read_bytes()


def refusal(
    source: Source, scratch: Path, limits: InputSettings = LOCAL, storage: StorageSettings = STORAGE
) -> PageError:
    with pytest.raises(PageError) as caught:
        content(source, scratch, limits, storage)
    assert not list(scratch.iterdir())
    return caught.value


def test_a_document_of_a_web_server(web: WebServer, tmp_path: Path) -> None:
    """A document is one source with URL, size and version, and comes with its bytes; a fragment is not asked for."""
    web.serves("/d/a.pdf?x=1", DIGITS, ETag='"v1"')
    source = found(f"{web.url}/d/a.pdf?x=1")

    assert (f"{web.url}/d/a.pdf?x=1", '"v1"', len(DIGITS)) == (source.uri, source.version, source.bytes)
    assert DIGITS == content(source, tmp_path)
    assert source == found(source.uri) == found(f"{source.uri}#page=2") == current(source, LOCAL, STORAGE)
    with pytest.raises(InputError, match="nothing there"):
        found(f"{web.url}/none.pdf")


def test_versions(web: WebServer, tmp_path: Path) -> None:
    """The entity tag tells the version, else date and length, else nothing does, and every night reads it again."""
    web.serves("/tag", b"1", ETag='W/"weak"', Last_Modified="Sun, 01 Nov 2026 00:00:00 GMT")
    web.serves("/date", b"12", Last_Modified="Sun, 01 Nov 2026 00:00:00 GMT")
    web.serves("/none", b"123")
    tag, date, none = (found(f"{web.url}/{name}") for name in ("tag", "date", "none"))

    assert ('W/"weak"', "2-Sun, 01 Nov 2026 00:00:00 GMT") == (tag.version, date.version)
    assert none.version.startswith(UNVERSIONED)
    assert none.version != found(f"{web.url}/none").version
    assert [b"1", b"12", b"123"] == [content(source, tmp_path) for source in (tag, date, none)]
    web.serves("/tag", b"1", ETag='W/"other"')
    web.serves("/date", b"123", Last_Modified="Sun, 01 Nov 2026 00:00:00 GMT")
    assert Reason.CHANGED is refusal(tag, tmp_path).reason
    assert Reason.CHANGED is refusal(date, tmp_path).reason
    assert b"123" == content(instance(Source, current(date, LOCAL, STORAGE)), tmp_path)


def test_servers_that_know_no_head_are_asked_with_get(web: WebServer, tmp_path: Path) -> None:
    """A server that refuses HEAD is asked as for the document, whose bytes are left where they are."""

    def get_only(asked: Asked) -> None:
        asked.say(405, {}) if asked.command == "HEAD" else asked.give(DIGITS, {"ETag": '"v"'})

    web.answers["/a.pdf"] = get_only
    assert DIGITS == content(found(f"{web.url}/a.pdf"), tmp_path)


@pytest.mark.parametrize(("etag", "resumes"), [('"strong"', True), ('W/"weak"', False)])
def test_a_cut_download_is_taken_up_again(web: WebServer, tmp_path: Path, etag: str, *, resumes: bool) -> None:
    """If the entity tag names bytes, the rest is asked for; else all of it: no byte twice, none missing."""
    cuts = [1_000_000, 500_000]
    web.serves("/a.pdf", DIGITS, ETag=etag)
    whole = web.answers["/a.pdf"]

    def cut(asked: Asked) -> None:
        if asked.command == "HEAD" or not cuts:
            whole(asked)
        elif asked.headers.get("Range"):
            start = int(asked.headers["Range"].removeprefix("bytes=").rstrip("-"))
            part = {"ETag": etag, "Content-Range": f"bytes {start}-{len(DIGITS) - 1}/{len(DIGITS)}"}
            asked.say(206, part, DIGITS[start : start + cuts.pop()], len(DIGITS) - start)
        else:
            asked.say(200, {"ETag": etag}, DIGITS[: cuts.pop(0)], len(DIGITS))

    web.answers["/a.pdf"] = cut
    assert DIGITS == content(found(f"{web.url}/a.pdf"), tmp_path)
    ranges = [headers.get("Range") for method, _, headers in web.asked if method == "GET"]
    assert ([None, "bytes=1000000-", "bytes=1500000-"] if resumes else [None, None, None]) == ranges


def test_parts_that_nobody_asked_for_are_not_put_together(web: WebServer, tmp_path: Path) -> None:
    """A server that answers with another range than the missing one costs a new start, and never a wrong byte."""
    web.serves("/a.pdf", DIGITS, ETag='"v"')
    whole, answers = web.answers["/a.pdf"], ["cut", "wrong", "short", "whole"]

    def odd(asked: Asked) -> None:
        what = "whole" if asked.command == "HEAD" else answers.pop(0)
        if what == "cut":
            asked.say(200, {"ETag": '"v"'}, DIGITS[:1000], len(DIGITS))
        elif what == "wrong":
            asked.say(206, {"ETag": '"v"', "Content-Range": f"bytes 7-{len(DIGITS) - 1}/{len(DIGITS)}"}, DIGITS[7:])
        elif what == "short":
            asked.say(206, {"ETag": '"v"', "Content-Range": f"bytes 0-99/{len(DIGITS)}"}, DIGITS[:100])
        else:
            whole(asked)

    web.answers["/a.pdf"] = odd
    source, patient = found(f"{web.url}/a.pdf"), STORAGE.model_copy(update={"attempts": 4})
    with fetch(source, tmp_path, LOCAL, patient) as path:
        assert DIGITS == path.read_bytes()


def test_throttling_is_waited_for(web: WebServer, tmp_path: Path) -> None:
    """429 and server errors are tried again, after as long as Retry-After asks for; then they are errors."""
    web.serves("/a.pdf", b"1", ETag='"v"')
    source = found(f"{web.url}/a.pdf")
    web.fails("/a.pdf", 429, times=1, Retry_After="1")
    began = time.monotonic()
    assert b"1" == content(source, tmp_path)
    assert 1.0 <= time.monotonic() - began

    web.fails("/a.pdf", 503, times=2)
    assert b"1" == content(source, tmp_path)
    web.fails("/a.pdf", 500, times=3)
    assert (Reason.UNREADABLE, True) == ((told := refusal(source, tmp_path)).reason, "500" in told.detail)


def test_servers_that_hang_are_given_up(web: WebServer, tmp_path: Path) -> None:
    """No answer, and an answer that drips, end after the time limit, with a reason."""
    web.serves("/a.pdf", b"1", ETag='"v"')
    source = found(f"{web.url}/a.pdf")
    web.answers["/a.pdf"] = lambda asked: time.sleep(1.5)
    assert "no answer" in refusal(source, tmp_path, storage=HASTY).detail

    def drip(asked: Asked) -> None:
        asked.send_response(200)
        asked.send_header("ETag", '"v"')
        asked.send_header("Content-Length", "1000")
        asked.end_headers()
        for _ in range(100):
            asked.wfile.write(b"x")
            time.sleep(0.05)

    web.answers["/a.pdf"] = drip
    assert "slower than" in refusal(source, tmp_path, storage=HASTY).detail


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:{port}/secret.pdf",
        "http://localhost:{port}/secret.pdf",
        "http://[::1]:{port}/secret.pdf",
        "http://[::ffff:127.0.0.1]:{port}/secret.pdf",
        "http://2130706433:{port}/secret.pdf",
        "http://0x7f.1:{port}/secret.pdf",
        "http://10.0.0.1/a.pdf",
        "http://100.100.100.200/a.pdf",
    ],
)
def test_private_addresses_are_refused(web: WebServer, tmp_path: Path, target: str) -> None:
    """However an address of this machine, its networks or its cloud is written, nothing is asked there."""
    web.serves("/secret.pdf", b"secret")
    url = target.format(port=web.server_port)
    with pytest.raises(InputError, match=r"not a public address.*input\.allow_private_addresses"):
        found(url, PUBLIC)
    source = Source(url, '"v"', 1, url)

    assert Reason.UNREADABLE is refusal(source, tmp_path, PUBLIC).reason
    assert [] == web.asked


class _Names:
    """A name server that gives one answer after the other, as one does that an attacker runs."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.real = list(answers), socket.getaddrinfo

    def __call__(self, host: str, *rest: object, **more: object) -> object:
        return self.real(self.answers.pop(0) if host == "rebinding.example" else host, *rest, **more)  # type: ignore[arg-type]


def test_redirects_are_checked_hop_by_hop(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server that leads to a private address, or to a file, gets no further."""
    monkeypatch.setattr(
        "ocrmill.pipeline.sources.http.is_public", lambda address: address == "127.0.0.1"
    )  # this server stands for it
    for target in ("http://169.254.169.254/latest/", f"http://127.0.0.2:{web.server_port}/a.pdf"):
        web.redirects("/a.pdf", target)
        with pytest.raises(InputError, match="not a public address"):
            found(f"{web.url}/a.pdf", PUBLIC)
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/a.pdf", "gopher://127.0.0.1/"):
        web.redirects("/a.pdf", target)
        with pytest.raises(InputError, match="not an address of http or https"):
            found(f"{web.url}/a.pdf", PUBLIC)
    assert {"/a.pdf"} == {path for _, path, _ in web.asked}


def test_a_name_is_looked_up_once(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was checked, whatever the name server says the next time."""
    names = _Names("127.0.0.1", "169.254.169.254")
    monkeypatch.setattr(socket, "getaddrinfo", names)
    web.serves("/a.pdf", b"1", ETag='"v"')
    url = f"http://rebinding.example:{web.server_port}/a.pdf"

    assert look_up(url, WebAccess.of(LOCAL, STORAGE)) is not None
    assert ["169.254.169.254"] == names.answers
    assert f"rebinding.example:{web.server_port}" == web.asked[0][2]["Host"]
    with pytest.raises(WebError, match="not a public address"):
        look_up(url, WebAccess.of(PUBLIC, STORAGE))


def test_redirects_end(web: WebServer, tmp_path: Path) -> None:
    """Some are followed, relative ones too; a circle ends with an error that names the URL."""
    web.serves("/b.pdf", b"1", ETag='"v"')
    web.redirects("/a.pdf", "b.pdf", 301)
    web.redirects("/circle", "/circle", 307)
    source = found(f"{web.url}/a.pdf")

    assert (f"{web.url}/a.pdf", b"1") == (source.uri, content(source, tmp_path))
    with pytest.raises(InputError, match="more than 5 redirects"):
        found(f"{web.url}/circle")


def test_credentials_stay_with_their_server(web: WebServer, tmp_path: Path) -> None:
    """A login in a URL is sent to its server and to no other; no source and no error shows it, or a signature."""
    web.serves("/a.pdf?sig=S3CRET", b"1", ETag='"v"')
    with web_server.serving() as other:
        other.serves("/b.pdf", b"2", ETag='"w"')
        web.redirects("/b.pdf", f"{other.url}/b.pdf")
        url = web.url.replace("://", "://ann:S3CRET@")
        source = found(f"{url}/a.pdf?sig=S3CRET")
        assert b"1" == content(source, tmp_path)
        assert b"2" == content(found(f"{url}/b.pdf"), tmp_path)
        assert {"Basic YW5uOlMzQ1JFVA=="} == {headers.get("Authorization") for _, _, headers in web.asked}
        assert {None} == {headers.get("Authorization") for _, _, headers in other.asked}

    assert f"{web.url}/a.pdf?sig=***" == source.uri
    web.fails("/a.pdf?sig=S3CRET", 403, times=9)
    with pytest.raises(InputError) as caught:
        found(f"{url}/a.pdf?sig=S3CRET")
    for said in (refusal(source, tmp_path).detail, str(caught.value)):
        assert "403" in said
        assert "S3CRET" not in said


def test_downloads_have_a_limit(web: WebServer, tmp_path: Path) -> None:
    """An answer that says that it is too large, turns out to be, or unpacks to more is `object_limit`."""
    small = InputSettings(allow_private_addresses=True, max_object_mb=1)
    web.serves("/big", DIGITS, ETag='"v"')
    web.answers["/silent"] = lambda asked: (
        asked.say(200, {"ETag": '"v"'}) if asked.command == "HEAD" else asked.say(200, {"ETag": '"v"'}, DIGITS)
    )
    bomb = gzip.compress(bytes(64 << 20))
    web.serves("/bomb", bomb, ETag='"v"', Content_Encoding="gzip")

    for name in ("big", "silent", "bomb"):
        told = refusal(found(f"{web.url}/{name}", small), tmp_path, small)
        assert (Reason.OBJECT_LIMIT, True) == (told.reason, "input.max_object_mb" in told.detail)


def test_archives_on_web_servers(web: WebServer, tmp_path: Path) -> None:
    """An archive is downloaded whole, and its members named by its URL; one without a version cannot be."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in/a.pdf", "A")
    web.serves("/z.zip", packed.getvalue(), ETag='"v"')
    web.serves("/none.zip", packed.getvalue())
    source = found(f"{web.url}/z.zip")

    assert f"{web.url}/z.zip!in/a.pdf" == source.uri
    assert b"A" == content(source, tmp_path)
    assert source == found(source.uri)
    assert Reason.UNREADABLE is found(f"{web.url}/none.zip").reason


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((address, True) for address in ("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808")),
        *((address, False) for address in ("127.0.0.1", "10.1.1.1", "172.16.0.1", "192.168.1.1", "169.254.169.254")),
        *((address, False) for address in ("100.64.0.1", "224.0.0.1", "240.0.0.1", "0.0.0.0", "255.255.255.255")),
        *((address, False) for address in ("::1", "::", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1")),
        *((address, False) for address in ("::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1")),
    ],
)
def test_which_addresses_are_public(address: str, *, public: bool) -> None:
    """Loopback, private, link-local, shared, multicast and reserved ones are not, in whatever IPv6 wraps them."""
    assert public is is_public(address)
