"""A run ends if most of what it reads fails for one reason."""

import pytest
from made_rows import rendered_page

from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.errors import TooManyFailuresError
from ocrmill.pipeline.quality.page_row import failed_row, unrendered_row
from ocrmill.pipeline.records import Attempt, Document, Reason, Source, Status, UnreadableDocument
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.scheduling.circuit_breaker import CircuitBreaker

WINDOW = 40
SETTINGS = WorkerSettings(stop_window=WINDOW, stop_share=0.5)


def failed_page(number: int, reason: Reason) -> PageRow:
    """The only page of a document of its own."""
    return failed_row(a_document(number), rendered_page(), reason, "said the engine")


def read_page(number: int, *, by_engine: bool) -> PageRow:
    attempts = (Attempt("cpu", 1.0),) if by_engine else ()
    status = Status.OK if by_engine else Status.TEXT_LAYER
    return PageRow(f"{number:064x}", f"/in/{number}.pdf", 1, 1, status, rendered_page(), attempts=attempts)


def a_document(number: int) -> Document:
    return Document(f"{number:064x}", Source(f"/in/{number}.pdf", "1", 1, f"/in/{number}.pdf"), 1)


def unreadable(number: int, reason: Reason) -> UnreadableDocument:
    return UnreadableDocument(None, a_document(number).source, reason, "ExpiredToken")


def state(breaker: CircuitBreaker) -> list[tuple[int, int]]:
    """Outcomes and failures in the windows of opening, rendering and recognizing."""
    windows = (breaker._opening, breaker._rendering, breaker._recognizing)
    return [(len(window._outcomes), window._reasons.total()) for window in windows]


@pytest.mark.parametrize("reason", [Reason.ENGINE_ERROR, Reason.ENGINE_TIMEOUT, Reason.RENDER_MEMORY])
def test_pages_that_all_fail_for_one_reason_end_the_run(reason: Reason) -> None:
    """The error comes with the window's last outcome, and names reason, share, an example and what to do."""
    breaker = CircuitBreaker(SETTINGS)
    for number in range(WINDOW - 1):
        breaker.add_page(failed_page(number, reason))
    with pytest.raises(TooManyFailuresError) as caught:
        breaker.add_page(failed_page(99, reason))

    for words in (f"{WINDOW} of the last {WINDOW} pages", reason, "/in/99.pdf", "said the engine", "ocrmill retry OUT"):
        assert words in str(caught.value)


def test_documents_that_cannot_be_had_end_the_run() -> None:
    """Expired credentials or a vanished mount: the documents are not to blame."""
    breaker = CircuitBreaker(SETTINGS)
    for number in range(WINDOW - 1):
        breaker.add_document(unreadable(number, Reason.UNREADABLE))
    with pytest.raises(TooManyFailuresError, match=r"documents failed with unreadable.*ExpiredToken"):
        breaker.add_document(unreadable(WINDOW, Reason.UNREADABLE))


@pytest.mark.parametrize(
    "reason", [Reason.PASSWORD_REQUIRED, Reason.DAMAGED, Reason.UNSUPPORTED_TYPE, Reason.ZERO_PAGES]
)
def test_bad_documents_never_end_the_run(reason: Reason) -> None:
    """A folder of nothing but locked or damaged files is read to its end."""
    breaker = CircuitBreaker(SETTINGS)
    for number in range(5 * WINDOW):
        breaker.add_document(unreadable(number, reason))
        breaker.add_page(failed_page(number, Reason.PAGE_DAMAGED))

    assert [(WINDOW, 0), (WINDOW, 0), (0, 0)] == state(breaker)


def test_pages_that_need_no_engine_do_not_hide_a_broken_one() -> None:
    """If nine pages of ten have a text layer, an engine that fails at every tenth page is broken."""
    breaker = CircuitBreaker(SETTINGS)
    for number in range(10 * (WINDOW - 1)):
        broken = number % 10 == 0
        breaker.add_page(failed_page(number, Reason.ENGINE_ERROR) if broken else read_page(number, by_engine=False))
    with pytest.raises(TooManyFailuresError, match="engine_error"):
        breaker.add_page(failed_page(10 * WINDOW, Reason.ENGINE_ERROR))


def test_failures_up_to_the_share_go_on() -> None:
    """Half of the pages may fail, again and again, and more of them for a moment that has passed."""
    breaker = CircuitBreaker(SETTINGS)
    for number in range(5 * WINDOW):
        failed = number % 2 == 0
        breaker.add_page(failed_page(number, Reason.ENGINE_ERROR) if failed else read_page(number, by_engine=True))

    assert [(0, 0), (WINDOW, 0), (WINDOW, WINDOW // 2)] == state(breaker)


def test_one_document_does_not_end_the_run() -> None:
    """5,000 pages of one document that crash the renderer, mixed with some good ones, stop nobody."""
    breaker = CircuitBreaker(SETTINGS)
    poison = Document("f" * 64, Source("/in/poison.pdf", "1", 1, "/in/poison.pdf"), 5000)
    for number in range(5000):
        breaker.add_page(unrendered_row(poison, number + 1, Reason.RENDER_CRASH, "SIGSEGV"))
        if number % 20 == 0:
            breaker.add_page(read_page(number, by_engine=False))

    assert [(0, 0), (WINDOW, WINDOW // 10), (0, 0)] == state(breaker)  # of one document, a tenth of a window


def test_a_share_of_one_turns_it_off() -> None:
    """Whoever wants to go on in spite of it can."""
    breaker = CircuitBreaker(WorkerSettings(stop_window=10, stop_share=1))
    for number in range(100):
        breaker.add_page(failed_page(number, Reason.ENGINE_ERROR))

    assert [(0, 0), (10, 0), (10, 10)] == state(breaker)
