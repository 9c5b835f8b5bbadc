"""The outcomes of a document's pages are kept in one place, which makes the document's row."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rows import made_id, made_page, made_reading, made_source

from ocrmill.pipeline.output.ledger import PageOutcome
from ocrmill.pipeline.output.schema import PAGE_COUNTS
from ocrmill.pipeline.records import Document, Failure, Reason, Status
from ocrmill.workers.scheduling.document_progress import DocumentProgress

outcomes = st.builds(PageOutcome, st.sampled_from(Status), st.booleans(), st.booleans())


def begun(pages: int, durable: dict[int, PageOutcome] | None = None, **others: Any) -> DocumentProgress:
    document = Document(made_id("a"), made_source("a"), pages)
    return DocumentProgress.begin(document, document.source, durable=durable or {}, **others)


@given(st.lists(st.tuples(outcomes, st.booleans()), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_row_says_what_became_of_each_page(drawn: list[tuple[PageOutcome, bool]], order: random.Random) -> None:
    """Its counts are those of pages 1 to page_count, read in any order, in this run or in one that was killed."""
    pages = dict(enumerate(drawn, 1))
    progress = begun(len(pages), {number: outcome for number, (outcome, is_durable) in pages.items() if is_durable})
    for number in order.sample(sorted(progress.missing), len(progress.missing)):
        outcome = pages[number][0]
        flags = ("long_run",) if outcome.flagged else ()
        content = made_reading("text", repetition_flag=outcome.repetitive)
        progress.add(made_page("a", number, len(pages), outcome.status, flags=flags, content=content))

    row, expected = progress.row(), [outcome for outcome, _ in drawn]
    assert (progress.is_whole, progress.missing, row.page_count) == (True, set(), len(drawn))
    for status, column in PAGE_COUNTS.items():
        assert getattr(row, column) == sum(outcome.status is status for outcome in expected)
    assert row.pages_flagged == sum(outcome.flagged for outcome in expected)
    assert row.repetition_rate == sum(outcome.repetitive for outcome in expected) / len(expected)


@pytest.mark.parametrize("number", [1, 2, 0, 4])
def test_a_page_is_counted_once(number: int) -> None:
    """A page that is read, one that was durable before, and one that the document does not have are refused."""
    progress = begun(3, {2: PageOutcome(Status.OK, flagged=False, repetitive=False)})
    progress.add(made_page("a", 1, 3))

    with pytest.raises(KeyError, match="is not awaited"):
        progress.add(made_page("a", number, 3))
    assert (progress.missing, len(progress.outcomes)) == ({3}, 2)


def test_rows_that_replace_others_wait_for_the_last() -> None:
    """The old rows stay until all new ones are there, so that a reader never sees half of either."""
    progress, fresh = begun(2, before={}), begun(2)
    pages = [made_page("a", number, 2) for number in (1, 2)]

    assert [progress.add(page) for page in pages] == [False, False]
    assert progress.waiting == pages
    assert [fresh.add(page) for page in pages] == [True, True]
    assert fresh.waiting is None


@pytest.mark.parametrize(
    ("was", "reason", "stays"),
    [
        (Status.OK, Reason.ENGINE_TIMEOUT, True),
        (Status.TEXT_LAYER, Reason.RENDER_TIMEOUT, True),
        (Status.BLANK, Reason.CHANGED, True),
        (Status.FAILED, Reason.ENGINE_TIMEOUT, False),
        (Status.OK, Reason.UNSUPPORTED_SCRIPT, False),
        (Status.OK, Reason.EMPTY_OUTPUT, False),
    ],
)
def test_a_text_is_not_given_up_for_a_failure_that_says_nothing_about_it(
    was: Status, reason: Reason, stays: bool
) -> None:
    """A dead engine or a slow disk leaves the old row; a judgement about the page replaces it, also by a failure."""
    before = PageOutcome(was, flagged=True, repetitive=False)
    progress = begun(1, before={1: before})
    row = made_page("a", 1, 1, Status.FAILED, content=Failure(reason, "this time"))
    assert not progress.add(row)

    assert progress.waiting == ([] if stays else [row])
    assert progress.outcomes[1] == (before if stays else PageOutcome(Status.FAILED, flagged=False, repetitive=False))


def test_of_a_document_that_is_wanted_in_part_the_rest_stays_open() -> None:
    """Once what is wanted is read nothing is missing, but the document is not whole and has no row."""
    progress = begun(3, wanted={1, 2}, durable={1: PageOutcome(Status.OK, flagged=False, repetitive=False)})
    assert progress.missing == {2}
    progress.add(made_page("a", 2, 3))

    assert (progress.missing, progress.is_whole) == (set(), False)
    with pytest.raises(AssertionError):
        progress.row()
