"""Notes in the margin of a paragraph: they are read after it, not within its sentences.

A layer has a note on the row that it stands beside. One beside the first row names what follows, and is read first.

Not covered: notes beside text that is not in one region with them, and marks of items, which begin what they stand
beside.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from ocrmill.pipeline.text.contents.item_marks import MARK
from ocrmill.pipeline.text.contents.part import Part, WordLine, is_listing
from ocrmill.pipeline.text.reading_order import enclosing
from ocrmill.pipeline.text.words import SOFT_HYPHEN

NOTE = "footnote"
_AWAY = 0.5  # of the type: so far from the text, at least
_LONG = 0.5  # of the longest line: lines of text that tell its margins
_MOST = 0.5  # notes for each line of text; terms of a glossary or labels of a form are more, beside ends of sentences
_BLANK = 0.25  # of the type, at least
_LINES = 3  # of a paragraph; two lines may be entries of a list, unless a word breaks between them
_LEVEL = 0.15  # of the type: a note stands on the baseline of its row, an index of a formula below it
_CUTS = "-\u2010" + SOFT_HYPHEN
_SENTENCE_END = re.compile(r"[.!?:;]['\")\]\u201d\u2019\u00bb]*$")

Notes = list[tuple[WordLine, WordLine]]  # the line of text that a note stands beside, and the note


def without_side_notes(lines: Sequence[WordLine]) -> tuple[list[WordLine], Notes]:
    """Return the lines of a paragraph without notes in its margin, and these, if a sentence goes on past one."""
    longest = max(line.box.width for line in lines)
    margins = enclosing([line.box for line in lines if line.box.width >= _LONG * longest])
    text = [
        line
        for line in lines
        if line.box.x1 > margins.x0 - _AWAY * line.size and line.box.x0 < margins.x1 + _AWAY * line.size
    ]
    ids = {id(line) for line in text}
    aside = [line for line in lines if id(line) not in ids]
    notes: Notes = []
    for note in aside:
        beside = next((line for line in text if _is_level(note, line)), None)
        if beside is None and notes and note.box.y0 > text[-1].box.y0:
            beside = text[-1]  # the notes go on below a short paragraph
        if beside is not None and beside is not text[0]:
            notes.append((beside, note))
    is_cut = any(_is_cut(upper, lower) for upper, lower in pairwise(text))
    stays = len(aside) > len(notes) + 1 or (len(text) < _LINES and not is_cut)
    if not notes or stays or is_listing(text) or any(MARK.fullmatch(note.text) for note in aside):
        return list(lines), []
    above = dict(zip(map(id, text[1:]), text, strict=False))
    pairs = [(above[id(beside)], beside) for beside, _ in notes]
    if not all(_SENTENCE_END.search(upper.text) or _is_full(upper, lower, margins.x1) for upper, lower in pairs):
        return list(lines), []
    amid = sum(_goes_on(upper, lower) and _is_full(upper, lower, margins.x1) for upper, lower in pairs)
    if not amid or (len(aside) > _MOST * len(text) and amid < len(pairs)):
        return list(lines), []
    taken = {id(note) for _, note in notes}
    return [line for line in lines if id(line) not in taken], notes


def with_side_notes(parts: Sequence[Part], notes: Notes) -> Iterator[Part]:
    """Give parts, each with the notes after it that stand beside its lines; those close below each other as one."""
    left = {id(note): (beside, note) for beside, note in notes}
    for part in parts:
        yield part
        ids = {id(line) for line in part.lines}
        own = [note for beside, note in left.values() if id(beside) in ids]
        for note in own:
            del left[id(note)]
        yield from _as_parts(own)
    yield from _as_parts([note for _, note in left.values()])


def _as_parts(notes: Sequence[WordLine]) -> Iterator[Part]:
    numbers = [0]
    for upper, lower in pairwise(notes):
        numbers.append(numbers[-1] + (not -lower.box.height < lower.box.y0 - upper.box.y1 < lower.box.height / 2))
    for _, group in groupby(zip(numbers, notes, strict=False), key=lambda pair: pair[0]):
        lines = tuple(note for _, note in group)
        yield Part(NOTE, lines, enclosing([line.box for line in lines]))


def _is_level(note: WordLine, line: WordLine) -> bool:
    return abs(note.words[0].baseline - line.words[0].baseline) < _LEVEL * line.size


def _is_full(upper: WordLine, lower: WordLine, right: float) -> bool:
    """Tell if a line has no room for the first word of the one below it."""
    return upper.box.x1 + _BLANK * upper.size + lower.words[0].box.width > right


def _goes_on(upper: WordLine, lower: WordLine) -> bool:
    """Tell if a word or a sentence goes on from one line into the one below it."""
    return upper.text[-1] in _CUTS or (not _SENTENCE_END.search(upper.text) and lower.text[0].islower())


def _is_cut(upper: WordLine, lower: WordLine) -> bool:
    """Tell if a word breaks at the end of a line."""
    return upper.text[-1] in _CUTS and upper.text[-2:-1].isalpha() and lower.text[0].islower()
