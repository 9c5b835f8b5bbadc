"""The lease of an output where a clock is off: of who writes, of who reads, of who wants to write."""

from datetime import UTC, datetime

import pytest
from leases import EXPIRES_S, OWNER, holder, let_it_expire, owner_of, set_clock, wait_for_heartbeat
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets.bucket import BucketUrl, http_time
from ocrmill.pipeline.buckets.connect import open_bucket
from ocrmill.pipeline.errors import LeaseHeldError
from ocrmill.pipeline.output.stores.store import Store

NEAR_S = 5  # far from the two hours by which clocks are off


@pytest.mark.fault
@pytest.mark.parametrize("skew_h", [2, -2], ids=["ahead", "behind"])
def test_a_clock_that_is_off_gives_and_takes_no_lease(
    anywhere: tuple[Store, StorageSettings], skew_h: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose clock is two hours off keeps its lease while it lives, and leaves it to the next when it is dead."""
    store, settings = anywhere
    with holder(store, settings, skew_h) as process:
        for _ in range(3):
            assert store.is_leased()
            assert abs((datetime.now(UTC) - owner_of(store).heartbeat).total_seconds()) < NEAR_S
            with pytest.raises(LeaseHeldError, match="is writing there"), store.lease(OWNER):
                pytest.fail("its owner lives")
            wait_for_heartbeat(store)
        process.kill()
        process.wait()
        let_it_expire(monkeypatch)
        assert not store.is_leased()
        with store.lease(OWNER):
            assert owner_of(store).run_id == "run-1"


@pytest.mark.parametrize("skew_h", [2, -2], ids=["ahead", "behind"])
def test_who_reads_with_a_clock_that_is_off_sees_who_writes(
    any_store: Store, settings: StorageSettings, skew_h: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status` and `verify` judge a lease by the bucket's clock, and write nothing to learn what time it is there."""
    set_clock(monkeypatch, skew_h)
    with holder(any_store, settings) as process:
        before = any_store.list("", suffix="")
        assert any_store.is_leased()
        assert verify(any_store, repair=False).findings[0].text == "runs that are writing here now: 1"
        status = read_status(any_store)
        assert status.writer is not None
        assert status.writer.alive
        assert status.writer.heartbeat_age_s is not None
        assert status.writer.heartbeat_age_s < NEAR_S
        process.kill()
        process.wait()
        let_it_expire(monkeypatch)
        status = read_status(any_store)
        assert status.writer is not None
        assert not status.writer.alive
        assert status.writer.heartbeat_age_s is not None
        assert EXPIRES_S <= status.writer.heartbeat_age_s < 60
        assert before == any_store.list("", suffix="")


@pytest.mark.fault
@pytest.mark.parametrize("skew_h", [2, -2], ids=["ahead", "behind"])
def test_who_has_a_clock_that_is_off_takes_no_lease(
    anywhere: tuple[Store, StorageSettings], skew_h: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose clock is two hours off does not take a lease from one that lives, and does from one that is dead."""
    store, settings = anywhere
    set_clock(monkeypatch, skew_h)
    with holder(store, settings) as process:
        for _ in range(3):
            with pytest.raises(LeaseHeldError, match="is writing there"), store.lease(OWNER):
                pytest.fail("its owner lives")
            wait_for_heartbeat(store)
        process.kill()
        process.wait()
        let_it_expire(monkeypatch)
        with store.lease(OWNER):
            assert owner_of(store).run_id == "run-1"


def test_a_refusal_tells_the_time_too(faulty_s3: FaultyS3, s3: S3Server) -> None:
    """A reader who may not look at the bucket itself, only at what lies in it, learns what time it is there."""
    bucket = open_bucket(BucketUrl("s3", s3.bucket()), faulty_s3.settings)
    faulty_s3.answers(403, "AccessDenied", method="HEAD")

    now = bucket.now()
    assert now is not None
    assert abs((datetime.now(UTC) - now).total_seconds()) < NEAR_S


@pytest.mark.parametrize("header", [None, "", "yesterday", "Sat, 99 Nov 2026 20:58:48 GMT"])
def test_an_answer_without_a_date_tells_no_time(header: str | None) -> None:
    """A server that dates its answers otherwise, or not at all, is no reason to fail: this machine's clock counts."""
    assert http_time(header) is None


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_a_date_has_a_time_zone(zone: str) -> None:
    """HTTP's dates are in GMT, however a server writes that."""
    assert http_time(f"Sat, 28 Nov 2026 20:58:48 {zone}") == datetime(2026, 11, 28, 20, 58, 48, tzinfo=UTC)
