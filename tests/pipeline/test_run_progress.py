"""The words and the estimate of a run's progress."""

from functools import partial

import pytest

from ocrmill.pipeline.run_progress import READING, STARTING, STOPPING, RunProgress, duration_text

reading = partial(RunProgress, READING, 100.0)


def test_documents_that_are_not_opened_yet_count_with_the_mean() -> None:
    """10 of 100 listed documents are open, with 50 pages: 500 are expected, and the time left is that of 480."""
    progress = reading(
        pages_done=20, pages_known=50, documents_opened=10, documents_listed=100, listing_complete=True, pages_per_s=2.0
    )

    assert (500, 240.0) == (progress.pages_expected, progress.left_s)
    assert "20 of about 500 pages (10 of 100 documents opened), 2.0 pages/s" in progress.to_text()
    assert progress.to_text().endswith("about 4 min to go")


def test_a_listing_that_goes_on_promises_no_end() -> None:
    """As long as more documents may come, pages and time are `more than`, not `about`."""
    text = reading(pages_done=5, pages_known=50, documents_opened=10, documents_listed=20, pages_per_s=1.0).to_text()

    assert "5 of more than 100 pages" in text
    assert text.endswith("more than 2 min to go")


def test_pages_that_are_all_known_are_not_estimated() -> None:
    """Once every document is open, the number of pages is exact."""
    progress = reading(
        pages_done=40, pages_known=50, documents_opened=3, documents_listed=3, listing_complete=True, pages_per_s=0.05
    )

    assert "40 of 50 pages (3 of 3 documents opened), 0.05 pages/s" in progress.to_text()
    assert progress.to_text().endswith("about 3 min to go")


@pytest.mark.parametrize("phase", [STARTING, STOPPING])
def test_no_time_is_told_where_none_is_known(phase: str) -> None:
    """While workers start, and after a stop, no time left is claimed; a rate of zero claims none either."""
    assert RunProgress(phase, 7.0, pages_known=9, documents_opened=3, pages_per_s=1.0).left_s is None
    assert "to go" not in RunProgress(phase, 7.0).to_text()
    assert reading(pages_known=9, documents_opened=3, documents_listed=3).left_s is None
    few = reading(pages_done=4, pages_known=90, documents_opened=3, documents_listed=3, pages_per_s=0.1)
    assert few.left_s is None, "the first pages wait until models are loaded"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5300, "88 min"), (5400, "1.5 h"), (1e6, "11.6 days")],
)
def test_durations_have_the_unit_that_suits_them(seconds: float, text: str) -> None:
    """Seconds up to 90, then minutes, hours and days."""
    assert text == duration_text(seconds)
