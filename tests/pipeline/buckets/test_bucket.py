"""Buckets: what a cloud answers on good days and bad ones. A server for each, and a proxy that fails on demand."""

import gzip
import io
import os
import pickle
import random

import pytest
from clouds import empty_bucket
from gcs_server import PAGE_KEYS, GoogleServer
from obstore.exceptions import GenericError
from obstore.store import MemoryStore
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets import obstore as obstore_bucket
from ocrmill.pipeline.buckets.bucket import ABSENT, Bucket, BucketError, BucketErrorCode, BucketUrl
from ocrmill.pipeline.buckets.connect import check_bucket, open_bucket
from ocrmill.pipeline.buckets.object_file import TAIL_BYTES, ObjectFile
from ocrmill.pipeline.buckets.obstore import ObstoreBucket, explained
from ocrmill.pipeline.buckets.retries import retries
from ocrmill.pipeline.errors import UsageError

DIGITS = bytes(range(256)) * 20_000


@pytest.fixture(params=["s3", "az", "gs", "memory"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """An empty bucket of each kind, and obstore's own in memory."""
    if request.param == "memory":
        return ObstoreBucket("memory://bucket", MemoryStore(), 1.0)
    name, settings = empty_bucket(request, request.param)
    return open_bucket(BucketUrl(request.param, name), settings)


@pytest.fixture
def behind_proxy(s3: S3Server, faulty_s3: FaultyS3) -> Bucket:
    """An empty bucket behind the proxy."""
    return open_bucket(BucketUrl("s3", s3.bucket()), faulty_s3.settings)


def error_code(action: object, *arguments: object, **options: object) -> BucketErrorCode:
    with pytest.raises(BucketError) as caught:
        action(*arguments, **options)  # type: ignore[operator]
    return caught.value.code


def test_what_is_written_is_read(bucket: Bucket) -> None:
    """An object goes in in one step, is listed, read whole, in ranges and from its end, downloaded, and deleted."""
    version = bucket.write("a/b.pdf", b"0123456789")
    file = io.BytesIO()
    bucket.download("a/b.pdf", file, version=version)

    assert [("a/b.pdf", 10, version)] == [(found.key, found.bytes, found.version) for found in bucket.list("a")]
    assert b"0123456789" == bucket.read("a/b.pdf") == file.getvalue()
    assert (b"234", b"") == (bucket.read("a/b.pdf", start=2, end=5), bucket.read("a/b.pdf", start=2, end=2))
    assert (b"89", bucket.head("a/b.pdf")) == bucket.tail("a/b.pdf", 2)
    assert b"0123456789" == bucket.tail("a/b.pdf", 100)[0]
    bucket.delete("a/b.pdf")
    bucket.delete("a/b.pdf")
    missing = {
        error_code(bucket.read, "a/b.pdf"),
        error_code(bucket.head, "a/b.pdf"),
        error_code(bucket.tail, "a/b.pdf", 2),
    }
    assert missing == {BucketErrorCode.NO_OBJECT}


def test_empty_objects(bucket: Bucket) -> None:
    """An object without bytes is one like others."""
    version = bucket.write("empty", b"")
    file = io.BytesIO()
    bucket.download("empty", file, version=version)

    assert (b"", b"") == (bucket.read("empty"), file.getvalue())
    assert b"" == ObjectFile(bucket, "empty").read()


def test_the_end_of_an_empty_object(faulty_s3: FaultyS3, behind_proxy: Bucket) -> None:
    """AWS refuses a range of an object without bytes, which has an end all the same."""
    behind_proxy.write("empty", b"")
    faulty_s3.answers(416, "InvalidRange", times=1, method="GET")

    assert (b"", behind_proxy.head("empty")) == behind_proxy.tail("empty", 100)


def test_listings_have_the_order_of_keys(bucket: Bucket) -> None:
    """All keys that begin with the prefix come, in order; those behind a key, if one is named."""
    keys = sorted([*(f"p/{number:03}" for number in range(120)), "p", "p2", "p/z/y"])
    for key in keys:
        bucket.write(key, b"x")

    assert keys == [found.key for found in bucket.list("p")]
    assert [key for key in keys if key.startswith("p/")] == [found.key for found in bucket.list("p/")]
    assert [f"p/1{number:02}" for number in range(20)] == [found.key for found in bucket.list("p/1")]
    assert ["p/119", "p/z/y"] == [found.key for found in bucket.list("p/", after="p/118")]
    assert [] == list(bucket.list("q"))


def test_keys_are_any_text(bucket: Bucket) -> None:
    """Characters that mean something in URLs, in XML and in percent encoding mean nothing in a key."""
    keys = sorted(
        f"p/{name}.pdf" for name in ("a b", "a%20b", "a+b", "a#b?c=d", "a:b", "<&'\">", "100%", "é日本", "[~*]")
    )
    for key in keys:
        version = bucket.write(key, key.encode(), replacing=ABSENT)
        assert (key.encode(), version) == (bucket.read(key, version=version), bucket.head(key).version)

    assert keys == [found.key for found in bucket.list("p/")]
    assert keys[1:] == [found.key for found in bucket.list("p/", after=keys[0])]
    for key in keys:
        bucket.delete(key)
    assert [] == list(bucket.list(""))


def test_writes_on_a_condition(bucket: Bucket) -> None:
    """An object is made only where there is none, and replaced only in the version that was seen."""
    first = bucket.write("lease", b"1", replacing=ABSENT)
    assert BucketErrorCode.CHANGED is error_code(bucket.write, "lease", b"2", replacing=ABSENT)
    second = bucket.write("lease", b"2", replacing=first)

    assert BucketErrorCode.CHANGED is error_code(bucket.write, "lease", b"3", replacing=first)
    assert b"2" == bucket.read("lease", version=second)
    assert BucketErrorCode.CHANGED is error_code(bucket.read, "lease", version=first)
    assert BucketErrorCode.CHANGED is error_code(bucket.download, "lease", io.BytesIO(), version=first)


def test_an_object_is_a_file(bucket: Bucket) -> None:
    """Any order of seeks and reads gives the object's bytes, through a buffer too, and never those of two versions."""
    size = TAIL_BYTES * 3 + 17
    bucket.write("big", DIGITS[:size])
    dice = random.Random(7)
    for file in (ObjectFile(bucket, "big"), io.BufferedReader(ObjectFile(bucket, "big"), 70_000)):
        assert size == file.seek(0, io.SEEK_END)
        for _ in range(30):
            at, length = dice.randrange(size + 10), dice.choice([1, 30, 5000, 200_000])
            assert at == file.seek(at) == file.tell()
            assert DIGITS[at : min(at + length, size)] == file.read(length)
        file.seek(-5, io.SEEK_END)
        assert DIGITS[size - 5 : size] == file.read()

    file = ObjectFile(bucket, "big")
    bucket.write("big", DIGITS[1 : size + 1])
    assert BucketErrorCode.CHANGED is error_code(file.read, 10)


def test_a_cut_download_is_taken_up_again(s3: S3Server, faulty_s3: FaultyS3, behind_proxy: Bucket) -> None:
    """A connection that breaks off in a body goes on from there: no byte twice, none missing."""
    version = behind_proxy.write("a.pdf", DIGITS)
    faulty_s3.cuts_answers(after=2_000_000, method="GET", times=2)
    before, file = faulty_s3.requests["GET"], io.BytesIO()
    behind_proxy.download("a.pdf", file, version=version)

    assert DIGITS == file.getvalue()
    assert before + 3 == faulty_s3.requests["GET"]
    faulty_s3.cuts_answers(after=2_000_000, method="GET")
    assert DIGITS == behind_proxy.read("a.pdf")
    faulty_s3.cuts_answers(after=10, method="GET", times=99)
    assert BucketErrorCode.UNREACHABLE is error_code(behind_proxy.download, "a.pdf", io.BytesIO(), version=version)


def test_a_download_that_changes_in_the_middle_is_refused(
    s3: S3Server, faulty_s3: FaultyS3, behind_proxy: Bucket
) -> None:
    """A download that is taken up again is of the same version, or nothing is taken for whole."""
    version = behind_proxy.write("a.pdf", DIGITS)
    reader, file = open_bucket(BucketUrl("s3", behind_proxy.url[5:]), faulty_s3.settings), _Replacing(behind_proxy)
    faulty_s3.cuts_answers(after=2_000_000, method="GET")

    assert BucketErrorCode.CHANGED is error_code(reader.download, "a.pdf", file, version=version)


class _Replacing(io.BytesIO):
    """A file at whose first write the object is replaced."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__()
        self._bucket = bucket

    def write(self, data: object) -> int:
        if not self.tell():
            self._bucket.write("a.pdf", b"other")
        return super().write(data)  # type: ignore[arg-type]


def test_uploads_survive_bad_connections(s3: S3Server, faulty_s3: FaultyS3, behind_proxy: Bucket) -> None:
    """A body that is cut and an answer that is lost are sent again, and counted; no half object is ever there."""
    before = retries()["request"]
    faulty_s3.cuts_requests(after=1_000_000, method="PUT")
    faulty_s3.loses_answers(method="PUT")
    behind_proxy.write("a.pdf", DIGITS)

    assert DIGITS == behind_proxy.read("a.pdf")
    assert 3 == faulty_s3.requests["PUT"]
    assert 2 == retries()["request"] - before
    faulty_s3.cuts_requests(after=1_000_000, method="PUT", times=99)
    assert BucketErrorCode.UNREACHABLE is error_code(behind_proxy.write, "b.pdf", DIGITS)
    assert ["a.pdf"] == s3.keys(behind_proxy.url[5:])


def test_a_conditional_write_whose_answer_is_lost_says_changed(faulty_s3: FaultyS3, behind_proxy: Bucket) -> None:
    """The write had arrived: whoever asks has to look whose object it is, as the interface says."""
    faulty_s3.loses_answers(method="PUT")

    assert BucketErrorCode.CHANGED is error_code(behind_proxy.write, "lease", b"mine", replacing=ABSENT)
    assert b"mine" == behind_proxy.read("lease")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (503, "SlowDown", BucketErrorCode.UNREACHABLE),
        (500, "InternalError", BucketErrorCode.UNREACHABLE),
        (429, "TooManyRequests", BucketErrorCode.UNREACHABLE),
        (400, "RequestTimeout", BucketErrorCode.UNREACHABLE),
        (403, "AccessDenied", BucketErrorCode.DENIED),
        (400, "ExpiredToken", BucketErrorCode.DENIED),
        (403, "RequestTimeTooSkewed", BucketErrorCode.CLOCK),
        (301, "PermanentRedirect", BucketErrorCode.WRONG_REGION),
        (404, "NoSuchBucket", BucketErrorCode.NO_BUCKET),
        (400, "EntityTooLarge", BucketErrorCode.OTHER),
        (403, "InvalidObjectState", BucketErrorCode.OTHER),
    ],
)
def test_errors_are_told_apart(
    faulty_s3: FaultyS3, behind_proxy: Bucket, status: int, code: str, expected: BucketErrorCode
) -> None:
    """Whatever was asked for, the code is the one that the server names; throttling was tried again before."""
    faulty_s3.answers(status, code)
    found = {
        error_code(behind_proxy.read, "a"),
        error_code(behind_proxy.write, "a", b""),
        error_code(behind_proxy.delete, "a"),
        error_code(lambda: list(behind_proxy.list(""))),
    }

    assert {expected} == found
    assert faulty_s3.settings.attempts == 3
    if expected is BucketErrorCode.UNREACHABLE:
        assert 3 == faulty_s3.requests["PUT"] == faulty_s3.requests["DELETE"]


def test_throttling_passes(faulty_s3: FaultyS3, behind_proxy: Bucket) -> None:
    """Requests that are slowed down, or meet an error or a silence, are sent again until they get through."""
    faulty_s3.answers(503, "SlowDown", times=2)
    behind_proxy.write("a", b"x")
    faulty_s3.answers(500, "InternalError", times=1)
    faulty_s3.loses_answers(method="GET")

    assert b"x" == behind_proxy.read("a")


def test_errors_travel_between_processes() -> None:
    """A BucketError is pickled as it is: Ray hands it over."""
    error = pickle.loads(pickle.dumps(BucketError(BucketErrorCode.DENIED, "s3://b: no")))

    assert (BucketErrorCode.DENIED, "s3://b: no") == (error.code, str(error))


def test_urls() -> None:
    """Scheme, bucket and key are separated, and nothing in a key is decoded; other texts are no such URLs."""
    assert BucketUrl("s3", "b", "a//b%20c#d?e!f\n") == BucketUrl.parse("S3://b/a//b%20c#d?e!f\n")
    for text in ("s3://b", "gs://b/a", "az://b//a", "s3://b/ "):
        assert text == str(BucketUrl.parse(text))
    assert BucketUrl("s3", "b") == BucketUrl.parse("s3://b/")
    for text in ("/s3://b", "https://b/a", "s3:/b", "gcs://b", ""):
        assert BucketUrl.parse(text) is None
    for text in ("s3://", "gs:///key", "s3://key:secret@bucket/a"):
        with pytest.raises(UsageError) as caught:
            BucketUrl.parse(text)
        assert "secret" not in str(caught.value)


def test_a_server_named_in_the_environment(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL serves without a setting; its buckets are asked for by path, as by storage.endpoint."""
    name = s3.bucket()
    s3.put(name, "a.pdf", b"found")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint.replace("127.0.0.1", "localhost"))
    bucket = open_bucket(BucketUrl("s3", name), StorageSettings(connect_s=3))
    assert ["a.pdf"] == [entry.key for entry in bucket.list("")]


def test_google_says_who_is_refused(google: GoogleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing and impossible buckets, a wrong token and an object that is unpacked on its way get different errors."""

    def error_codes(name: str) -> set[BucketErrorCode]:
        bucket = open_bucket(BucketUrl("gs", name), google.settings)
        return {
            error_code(bucket.write, "a", b""),
            error_code(bucket.read, "a"),
            error_code(lambda: next(bucket.list(""))),
        }

    name, packed = google.bucket(), gzip.compress(DIGITS)
    google.put(name, "a.warc.gz", packed, encoding="gzip")
    bucket = open_bucket(BucketUrl("gs", name), google.settings)
    found = next(bucket.list(""))

    assert len(packed) == found.bytes
    assert {BucketErrorCode.OTHER} == {
        error_code(bucket.head, found.key),
        error_code(bucket.tail, found.key, 5),
        error_code(bucket.download, found.key, io.BytesIO(), version=found.version),
    }
    assert {BucketErrorCode.NO_BUCKET} == error_codes("no-such-bucket") == error_codes("No_Such_Bucket")
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "expired")
    assert {BucketErrorCode.DENIED} == error_codes(google.bucket())


def test_only_what_may_have_the_prefix_is_listed(google: GoogleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what lies before a prefix nor what lies behind it is listed."""
    monkeypatch.setattr(obstore_bucket, "LISTED_AT_ONCE", PAGE_KEYS)
    name = google.bucket()
    for number in range(2 * PAGE_KEYS):
        for folder in ("a", "in", "z"):
            google.put(name, f"{folder}/{number:03}", b"x")
    bucket = open_bucket(BucketUrl("gs", name), google.settings)

    def pages(prefix: str) -> tuple[int, int]:
        google.requests.clear()
        return len(list(bucket.list(prefix))), len(google.requests)

    assert (2 * PAGE_KEYS, 3) == pages("in")
    assert (10, 1) == pages("in/01")
    assert (0, 1) == pages("corpus")
    google.requests.clear()
    check_bucket(BucketUrl("gs", name, "corpus"), google.settings)
    assert 1 == len(google.requests)


def test_azure_without_an_account_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing Azure account name is an error at once; nobody waits for a service to come back."""
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BucketError, match="credentials") as caught:
        open_bucket(BucketUrl("az", "container-of-nobody"), StorageSettings())
    assert caught.value.code is BucketErrorCode.DENIED


def test_a_redirect_that_names_no_region_is_told_from_any_depth(faulty_s3: FaultyS3, behind_proxy: Bucket) -> None:
    """Botocore follows it until Python stops it, and what it makes of that depends on where it was called from."""

    def found_at(depth: int) -> BucketErrorCode:
        return found_at(depth - 1) if depth else error_code(behind_proxy.read, "a")

    faulty_s3.answers(301, "PermanentRedirect")
    assert {BucketErrorCode.WRONG_REGION} == {found_at(depth) for depth in range(13)}  # 12: one redirect


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Error performing token request: Error performing GET http://host/token in 1ms", BucketErrorCode.DENIED),
        (
            "Error performing GET https://host/b/a.pdf in 1.401ms - Server returned non-2xx status code: 403 Forbidden",
            BucketErrorCode.DENIED,
        ),
        (
            "Error performing GET https://host/b/credential-403.pdf in 401.403ms - status code: 503 Unavailable",
            BucketErrorCode.UNREACHABLE,
        ),
        ("Error after 10 retries: credential 401/token request.pdf: connection refused", BucketErrorCode.UNREACHABLE),
        ("status code: 400 Bad Request: <Error><Code>InvalidBucketName</Code></Error>", BucketErrorCode.NO_BUCKET),
        ("status code: 400 Bad Request: <Error><Code>UserProjectMissing</Code></Error>", BucketErrorCode.OTHER),
        ("Error performing token request: status code: 400 Bad Request: invalid_grant", BucketErrorCode.DENIED),
        ("Generic AwsLcCryptoProvider error: Error reading pem file: no items found", BucketErrorCode.DENIED),
        ("status code: 429 Too Many Requests: <Error><Code>SlowDown</Code></Error>", BucketErrorCode.UNREACHABLE),
        ("status code: 408 Request Timeout", BucketErrorCode.UNREACHABLE),
        ("Generic GCS error: ETag Header missing from response", BucketErrorCode.OTHER),
        ("Generic GCS error: Received non-partial response when range requested", BucketErrorCode.OTHER),
    ],
)
def test_a_key_is_not_taken_for_trouble(said: str, expected: BucketErrorCode) -> None:
    """Errors that obstore has no class for are recognized by their words: not by those of a key, nor by times."""
    with pytest.raises(BucketError) as caught, explained("gs://b", "credential 401/token request.pdf", "read"):
        raise GenericError(said)
    assert caught.value.code is expected


def test_credentials_that_come_later_are_found(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was refused for want of credentials gets in once its environment has them."""
    url = BucketUrl("s3", s3.bucket())
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert BucketErrorCode.DENIED == error_code(open_bucket, url, s3.settings)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)

    assert list(open_bucket(url, s3.settings).list("")) == []
