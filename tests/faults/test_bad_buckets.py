"""Buckets on bad days: they fail, stay silent, break off and refuse in mid-run, and no page is lost or read twice."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bucket_nights import Nights
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.pipeline.output.stores.bucket import EXPIRES_S, WATCH_S

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]
DOCUMENTS, PAGES = 4, 15


@pytest.fixture
def nights(s3: S3Server, faulty_s3: FaultyS3, tmp_path: Path) -> Iterator[Nights]:
    nights = Nights(s3, tmp_path)
    nights.reached_by = faulty_s3.settings.model_copy(update={"timeout_s": 3, "attempts": 4})
    for number in range(DOCUMENTS):
        nights.put(f"in/{number}.pdf", f"Number {number}. Text.", pages=PAGES)
    yield nights
    assert len(nights.pages()) == DOCUMENTS * PAGES
    nights.reached_by = s3.settings
    assert nights.night().stdout.startswith(f"nothing to do: {DOCUMENTS} sources")
    nights.assert_sound()


def start_in_shards(nights: Nights, *options: str, said: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start a night that writes a shard for every document, so at least four, however fast the machine is."""
    return nights.started_night("--set", f"output.shard_rows={PAGES}", *options, said=said)


def strike_in_mid_run(
    nights: Nights, faulty_s3: FaultyS3, strike: Callable[[], None], *options: str
) -> tuple[int, str]:
    """Strike when the second shard of a night comes, the first is durable then; give the exit code and what it said."""
    faulty_s3.at_request(2, strike, method="PUT", path="/corpus/pages/")
    with start_in_shards(nights, *options) as process:
        said = process.communicate(timeout=400)[0]
    return process.returncode, said


def test_a_minute_of_500(nights: Nights, faulty_s3: FaultyS3) -> None:
    """The bucket answers 500 for a minute: the run waits, and ends normally."""
    code, said = strike_in_mid_run(nights, faulty_s3, lambda: faulty_s3.answers(500, "InternalError", seconds=60))
    assert code == 0, said
    assert "Trying again for" in said


def test_throttling(nights: Nights, faulty_s3: FaultyS3) -> None:
    """The bucket answers 503 SlowDown for a while: the run backs off, and ends normally."""
    code, said = strike_in_mid_run(nights, faulty_s3, lambda: faulty_s3.answers(503, "SlowDown", seconds=20))
    assert code == 0, said


def test_silence(nights: Nights, faulty_s3: FaultyS3) -> None:
    """The bucket takes requests and says nothing: they time out and are sent again."""
    code, said = strike_in_mid_run(nights, faulty_s3, lambda: faulty_s3.hangs(times=5))
    assert code == 0, said


def test_cut_uploads(nights: Nights, faulty_s3: FaultyS3) -> None:
    """Uploads break off in the middle: nothing half-written is visible, and they are sent again."""
    strike = lambda: faulty_s3.cuts_requests(after=500, times=6, method="PUT")  # noqa: E731
    code, said = strike_in_mid_run(nights, faulty_s3, strike)
    assert code == 0, said


def test_lost_answers(nights: Nights, faulty_s3: FaultyS3) -> None:
    """Uploads arrive and their answers do not: they are sent again, and nothing is there twice."""
    code, said = strike_in_mid_run(nights, faulty_s3, lambda: faulty_s3.loses_answers(times=6, method="PUT"))
    assert code == 0, said


def test_cut_downloads(nights: Nights, faulty_s3: FaultyS3) -> None:
    """Downloads break off in the middle: they resume where they stopped."""
    faulty_s3.cuts_answers(after=5_000, times=6, method="GET", path=r"/in/")
    said = nights.night()
    assert said.returncode == 0, said.stderr


def test_credentials_that_expire(nights: Nights, faulty_s3: FaultyS3) -> None:
    """Credentials expire in mid-run: it stops and says so, what is durable stays, with new ones the rest is read."""
    strike = lambda: faulty_s3.answers(403, "ExpiredToken")  # noqa: E731
    code, said = strike_in_mid_run(
        nights, faulty_s3, strike, "--set", "output.retry_s=3", "--set", "storage.outage_s=3"
    )
    assert code == 1, said
    assert "credentials" in said
    faulty_s3.heals()
    first = nights.pages()
    assert 0 < len(first) < DOCUMENTS * PAGES
    time.sleep(EXPIRES_S + 1)  # of the lease that could not be given back
    assert nights.night().returncode == 0
    assert first.items() <= nights.pages().items(), "a finished page was read again"


def test_sigkill_of_a_writer_to_a_bucket(nights: Nights, faulty_s3: FaultyS3) -> None:
    """SIGKILL of a run that writes to a bucket: the next names its lease, waits, takes over and goes on."""
    process = start_in_shards(nights, said=subprocess.DEVNULL)
    faulty_s3.at_request(2, process.kill, method="PUT", path="/corpus/pages/")
    assert process.wait(timeout=100) == -signal.SIGKILL
    first = nights.pages()
    refused = nights.night()
    assert (refused.returncode, "can be taken over" in refused.stderr) == (1, True)
    time.sleep(EXPIRES_S)
    taken_over = nights.night()
    assert taken_over.returncode == 0, taken_over.stderr
    assert f"taking over in {WATCH_S:.0f} s" in taken_over.stderr
    assert first.items() <= nights.pages().items(), "a finished page was read again"
