"""Sources are listed ahead of their opening, in order, within a bound."""

import threading
from collections.abc import Iterator

import pytest
from waiting import wait_for

from ocrmill.pipeline.errors import InputError
from ocrmill.pipeline.records import Source
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.scheduling.listing import Listing


def sources(count: int) -> Iterator[Source]:
    return (Source(f"{number}", "1", 1, "") for number in range(count))


def test_sources_come_in_order_and_are_counted_before_they_are_taken() -> None:
    """All are listed while none is taken; they come in order, and after the last one none."""
    report = RunReport()
    listing = Listing(sources(150), report)
    wait_for(lambda: report.listing_complete)
    taken = [source.uri for batch in iter(lambda: listing.take(64), []) for source in batch]

    assert (150, True) == (report.sources_listed, report.listing_complete)
    assert [f"{number}" for number in range(150)] == taken
    assert listing.exhausted


def test_a_long_listing_waits_for_its_turn() -> None:
    """No more than the bound wait in memory; taking some lets the listing go on."""
    report, found = RunReport(), [0]

    def counted() -> Iterator[Source]:
        for source in sources(1000):
            found[0] += 1
            yield source

    listing = Listing(counted(), report, ahead=100)
    wait_for(lambda: found[0] > 100)
    assert (100, False) == (report.sources_listed, report.listing_complete)
    assert len(listing.take(40)) == 40
    wait_for(lambda: found[0] > 140)
    assert (140, False) == (report.sources_listed, report.listing_complete)
    listing.close()


def test_an_error_comes_after_what_was_listed_before_it() -> None:
    """A listing that breaks off loses nothing that it had found, and does not end as if it were complete."""

    def broken() -> Iterator[Source]:
        yield from sources(3)
        raise InputError("the mount is gone")

    report = RunReport()
    listing = Listing(broken(), report)
    wait_for(lambda: report.sources_listed == 3)
    assert len(listing.take(64)) == 3
    with pytest.raises(InputError, match="the mount is gone"):
        listing.take(64)
    assert (False, False) == (report.listing_complete, listing.exhausted)


def test_closing_wakes_whoever_waits() -> None:
    """A stop does not wait for a listing that hangs; what was not taken is not taken for done."""
    hanging = threading.Event()

    def slow() -> Iterator[Source]:
        yield from sources(1)
        hanging.wait()
        yield from sources(1)

    listing = Listing(slow(), RunReport())
    assert len(listing.take(64)) == 1
    threading.Timer(0.2, listing.close).start()

    assert listing.take(64) == []
    assert not listing.exhausted
    hanging.set()


@pytest.mark.parametrize("taken", [1, 2])
def test_a_stop_after_the_last_source_leaves_none(taken: int) -> None:
    """A listing that is closed once all was found is exhausted if all was taken, whoever noticed its end."""
    report = RunReport()
    listing = Listing(sources(2), report)
    wait_for(lambda: report.listing_complete)
    assert len(listing.take(taken)) == taken
    listing.close()

    assert listing.take(64) == []
    assert listing.exhausted == (taken == 2)
