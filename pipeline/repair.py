"""Which attempt follows a bad one: a ladder that is data.

A page is bad if the engine wrote nothing on it, was cut off at its limit, or repeats itself. It is then asked again by
each rung that is against that, until one attempt is good; the least bad one stands if none is. What was tried is in the
row's `attempts`.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.quality import TRUNCATED
from pipeline.records import PageRow, Reason, Repair, Status

# The n-gram rule that the model's authors evaluate with, `infer(eval_mode=True)`, over what a page writes in a while:
# no loop of fewer than 990 tokens passes it. It may change a table of equal rows; only pages that are bad meet it.
_NGRAM_SIZE, _NGRAM_WINDOW = 35, 1024
# chandra's, for pages that repeat themselves; greedily a model would only write the same again.
_TEMPERATURE = 0.3

_LOOPS, _EMPTY, _CUT_OFF = Reason.REPETITION, Reason.EMPTY_OUTPUT, Reason.TRUNCATED

DEEPSEEK_OCR2 = (
    Repair(frozenset({_LOOPS}), _NGRAM_SIZE, _NGRAM_WINDOW),
    # Without boxes it writes less, so that a long page may come to its end.
    Repair(frozenset({_LOOPS, _EMPTY, _CUT_OFF}), _NGRAM_SIZE, _NGRAM_WINDOW, prompt="free_ocr"),
    Repair(frozenset({_LOOPS, _EMPTY}), _NGRAM_SIZE, _NGRAM_WINDOW, temperature=_TEMPERATURE),
)

KEPT_SHARE = 0.5  # of what the first attempt says before it repeats itself: with less, a page is not repaired but lost
_BY_HARM = (None, _CUT_OFF, _LOOPS)  # what is left, no text at all, is worse


def trouble(row: PageRow) -> Reason | None:
    """What is bad about a page that an engine was given; null if it is good."""
    if row.status is Status.FAILED:
        return row.reason
    if row.repetition_flag:
        return Reason.REPETITION
    return Reason.TRUNCATED if TRUNCATED in row.flags else None


def best_of(rows: Sequence[PageRow]) -> PageRow:
    """One row for a page from those of its attempts, which come in their order.

    The first good one stands, else the least bad; a later one only if it has `KEPT_SHARE` of the first one's text.
    """
    first = rows[0]
    enough = KEPT_SHARE * _characters(first)
    chosen = min((row for row in rows if row is first or _characters(row) >= enough), key=_harm)
    attempts = [
        replace(attempt, reason=attempt.reason or trouble(row) if attempt is row.attempts[-1] else attempt.reason)
        for row in rows
        for attempt in row.attempts
    ]
    engine_ms = sum(attempt.seconds for attempt in attempts) * 1000 if attempts else None
    row = replace(chosen, attempts=tuple(attempts), engine_ms=engine_ms)
    return row if chosen is first else replace(row, status=Status.REPAIRED, reason=trouble(first))


def _harm(row: PageRow) -> int:
    reason = trouble(row)
    return _BY_HARM.index(reason) if reason in _BY_HARM else len(_BY_HARM)


def _characters(row: PageRow) -> int:
    """Of the Markdown, up to where it runs periodically into its end."""
    return 0 if row.text is None or row.measures is None else len(row.text.markdown) - row.measures.repeated_tail_chars
