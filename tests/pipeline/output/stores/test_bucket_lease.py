"""The lease of an output in a bucket: one writer at a time, whatever happens to processes, answers and objects."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from gcs_server import GoogleServer
from leases import (
    EXPIRES_S,
    HEARTBEAT_S,
    OWNER,
    ROUNDED_S,
    SHORT_TIMES,
    holder,
    let_it_expire,
    owner_of,
    wait_for_heartbeat,
)
from processes import next_line, say
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets.bucket import ABSENT, BucketUrl
from ocrmill.pipeline.buckets.connect import open_bucket
from ocrmill.pipeline.errors import LeaseHeldError, LeaseLostError, OutputError
from ocrmill.pipeline.output.stores import bucket as bucket_store
from ocrmill.pipeline.output.stores import store as store_module
from ocrmill.pipeline.output.stores.open import open_store
from ocrmill.pipeline.output.stores.store import LeaseOwner, Store
from ocrmill.pipeline.run_progress import RunProgress

PATIENT_S = 3.0  # that a taker waits for a heartbeat: one of 0.2 s comes meanwhile on a busy machine, too


def test_a_second_writer_is_told_who_holds_the_lease(any_store: Store, settings: StorageSettings) -> None:
    """While one process holds the lease another is refused at once; after it ends the next one gets it."""
    with holder(any_store, settings) as process:
        assert any_store.is_leased()
        message = rf"run holder \(process {process.pid} on .* is writing there.*kill {process.pid}"
        with pytest.raises(LeaseHeldError, match=message), any_store.lease(OWNER):
            pytest.fail("the lease was had twice")
        say(process, "\n")
        process.wait()
    assert (False, None) == (any_store.is_leased(), any_store.lease_owner())
    with any_store.lease(OWNER):
        assert owner_of(any_store).run_id == "run-1"


def test_the_lease_of_a_dead_owner_is_taken_over_once_it_expires(
    any_store: Store, settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL of the run that writes to a bucket: others are refused until its heartbeat expires; one takes over."""
    with holder(any_store, settings) as process:
        process.kill()
        process.wait()
        with pytest.raises(LeaseHeldError, match="can be taken over"), any_store.lease(OWNER):
            pytest.fail("the owner may be alive")
        let_it_expire(monkeypatch)
        assert not any_store.is_leased()
        with any_store.lease(OWNER):
            assert owner_of(any_store).run_id == "run-1"


def test_an_owner_that_lives_keeps_its_lease(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease is renewed in the background, for as long as it is held."""
    monkeypatch.setattr(store_module, "HEARTBEAT_S", HEARTBEAT_S)
    with any_store.lease(OWNER):
        for _ in range(2):
            wait_for_heartbeat(any_store)
        assert any_store.is_leased()
        with pytest.raises(LeaseHeldError), any_store.lease(LeaseOwner.current("run-2")):
            pytest.fail("the owner is alive")


@pytest.mark.fault
@pytest.mark.usefixtures("short_times")
def test_an_owner_that_wakes_up_late_does_not_write(any_store: Store, settings: StorageSettings) -> None:
    """A run frozen for longer than its lease (SIGSTOP) finds it taken over, and stops before it writes."""
    with holder(any_store, settings) as process:
        process.send_signal(signal.SIGSTOP)
        time.sleep(EXPIRES_S + ROUNDED_S)
        with any_store.lease(OWNER):
            say(process, "\n")
            process.send_signal(signal.SIGCONT)
            assert "is held by run run-1" in next_line(process)
            process.wait()
            assert owner_of(any_store).run_id == "run-1"  # which its release left alone
    assert [] == any_store.list("pages")


@pytest.mark.fault
@pytest.mark.usefixtures("short_times")
def test_two_who_take_over_do_not_both_get_it(any_store: Store, settings: StorageSettings) -> None:
    """Of two that find the same dead owner, one gets the lease, the other says who has it."""
    with holder(any_store, settings) as process:
        process.kill()
        process.wait()
    time.sleep(EXPIRES_S + ROUNDED_S)
    taker = f"""{SHORT_TIMES}
bucket_store.WATCH_S = {PATIENT_S}
from ocrmill.pipeline.errors import LeaseHeldError
try:
    with output.lease(store.LeaseOwner.current("taker")):
        print("had", flush=True)
        sys.stdin.readline()
except LeaseHeldError:
    print("refused", flush=True)
"""
    arguments = [sys.executable, "-c", taker, any_store.url, settings.model_dump_json()]
    pipe = subprocess.PIPE
    takers = [subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    said = sorted(map(next_line, takers))
    for process in takers:
        process.communicate()  # which lets the one that had it end
    assert said == ["had\n", "refused\n"]


def test_a_lease_counts_from_before_its_request(google: GoogleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket may have stamped the lease long before its answer comes: it is fresh only for so long after that."""
    now, late_s = [0.0], bucket_store.FRESH_S + 1
    bucket = open_bucket(BucketUrl("gs", google.bucket()), google.settings)
    write = bucket.write

    def answer_late(key: str, data: bytes | memoryview, *, replacing: str | None = None) -> str:
        version = write(key, data, replacing=replacing)
        now[0] += late_s
        return version

    monkeypatch.setattr(bucket_store, "seconds_with_sleep", lambda: now[0])
    monkeypatch.setattr(bucket, "write", answer_late)
    lease = bucket_store.BucketLease(bucket, "_lease", OWNER, bucket.write("_lease", b"", replacing=ABSENT), asked=0.0)
    lease.check()
    assert (now[0], lease.age_s()) == (2 * late_s, late_s), "it was taken for fresh"
    lease.renew()
    assert lease.age_s() == late_s


@pytest.mark.usefixtures("short_times")
def test_a_lost_answer_is_not_a_lost_lease(store: Store, faulty_s3: FaultyS3) -> None:
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
def test_an_outage_is_an_error_that_may_pass(store: Store, faulty_s3: FaultyS3) -> None:
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
) -> None:
    """Google refuses a second write within a second: runs that have nothing to do release their leases all the same."""
    monkeypatch.setattr(google, "rewritten_after_s", 1.0)
    stores = [open_store(f"gs://{google.bucket()}/out/", StorageSettings()) for _ in range(8)]

    def take_and_release(store: Store) -> LeaseOwner | None:
        with store.lease(OWNER):
            pass
        return store.lease_owner()

    with ThreadPoolExecutor(len(stores)) as threads:
        assert [None] * len(stores) == list(threads.map(take_and_release, stores))


def test_what_anybody_may_read_is_read_as_it_is(google: GoogleServer) -> None:
    """Google's cache answers for objects of public buckets, unless they forbid it: the lease, and rewritten shards."""
    store = open_store(f"gs://{google.bucket(public=True)}/out/", google.settings)
    for content in (b"one", b"two"):
        store.write("pages/a.parquet", content)
        assert content == store.file("pages/a.parquet").read()
    for number in range(2):
        with store.lease(LeaseOwner.current(f"run-{number}")) as lease:
            lease.renew()
            assert owner_of(store).run_id == f"run-{number}"


def test_a_deleted_lease_ends_the_writing(store: Store, s3: S3Server) -> None:
    """Somebody deletes the lease: the owner notices at its next beat and writes nothing more."""
    with store.lease(OWNER) as lease:
        s3.delete(store.url.split("/")[2], "out/_lease")
        with pytest.raises(LeaseLostError, match="was deleted"):
            lease.renew()
        with pytest.raises(LeaseLostError):
            store.write("pages/a.parquet", b"1")
    assert [] == store.list("pages")


def test_a_heartbeat_carries_the_progress_of_its_run(any_store: Store) -> None:
    """The progress of a run is read by any other machine, and stays when the lease is renewed for a write."""
    progress = RunProgress("reading", 60.0, 20, 0, 1, 50, 10, 100, listing_complete=True, pages_per_s=2.0)
    with any_store.lease(OWNER) as lease:
        assert owner_of(any_store).progress is None
        lease.carry(lambda: progress)
        lease.renew()
        any_store.write("runs/a.json", b"{}")

        assert progress == owner_of(any_store).progress
        assert any_store.is_leased()
