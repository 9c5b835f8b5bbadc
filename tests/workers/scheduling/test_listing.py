"""Sources are listed ahead of their opening, in order, within a bound."""

import threading
import time
from collections.abc import Iterator

import pytest

from ocrmill.pipeline.errors import InputError
from ocrmill.pipeline.records import Source
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.scheduling.listing import Listing


def sources(count: int) -> Iterator[Source]:
    return (Source(f"{number}", "1", 1, "") for number in range(count))


def wait_for(listed: int, report: RunReport) -> None:
    until = time.monotonic() + 10
    while report.sources_listed < listed and time.monotonic() < until:
        time.sleep(0.01)


def test_sources_come_in_order_and_are_counted_before_they_are_taken() -> None:
    """All are listed while none is taken; they come in order, and after the last one none."""
    report = RunReport()
    listing = Listing(sources(150), report)
    wait_for(150, report)
    taken = [source.uri for batch in iter(lambda: listing.take(64), []) for source in batch]

    assert (150, True) == (report.sources_listed, report.listing_complete)
    assert [f"{number}" for number in range(150)] == taken
    assert listing.exhausted


def test_a_long_listing_waits_for_its_turn() -> None:
    """No more than the bound wait in memory; taking some lets the listing go on."""
    report = RunReport()
    listing = Listing(sources(1000), report, ahead=100)
    wait_for(101, report)

    assert (100, False) == (report.sources_listed, report.listing_complete)
    assert len(listing.take(40)) == 40
    wait_for(140, report)
    assert report.sources_listed == 140
    listing.close()


def test_an_error_comes_after_what_was_listed_before_it() -> None:
    """A listing that breaks off loses nothing that it had found, and does not end as if it were complete."""

    def broken() -> Iterator[Source]:
        yield from sources(3)
        raise InputError("the mount is gone")

    report = RunReport()
    listing = Listing(broken(), report)
    wait_for(3, report)
    assert len(listing.take(64)) == 3
    with pytest.raises(InputError, match="the mount is gone"):
        listing.take(64)
    assert (False, False) == (report.listing_complete, listing.exhausted)


def test_closing_wakes_whoever_waits() -> None:
    """A stop does not wait for a listing that hangs; what was not taken is not taken for done."""
    hanging = threading.Event()

    def slow() -> Iterator[Source]:
        yield from sources(1)
        hanging.wait(30)
        yield from sources(1)

    listing = Listing(slow(), RunReport())
    assert len(listing.take(64)) == 1
    threading.Timer(0.2, listing.close).start()
    started = time.monotonic()

    assert listing.take(64) == []
    assert time.monotonic() - started < 5
    assert not listing.exhausted
    hanging.set()
