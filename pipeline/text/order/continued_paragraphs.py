"""Paragraphs that break off at the end of a column and go on at the head of the next one."""

from collections.abc import Sequence
from dataclasses import replace

from ocrmill.pipeline.text.contents.part import Part

_WRAPPED = 2  # lines of a paragraph that goes on in the next column, on both sides
_HALF_POINT = 0.5
_PROSE_WORDS, _FULL = 3, 0.7  # of its last line, and of its widest line: entries of a reference card end short


def over_columns(parts: Sequence[Part], *, right_to_left: bool) -> list[Part]:
    """Join a paragraph that breaks off at the end of a column with its rest at the head of the next one."""
    out: list[Part] = []
    for part in parts:
        if out and _goes_on_beside(out[-1], part, right_to_left=right_to_left):
            before = out[-1]
            out[-1] = replace(before, lines=before.lines + part.lines, elsewhere=(*before.elsewhere, part.box))
        else:
            out.append(part)
    return out


def _goes_on_beside(one: Part, other: Part, *, right_to_left: bool) -> bool:
    """Tell if a paragraph stands beside one above whose last word or sentence breaks off, in the same type."""
    if not one.label == other.label == "text" or min(len(one.lines), len(other.lines)) < _WRAPPED:
        return False
    last, first = one.lines[-1], other.lines[0]
    beside = first.box.x1 <= last.box.x0 if right_to_left else first.box.x0 >= last.box.x1
    is_head = first.box.y0 < last.box.y0 and abs(first.size - last.size) < _HALF_POINT
    begins = first.text[:1]
    widest = max(line.box.width for line in one.lines)
    is_prose = min(len(last.words), len(first.words)) >= _PROSE_WORDS and last.box.width >= _FULL * widest
    is_word = last.text[-1] in "-\u00ad\u2010" and begins.isalnum()
    return (
        beside
        and is_head
        and is_prose
        and (is_word or (begins.islower() and (last.text[-1].isalnum() or last.text[-1] == ",")))
    )
