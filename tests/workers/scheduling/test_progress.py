"""The progress that a run shows of itself while it goes on."""

import io
import logging
from itertools import pairwise

import pytest
from waiting import wait_for

from ocrmill.pipeline.run_progress import READING, STOPPING
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.scheduling.progress import LINE_EVERY_S, TICK_S, Progress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def report() -> RunReport:
    return RunReport(pages_known=50, sources_opened=10, sources_listed=100, listing_complete=True)


def test_lines_come_by_time_and_not_by_pages(report: RunReport, caplog: pytest.LogCaptureFixture) -> None:
    """Every 30 s there is a line, in which no page may have ended, from the start of the workers on."""
    caplog.set_level(logging.INFO, "ocrmill")
    clock = Clock()
    progress = Progress(report, io.StringIO(), clock=clock)
    for second in range(1, 241):
        clock.now = float(second)
        if second == 60:
            progress.enter(READING)
        if second == 65:
            report.pages["ok"] += 5
        progress.show()

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 240 / 30
    assert lines[0] == "starting the workers, 30 s so far"
    assert "5 of about 500 pages" in lines[2]
    assert lines[2].endswith("to go")
    assert "no page has finished for 3 min" in lines[-1]


def test_a_cluster_shows_what_each_machine_does(report: RunReport) -> None:
    """Pages/s by the host that read them, once there is more than one; they add up to the whole rate."""
    clock = Clock()
    progress = Progress(report, io.StringIO(), clock=clock)
    progress.enter(READING)
    for second in range(1, 101):
        clock.now = float(second)
        report.pages["ok"] += 3
        report.pages_by_host.update({"gpu-1": 1} if second <= 50 else {"gpu-1": 1, "gpu-\x1b2": 4})
        progress.show()
        assert ("by node" in progress.snapshot().to_text()) == (second > 50)

    assert progress.snapshot().nodes == {"gpu-1": 1.0, "gpu-\x1b2": 2.0}
    assert progress.snapshot().to_text().endswith(r"; pages/s by node: gpu-\x1b2 2.0, gpu-1 1.0")
    assert progress.snapshot().pages_per_s == 3.0


def test_lines_come_although_the_event_loop_is_blocked(report: RunReport, caplog: pytest.LogCaptureFixture) -> None:
    """A thread of its own writes them; here nobody calls anything."""
    caplog.set_level(logging.INFO, "ocrmill")
    with Progress(report, io.StringIO(), line_every_s=0.5):
        wait_for(lambda: len(caplog.records) >= 2, what="two lines")


def test_a_slow_engine_is_heard_of_until_its_last_page(report: RunReport, caplog: pytest.LogCaptureFixture) -> None:
    """From the first page to the last no silence is longer than the time between lines, not in a stall either."""
    caplog.set_level(logging.INFO, "ocrmill")
    clock, times = Clock(), [0.0]
    progress = Progress(report, io.StringIO(), clock=clock)
    progress.enter(READING)
    for seconds in (60, 300, 60):  # of one page each
        for _ in range(seconds):
            clock.now += TICK_S
            progress.show()
            times += [clock.now] * (len(caplog.records) - len(times) + 1)
        report.pages["ok"] += 1

    assert max(after - before for before, after in pairwise([*times, clock.now])) <= LINE_EVERY_S + TICK_S
    assert any("no page has finished for" in record.getMessage() for record in caplog.records)
    assert "3 of about" not in caplog.records[0].getMessage()


def test_the_rate_is_that_of_the_last_minutes(report: RunReport) -> None:
    """A fast hour of text layers does not promise that the scans after it are as fast."""
    clock = Clock()
    progress = Progress(report, io.StringIO(), clock=clock)
    progress.enter(READING)
    for second in range(1, 3600 + 900):
        clock.now = float(second)
        report.pages["text_layer"] += 10 if second < 3600 else 1
        progress.show()

    assert progress.snapshot().pages_per_s == pytest.approx(1.0, rel=0.01)


def test_the_bar_has_pages_per_second_and_the_expected_total(report: RunReport) -> None:
    """A bar never shows seconds per page, and its percentage is that of all pages, not of those opened so far."""
    clock, terminal = Clock(), Terminal()
    progress = Progress(report, terminal, clock=clock)
    progress.enter(READING)
    report.pages["ok"] += 25
    clock.now = 100.0
    progress.show()
    shown = terminal.getvalue().rpartition("\r")[2]

    assert "5 %|" in shown
    assert "25 of about 500 pages" in shown
    assert "0.25 pages/s" in shown
    assert "s/ pages" not in terminal.getvalue()


def test_a_bar_without_a_known_total_shows_no_percentage(report: RunReport) -> None:
    """While the listing goes on, the bar is empty and the words say `more than`."""
    report.listing_complete = False
    terminal = Terminal()
    progress = Progress(report, terminal)
    progress.enter(READING)
    progress.show()

    assert "more than 500 pages" in terminal.getvalue()
    assert "  0 %|" in terminal.getvalue().rpartition("\r")[2]


def test_a_limit_of_documents_limits_what_is_expected(report: RunReport) -> None:
    """With --max-documents 20 only 20 of the 100 listed ones are waited for."""
    progress = Progress(report, io.StringIO(), max_documents=20)
    progress.enter(READING)

    assert progress.snapshot().pages_expected == 100


def test_after_a_stop_no_time_left_is_told(report: RunReport) -> None:
    """Pages in work are finished, the rest is left, and no time left is named."""
    progress = Progress(report, io.StringIO())
    progress.enter(READING)
    progress.enter(STOPPING)

    assert progress.snapshot().to_text().endswith("stopping after the pages in work")
