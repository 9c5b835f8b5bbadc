"""The choice of the best among the attempts at a page.

A page is bad if the engine wrote nothing on it or hardly more than empty markup, was cut off at its limit, or repeats
itself. It is then read again with each entry of the engine's retry policy that handles that defect, until one attempt
is good; if none is, the least bad one stands. The row's `attempts` lists all of them.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import takewhile

from ocrmill.pipeline.quality.flags import EMPTY_MARKUP, TRUNCATED, looped_before
from ocrmill.pipeline.quality.repetition.counting import without_counting
from ocrmill.pipeline.quality.repetition.measures import content_of
from ocrmill.pipeline.records import Reason, Status
from ocrmill.pipeline.rows import PageRow, PictureOnly

_LOOPS, _EMPTY, _CUT_OFF = Reason.REPETITION, Reason.EMPTY_OUTPUT, Reason.TRUNCATED

KEPT_SHARE = 0.5  # of the content of the first attempt: a good attempt with less has not repaired the page but lost it
_BY_HARM = (None, _CUT_OFF, _EMPTY, _LOOPS)  # of attempts with text; one without any is worse


def find_defect(row: PageRow) -> Reason | None:
    """Return the defect of a page that an engine read; None if it is good."""
    if row.status is Status.FAILED:
        return row.reason
    if row.repetition_flag:
        return Reason.REPETITION
    if TRUNCATED in row.flags:
        return Reason.TRUNCATED
    return Reason.EMPTY_OUTPUT if EMPTY_MARKUP in row.flags else None


def best_of(rows: Sequence[PageRow], asked: AbstractSet[str] = frozenset()) -> PageRow:
    """Make one row for a page from those of its attempts, which come in their order.

    Args:
        rows: Of the attempts.
        asked: Flags that some attempt answers, so that fewer of them are better.

    The first good one stands, else the least bad; a later one only if it says `KEPT_SHARE` of what the first one says.
    The page is `repaired` only if a later attempt that stands is good. If none is good it keeps the status of the
    attempt that stands (`ok` if that has text, else `failed`), its flags, and what was bad about the first attempt as
    its reason. The page's own text stays `text_layer`, with that reason.
    """
    first = rows[0]
    enough = KEPT_SHARE * _says(first)
    chosen = min(
        (row for row in rows if row is first or _says(row) >= enough), key=lambda row: (_harm(row), *_doubt(row, asked))
    )
    doubtful = asked if len(rows) > 1 else frozenset[str]()
    attempts = [
        replace(attempt, reason=attempt.reason or _trouble(row, doubtful)) if attempt is row.attempts[-1] else attempt
        for row in rows
        for attempt in row.attempts
    ]
    row = replace(chosen, attempts=tuple(attempts))
    defect = _trouble(first, asked)
    if row.status is Status.FAILED or defect is None or (chosen is first and find_defect(first) is None):
        return row
    if find_defect(chosen) is None:
        is_layer = row.status is Status.TEXT_LAYER
        return replace(row, status=row.status if is_layer else Status.REPAIRED, defect=defect)
    looped = _LOOPS in map(find_defect, takewhile(lambda row: row is not chosen, rows))
    if looped and row.reading is not None and find_defect(chosen) is _CUT_OFF:
        # Under a rule against its loop a looping page runs to its limit: the missing end is the same defect.
        row = replace(row, content=replace(row.reading, repetition_flag=True), flags=looped_before(chosen.flags))
    return replace(row, defect=defect)


def settled(rows: Sequence[PageRow], asked: AbstractSet[str] = frozenset()) -> PageRow:
    """Make one row for a page after the last of its attempts.

    It is `best_of` them, but blank instead of failed if every one came out empty and the page shows only a picture.
    """
    row = best_of(rows, asked)
    picture = rows[0].content
    is_silent = all(each.status is Status.FAILED and each.reason is _EMPTY for each in rows)
    if isinstance(picture, PictureOnly) and is_silent:
        return replace(row, status=Status.BLANK, content=replace(picture, reason=Reason.PICTURE_ONLY), flags=())
    return row


def _harm(row: PageRow) -> int:
    """Order attempts from good to worst."""
    return len(_BY_HARM) if row.status is Status.FAILED else _BY_HARM.index(find_defect(row))


def _trouble(row: PageRow, asked: AbstractSet[str]) -> Reason | None:
    return find_defect(row) or (None if asked.isdisjoint(row.flags) else Reason.DOUBTFUL)


def _doubt(row: PageRow, asked: AbstractSet[str]) -> tuple[int, float]:
    """Order attempts with the same defect: by the flags that some attempt answers, then by the measures behind them."""
    raised = len({*row.flags} & asked)
    if not raised:
        return 0, 0.0
    unsure = 1 - row.text.confidence if row.text is not None and row.text.confidence is not None else 0.0
    seen = None if row.reading is None else row.reading.agreement
    wrong = 0.0 if seen is None else seen.agreement_missing + seen.agreement_invented + seen.agreement_misread
    return raised, unsure + wrong


def _says(row: PageRow) -> int:
    """Count the characters of the different words and numbers of an attempt: a loop adds next to nothing to them."""
    if row.text is None:
        return 0
    content, _ = without_counting(content_of(row.text.markdown))
    return sum(map(len, set(content.split())))
