"""The attempt at a page that stands, and what its row says of the others."""

import random

import pytest
from made_rows import rendered_page

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.quality.attempts import best_of, find_defect
from ocrmill.pipeline.quality.page_row import failed_row, recognized_row
from ocrmill.pipeline.records import Attempt, Document, PageText, Reason, Source, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.engines.deepseek_ocr2.retry_policy import RETRY_POLICY

DOCUMENT = Document("d" * 64, Source("/data/a.pdf", "v1", 1, "/data/a.pdf"), 1)
PAGE = rendered_page()
HONEST = "The mill turns when the river runs, and the miller counts the sacks that his sons have carried up the hill."
LOOP = HONEST + " again and again and again" * 200
DRIFT = HONEST + "\n\n" + "<pre> <pre></pre></pre>\n" * 60  # text, and then tags around nothing


def attempt(text: str, finish_reason: str = "stop", seconds: float = 1.0, prompt: str = "markdown") -> PageRow:
    """The row of one attempt that gave this text."""
    made = Attempt("deepseek-ocr2", seconds, prompt, 0.0, finish_reason, len(text))
    return recognized_row(DOCUMENT, PAGE, PageText(text, finish_reason=finish_reason), made, QualitySettings())


def nothing(reason: Reason = Reason.EMPTY_OUTPUT) -> PageRow:
    return failed_row(DOCUMENT, PAGE, reason, "no text", Attempt("deepseek-ocr2", 1.0, "markdown", reason=reason))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (attempt(HONEST), None),
        (attempt(LOOP), Reason.REPETITION),
        (attempt(HONEST, "repetition"), Reason.REPETITION),
        (attempt(HONEST, "length"), Reason.TRUNCATED),
        (attempt(LOOP, "length"), Reason.REPETITION),
        (nothing(), Reason.EMPTY_OUTPUT),
        (attempt(DRIFT), Reason.EMPTY_OUTPUT),
        (nothing(Reason.ENGINE_TIMEOUT), Reason.ENGINE_TIMEOUT),
    ],
)
def test_what_is_bad_about_a_page(row: PageRow, reason: Reason | None) -> None:
    """A page repeats itself, was cut off, has no text, or is good."""
    assert find_defect(row) is reason


def test_a_good_first_attempt_stands_as_it_is() -> None:
    """Nothing of its row changes."""
    for row in (attempt(HONEST), failed_row(DOCUMENT, PAGE, Reason.ENGINE_CRASH, "not tried")):
        assert best_of([row]) == row


def test_a_later_good_attempt_repairs_the_page() -> None:
    """Its text stands, with the reason of the first one; the row lists all attempts, and the time of all."""
    row = best_of([attempt(LOOP, seconds=2.0), nothing(), attempt(HONEST, prompt="free_ocr")])

    assert (row.status, row.reason, row.flags) == (Status.REPAIRED, Reason.REPETITION, ())
    assert row.text
    assert row.text.markdown == HONEST
    assert [each.reason for each in row.attempts] == [Reason.REPETITION, Reason.EMPTY_OUTPUT, None]
    assert [each.prompt for each in row.attempts] == ["markdown", "markdown", "free_ocr"]
    assert row.standing
    assert row.standing.prompt == "free_ocr"
    assert row.engine_ms == 4000


@pytest.mark.parametrize(
    ("rows", "stands", "reason"),
    [
        ([attempt(LOOP), attempt(LOOP + "!"), attempt(LOOP + "?")], 0, Reason.REPETITION),  # all loop: the first
        ([attempt(HONEST, "length"), attempt(LOOP)], 0, Reason.TRUNCATED),  # cut off is better than looping
        ([attempt(DRIFT), attempt(HONEST, "length")], 1, Reason.EMPTY_OUTPUT),
        ([nothing(), attempt(LOOP)], 1, Reason.EMPTY_OUTPUT),  # any text is better than none
        ([attempt(LOOP), nothing()], 0, Reason.REPETITION),
        ([attempt(LOOP), attempt("The mill.")], 0, Reason.REPETITION),  # good, but hardly anything of the page
    ],
)
def test_a_page_without_a_good_attempt_is_not_repaired(rows: list[PageRow], stands: int, reason: Reason) -> None:
    """The least bad attempt stands, `ok` with its flags, and its reason is what was bad about the first attempt."""
    row = best_of(rows)

    assert row.text == rows[stands].text
    assert row.flags == rows[stands].flags
    assert (row.status, row.reason) == (Status.OK, reason)
    assert len(row.attempts) == len(rows)


def test_a_page_without_text_fails() -> None:
    """If no attempt has text, the first one's reason is the row's."""
    row = best_of([nothing(), nothing(Reason.ENGINE_CRASH)])

    assert (row.status, row.reason, row.text) == (Status.FAILED, Reason.EMPTY_OUTPUT, None)


def test_a_page_that_looped_and_was_then_cut_off_counts_as_repetition() -> None:
    """The rule against loops only let it run to its limit: the kept text carries the flag, and says why."""
    row = best_of([attempt(LOOP, "repetition"), attempt(LOOP, "repetition"), attempt(HONEST, "length")])

    assert row.text
    assert row.text.markdown == HONEST
    assert (row.status, row.reason) == (Status.OK, Reason.REPETITION)
    assert row.flags == ("repetition", "looped_before", "truncated")
    assert row.repetition_flag


def test_what_a_loop_repeats_is_no_loss() -> None:
    """A good attempt that says what the first one said before it looped repairs the page, whatever the loop's form."""
    variants = "\n".join(random.Random(3).choices(["Hakate Toolbox", "Hoketo Toolbox", "Hekate ToolBox"], k=700))
    first = attempt(f"{HONEST}\n{variants}", "repetition")

    assert best_of([first, attempt(HONEST)]).status is Status.REPAIRED


def test_no_retry_repeats_an_earlier_attempt() -> None:
    """Each differs from all others, and is against something that `find_defect` finds."""
    ways = [(params.prompt, params.temperature, params.ngram_size, params.ngram_window) for params in RETRY_POLICY]

    assert len(set(ways)) == len(ways)
    found = {Reason.REPETITION, Reason.TRUNCATED, Reason.EMPTY_OUTPUT}
    assert set().union(*(params.handles for params in RETRY_POLICY)) == found
