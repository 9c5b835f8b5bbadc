"""The choice of the best among the attempts at a page.

A page is bad if the engine wrote nothing on it or hardly more than empty markup, was cut off at its limit, or repeats
itself. It is then read again with each entry of the engine's retry policy that handles that defect, until one attempt
is good; if none is, the least bad one stands. The row's `attempts` lists all of them.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from ocrmill.pipeline.quality.counting import without_counting
from ocrmill.pipeline.quality.flags import EMPTY_MARKUP, TRUNCATED, looped_before
from ocrmill.pipeline.quality.repetition import content_of
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


def best_of(rows: Sequence[PageRow]) -> PageRow:
    """Make one row for a page from those of its attempts, which come in their order.

    The first good one stands, else the least bad; a later one only if it says `KEPT_SHARE` of what the first one says.
    The page is `repaired` only if a later attempt that stands is good. If none is good it keeps the status of the
    attempt that stands (`ok` if that has text, else `failed`), its flags, and what was bad about the first attempt as
    its reason.
    """
    first = rows[0]
    enough = KEPT_SHARE * _says(first)
    chosen = min((row for row in rows if row is first or _says(row) >= enough), key=_harm)
    attempts = [
        replace(attempt, reason=attempt.reason or find_defect(row) if attempt is row.attempts[-1] else attempt.reason)
        for row in rows
        for attempt in row.attempts
    ]
    row = replace(chosen, attempts=tuple(attempts))
    defect = find_defect(first)
    if row.status is Status.FAILED or defect is None:
        return row
    if find_defect(chosen) is None:
        return replace(row, status=Status.REPAIRED, defect=defect)
    looped = _LOOPS in map(find_defect, takewhile(lambda row: row is not chosen, rows))
    if looped and row.reading is not None and find_defect(chosen) is _CUT_OFF:
        # Under a rule against its loop a looping page runs to its limit: the missing end is the same defect.
        row = replace(row, content=replace(row.reading, repetition_flag=True), flags=looped_before(chosen.flags))
    return replace(row, defect=defect)


def settled(rows: Sequence[PageRow]) -> PageRow:
    """Make one row for a page after the last of its attempts.

    It is `best_of` them, but blank instead of failed if every one came out empty and the page shows only a picture.
    """
    row = best_of(rows)
    picture = rows[0].content
    is_silent = all(each.status is Status.FAILED and each.reason is _EMPTY for each in rows)
    if isinstance(picture, PictureOnly) and is_silent:
        return replace(row, status=Status.BLANK, content=replace(picture, reason=Reason.PICTURE_ONLY), flags=())
    return row


def _harm(row: PageRow) -> int:
    """Order attempts from good to worst."""
    return len(_BY_HARM) if row.status is Status.FAILED else _BY_HARM.index(find_defect(row))


def _says(row: PageRow) -> int:
    """Count the characters of the different words and numbers of an attempt: a loop adds next to nothing to them."""
    if row.text is None:
        return 0
    content, _ = without_counting(content_of(row.text.markdown))
    return sum(map(len, set(content.split())))
