"""Night after night over a bucket: new, changed, deleted and unchanged objects, by the nightly configuration."""

import json
import time
from pathlib import Path

import pytest
from bucket_nights import Nights
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.pipeline.output.stores.open import open_output


def last_totals(nights: Nights) -> dict[str, dict[str, int]]:
    store = open_output(nights.out, nights.s3.settings)
    totals: dict[str, dict[str, int]] = json.loads(store.read(store.list("runs", ".json")[-1]))["totals"]
    return totals


@pytest.fixture
def nights(s3: S3Server, tmp_path: Path) -> Nights:
    return Nights(s3, tmp_path)


def test_three_nights(nights: Nights) -> None:
    """Each night reads what is new or changed and nothing else; what changed supersedes, what was deleted stays."""
    nights.put("in/same.pdf", "Same. Every night.", pages=3)
    nights.put("in/changes.pdf", "First. It will change.")
    nights.put("in/deleted.pdf", "Deleted. It goes.")
    nights.put("elsewhere/not-asked-for.pdf", "Other. Not below the prefix.")
    assert nights.night().returncode == 0
    first = nights.pages()
    assert {
        "same.pdf#1 Same",
        "same.pdf#2 Same",
        "same.pdf#3 Same",
        "changes.pdf#1 First",
        "deleted.pdf#1 Deleted",
    } == set(first)

    nights.put("in/changes.pdf", "Second. It has changed.")
    nights.put("in/new.pdf", "New. Of this night.")
    nights.s3.put(nights.source, "in/copy-of-same.pdf", nights.s3.get(nights.source, "in/same.pdf"))
    nights.s3.delete(nights.source, "in/deleted.pdf")
    second_night = nights.night()
    assert second_night.returncode == 0
    assert "1 known sources are missing now" in second_night.stdout
    second = nights.pages()
    assert {"changes.pdf#1 Second", "new.pdf#1 New"} == second.keys() - first.keys()
    assert first.items() <= second.items(), "a page of the first night was read again, or is gone"
    supersedes = nights.table("documents").filter("supersedes is not null").project("source, supersedes").fetchall()
    old = nights.table("pages").filter("markdown like '%First%'").project("document_id").fetchall()
    assert [(f"s3://{nights.source}/in/changes.pdf", *old[0])] == supersedes
    assert (2, 2) == (sum(last_totals(nights)["documents"].values()), sum(last_totals(nights)["pages"].values()))

    third_night = nights.night()
    assert (0, "nothing to do: 4 sources are in") == (third_night.returncode, third_night.stdout[:31])
    assert second == nights.pages()
    nights.assert_sound()

    compacted = nights.call("compact", nights.out)
    assert "1 superseded documents" in compacted.stdout
    assert second.keys() - {"changes.pdf#1 First"} == nights.pages().keys()
    assert nights.night().stdout.startswith("nothing to do: 4 sources")
    status = nights.call("status", nights.out)
    assert "state       finished" in status.stdout
    nights.assert_sound()


def test_a_listing_that_breaks_off_says_nothing_of_what_was_deleted(nights: Nights, faulty_s3: FaultyS3) -> None:
    """Objects that were not listed are not taken for deleted; the night ends with 3, the next one is whole again."""
    nights.put("in/000.pdf", "One. For all.")
    for number in range(1, 120):
        nights.s3.put(nights.source, f"in/{number:03}.pdf", nights.s3.get(nights.source, "in/000.pdf"))
    assert nights.night().returncode == 0
    nights.s3.delete(nights.source, "in/000.pdf")

    faulty_s3.answers(503, "SlowDown", path=r"prefix=in.*continuation-token|continuation-token.*prefix=in\b")
    nights.reached_by = faulty_s3.settings.model_copy(update={"attempts": 1, "outage_s": 0.0})
    broken_off = nights.night()
    assert (3, True) == (broken_off.returncode, "SlowDown" in broken_off.stderr), broken_off.stderr
    assert "not there any more" not in broken_off.stdout
    faulty_s3.heals()
    assert "1 known sources are missing now" in nights.night().stdout


@pytest.mark.fault
def test_two_nights_that_overlap(nights: Nights) -> None:
    """While one night writes, the next one stops at once and says who holds the lease; the first is not disturbed."""
    for number in range(3):
        nights.put(f"in/{number}.pdf", f"Number {number}. Text.", pages=20)
    with nights.started_night() as first:
        bucket = nights.out.split("/")[2]
        while "corpus/_lease" not in nights.s3.keys(bucket):
            time.sleep(0.05)
        second = nights.night()
        assert first.poll() is None, "the first night was over before the second began"
        assert second.returncode == 1
        assert f"process {first.pid} on" in second.stderr
    assert first.returncode == 0
    assert len(nights.pages()) == 60
    nights.assert_sound()


@pytest.mark.fault
def test_the_time_budget_ends_a_night(nights: Nights) -> None:
    """--time-budget over a bucket ends with 75 and durable rows; the next night goes on with the rest."""
    for number in range(8):
        nights.put(f"in/{number}.pdf", f"Number {number}. Text.", pages=100)
    ended = nights.night("--time-budget", "4s", "--set", "workers.drain_s=0.5")
    assert ended.returncode == 75, ended.stderr
    first = nights.pages()
    assert nights.night().returncode == 0
    assert first.items() <= nights.pages().items(), "a finished page was read again"
    assert len(nights.pages()) == 800
    nights.assert_sound()
