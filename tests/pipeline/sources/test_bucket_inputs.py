"""Inputs in buckets: every object is found once, streaming, read in the version that was found, and nothing is lost."""

import os
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_archives import tar_bytes, zip_bytes
from narrowed import instance
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.errors import InputError, OutputError, PageError
from ocrmill.pipeline.records import Failure, Reason, Source
from ocrmill.pipeline.sources.discovery import Discovery, Skipped
from ocrmill.pipeline.sources.fetch import check_unchanged, current, fetch

SETTINGS = InputSettings()
DIGITS = bytes(range(256)) * 12_000  # 3 MB


def put(s3: S3Server, *keys: str) -> str:
    """A bucket with objects of these keys."""
    bucket = s3.bucket()
    for key in keys:
        s3.put(bucket, key)
    return bucket


def found(inputs: Sequence[str], storage: StorageSettings, limits: InputSettings = SETTINGS) -> list[Source]:
    return list(Discovery(inputs, limits, storage))


def keys(bucket: str, sources: Sequence[Source]) -> list[str]:
    return [source.uri.removeprefix(f"s3://{bucket}/") for source in sources]


def content(source: Source, storage: StorageSettings, scratch: Path, limits: InputSettings = SETTINGS) -> bytes:
    with fetch(source, scratch, limits, storage) as path:
        return path.read_bytes()


def refusal(source: Source, storage: StorageSettings, scratch: Path, limits: InputSettings = SETTINGS) -> PageError:
    with pytest.raises(PageError) as caught:
        content(source, storage, scratch, limits)
    return caught.value


def test_a_prefix_is_searched_like_a_folder(s3: S3Server) -> None:
    """Documents below are found by ending, in the order of their keys; hidden and other ones are counted."""
    names = ("p/b.pdf", "p/a.PDF", "p/c/d/e.tiff", "p/c/", "p/", "p/notes.md", "p/.h/a.pdf", "p/.b.pdf", "p2/x.pdf")
    bucket = put(s3, *names, "p")
    discovery = Discovery([f"s3://{bucket}/p/"], SETTINGS, s3.settings)

    assert ["p/a.PDF", "p/b.pdf", "p/c/d/e.tiff"] == keys(bucket, list(discovery))
    assert Skipped(other_endings=1, hidden=2) == discovery.skipped
    assert ["p"] == keys(bucket, found([f"s3://{bucket}/p"], s3.settings))
    s3.delete(bucket, "p")
    assert ["p/a.PDF", "p/b.pdf", "p/c/d/e.tiff"] == keys(bucket, found([f"s3://{bucket}/p"], s3.settings))
    assert ["p/.b.pdf", "p/notes.md"] == keys(
        bucket, found([f"s3://{bucket}/p/{name}" for name in (".b.pdf", "notes.md")], s3.settings)
    )
    assert 4 == len(found([f"s3://{bucket}"], s3.settings)) == len(found([f"S3://{bucket}/"], s3.settings))
    assert [] == found([f"s3://{s3.bucket()}"], s3.settings)


def test_a_source_says_where_and_which_version(s3: S3Server) -> None:
    """Its URI is the URL of the object; its version is new when its bytes are, and only then."""
    bucket = put(s3, "a.pdf")
    (before,) = found([f"s3://{bucket}"], s3.settings)
    assert (f"s3://{bucket}/a.pdf", 5, None) == (before.uri, before.bytes, before.reason)
    assert [before] == found([f"s3://{bucket}/a.pdf"], s3.settings) == [current(before, SETTINGS, s3.settings)]

    s3.put(bucket, "a.pdf", b"%PDF-")
    assert [before] == found([f"s3://{bucket}"], s3.settings)
    s3.put(bucket, "a.pdf", b"%PDF+")
    assert before.version != found([f"s3://{bucket}"], s3.settings)[0].version


@pytest.mark.parametrize(
    ("glob", "expected", "prefix"),
    [
        ("*.pdf", ["a.pdf"], ""),
        ("2024-*/**/*.pdf", ["2024-01/b.pdf", "2024-01/y/c.pdf", "2024-02/e.pdf"], "2024-"),
        ("2024-01/**", ["2024-01/b.pdf", "2024-01/y/c.pdf", "2024-01/y/d.png"], "2024-01%2F"),
        ("2024-0?", ["2024-01/b.pdf", "2024-01/y/c.pdf", "2024-01/y/d.png", "2024-02/e.pdf"], "2024-0"),
        ("**/[cd].*", ["2024-01/y/c.pdf", "2024-01/y/d.png"], ""),
    ],
)
def test_globs_list_from_their_longest_fixed_prefix(
    s3: S3Server, faulty_s3: FaultyS3, glob: str, expected: list[str], prefix: str
) -> None:
    """A glob takes what it matches and all below it, as in folders, and lists no key that cannot match."""
    bucket = put(s3, "a.pdf", "2023/x.pdf", "2024-01/b.pdf", "2024-01/y/c.pdf", "2024-01/y/d.png", "2024-02/e.pdf")

    assert expected == keys(bucket, found([f"s3://{bucket}/{glob}"], faulty_s3.settings))
    assert f"&prefix={prefix}&" in faulty_s3.paths[-1].replace("?", "&") + "&"


def test_include_and_exclude_count_below_the_prefix(s3: S3Server) -> None:
    """The globs of the settings see the key below the prefix, or the whole URL where they are one."""
    bucket = put(s3, "in/a.pdf", "in/d/b.pdf", "in/d/c.png")

    def left(**globs: tuple[str, ...]) -> list[str]:
        return keys(bucket, found([f"s3://{bucket}/in"], s3.settings, InputSettings(**globs)))

    assert ["in/d/b.pdf", "in/d/c.png"] == left(include=("d",)) == left(include=(f"s3://{bucket}/in/d",))
    assert ["in/a.pdf", "in/d/c.png"] == left(exclude=("d/*.pdf",))
    assert ["in/a.pdf", "in/d/b.pdf", "in/d/c.png"] == left(exclude=("in", bucket))


ODD_KEYS = (
    *("a//b.pdf", "./x.pdf", "../y.pdf", "a/../b.pdf", "/lead.pdf", "sp ace.pdf", "h#1.pdf", "q?x=1.pdf", "p%20.pdf"),
    *("ex!.pdf", "a.zip!b.pdf", "a.zip!b#2.pdf", "caf\u00e9\u8ad6.pdf", "c\x01\t\r.pdf", "back\\x0a.pdf", "[g]*.pdf"),
    *("+plus&.pdf", ";;.pdf", "a\\b.pdf", "~.pdf", "https://h/x.pdf", "s3://b/x.pdf", "n" * 1000 + ".pdf"),
)


def test_keys_are_any_text(s3: S3Server, tmp_path: Path) -> None:
    """Whatever a key holds, its URI is one line of its own that can be named again, and its bytes are its own."""
    bucket = s3.bucket()
    for key in ODD_KEYS:
        s3.put(bucket, key, key.encode())
    sources = found([f"s3://{bucket}"], s3.settings)

    assert sorted(ODD_KEYS, key=str.encode) == [source.path.removeprefix(f"s3://{bucket}/") for source in sources]
    assert len(ODD_KEYS) == len({source.uri for source in sources})
    for source in sources:
        assert source.uri.isprintable()
        assert f"s3://{bucket}/{content(source, s3.settings, tmp_path).decode()}" == source.path
        assert [source] == found([source.uri], s3.settings)
    pq.write_table(pa.table({"source": [source.uri for source in sources]}), tmp_path / "m.parquet")
    assert sources == found([str(tmp_path / "m.parquet")], s3.settings)


no_newlines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n"), min_size=1, max_size=40)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.sets(no_newlines.map(lambda key: f"{key}.pdf"), min_size=1, max_size=3))
def test_keys_of_any_text_are_named_again(s3: S3Server, names: set[str]) -> None:
    """The round trip from a listing's URI back to the object holds for any keys together in a bucket."""
    bucket = put(s3, *(key for key in names if not key.startswith(".")))
    for source in found([f"s3://{bucket}"], s3.settings):
        source.uri.encode()
        assert [source] == found([source.uri], s3.settings)


def test_archives_in_buckets(s3: S3Server, faulty_s3: FaultyS3, tmp_path: Path) -> None:
    """Members are found, named and read; a zip is read by ranges, a tar is downloaded once, and both once only."""
    bucket = s3.bucket()
    s3.put(bucket, "big.zip", zip_bytes(first=b"1" * 10, large=DIGITS, last=b"2" * 10))
    s3.put(bucket, "old.tar.gz", tar_bytes(a=b"A" * 10, b=b"B" * 10))
    s3.put(bucket, "broken.zip", b"PK nonsense")
    storage = faulty_s3.settings
    sources = {source.uri.removeprefix(f"s3://{bucket}/"): source for source in found([f"s3://{bucket}"], storage)}

    wanted = ["big.zip!first.pdf", "big.zip!large.pdf", "big.zip!last.pdf", "broken.zip"]
    assert [*wanted, "old.tar.gz!a.pdf", "old.tar.gz!b.pdf"] == list(sources)
    assert Reason.DAMAGED is sources.pop("broken.zip").reason
    assert DIGITS == content(sources["big.zip!large.pdf"], storage, tmp_path)
    assert b"2" * 10 == content(sources["big.zip!last.pdf"], storage, tmp_path)
    assert b"B" * 10 == content(sources["old.tar.gz!b.pdf"], storage, tmp_path)
    gets = faulty_s3.requests["GET"]
    assert b"A" * 10 == content(sources["old.tar.gz!a.pdf"], storage, tmp_path)
    assert gets == faulty_s3.requests["GET"]
    for source in sources.values():
        assert [source] == found([source.uri], storage)
    with pytest.raises(InputError, match="no such member"):
        found([f"s3://{bucket}/big.zip!none.pdf"], storage)
    assert not list(tmp_path.iterdir())

    s3.put(bucket, "big.zip", zip_bytes(first=b"new"))
    assert Reason.CHANGED is refusal(sources["big.zip!first.pdf"], storage, tmp_path).reason
    assert Reason.CHANGED is refusal(sources["big.zip!last.pdf"], storage, tmp_path).reason
    now = instance(Source, current(sources["big.zip!first.pdf"], SETTINGS, storage))
    assert b"new" == content(now, storage, tmp_path)


def test_manifests_name_objects_and_lie_in_buckets(s3: S3Server, faulty_s3: FaultyS3, tmp_path: Path) -> None:
    """A manifest lists URLs, here or in a bucket, relative to itself; what is not there is a source with a reason."""
    bucket = put(s3, "in/a.pdf", "in/b.pdf")
    s3.put(bucket, "in/z.zip", zip_bytes(m=b"m"))
    lines = [f"s3://{bucket}/in/{name}" for name in ("b.pdf", "none.pdf", "z.zip!m.pdf", "a.pdf", "z.zip!x.pdf")]
    lines += ["ftp://host/x", "s3://", *(f"s3://{bucket}/in/{number}.pdf" for number in range(100))]
    (tmp_path / "m.txt").write_text("\n".join(lines))
    sources = found([str(tmp_path / "m.txt")], s3.settings)

    assert lines == [source.uri for source in sources]
    assert [None, Reason.UNREADABLE, None, None] == [source.reason for source in sources[:4]]
    assert {Reason.UNREADABLE} == {source.reason for source in sources[4:]}
    s3.put(bucket, "in/list.txt", b"# relative\nb.pdf\n/etc/hosts\n" + lines[2].encode())
    there = found([f"s3://{bucket}/in/list.txt"], s3.settings)
    assert ["in/b.pdf", "in//etc/hosts", "in/z.zip!m.pdf"] == keys(bucket, there)
    assert Reason.UNREADABLE is there[1].reason
    s3.put(bucket, "in/zeros.txt", b"\0")
    with pytest.raises(InputError, match=r"zeros\.txt: .*zero bytes"):
        found([f"s3://{bucket}/in/zeros.txt"], s3.settings)


def test_what_is_read_is_what_was_found(s3: S3Server, tmp_path: Path) -> None:
    """An object in another version is `changed_while_reading`, one that is gone `unreadable`; copies stay."""
    bucket = put(s3, "a.pdf", "b.pdf")
    source, gone = found([f"s3://{bucket}"], s3.settings)
    with fetch(source, tmp_path, SETTINGS, s3.settings) as path:
        s3.put(bucket, "a.pdf", b"other")
        assert check_unchanged(source, SETTINGS, s3.settings) is None
        assert b"%PDF-" == path.read_bytes()
        assert ".pdf" == path.suffix
    s3.delete(bucket, "b.pdf")

    assert Reason.CHANGED is refusal(source, s3.settings, tmp_path).reason
    assert b"other" == content(instance(Source, current(source, SETTINGS, s3.settings)), s3.settings, tmp_path)
    assert Reason.UNREADABLE is refusal(gone, s3.settings, tmp_path).reason
    assert Failure(Reason.UNREADABLE, f"{gone.uri}: it is gone") == current(gone, SETTINGS, s3.settings)
    assert not list(tmp_path.iterdir())


def test_downloads_have_a_limit_and_need_room(s3: S3Server, tmp_path: Path) -> None:
    """An object larger than input.max_object_mb is `object_limit`; a full scratch folder is an error of the run."""
    bucket = s3.bucket()
    s3.put(bucket, "a.pdf", DIGITS)
    s3.put(bucket, "b.tar.gz", tar_bytes(x=os.urandom(3 << 20)))
    small = InputSettings(max_object_mb=1)
    source, member = found([f"s3://{bucket}"], s3.settings)
    _, archive = found([f"s3://{bucket}"], s3.settings, small)

    assert Reason.OBJECT_LIMIT is refusal(source, s3.settings, tmp_path, small).reason
    assert (Reason.OBJECT_LIMIT, None) == (archive.reason, archive.member)
    assert "input.max_object_mb" in (archive.detail or "")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        for full in (source, member):
            with pytest.raises(OutputError, match="cannot unpack or download"):
                content(full, s3.settings, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_listing_streams(s3: S3Server, faulty_s3: FaultyS3) -> None:
    """The first source comes after the first page of the listing, whatever follows; all come, in order, once."""
    bucket = put(s3, *(f"{number:04}.pdf" for number in range(220)))
    discovery = Discovery([f"s3://{bucket}"], SETTINGS, faulty_s3.settings)
    next(discovery)
    asked = faulty_s3.requests["GET"]

    assert asked <= 2  # whether the bucket answers, and the first of five pages
    assert [f"{number:04}.pdf" for number in range(1, 220)] == keys(bucket, list(discovery))
    assert asked + 4 == faulty_s3.requests["GET"]


def test_a_listing_goes_on_behind_an_outage(s3: S3Server, faulty_s3: FaultyS3) -> None:
    """Errors, throttling and answers that are cut cost time and no key; what lasts longer is an error."""
    bucket = put(s3, *(f"{number:04}.pdf" for number in range(220)))
    storage = faulty_s3.settings.model_copy(update={"attempts": 1, "outage_s": 30.0})
    names = [f"{number:04}.pdf" for number in range(220)]
    discovery = Discovery([f"s3://{bucket}"], SETTINGS, storage)
    first = next(discovery)
    faulty_s3.answers(500, "InternalError", times=1)
    faulty_s3.answers(503, "SlowDown", times=1)
    faulty_s3.cuts_answers(after=1000)
    assert names == keys(bucket, [first, *discovery])

    discovery = Discovery([f"s3://{bucket}"], SETTINGS, storage.model_copy(update={"outage_s": 0.0}))
    first = next(discovery)
    faulty_s3.answers(503, "SlowDown")
    *rest, told = [first, *discovery]
    assert names[: len(rest)] == keys(bucket, rest)
    assert (f"s3://{bucket}", Reason.UNREADABLE) == (told.uri, told.reason)
    assert "SlowDown" in (told.detail or "")


def test_a_bucket_that_is_down_for_a_while_costs_no_document(s3: S3Server, faulty_s3: FaultyS3, tmp_path: Path) -> None:
    """Reading waits for storage.outage_s beyond the retries; then the document is `unreadable`, and says why."""
    bucket = s3.bucket()
    s3.put(bucket, "a.pdf", DIGITS)
    storage = faulty_s3.settings.model_copy(update={"attempts": 1, "outage_s": 30.0, "timeout_s": 0.5})
    (source,) = found([f"s3://{bucket}"], storage)
    faulty_s3.hangs(times=1)
    faulty_s3.cuts_answers(after=1_000_000)
    faulty_s3.answers(503, "SlowDown", seconds=1)
    assert DIGITS == content(source, storage, tmp_path)

    s3.put(bucket, "a.zip", zip_bytes(m=DIGITS))
    (member,) = found([f"s3://{bucket}/a.zip"], storage)
    faulty_s3.answers(503, "SlowDown", seconds=1, method="GET")
    assert DIGITS == content(member, storage, tmp_path)

    faulty_s3.answers(403, "ExpiredToken")
    refused = refusal(source, storage, tmp_path)
    assert (Reason.UNREADABLE, True) == (refused.reason, "credentials" in refused.detail)
    faulty_s3.heals()
    faulty_s3.answers(500, "InternalError")
    began = time.monotonic()
    refused = refusal(source, storage.model_copy(update={"outage_s": 1.0}), tmp_path)
    assert (Reason.UNREADABLE, True) == (refused.reason, "InternalError" in refused.detail)
    assert 1.0 <= time.monotonic() - began


@pytest.mark.parametrize(
    ("status", "code", "region", "says"),
    [
        (403, "InvalidAccessKeyId", "", "credentials"),
        (403, "SignatureDoesNotMatch", "", "credentials"),
        (400, "ExpiredToken", "", "credentials"),
        (403, "RequestTimeTooSkewed", "", "clock"),
        (400, "AuthorizationHeaderMalformed", "eu-west-3", "storage.region"),
        (301, "PermanentRedirect", "eu-west-3", "storage.region"),
        (404, "NoSuchBucket", "", "no such bucket"),
        (503, "SlowDown", "", "all retries"),
    ],
)
@pytest.mark.parametrize("key", ["", "/a.pdf"])
def test_trouble_with_a_bucket_is_named_at_the_start(
    s3: S3Server, faulty_s3: FaultyS3, status: int, code: str, region: str, says: str, key: str
) -> None:
    """Wrong credentials, clock, region or name end the command within seconds, and say which; nothing secret in it."""
    bucket = put(s3, "a.pdf")
    faulty_s3.answers(status, code, region=region)
    patient = faulty_s3.settings.model_copy(update={"attempts": 9, "outage_s": 3600.0})
    with pytest.raises(InputError, match=says) as caught:
        Discovery([f"s3://{bucket}{key}"], SETTINGS, patient)

    assert faulty_s3.requests.total() <= 8  # botocore looks for the right region by itself, and asks twice
    assert bucket in str(caught.value)
    assert code in str(caught.value)
    assert "S3CRET" not in str(caught.value)


def test_inputs_that_lead_nowhere_stop_the_run_at_once(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing bucket, key, prefix or match, a server that is not there and missing credentials are errors at once."""
    bucket = put(s3, "a.pdf")
    for name, says in (
        ("s3://no-such-bucket-here/a.pdf", "no such bucket"),
        (f"s3://{bucket}/none.pdf", "no such object"),
        (f"s3://{bucket}/pre/", "no such object"),
        (f"s3://{bucket}/*.png", "matches no key"),
        ("s3://Bad..Name/x", "bucket"),
    ):
        with pytest.raises(InputError, match=says):
            Discovery([name], SETTINGS, s3.settings)
    nobody = s3.settings.model_copy(update={"endpoint": "http://127.0.0.1:9", "connect_s": 1.0})
    with pytest.raises(InputError, match=r"storage\.endpoint"):
        Discovery([f"s3://{bucket}"], SETTINGS, nobody)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(InputError, match="credentials are missing"):
        Discovery([f"s3://{bucket}"], SETTINGS, s3.settings.model_copy(update={"timeout_s": 9.0}))


def test_who_may_not_list_may_still_read(s3: S3Server, faulty_s3: FaultyS3, tmp_path: Path) -> None:
    """An object that is named is read with the right to read alone."""
    bucket = put(s3, "a.pdf")
    faulty_s3.answers(403, "AccessDenied", path="list-type=2")
    (source,) = found([f"s3://{bucket}/a.pdf"], faulty_s3.settings)

    assert b"%PDF-" == content(source, faulty_s3.settings, tmp_path)
    with pytest.raises(InputError, match="AccessDenied"):
        Discovery([f"s3://{bucket}"], SETTINGS, faulty_s3.settings)


def test_a_downloaded_archive_leaves_nothing_behind(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The copy of an archive has no name once it is open, so that no kill can leave it on the disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bucket = s3.bucket()
    s3.put(bucket, "a.tar.gz", tar_bytes(a=b"A"))
    discovery = Discovery([f"s3://{bucket}"], SETTINGS, s3.settings)

    assert f"s3://{bucket}/a.tar.gz!a.pdf" == next(discovery).uri
    assert not list(tmp_path.iterdir())
