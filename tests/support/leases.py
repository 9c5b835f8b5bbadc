"""Leases of outputs in tests: their owner, processes that hold one, times of seconds, and clocks that are off."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest
from processes import next_line
from waiting import wait_for

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets import obstore as obstore_bucket
from ocrmill.pipeline.buckets import s3 as s3_bucket
from ocrmill.pipeline.output.stores import bucket as bucket_store
from ocrmill.pipeline.output.stores import local as local_store
from ocrmill.pipeline.output.stores import store as store_module
from ocrmill.pipeline.output.stores.store import LeaseOwner, Store

OWNER = LeaseOwner.current("run-1")
# Seconds instead of a minute; the proportions are about those of the real ones.
HEARTBEAT_S, EXPIRES_S, FRESH_S, WATCH_S = 0.2, 2.2, 0.4, 0.3
ROUNDED_S = 1.0  # of a bucket's clock, which counts whole seconds
SHORT_TIMES = f"""
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
_HOLDER = f"""{SHORT_TIMES}
with output.lease(store.LeaseOwner.current("holder")):
    print("held", flush=True)
    sys.stdin.readline()
    try:
        output.write("pages/late.parquet", b"late")
    except LeaseLostError as error:
        print(error, flush=True)
"""


def owner_of(store: Store) -> LeaseOwner:
    """The owner that the store's lease names; there has to be one."""
    owner = store.lease_owner()
    assert owner is not None
    return owner


def shorten_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the leases of this process beat and expire as those of `holder` do."""
    monkeypatch.setattr(store_module, "HEARTBEAT_S", HEARTBEAT_S)
    for name, value in (("EXPIRES_S", EXPIRES_S), ("FRESH_S", FRESH_S), ("WATCH_S", WATCH_S)):
        monkeypatch.setattr(bucket_store, name, value)


def let_it_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait until a lease whose owner is dead has expired, by the short times, which count here from now on.

    Before that, the real ones count, by which a lease does not expire because the machine is busy.
    """
    shorten_times(monkeypatch)
    time.sleep(EXPIRES_S + ROUNDED_S)


def wait_for_heartbeat(store: Store) -> None:
    """Wait until the lease's owner has renewed it; a bucket's clock takes up to a second to show that."""
    before = owner_of(store).heartbeat
    wait_for(lambda: owner_of(store).heartbeat > before, 60, "a heartbeat")


@contextmanager
def holder(store: Store, settings: StorageSettings, skew_h: float = 0) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease; given a line, it tries to write a shard."""
    arguments = [sys.executable, "-c", _HOLDER, store.url, settings.model_dump_json()]
    environment = {**os.environ, "SKEW_H": str(skew_h)}
    with subprocess.Popen(
        arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert next_line(process) == "held\n"
            yield process
        finally:
            process.kill()


def set_clock(monkeypatch: pytest.MonkeyPatch, skew_h: int) -> None:
    """Set the clock of this process, for everything of ours that looks at one, so many hours ahead."""

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(hours=skew_h)

    for module in (store_module, bucket_store, local_store, obstore_bucket, s3_bucket):
        if hasattr(module, "datetime"):
            monkeypatch.setattr(module, "datetime", Skewed)
