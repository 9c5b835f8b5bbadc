"""An output in a bucket: what is visible, who may write, and what a bad day does to both."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure_server import AzureServer
from gcs_server import GoogleServer
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets import obstore as obstore_bucket
from ocrmill.pipeline.buckets import s3 as s3_bucket
from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode, http_time
from ocrmill.pipeline.buckets.object_file import TAIL_BYTES
from ocrmill.pipeline.errors import FileGoneError, LeaseHeldError, LeaseLostError, OutputError
from ocrmill.pipeline.output.stores import bucket as bucket_store
from ocrmill.pipeline.output.stores import local as local_store
from ocrmill.pipeline.output.stores import store as store_module
from ocrmill.pipeline.output.stores.open import open_output, open_store
from ocrmill.pipeline.output.stores.store import LeaseOwner, Store
from ocrmill.pipeline.run_progress import RunProgress

OWNER = LeaseOwner.current("run-1")
# Seconds instead of a minute; the proportions are about those of the real ones.
HEARTBEAT_S, EXPIRES_S, FRESH_S, WATCH_S = 0.2, 2.2, 0.4, 0.3
ROUNDED_S = 1.0  # of a bucket's clock, which counts whole seconds
_SHORT_TIMES = f"""
import datetime, os, sys, time
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.output.stores import bucket as bucket_store
from ocrmill.pipeline.output.stores import local as local_store
from ocrmill.pipeline.output.stores import store
from ocrmill.pipeline.errors import LeaseLostError
store.HEARTBEAT_S, bucket_store.EXPIRES_S, bucket_store.FRESH_S = {HEARTBEAT_S}, {EXPIRES_S}, {FRESH_S}

class Skewed(datetime.datetime):  # the clock of everything of ours that looks at one
    @classmethod
    def now(cls, zone=None):
        return datetime.datetime.now(zone) + datetime.timedelta(hours=float(os.environ.get("SKEW_H", 0)))

store.datetime = bucket_store.datetime = local_store.datetime = Skewed
from ocrmill.pipeline.output.stores.open import open_store
output = open_store(sys.argv[1], StorageSettings.model_validate_json(sys.argv[2]))
"""
_HOLDER = f"""{_SHORT_TIMES}
with output.lease(store.LeaseOwner.current("holder")):
    print("held", flush=True)
    sys.stdin.readline()
    try:
        output.write("pages/late.parquet", b"late")
    except LeaseLostError as error:
        print(error, flush=True)
"""


@pytest.fixture
def store(s3: S3Server) -> Store:
    return open_store(f"s3://{s3.bucket()}/out/", s3.settings)


@pytest.fixture(params=["s3", "az", "gs"])
def output(request: pytest.FixtureRequest) -> tuple[str, StorageSettings]:
    """An output in an empty bucket of each cloud, for the tests that concern them all, and how it is reached."""
    if request.param == "az":
        azure: AzureServer = request.getfixturevalue("azure")
        return f"az://{azure.container()}/out/", azure.settings
    server: S3Server | GoogleServer = request.getfixturevalue({"s3": "s3", "gs": "google"}[request.param])
    return f"{request.param}://{server.bucket()}/out/", server.settings


@pytest.fixture
def settings(output: tuple[str, StorageSettings]) -> StorageSettings:
    return output[1]


@pytest.fixture
def any_store(output: tuple[str, StorageSettings]) -> Store:
    return open_store(*output)


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "HEARTBEAT_S", HEARTBEAT_S)
    for name, value in (("EXPIRES_S", EXPIRES_S), ("FRESH_S", FRESH_S), ("WATCH_S", WATCH_S)):
        monkeypatch.setattr(bucket_store, name, value)


@contextmanager
def holder(store: Store, settings: StorageSettings, skew_h: float = 0) -> Iterator[subprocess.Popen]:
    """A process that holds the lease; given a line, it tries to write a shard."""
    arguments = [sys.executable, "-c", _HOLDER, store.url, settings.model_dump_json()]
    environment = {**os.environ, "SKEW_H": str(skew_h)}
    with subprocess.Popen(
        arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def shard(rows: int) -> bytes:
    buffer = pa.BufferOutputStream()
    values = pa.array([f"{number:020d}{number * 7919:030d}" for number in range(rows)])
    pq.write_table(pa.table({"long": values, "short": pa.array(range(rows))}), buffer, compression="none")
    return buffer.getvalue().to_pybytes()


def test_what_is_written_is_there(any_store: Store):
    """A write is visible whole, replaces what was there, and a deletion may come twice; folders do not mix."""
    any_store.write("pages/b.parquet", b"1")
    any_store.write("pages/a.parquet", b"1")
    any_store.write("pages/a.parquet", b"22")
    any_store.write("documents/a.parquet", b"3")
    any_store.write("runs/a.json", b"{}")

    assert ["pages/a.parquet", "pages/b.parquet"] == any_store.list("pages")
    assert ["runs/a.json"] == any_store.list("runs", ".json")
    assert (b"22", 2) == (any_store.read("pages/a.parquet"), any_store.sizes("pages")["pages/a.parquet"])
    any_store.delete("pages/a.parquet")
    any_store.delete("pages/a.parquet")
    assert ["pages/b.parquet"] == any_store.list("pages")


def test_only_what_belongs_to_the_result_is_listed(store: Store, s3: S3Server):
    """Hidden names, deeper folders, other endings and neighbours with a longer name are no part of a folder."""
    bucket = store.url.split("/")[2]
    for key in (
        "out/pages/.a.parquet",
        "out/pages/_a.parquet",
        "out/pages/x/a.parquet",
        "out/pages/a.txt",
        "out/pages/",
    ):
        s3.put(bucket, key)
    s3.put(bucket, "out/pages2/a.parquet")

    assert [] == store.list("pages")


@pytest.mark.parametrize("rows", [10, TAIL_BYTES // 10])
def test_pyarrow_reads_a_shard_by_ranges(store: Store, faulty_s3: FaultyS3, rows: int):
    """A small shard costs one request; of a large one only the footer and the wanted column are read."""
    store.write("pages/a.parquet", shard(rows))
    through_proxy = open_store(store.url, faulty_s3.settings)
    faulty_s3.requests.clear()

    table = pq.ParquetFile(through_proxy.file("pages/a.parquet")).read(columns=["short"])

    assert list(range(rows)) == table["short"].to_pylist()
    assert faulty_s3.requests["GET"] == 1 if rows == 10 else faulty_s3.requests["GET"] <= 4


def test_a_shard_that_is_gone_or_replaced_says_so(any_store: Store):
    """A file that is deleted before it is opened is gone; one that is replaced while it is read is no mixture."""
    with pytest.raises(FileGoneError, match=r"pages/a.parquet is gone"):
        any_store.file("pages/a.parquet")
    any_store.write("pages/a.parquet", shard(TAIL_BYTES))
    file = any_store.file("pages/a.parquet")
    any_store.write("pages/a.parquet", shard(10))
    with pytest.raises(BucketError) as caught:
        file.read(100)
    assert caught.value.code is BucketErrorCode.CHANGED


def test_what_is_set_aside_is_never_overwritten(store: Store, s3: S3Server):
    """Two damaged files of one name both stay, out of the result."""
    for content in (b"one", b"two"):
        store.write("pages/a.parquet", content)
        store.set_aside("pages/a.parquet")

    bucket = store.url.split("/")[2]
    assert [] == store.list("pages")
    assert {b"one", b"two"} == {s3.get(bucket, key) for key in s3.keys(bucket, "out/_damaged/")}


def test_an_output_that_is_not_there_is_refused(s3: S3Server):
    """Reading needs an output, writing a bucket; both are said at once, by name."""
    bucket = s3.bucket()
    with pytest.raises(OutputError, match=f"s3://{bucket}/nowhere is not an output of ocrmill"):
        open_output(f"s3://{bucket}/nowhere", s3.settings)
    with pytest.raises(BucketError, match="s3://no-such-bucket-here/out/: there is no such bucket"):
        open_store("s3://no-such-bucket-here/out", s3.settings)
    open_store(f"s3://{bucket}/out", s3.settings).write("runs/a.json", b"{}")
    assert open_output(f"s3://{bucket}/out", s3.settings).list("runs", ".json") == ["runs/a.json"]


def test_an_upload_that_is_cut_leaves_what_was_there(store: Store, faulty_s3: FaultyS3):
    """An upload that breaks off is tried again; one that always does is an error that may pass, and changes nothing."""
    through_proxy = open_store(store.url, faulty_s3.settings)
    store.write("pages/a.parquet", b"old")
    faulty_s3.cuts_requests(after=100_000, times=1, method="PUT")
    through_proxy.write("pages/b.parquet", bytes(1 << 20))
    assert bytes(1 << 20) == store.read("pages/b.parquet")

    faulty_s3.cuts_requests(after=100_000, times=None, method="PUT")
    with pytest.raises(OutputError, match="no good answer") as caught:
        through_proxy.write("pages/a.parquet", bytes(1 << 20))
    assert caught.value.transient
    assert store.read("pages/a.parquet") == b"old"


def test_a_second_writer_is_told_who_holds_the_lease(any_store: Store, settings: StorageSettings):
    """While one process holds the lease another is refused at once; after it ends the next one gets it."""
    with holder(any_store, settings) as process:
        assert any_store.is_leased()
        message = rf"run holder \(process {process.pid} on .* is writing there.*kill {process.pid}"
        with pytest.raises(LeaseHeldError, match=message), any_store.lease(OWNER):
            pytest.fail("the lease was had twice")
        process.stdin.write("\n")
        process.stdin.flush()
        process.wait()
    assert (False, None) == (any_store.is_leased(), any_store.lease_owner())
    with any_store.lease(OWNER):
        assert any_store.lease_owner().run_id == "run-1"


@pytest.mark.usefixtures("short_times")
def test_the_lease_of_a_dead_owner_is_taken_over_once_it_expires(any_store: Store, settings: StorageSettings):
    """SIGKILL of the run that writes to a bucket: others are refused until its heartbeat expires; one takes over."""
    with holder(any_store, settings) as process:
        process.kill()
        process.wait()
        with pytest.raises(LeaseHeldError, match="can be taken over"), any_store.lease(OWNER):
            pytest.fail("the owner may be alive")
        time.sleep(EXPIRES_S + ROUNDED_S)
        assert not any_store.is_leased()
        with any_store.lease(OWNER):
            assert any_store.lease_owner().run_id == "run-1"


@pytest.mark.usefixtures("short_times")
def test_an_owner_that_lives_keeps_its_lease(any_store: Store):
    """A lease is renewed in the background, for as long as it is held."""
    with any_store.lease(OWNER):
        time.sleep(2 * EXPIRES_S)
        assert any_store.is_leased()
        with pytest.raises(LeaseHeldError), any_store.lease(LeaseOwner.current("run-2")):
            pytest.fail("the owner is alive")


@pytest.fixture(params=["folder", "s3", "az", "gs"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Store, StorageSettings]:
    """An output in a folder, or in an empty bucket of each cloud."""
    if request.param == "folder":
        return open_store(str(tmp_path / "out"), StorageSettings()), StorageSettings()
    if request.param == "az":
        azure: AzureServer = request.getfixturevalue("azure")
        return open_store(f"az://{azure.container()}/out/", azure.settings), azure.settings
    server: S3Server | GoogleServer = request.getfixturevalue({"s3": "s3", "gs": "google"}[request.param])
    return open_store(f"{request.param}://{server.bucket()}/out/", server.settings), server.settings


@pytest.mark.fault
@pytest.mark.usefixtures("short_times")
@pytest.mark.parametrize("skew_h", [2, -2], ids=["ahead", "behind"])
def test_a_clock_that_is_off_gives_and_takes_no_lease(anywhere: tuple[Store, StorageSettings], skew_h: int):
    """A run whose clock is two hours off keeps its lease while it lives, and leaves it to the next when it is dead."""
    store, settings = anywhere
    with holder(store, settings, skew_h) as process:
        for _ in range(3):
            assert store.is_leased()
            assert abs((datetime.now(UTC) - store.lease_owner().heartbeat).total_seconds()) < 5
            with pytest.raises(LeaseHeldError, match="is writing there"), store.lease(OWNER):
                pytest.fail("its owner lives")
            time.sleep(EXPIRES_S / 2)
        process.kill()
        process.wait()
        time.sleep(EXPIRES_S + ROUNDED_S)
        assert not store.is_leased()
        with store.lease(OWNER):
            assert store.lease_owner().run_id == "run-1"


def set_clock(monkeypatch: pytest.MonkeyPatch, skew_h: int) -> None:
    """Set the clock of this process, for everything of ours that looks at one, so many hours ahead."""

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=skew_h)

    for module in (store_module, bucket_store, local_store, obstore_bucket, s3_bucket):
        if hasattr(module, "datetime"):
            monkeypatch.setattr(module, "datetime", Skewed)


@pytest.mark.usefixtures("short_times")
@pytest.mark.parametrize("skew_h", [2, -2], ids=["ahead", "behind"])
def test_who_reads_with_a_clock_that_is_off_sees_who_writes(
    any_store: Store, settings: StorageSettings, skew_h: int, monkeypatch: pytest.MonkeyPatch
):
    """`status` and `verify` judge a lease by the bucket's clock, and write nothing to learn what time it is there."""
    set_clock(monkeypatch, skew_h)
    with holder(any_store, settings) as process:
        before = any_store.list("", suffix="")
        assert any_store.is_leased()
        assert verify(any_store, repair=False).findings[0].text == "runs that are writing here now: 1"
        status = read_status(any_store)
        assert status.writer.alive
        assert status.writer.heartbeat_age_s < 5
        process.kill()
        process.wait()
        time.sleep(EXPIRES_S + ROUNDED_S)
        status = read_status(any_store)
        assert not status.writer.alive
        assert EXPIRES_S <= status.writer.heartbeat_age_s < 60
        assert before == any_store.list("", suffix="")


def test_a_refusal_tells_the_time_too(faulty_s3: FaultyS3, s3: S3Server):
    """Who may not look at the bucket itself, only at what lies in it, learns what time it is there."""
    store = open_store(f"s3://{s3.bucket()}/out/", faulty_s3.settings)
    faulty_s3.answers(403, "AccessDenied", method="HEAD")

    assert abs((datetime.now(UTC) - store._bucket.now()).total_seconds()) < 5


@pytest.mark.parametrize("header", [None, "", "yesterday", "Sat, 99 Nov 2026 20:58:48 GMT"])
def test_an_answer_without_a_date_tells_no_time(header: str | None):
    """A server that dates its answers otherwise, or not at all, is no reason to fail: this machine's clock counts."""
    assert http_time(header) is None


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_a_date_has_a_time_zone(zone: str):
    """HTTP's dates are in GMT, however a server writes that."""
    assert http_time(f"Sat, 28 Nov 2026 20:58:48 {zone}") == datetime(2026, 11, 28, 20, 58, 48, tzinfo=UTC)


@pytest.mark.fault
@pytest.mark.usefixtures("short_times")
@pytest.mark.parametrize("skew_h", [2, -2], ids=["ahead", "behind"])
def test_who_has_a_clock_that_is_off_takes_no_lease(
    anywhere: tuple[Store, StorageSettings], skew_h: int, monkeypatch: pytest.MonkeyPatch
):
    """A run whose clock is two hours off does not take a lease from one that lives, and does from one that is dead."""
    store, settings = anywhere
    set_clock(monkeypatch, skew_h)
    with holder(store, settings) as process:
        for _ in range(3):
            with pytest.raises(LeaseHeldError, match="is writing there"), store.lease(OWNER):
                pytest.fail("its owner lives")
            time.sleep(EXPIRES_S / 2)
        process.kill()
        process.wait()
        time.sleep(EXPIRES_S + ROUNDED_S)
        with store.lease(OWNER):
            assert store.lease_owner().run_id == "run-1"


@pytest.mark.fault
@pytest.mark.usefixtures("short_times")
def test_an_owner_that_wakes_up_late_does_not_write(any_store: Store, settings: StorageSettings):
    """A run frozen for longer than its lease (SIGSTOP) finds it taken over, and stops before it writes."""
    with holder(any_store, settings) as process:
        process.send_signal(signal.SIGSTOP)
        time.sleep(EXPIRES_S + ROUNDED_S)
        with any_store.lease(OWNER):
            process.stdin.write("\n")
            process.stdin.flush()
            process.send_signal(signal.SIGCONT)
            assert "is held by run run-1" in process.stdout.readline()
            process.wait()
            assert any_store.lease_owner().run_id == "run-1"  # which its release left alone
    assert [] == any_store.list("pages")


@pytest.mark.fault
@pytest.mark.usefixtures("short_times")
def test_two_who_take_over_do_not_both_get_it(any_store: Store, settings: StorageSettings):
    """Of two that find the same dead owner, one gets the lease, the other says who has it."""
    with holder(any_store, settings) as process:
        process.kill()
        process.wait()
    time.sleep(EXPIRES_S + ROUNDED_S)
    taker = f"""{_SHORT_TIMES}
bucket_store.WATCH_S = {WATCH_S}
from ocrmill.pipeline.errors import LeaseHeldError
try:
    with output.lease(store.LeaseOwner.current("taker")):
        print("had", flush=True)
        time.sleep({2 * WATCH_S} + 1)
except LeaseHeldError:
    print("refused", flush=True)
"""
    arguments = [sys.executable, "-c", taker, any_store.url, settings.model_dump_json()]
    takers = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert ["had\n", "refused\n"] == sorted(process.communicate()[0] for process in takers)


@pytest.mark.usefixtures("short_times")
def test_a_lost_answer_is_not_a_lost_lease(store: Store, faulty_s3: FaultyS3):
    """A renewal that arrives while its answer does not leaves the lease ours; so does taking it that way."""
    through_proxy = open_store(store.url, faulty_s3.settings)
    faulty_s3.loses_answers(times=1, method="PUT")
    with through_proxy.lease(OWNER) as lease:
        faulty_s3.loses_answers(times=1, method="PUT")
        lease.renew()
        lease.check()
        through_proxy.write("pages/a.parquet", b"1")
    assert ["pages/a.parquet"] == store.list("pages")


@pytest.mark.usefixtures("short_times")
def test_an_outage_is_an_error_that_may_pass(store: Store, faulty_s3: FaultyS3):
    """The bucket answers 500: writes fail as something that may pass, and after it the lease is still ours."""
    through_proxy = open_store(store.url, faulty_s3.settings)
    with through_proxy.lease(OWNER):
        faulty_s3.answers(500, "InternalError")
        with pytest.raises(OutputError, match="no good answer") as caught:
            through_proxy.write("pages/a.parquet", b"1")
        assert caught.value.transient
        time.sleep(EXPIRES_S + ROUNDED_S)
        faulty_s3.heals()
        through_proxy.write("pages/a.parquet", b"1")
    assert ["pages/a.parquet"] == store.list("pages")


def test_a_lease_is_released_where_objects_are_written_once_a_second(
    google: GoogleServer, monkeypatch: pytest.MonkeyPatch
):
    """Google refuses a second write within a second: runs that have nothing to do release their leases all the same."""
    monkeypatch.setattr(google, "rewritten_after_s", 1.0)
    stores = [open_store(f"gs://{google.bucket()}/out/", StorageSettings()) for _ in range(8)]

    def take_and_release(store: Store) -> LeaseOwner | None:
        with store.lease(OWNER):
            pass
        return store.lease_owner()

    with ThreadPoolExecutor(len(stores)) as threads:
        assert [None] * len(stores) == list(threads.map(take_and_release, stores))


def test_what_anybody_may_read_is_read_as_it_is(google: GoogleServer):
    """Google's cache answers for objects of public buckets, unless they forbid it: the lease, and rewritten shards."""
    store = open_store(f"gs://{google.bucket(public=True)}/out/", google.settings)
    for content in (b"one", b"two"):
        store.write("pages/a.parquet", content)
        assert content == store.file("pages/a.parquet").read()
    for number in range(2):
        with store.lease(LeaseOwner.current(f"run-{number}")) as lease:
            lease.renew()
            assert store.lease_owner().run_id == f"run-{number}"


def test_a_deleted_lease_ends_the_writing(store: Store, s3: S3Server):
    """Somebody deletes the lease: the owner notices at its next beat and writes nothing more."""
    with store.lease(OWNER) as lease:
        s3.delete(store.url.split("/")[2], "out/_lease")
        with pytest.raises(LeaseLostError, match="was deleted"):
            lease.renew()
        with pytest.raises(LeaseLostError):
            store.write("pages/a.parquet", b"1")
    assert [] == store.list("pages")


def test_a_heartbeat_carries_the_progress_of_its_run(any_store: Store):
    """What a run says of itself is read by any other machine, and stays when the lease is renewed for a write."""
    progress = RunProgress("reading", 60.0, 20, 0, 1, 50, 10, 100, listing_complete=True, pages_per_s=2.0)
    with any_store.lease(OWNER) as lease:
        assert any_store.lease_owner().progress is None
        lease.carry(lambda: progress)
        lease.renew()
        any_store.write("runs/a.json", b"{}")

        assert progress == any_store.lease_owner().progress
        assert any_store.is_leased()
