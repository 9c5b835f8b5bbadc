"""Documents in WARC files: which records are some, how they are called, and what they are read as."""

import gzip
import io
import os
import random
import zlib
from pathlib import Path

import brotli
import duckdb
import pytest
from made_archives import SETTINGS, STORAGE, content, listed, patched, refusal
from made_warcs import PDF, answer, chunked, record, resource, warc_of
from pdfs import text_pdf
from PIL import Image
from typer.testing import CliRunner

from ocrmill.cli import app
from ocrmill.configs.settings import InputSettings
from ocrmill.pipeline.document_types import image_format
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.sources.archives.members import members
from ocrmill.pipeline.sources.archives.seekable_gzip import SeekableGzip
from ocrmill.pipeline.sources.archives.warc import WarcIndex
from ocrmill.pipeline.sources.discovery import Discovery

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 50
NAMES = ["a.warc", "a.warc.gz"]
BOTH = "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n"


def documents(path: Path) -> dict[str, Source]:
    return {uri: source for uri, source in listed(path).items() if source.is_document}


def until_it_breaks(path: Path) -> tuple[list[Source], PageError]:
    found: list[Source] = []
    with pytest.raises(PageError) as caught:  # noqa: PT012 - what came before the error is looked at
        for source in members(str(path), SETTINGS, STORAGE):
            found.append(source)  # noqa: PERF402 - extend() would keep nothing
    return found, caught.value


def test_images_of_every_format_are_found_by_their_bytes(tmp_path: Path) -> None:
    """A record of no telling type is a document if it begins like an image that rendering processes open."""
    formats = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "JPEG2000", "AVIF")
    images = {}
    for name in formats:
        data = io.BytesIO()
        Image.new("RGB", (40, 40), "white").save(data, name)
        images[name] = data.getvalue()
    records = [answer(f"https://h/{name}", images[name], "application/octet-stream") for name in formats]
    path = warc_of(tmp_path / "a.warc", [*records, answer("https://h/text", b"BM, or not", "text/plain")])

    found = list(members(str(path), SETTINGS, STORAGE))

    assert [source.member for source in found if source.is_document] == [f"https://h/{name}" for name in formats]
    assert [image_format(images[name]) for name in formats] == list(formats)


@pytest.mark.parametrize("name", NAMES)
def test_documents_come_out_as_the_crawler_got_them(tmp_path: Path, name: str) -> None:
    """Answers and resources that are PDFs or images are members, in order, and each is fetched with its own bytes."""
    bodies = {f"https://host/{number}": PDF + os.urandom(200_000 * number) for number in range(5)}
    records = [answer(uri, body, extra="WARC-Payload-Digest: sha1:ABC\r\n") for uri, body in bodies.items()]
    path = warc_of(tmp_path / name, [*records, resource("ftp://host/scan", PNG, "image/png")])
    found = documents(path)

    assert [*bodies, "ftp://host/scan"] == list(found)
    assert [*bodies.values(), PNG] == [content(source, tmp_path) for source in found.values()]
    assert [PNG, *reversed(bodies.values())] == [content(source, tmp_path) for source in reversed(found.values())]
    assert [len(body) for body in bodies.values()] == [source.bytes for source in found.values()][:5]
    assert f"{len(PDF)}-sha1:ABC" == found["https://host/0"].version
    assert f"{path}!https://host/0" == found["https://host/0"].uri


def test_what_is_no_document_is_passed_over(tmp_path: Path) -> None:
    """Web pages, errors with a PDF's type, redirects, requests and revisits are no documents; the first ones count."""
    path = warc_of(
        tmp_path / "a.warc.gz",
        [
            answer("https://h/page", b"<html>", "text/html"),
            answer("https://h/gone.pdf", b"%PDF-not found", status="404 Not Found"),
            answer("https://h/moved.pdf", b"", status="302 Found"),
            answer("https://h/again.pdf", b"", kind="revisit"),
            record("request", "https://h/a.pdf", b"GET /a.pdf HTTP/1.1\r\n\r\n", "application/http; msgtype=request"),
            record("metadata", "https://h/a.pdf", b"%PDF-", "application/pdf"),
            record("response", "dns:h", b"20260101 1.2.3.4", "text/dns"),
            answer("https://h/a.pdf", PDF),
        ],
    )
    discovery = Discovery([str(path)], SETTINGS, STORAGE)

    assert [f"{path}!https://h/a.pdf"] == [source.uri for source in discovery]
    assert 5 == discovery.skipped.other_endings


def test_the_type_or_the_first_bytes_make_a_document(tmp_path: Path) -> None:
    """A PDF under a wrong type is found by its bytes, packed ones too; what calls itself a PDF is one."""
    path = warc_of(
        tmp_path / "a.warc.gz",
        [
            answer("https://h/1", PDF, "application/octet-stream"),
            answer("https://h/2", chunked(gzip.compress(PDF)), "text/html", http=BOTH),
            answer("https://h/3", b"<html>soft error", "application/pdf; charset=binary"),
            answer("https://h/.4", PNG, "IMAGE/PNG"),
            record("response", "ftp://h/5", PDF, "application/octet-stream"),
        ],
    )  # fmt: skip
    found = list(Discovery([str(path)], SETTINGS, STORAGE))

    assert ["https://h/1", "https://h/2", "https://h/3", "https://h/.4", "ftp://h/5"] == [s.member for s in found]
    assert [PDF, PDF, b"<html>soft error", PNG, PDF] == [content(source, tmp_path) for source in found]


@pytest.mark.parametrize(
    ("body", "http"),
    [
        (chunked(PDF), "Transfer-Encoding: chunked\r\n"),
        (gzip.compress(PDF), "Content-Encoding: gzip\r\n"),
        (zlib.compress(PDF), "Content-Encoding: deflate\r\n"),
        (brotli.compress(PDF), "Content-Encoding: br\r\n"),
        (chunked(brotli.compress(gzip.compress(PDF))), "Transfer-Encoding: chunked\r\nContent-Encoding: gzip, br\r\n"),
        (PDF, "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
        (PDF, "Content-Encoding: utf-8\r\nX: 1\r\n folded\r\n"),
    ],
)
def test_what_the_server_packed_is_unpacked(tmp_path: Path, body: bytes, http: str) -> None:
    """The encodings of HTTP are undone, and left alone where the crawler undid them and kept their names."""
    (source,) = documents(warc_of(tmp_path / "a.warc.gz", [answer("https://h/a", body, http=http)])).values()

    assert PDF == content(source, tmp_path)


@pytest.mark.parametrize(
    ("body", "http", "reason"),
    [
        (gzip.compress(PDF)[:-20], "Content-Encoding: gzip\r\n", Reason.DAMAGED),
        (brotli.compress(PDF)[:-20], "Content-Encoding: br\r\n", Reason.DAMAGED),
        (chunked(PDF)[:-20], "Transfer-Encoding: chunked\r\n", Reason.DAMAGED),
        (b"junk", "Content-Encoding: gzip\r\n", Reason.DAMAGED),
        (b"junk", "Content-Encoding: compress\r\n", Reason.UNSUPPORTED_TYPE),
        (b"junk", f"Content-Encoding: {', '.join(['br'] * 1000)}\r\n", Reason.UNSUPPORTED_TYPE),
        (gzip.compress(bytes(30 << 20)), "Content-Encoding: gzip\r\n", Reason.ARCHIVE_LIMIT),
    ],
)
def test_what_cannot_be_unpacked_costs_only_itself(tmp_path: Path, body: bytes, http: str, reason: Reason) -> None:
    """A packed answer that is cut off, broken, packed in an unknown way or a bomb has its reason; the next is read."""
    path = warc_of(tmp_path / "a.warc.gz", [answer("https://h/a", body, http=http), answer("https://h/b", PDF)])
    bad, good = documents(path).values()

    assert reason == refusal(bad, tmp_path).reason
    assert PDF == content(good, tmp_path)


def test_size_limits_hold_for_what_the_server_packed(tmp_path: Path) -> None:
    """The size of a packed answer is known only on unpacking, which stops at the limit."""
    body = gzip.compress(random.Random(0).randbytes(1000) * 3000)
    path = warc_of(tmp_path / "a.warc", [answer("https://h/a", body, http="Content-Encoding: gzip\r\n")])
    (source,) = documents(path).values()
    limits = InputSettings(max_member_mb=2, max_member_ratio=100_000)

    assert "max_member_mb" in refusal(source, tmp_path, limits).detail
    assert 3_000_000 == len(content(source, tmp_path, InputSettings(max_member_ratio=100_000)))


def test_what_the_crawler_cut_off_is_a_row_with_its_reason(tmp_path: Path) -> None:
    """Truncated records, segments and partial answers are flagged, not read and not lost; web pages are left out."""
    path = warc_of(
        tmp_path / "a.warc.gz",
        [
            answer("https://h/1", PDF, extra="WARC-Truncated: length\r\n"),
            answer("https://h/2", PDF, extra="WARC-Segment-Number: 1\r\n"),
            answer("https://h/3", PDF, status="206 Partial Content"),
            answer("https://h/4", b"<html>", "text/html", extra="WARC-Truncated: length\r\n"),
            record("continuation", "https://h/2", PDF, "application/pdf", "WARC-Segment-Number: 2\r\n"),
        ],
    )
    found = documents(path)

    assert ["https://h/1", "https://h/2", "https://h/3"] == list(found)
    assert {Reason.DAMAGED} == {source.reason for source in found.values()}
    assert "WARC-Truncated: length" in str(found["https://h/1"].detail)
    assert Reason.DAMAGED == refusal(found["https://h/3"], tmp_path).reason


def test_an_archive_that_shrinks_while_it_is_read_is_no_bug(tmp_path: Path) -> None:
    """A record that is gone when it is to be read is damage, as one that was cut off."""
    path = warc_of(
        tmp_path / "a.warc", [resource("https://h/x", b"x" * 99_999, "text/plain"), answer("https://h/a", PDF * 20)]
    )
    index = WarcIndex(str(path), "1", 200)
    member = next(member for member in index if member.is_document)
    for size in (member.place + 600, member.place + 10, member.place):
        os.truncate(path, size)
        with pytest.raises((EOFError, ValueError)):
            list(index.chunks(member))


def test_captures_of_one_address_are_numbered(tmp_path: Path) -> None:
    """The second capture of an address is `address#2`; a `#` of the address itself cannot be taken for that."""
    uris = [
        "https://h/a",
        "https://h/a",
        "https://h/a#2",
        "<https://h/b>",
        "https://u:pw@h/c?sig=S3CRET",
        "bad\x1b\x00\udce9",
    ]
    path = warc_of(tmp_path / "a.warc.gz", [answer(uri, PDF + uri.encode("utf-8", "surrogateescape")) for uri in uris])
    found = documents(path)

    assert [
        "https://h/a",
        "https://h/a#2",
        "https://h/a%232",
        "https://h/b",
        "https://h/c?sig=***",
        r"bad\x1b\x00\xe9",
    ] == list(found)
    assert [len(PDF + uri.encode("utf-8", "surrogateescape")) for uri in uris] == [
        len(content(source, tmp_path)) for source in found.values()
    ]
    for source in found.values():  # each can be named
        (named,) = Discovery([source.uri], SETTINGS, STORAGE)
        assert named == source


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_warc_gives_what_it_has_and_then_says_so(tmp_path: Path, name: str) -> None:
    """A file that is cut off, or holds bytes that are no record, gives the records before and is then damaged."""
    records = [answer(f"https://h/{number}", PDF + random.Random(number).randbytes(20_000)) for number in range(3)]
    for at, junk in ((50_000, None), (-5, b""), (51_000, b"\xff" * 300)):
        path = warc_of(tmp_path / name, records)
        whole = path.read_bytes()
        if junk is None or not junk:
            os.truncate(path, at % len(whole) - (0 if junk is None else 30))
        else:
            patched(path, whole.index(b"WARC/1.0", 40_000) if name == "a.warc" else at, junk)
        found, error = until_it_breaks(path)

        assert Reason.DAMAGED == error.reason
        assert "https://h/0" in [source.member for source in found]
        good = next(source for source in found if source.member == "https://h/0")
        assert PDF == content(good, tmp_path)[: len(PDF)]
        last = list(Discovery([str(path)], SETTINGS, STORAGE))[-1]
        assert (str(path), Reason.DAMAGED) == (last.uri, last.reason)


@pytest.mark.parametrize(
    "length",
    ["-5", "99999999999999999999999", "1e3", "", "5\r\nContent-Length: 6", "\u0661\u0662", "4000000000000000000"],
)
def test_a_record_cannot_lie_about_its_length(tmp_path: Path, length: str) -> None:
    """A length that is no number, negative, or more than there is makes the archive damaged, at once."""
    lying = answer("https://h/a", PDF).replace(b"Content-Length: ", f"Content-Length: {length}\r\nX: ".encode(), 1)
    path = warc_of(tmp_path / "a.warc", [answer("https://h/0", PDF), lying, answer("https://h/b", PDF)])
    found, error = until_it_breaks(path)

    assert Reason.DAMAGED == error.reason
    assert "https://h/b" not in {source.member for source in found}
    assert PDF == content(found[0], tmp_path)


def test_bombs_in_a_warc_are_not_unpacked_to_their_end(tmp_path: Path) -> None:
    """A record that unpacks to far more than it says, or a header without an end, stops the listing early."""
    path = tmp_path / "a.warc.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(answer("https://h/a", PDF).replace(b"Content-Length: ", b"Content-Length: 99999999"))
        for _ in range(128):
            file.write(bytes(1 << 20))
    with pytest.raises(PageError, match="max_member_ratio") as caught:
        list(members(str(path), InputSettings(max_member_ratio=50), STORAGE))
    assert Reason.ARCHIVE_LIMIT == caught.value.reason

    path = tmp_path / "b.warc.gz"
    path.write_bytes(gzip.compress(b"WARC/1.0\r\nX: " + b"a" * (50 << 20)))
    assert Reason.DAMAGED == until_it_breaks(path)[1].reason


def test_files_that_are_no_warc_say_so(tmp_path: Path) -> None:
    """An empty file and one of another kind under the name of a WARC are damaged, not empty."""
    for data in (b"", b"hello\n" * 100, gzip.compress(b"hello"), PDF):
        path = tmp_path / "a.warc"
        path.write_bytes(data)
        assert Reason.DAMAGED == until_it_breaks(path)[1].reason
    for name in ("a.wacz", "a.warc.zst"):
        (tmp_path / name).write_bytes(b"x")
        assert Reason.UNSUPPORTED_TYPE == next(Discovery([str(tmp_path / name)], SETTINGS, STORAGE)).reason


def test_the_first_document_comes_before_the_file_is_read(tmp_path: Path) -> None:
    """A source is there as soon as its record is, not when the file has been read to its end."""
    path = warc_of(tmp_path / "a.warc", [answer("https://h/a", PDF)])
    with path.open("ab") as file:
        file.write(b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 68719476736\r\n\r\n")
        file.truncate(file.tell() + (1 << 36))  # 64 GiB, a hole
    before = Path("/proc/self/io").read_text()

    assert "https://h/a" == next(source.member for source in Discovery([str(path)], SETTINGS, STORAGE))
    read = [int(text.split()[1]) for text in (before, Path("/proc/self/io").read_text())]
    assert read[1] - read[0] < 10 << 20


def test_a_record_is_reached_without_unpacking_what_is_before_it(tmp_path: Path) -> None:
    """Records that are packed one by one are found again by where they begin."""
    path = warc_of(
        tmp_path / "a.warc.gz", [answer(f"https://h/{n}", random.Random(n).randbytes(50_000)) for n in range(40)]
    )

    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.taken += len(found)
            return found

    with Counting(path.read_bytes()) as file:
        stream = SeekableGzip(file, 200)
        whole = stream.read(1 << 30)
        file.taken = 0
        for at in (len(whole) - 60_000, 300_000, 1_500_000):
            stream.seek(at)
            assert whole[at : at + 100] == stream.read(100)

    assert 0 < file.taken <= 3 * 3 * (1 << 16)


@pytest.mark.timeout(120)
def test_a_run_reads_the_documents_of_a_warc(tmp_path: Path) -> None:
    """`ocrmill run crawl.warc.gz` gives one row for each page, and a reason for the document that was cut off."""
    pdf = text_pdf(tmp_path / "x.pdf", pages=2).read_bytes()
    other = text_pdf(
        tmp_path / "y.pdf", pages=1, text="Another text, which stands on a page of its own. " * 20
    ).read_bytes()
    path = warc_of(
        tmp_path / "crawl.warc.gz",
        [
            answer("https://h/", b"<html>", "text/html"),
            answer("https://h/get?id=1", chunked(gzip.compress(pdf)), http=BOTH),
            answer("https://h/cut.pdf", pdf[:500], extra="WARC-Truncated: length\r\n"),
            answer("https://h/other.pdf", other),
        ],
    )  # fmt: skip
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["run", str(path), "--out", str(out), "--no-ray", "--set", "engine.name=cpu"])

    assert 3 == result.exit_code, result.output
    rows = duckdb.sql(f"select source, status, page_number from '{out}/pages/*.parquet' order by all").fetchall()
    assert [
        (f"{path}!https://h/get?id=1", "text_layer", 1),
        (f"{path}!https://h/get?id=1", "text_layer", 2),
        (f"{path}!https://h/other.pdf", "text_layer", 1),
    ] == rows
    failed = duckdb.sql(f"select source, reason from '{out}/documents/*.parquet' where status = 'failed'").fetchall()
    assert [(f"{path}!https://h/cut.pdf", "damaged")] == failed
