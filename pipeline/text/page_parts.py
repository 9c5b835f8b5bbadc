"""The parts of a page: its lines put into the regions of the layout model, in the order in which they are read.

Every line lies in exactly one part; those in no region of the model become paragraphs of their own. Where the model
errs, its region is taken for what its lines are: items begin with a mark, program text is set in type of fixed width,
and a picture that holds most of a page's prose is its background.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from math import inf
from statistics import median

from ocrmill.pipeline.records import PICTURE
from ocrmill.pipeline.text.contents.drop_caps import with_drop_caps
from ocrmill.pipeline.text.contents.footnotes import with_note_numbers
from ocrmill.pipeline.text.contents.item_marks import (
    BULLET,
    begins_list,
    counts_on,
    entry_mark,
    follow,
    is_counted,
    mark_of,
    with_item_marks,
)
from ocrmill.pipeline.text.contents.part import Part, WordLine, is_listing, lines_of, prose_size
from ocrmill.pipeline.text.contents.program_text import parted_at_listings, with_numbered_listings
from ocrmill.pipeline.text.layer.page_words import TextPlane
from ocrmill.pipeline.text.layout_model import TABLE, Region
from ocrmill.pipeline.text.order.blocks_beside import with_letterheads
from ocrmill.pipeline.text.order.continued_paragraphs import over_columns
from ocrmill.pipeline.text.order.hanging_entries import hanging_entries, with_tags
from ocrmill.pipeline.text.order.heads_of_columns import heads_columns, over_all_columns
from ocrmill.pipeline.text.order.list_columns import by_list_columns, list_columns, with_answers_in_turn
from ocrmill.pipeline.text.order.side_notes import Notes, with_side_notes, without_side_notes
from ocrmill.pipeline.text.paragraphs import heading_level_of, paragraphs
from ocrmill.pipeline.text.reading_order import Box, enclosing, reading_order
from ocrmill.pipeline.text.regions.parted import parted_regions
from ocrmill.pipeline.text.words import Word

HEADING_RATIO = 1.1  # type sizes in a PDF are exact
_MAY_BE_LISTING = frozenset({"code", "text", "title", "heading"})
_SAME_SIZE = 0.1  # of the type
_LISTING_GAP = 1.8  # of a line's height: one blank line
_PROSE_LETTERS = 30  # in a line; labels of figures are shorter
_PROSE_LINES = 6  # in a picture, from which it is the background of a page
_PROSE = frozenset({"text", "footnote", "code", "caption"})
_HEADINGS = frozenset({"title", "heading"})
_SENTENCE, _LARGER = 5, 1.3  # words; times the body's type, which is that of tables where these are most of a page
_FULL_STOP, _SENTENCE_LETTERS = "\u3002", 10
_TEXTS = _PROSE | {"list", "title", "heading"}
_BLANK = 0.7  # of the type, at most, between words of one text
_MARGIN = 4.0  # points, by which a table is wider than its column
_IN_COLUMNS = _PROSE | {TABLE}
_PARAGRAPH_LINES = 4
_SPACE = 0.8  # of a line's height: white space between paragraphs
# White space above what is no part of a paragraph, whatever the model says: of a line's height, and times the usual.
_HOLE, _WIDER = 1.5, 3.0
_NEAR = 12  # items that stand between two marks of one list, at most
_INSIDE = 0.9  # of a region's area, from which it is part of a table
_MAX_GAP = 1.2  # of a line's height, between an item and its next line


def parts_by_regions(plane: TextPlane, regions: Sequence[Region], *, right_to_left: bool) -> list[Part]:
    """Put the words of a page into regions; all of it in reading order."""
    words = with_item_marks(with_heads(plane.words))
    regions = [region for region in regions if not _is_background(region, words)]
    regions = parted_regions(regions, words)
    tables = [region for region in regions if region.label == TABLE]
    regions = [
        region
        for region in regions
        if region in tables or not any(region.box.share_inside(t.box) >= _INSIDE for t in tables)
    ]
    ranked = sorted(regions, key=lambda region: region.box.width * region.box.height)
    inside: dict[int, list[Word]] = {}
    left: list[Word] = []
    body = prose_size(lines_of(words))
    for _, group in groupby(words, key=lambda word: word.line):
        for number, share in _shares(list(group), ranked):
            if number is None:
                left += share
            else:
                inside.setdefault(number, []).extend(share)
    parts: list[Part] = []
    notes: Notes = []
    for number, region in enumerate(ranked):
        lines = lines_of(inside.get(number, ()))
        if lines and region.label == TABLE:
            parts += _parts_of(region, _by_rows(lines, right_to_left=right_to_left), body)
        elif lines and right_to_left and region.label in ("text", "list"):  # the model puts all of a page into one
            parts += [_text_part(group, body) for group in _by_type_and_space(_ordered(lines, right_to_left=True))]
        elif lines:
            lines = _ordered(lines, right_to_left=right_to_left)
            if region.label in ("text", "list") and not right_to_left:
                lines, aside = without_side_notes(lines)
                notes += aside
            parts += _parts_of(region, lines, body)
        elif region.label == PICTURE:
            parts.append(Part(PICTURE, (), region.box, region=region))
    parts += plain_parts(lines_of(left), right_to_left=right_to_left)
    parts = with_answers_in_turn(_in_order(with_letterheads(parts), right_to_left=right_to_left))
    parts = by_list_columns(parts)
    parts = with_tags(_with_items(_with_listings(with_numbered_listings(parts))))
    parts = over_columns(parts, right_to_left=right_to_left)
    return list(with_side_notes(parts, notes))


def with_heads(words: Sequence[Word]) -> list[Word]:
    """Put what stands apart before a paragraph in its place: large first letters and numbers of notes."""
    return with_note_numbers(with_drop_caps(words))


def plain_parts(lines: Sequence[WordLine], *, right_to_left: bool) -> list[Part]:
    """Group lines into paragraphs and headings by white space, indentation and type size."""
    found = paragraphs(lines, right_to_left=right_to_left, heading_ratio=HEADING_RATIO)
    parts = []
    for paragraph in found:
        label = "text" if not paragraph.level else "title" if paragraph.level == 1 else "heading"
        kept = tuple(paragraph.lines)
        parts.append(Part(label, kept, enclosing([line.box for line in kept]), paragraph.level))
    return over_columns(parts, right_to_left=right_to_left)


def _shares(words: list[Word], regions: Sequence[Region]) -> Iterator[tuple[int | None, list[Word]]]:
    """Cut a line where it leaves a region; words in none go with those beside them."""
    owners = [
        next((n for n, region in enumerate(regions) if region.box.contains_centre_of(word.box)), None) for word in words
    ]
    known = {owner for owner in owners if owner is not None}
    if len(known) == 1 and regions[next(iter(known))].label not in (TABLE, PICTURE):
        yield next(iter(known)), words
        return
    for n in range(1, len(words)):
        close = words[n].box.x0 - words[n - 1].box.x1 < words[n].size
        if owners[n] is None and close:  # the end of a cell that is wider than the model thinks
            owners[n] = owners[n - 1]
    owners = _without_cut_text(owners, words, regions)
    for owner, group in groupby(zip(owners, words, strict=True), key=lambda item: item[0]):
        yield owner, [word for _, word in group]


def _without_cut_text(owners: list[int | None], words: Sequence[Word], regions: Sequence[Region]) -> list[int | None]:
    """Keep words together that have only blanks between them, where regions of text cut a line.

    The region that has most of them gets all. A picture or table may end within a line, a text does not.
    """
    out: list[int | None] = []
    start = 0
    for n in range(1, len(words) + 1):
        if n < len(words) and words[n].box.x0 - words[n - 1].box.x1 < _BLANK * words[n].size:
            continue
        own = owners[start:n]
        is_text = all(owner is None or regions[owner].label in _TEXTS for owner in own)
        out += [max(own, key=own.count)] * len(own) if is_text else own
        start = n
    return out


def _is_background(region: Region, words: Sequence[Word]) -> bool:
    if region.label != PICTURE:
        return False
    lines = lines_of(word for word in words if region.box.contains_centre_of(word.box))
    return sum(sum(map(str.isalpha, line.text)) >= _PROSE_LETTERS for line in lines) >= _PROSE_LINES


def _ordered(lines: list[WordLine], *, right_to_left: bool) -> list[WordLine]:
    return [lines[n] for n in reading_order([line.box for line in lines], right_to_left=right_to_left)]


def _by_rows(lines: list[WordLine], *, right_to_left: bool) -> list[WordLine]:
    """Lines from top to bottom, pieces of one row from its start to its end."""
    rows: list[list[WordLine]] = []
    for line in sorted(lines, key=lambda line: line.box.middle):
        if rows and rows[-1][0].box.shares_row(line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    sign = -1 if right_to_left else 1
    return [line for row in rows for line in sorted(row, key=lambda line: sign * line.box.x0)]


def _parts_of(region: Region, lines: list[WordLine], body: float) -> Iterator[Part]:
    """One part, or one for every item."""
    label = "text" if region.label in _HEADINGS and _is_sentence(lines, body) else region.label
    is_marked = BULLET.match(lines[0].text) and label != TABLE  # items whose texts are words of a program
    if label in ("text", "list", TABLE) and is_listing(lines) and not is_marked:
        yield Part("code", tuple(_by_rows(lines, right_to_left=False)), region.box, region=region)
        return
    if label not in ("text", "list"):
        yield Part(label, tuple(lines), region.box, region=region)
        return
    for piece, is_program in parted_at_listings(lines):
        if is_program:
            yield Part("code", tuple(piece), enclosing([line.box for line in piece]))
            continue
        for column in list_columns(piece):
            entries = hanging_entries(column)
            for entry in entries:
                yield from _items_of(label, entry, body if len(entries) == 1 else inf)  # an entry is no heading


def _is_sentence(lines: Sequence[WordLine], body: float) -> bool:
    """Tell if lines of some words in plain type, hardly larger than the body's, end with a full stop: no heading."""
    words = [word for line in lines for word in line.words]
    plain = not any(word.bold or word.italic for word in words) and max(word.size for word in words) < _LARGER * body
    if words[-1].text.endswith(_FULL_STOP):  # of scripts without blanks
        return plain and sum(len(word.text) for word in words) >= _SENTENCE_LETTERS
    return plain and len(words) >= _SENTENCE and words[-1].text.endswith(".") and mark_of(lines[0].words) is None


def _items_of(label: str, lines: Sequence[WordLine], body: float) -> Iterator[Part]:
    """One part for every item of a column, and for text with much white space above it."""
    left = min(line.box.x0 for line in lines)
    gaps = sorted(max(0.0, lower.box.y0 - upper.box.y1) for upper, lower in pairwise(lines))
    hole_height = max(
        _HOLE * median(line.box.height for line in lines), _WIDER * (gaps[len(gaps) // 2] if gaps else 0.0)
    )
    group: list[WordLine] = []
    for line in lines:
        mark = mark_of(line.words)
        begins = mark is not None and (BULLET.match(mark) or (label == "list" and line.box.x0 < left + line.box.height))
        begins = begins or (bool(group) and (_is_next_item(group[0], line) or begins_list(group[-1].words, line.words)))
        hole = bool(group) and line.box.y0 - group[-1].box.y1 > hole_height
        if hole or (begins and group and not group[-1].box.shares_row(line.box)):
            yield _text_part(group, body)
            group = []
        group.append(line)
    yield _text_part(group, body)


def _is_next_item(item: WordLine, line: WordLine) -> bool:
    """Tell if a line's mark is the one after an item's, and stands below it."""
    before, mark = entry_mark(item.words), entry_mark(line.words)
    one, other = item.words[0].box, line.words[0].box
    beneath = min(abs(other.x0 - one.x0), abs(other.x1 - one.x1)) < item.box.height / 2
    return beneath and before is not None and mark is not None and counts_on(before, mark)


def _by_type_and_space(lines: Sequence[WordLine]) -> Iterator[list[WordLine]]:
    """Part lines at white space, where their type changes, and before bullets and numbers of items."""
    group: list[WordLine] = []
    for line in lines:
        last = group[-1] if group else None
        if last and not last.box.shares_row(line.box):
            sizes = sorted((last.size, line.size))
            gap = line.box.y0 - last.box.y1
            if sizes[1] >= HEADING_RATIO * sizes[0] or gap > _SPACE * line.box.height or is_counted(line.words):
                yield group
                group = []
        group.append(line)
    yield group


def _text_part(lines: list[WordLine], body: float) -> Part:
    """A paragraph, or a heading if its type is larger than the body's."""
    text = lines[-1].text.rstrip()
    sentence = (len(lines) > 1 and text[-1] in ".,;:") or _is_sentence(lines, body)
    level = 0 if mark_of(lines[0].words) or sentence else heading_level_of(lines, body, HEADING_RATIO)
    label = "text" if not level else "title" if level == 1 else "heading"
    return Part(label, tuple(lines), enclosing([line.box for line in lines]), level)


def _in_order(parts: Sequence[Part], *, right_to_left: bool) -> list[Part]:
    """The parts in the order in which their lines are read, between headers and footers."""
    boxes: list[Box] = []
    owners: list[int] = []
    for number, part in enumerate(parts):
        alone = not any(part.box.contains_centre_of(other.box) for other in parts if other is not part)
        for box in _order_boxes(part, parts, alone=alone):
            boxes.append(box)
            owners.append(number)
    ranks: list[list[int]] = [[] for _ in parts]
    for rank, index in enumerate(reading_order(boxes, right_to_left=right_to_left)):
        ranks[owners[index]].append(rank)
    place = {"header": 0, "footer": 2}
    return [parts[n] for n in sorted(range(len(parts)), key=lambda n: (place.get(parts[n].label, 1), median(ranks[n])))]


def _order_boxes(part: Part, parts: Sequence[Part], *, alone: bool) -> list[Box]:
    """Boxes of a part's lines, those of a paragraph as wide as it is: entries of an index are no cells of a table.

    Those of a table are as wide as the column of text that it stands in, those of a heading of all columns as these.
    """
    lines = [line.box for line in part.lines]
    if not lines:
        return [part.box]
    if heads_columns(part, parts):
        return over_all_columns(part, parts)
    if not alone or part.label not in _IN_COLUMNS or len(lines) < _PARAGRAPH_LINES:
        return lines
    whole = enclosing(lines)
    if part.label == TABLE:
        columns = [
            Box(min(whole.x0, column.x0), whole.y0, max(whole.x1, column.x1), whole.y1)
            for column in (other.box for other in parts if other.label in _PROSE)
            if column.x0 <= whole.x0 + _MARGIN and column.x1 >= whole.x1 - _MARGIN
        ]
        free = [box for box in columns if not any(box.contains_centre_of(o.box) for o in parts if o is not part)]
        whole = min(free, key=lambda box: box.width, default=whole)
    return [Box(whole.x0, line.y0, whole.x1, line.y1) for line in lines]


def _with_listings(parts: Sequence[Part]) -> list[Part]:
    """Put together the pieces of a program's text: a first line taken for a heading, what a blank line parts."""
    out: list[Part] = []
    for part in parts:
        if out and "code" in (out[-1].label, part.label) and _is_listing_of(out[-1], part):
            lines = out[-1].lines + part.lines
            out[-1] = Part("code", lines, enclosing([out[-1].box, part.box]), region=part.region)
        else:
            out.append(part)
    return out


def _is_listing_of(one: Part, other: Part) -> bool:
    """Tell if two parts are program text of one size, the second close below the first."""
    if not {one.label, other.label} <= _MAY_BE_LISTING or not (is_listing(one.lines) and is_listing(other.lines)):
        return False
    last, first = one.lines[-1], other.lines[0]
    gap, height = first.box.y0 - last.box.y1, min(last.box.height, first.box.height)
    same_size = abs(first.size - last.size) < _SAME_SIZE * last.size
    return same_size and -_SAME_SIZE * height < gap < _LISTING_GAP * height


def _with_items(parts: list[Part]) -> list[Part]:
    """Tell which paragraphs are items of a list: those with bullets, and those whose marks follow each other."""
    out: list[Part] = []
    for marked, group in groupby(
        parts, key=lambda part: part.label == "text" and mark_of(part.lines[0].words) is not None
    ):
        run = list(group)
        listed = marked and _is_list([*(part for part in out[-1:] if part.label == "list"), *run])
        for part in run:
            if marked and (listed or BULLET.match(mark_of(part.lines[0].words) or "")):
                out.append(replace(part, label="list"))
            elif part.label == "text" and out and not marked and _continues(out[-1], part):
                before = out[-1]
                out[-1] = replace(before, lines=before.lines + part.lines, box=enclosing([before.box, part.box]))
            else:
                out.append(part)
    return out


def _is_list(run: Sequence[Part]) -> bool:
    """Tell if two marks of a run are of one list and stand below each other."""
    lines = [part.lines[0] for part in run]
    return any(
        abs(one.words[0].box.x0 - other.words[0].box.x0) < one.box.height / 2
        and follow(mark_of(one.words) or "", mark_of(other.words) or "")
        for n, one in enumerate(lines)
        for other in lines[n + 1 : n + _NEAR]
    )


def _continues(item: Part, part: Part) -> bool:
    """Tell if a paragraph is the rest of the item above it: it stands as far in as the item's text, close below."""
    if item.label != "list":
        return False
    last, line = item.lines[-1], part.lines[0]
    words = item.lines[0].words
    text_starts = words[1].box.x0 if len(words) > 1 else item.lines[0].box.x0
    at_mark = line.box.x0 - words[0].box.x0 < text_starts - line.box.x0
    if at_mark and last.box.x1 + line.words[0].box.width + line.size / 2 < line.box.x1:  # it had room above
        return False
    if _is_indented(part, text_starts) and not _is_indented(item, text_starts):
        return False
    gap = line.box.y0 - last.box.y1
    height = min(last.box.height, line.box.height)
    return (
        abs(line.box.x0 - text_starts) < height
        and -0.5 * height < gap < _MAX_GAP * height
        and (abs(line.size - last.size) < 0.1 * last.size)
    )


def _is_indented(part: Part, at: float) -> bool:
    """Tell if the lines below the first one of a part begin left of where it does, or of an item's text."""
    return any(line.box.x0 < at - line.box.height / 2 for line in part.lines[1:])
