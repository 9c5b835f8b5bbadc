"""Footnotes tied to their marks, where both are on the page without doubt; else marks stay superscripts.

A note is known by its label, or stands at the end of a column or of the page's text and begins with a raised number. A
mark is a raised number at the end of a word. They are tied if the page has each of them once, the mark first. Labels
name the page, so that those of a document stay apart when its pages are put together.

Not covered: letters and signs as marks, several numbers at one place, a note that is referred to twice, one whose mark
is in a table or a link.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ocrmill.pipeline.text.contents.part import Part, WordLine
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.words import Rise, Word

_FOOTNOTE = "footnote"
_TEXTS = frozenset({"text", "list", "heading", "title", "caption"})  # that marks stand in
_AROUND = frozenset({"header", "footer", _FOOTNOTE})
_NUMBER = re.compile(r"\d{1,3}")
_NUMBERED = re.compile(r"(\d{1,3})[.)]?")
_EXPONENT = re.compile(r"(?:.*[\d)\]}=+*/\u2212\u00d7-]|.?.)")  # before a raised number: `10`, `km`, `x`
_SENTENCE_END = frozenset(".,;:!?\"'\u201d\u2019\u00bb")

_SMALL, _RAISED, _FAR = 0.85, (0.15, 0.8), 4.0  # of a note's type: its number's, how far that is raised, and is apart
_BLANK = 0.25  # of the type
_MOST_NUMBERS = 10

_Place = tuple[int, int, int]  # of a word: part, line, word


@dataclass(frozen=True, slots=True)
class _Note:
    """Lines of a part that are one note."""

    number: str
    part: int
    lines: tuple[WordLine, ...]


def with_note_numbers(words: Sequence[Word]) -> list[Word]:
    """Put raised numbers that the layer has on lines of their own before the lines that begin beside them.

    More of them than a page has notes are numbers of lines, as of pleadings.
    """
    lines: dict[int, list[Word]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word)
    alone = [line[0] for line in lines.values() if len(line) == 1 and _NUMBER.fullmatch(line[0].text)]
    if len(alone) > _MOST_NUMBERS:
        return list(words)
    texts = [line for line in lines.values() if len(line) > 1 or any(map(str.isalpha, line[0].text))]
    out = list(words)
    for number in alone:
        beside = [line[0] for line in texts if _is_raised_before(line[0], number)]
        if beside:
            head = min(beside, key=lambda word: word.box.x0)
            out.remove(number)
            x0, y0, x1, y1 = number.box
            box = Box(x0, y0, max(x1, head.box.x0 - _BLANK * head.size), y1)  # up to it, so that no region parts them
            piece = number.pieces[0]._replace(box=box, rise=Rise.SUPERSCRIPT)
            place = next(n for n, word in enumerate(out) if word is head)
            out.insert(place, number._replace(pieces=(piece,), box=box, line=head.line))
    return out


def _is_raised_before(head: Word, number: Word) -> bool:
    """Tell if a small number stands before a word, and above its baseline."""
    rise, gap = head.baseline - number.baseline, head.box.x0 - number.box.x1
    return (
        number.size < _SMALL * head.size
        and _RAISED[0] * head.size <= rise <= _RAISED[1] * head.size
        and 0 <= gap < _FAR * head.size
    )


def with_footnotes(parts: Sequence[Part], page_number: int) -> list[Part]:
    """Part footnotes from each other, and tie to their marks those that have one."""
    notes = [note for n in _note_parts(parts) for note in _notes_of(n, parts[n])]
    if not any(note.number for note in notes):
        return list(parts)
    holders = {note.part for note in notes}
    marks: dict[str, list[_Place]] = {}
    for number, place in _marks(parts, holders):
        marks.setdefault(number, []).append(place)
    numbers = [note.number for note in notes]
    tied = {
        note.number: marks[note.number][0]
        for note in notes
        if note.number
        and numbers.count(note.number) == 1
        and len(marks.get(note.number, ())) == 1
        and marks[note.number][0][0] < note.part
    }
    if not tied:
        return list(parts)
    out: list[Part] = []
    for n, part in enumerate(_with_marks(parts, tied, page_number)):
        if n in holders and any(note.part == n and note.number in tied for note in notes):
            out += [_note_part(part, note, tied, page_number) for note in notes if note.part == n]
        else:
            out.append(part)
    return out


def _label(page_number: int, number: str) -> str:
    return f"p{page_number}-{number}"


def _note_parts(parts: Sequence[Part]) -> list[int]:
    """Number the parts that hold notes: those that are called so, and texts at an end that begin with a raised one."""
    found = {n for n, part in enumerate(parts) if part.label == _FOOTNOTE and part.lines}
    ends = True  # its column, or the page, with the notes that follow
    below: Part | None = None
    for n in range(len(parts) - 1, -1, -1):
        part = parts[n]
        if part.label in _AROUND:
            continue
        is_last = ends or (below is not None and _begins_column(below, part))
        ends = is_last and part.label == "text" and _number_of(part.lines[0].words, is_note=False) is not None
        if ends:
            found.add(n)
        below = part
    return sorted(found)


def _begins_column(part: Part, above: Part) -> bool:
    """Tell if a part stands beside one that is read before it, and begins higher up."""
    is_beside = part.box.x0 >= above.box.x1 or part.box.x1 <= above.box.x0
    return is_beside and part.box.y0 < above.box.y0


def _notes_of(n: int, part: Part) -> Iterator[_Note]:
    """Cut a part before each line that begins with the next number; what stands before the first has none."""
    number, lines = "", list[WordLine]()
    for line in part.lines:
        found = _number_of(line.words, is_note=part.label == _FOOTNOTE)
        if found is not None and (not number or int(found) == int(number) + 1):
            if lines:
                yield _Note(number, n, tuple(lines))
            number, lines = found, []
        lines.append(line)
    if lines:
        yield _Note(number, n, tuple(lines))


def _number_of(words: Sequence[Word], *, is_note: bool) -> str | None:
    """Return the number that a note begins with, if something follows it; one that is not raised only in a note."""
    head = words[0].pieces[0]
    if len(words) == 1 and len(words[0].pieces) == 1:
        return None
    if _NUMBER.fullmatch(head.text) and (head.rise is Rise.SUPERSCRIPT or is_note):
        return head.text
    whole = _NUMBERED.fullmatch(words[0].text) if is_note and len(words) > 1 else None
    return whole[1] if whole else None


def _marks(parts: Sequence[Part], holders: set[int]) -> Iterator[tuple[str, _Place]]:
    for n, part in enumerate(parts):
        if n in holders or part.label not in _TEXTS:
            continue
        for at, line in enumerate(part.lines):
            for place, word in enumerate(line.words):
                if _is_mark(word) and not word.link:
                    yield word.pieces[-1].text, (n, at, place)


def _is_mark(word: Word) -> bool:
    """Tell if a word ends with a raised number that is no exponent."""
    last = word.pieces[-1]
    if last.rise is not Rise.SUPERSCRIPT or not _NUMBER.fullmatch(last.text) or len(word.pieces) == 1:
        return False
    before = "".join(piece.text for piece in word.pieces[:-1])
    return before[-1] in _SENTENCE_END or not _EXPONENT.fullmatch(before)


def _with_marks(parts: Sequence[Part], tied: dict[str, _Place], page_number: int) -> list[Part]:
    out = list(parts)
    for number, (n, at, place) in tied.items():
        line = out[n].lines[at]
        word = line.words[place]
        pieces = (*word.pieces[:-1], word.pieces[-1]._replace(note=_label(page_number, number)))
        words = (*line.words[:place], word._replace(pieces=pieces), *line.words[place + 1 :])
        lines = out[n].lines
        out[n] = replace(out[n], lines=(*lines[:at], replace(line, words=words), *lines[at + 1 :]))
    return out


def _note_part(part: Part, note: _Note, tied: dict[str, _Place], page_number: int) -> Part:
    """Make a part of one note, its number kept as a label if it is tied."""
    box = enclosing([line.box for line in note.lines])
    if note.number not in tied:
        return replace(part, lines=note.lines, box=box)
    line = note.lines[0]
    first, *rest = line.words
    words = (first._replace(pieces=first.pieces[1:]), *rest) if len(first.pieces) > 1 else tuple(rest)
    if not _NUMBER.fullmatch(first.pieces[0].text):  # `1.` in several pieces
        words = tuple(rest)
    lines = (replace(line, words=words), *note.lines[1:])
    return Part(_FOOTNOTE, lines, box, region=part.region, note=_label(page_number, note.number))
