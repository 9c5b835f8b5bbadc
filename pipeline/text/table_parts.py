"""Turns the parts that a layout model calls tables into tables, where words lie in rows and columns without doubt."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from math import inf
from statistics import median

from ocrmill.pipeline.records import PICTURE
from ocrmill.pipeline.text.contents.item_marks import mark_of
from ocrmill.pipeline.text.contents.part import Part, WordLine, lines_by_row, lines_of, rows_of
from ocrmill.pipeline.text.layout_model import TABLE, Region
from ocrmill.pipeline.text.page_parts import plain_parts
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.tables.chunks import chunks_of, text_lines
from ocrmill.pipeline.text.tables.doubts import entries_of, has_leaders, leads
from ocrmill.pipeline.text.tables.grid import build_tables
from ocrmill.pipeline.text.tables.rows import NUMBER
from ocrmill.pipeline.text.tables.ruled import find_ruled_tables
from ocrmill.pipeline.text.tables.rules import Rules, covered
from ocrmill.pipeline.text.tables.table import Table
from ocrmill.pipeline.text.words import Word

_SAME = 0.5  # of a ruled grid's area: the model has seen it
_FRAME, _SIDE = 2.5, 0.9  # points, from the side of a grid; of its height
_SENTENCE = 8  # words: a text so long that stands alone on its lines is no row of a table
_WORDS = 5  # in a line of running text; cells of wrapped text have fewer
_FEW_LINES = 3  # of a title or a page number; more may be one column of a table
_FEW_CELLS = 0.1  # of the lines of a text
_INSIDE = 0.9  # of a text's area, that lies in a table's region
_NUMBERS, _NUMBER_SHARE = 3, 0.6  # of a row of numbers, in words; a name may stand before them
_NUMBER_ROWS, _ROW_SHARE = 3, 0.6  # of a region's lines
_COLUMN_GAP = 0.35  # of the type: wider than the blanks of text, which part the digits of telephones and accounts
_SAME_EDGE = 0.15  # of the type: numbers that begin or end so close to each other stand in one column
_COUNTED = re.compile(r"(\d{1,3})[.)]")  # marks of a list that count
_RESTS = frozenset({"text", "list"})
_REST_GAP, _STRIP = 1.5, 0.7  # of the type
_REST_ROWS, _REST_STRIPS = 2, 2  # rows with words on both sides of a white strip; such strips of one row
_ALIGNED = 0.8  # of the numbers of a row; enumerations in text are set as they come
_MAY_BE_HEADER = frozenset({"heading", "title", "text"})
_NEAR_TABLE = 1.2  # of its line's height: a header is as close to the rows below it
_NAMED = 0.5  # of a table's columns, that a header names
_LEAST_ENTRIES = 3  # side by side, that show another column of them
_INDENT = 3.0  # of the type: entries below others begin so much further to the right, at most


def with_ruled_tables(regions: Sequence[Region], words: Sequence[Word], rules: Rules) -> list[Region]:
    """Add ruled grids that the layout model has not taken for tables, and let tables end where their grids do."""
    out = list(regions)
    for grid in find_ruled_tables(words, rules):
        seen = [n for n, region in enumerate(out) if region.label == TABLE and _is_same(grid, region.box)]
        if not seen:
            out.append(Region(TABLE, grid))
        elif len(seen) == 1:
            box = out[seen[0]].box
            below = _table_below(grid, box, words, rules)
            out += [Region(TABLE, below)] if below else []
            box = box.clipped(Box(box.x0, box.y0, box.x1, below.y0)) if below else box
            rows = _rows_outside(grid, box, words, rules) if _is_framed(grid, rules) else [box]
            out[seen[0]] = replace(out[seen[0]], box=enclosing([grid, *rows]))
    return out


def _table_below(grid: Box, table: Box, words: Sequence[Word], rules: Rules) -> Box | None:
    """Return the box of a table's words below its grid if they are one of their own: below a rule that stands apart."""
    below = [word for word in words if table.contains_centre_of(word.box) and word.box.middle > grid.y1]
    if not below:
        return None
    top = min(word.box.middle for word in below)
    apart = any(
        grid.y1 + _FRAME < rule.y0 < top and covered([(rule.x0, rule.x1)], *_sides(below)) >= _SIDE
        for rule in rules.horizontal
    )
    cells = Counter(chunk.line for chunk in chunks_of(text_lines(below), Rules())) if apart else {}
    return enclosing([word.box for word in below]) if sum(count > 1 for count in cells.values()) >= _REST_ROWS else None


def _sides(words: Sequence[Word]) -> tuple[float, float]:
    return min(word.box.x0 for word in words), max(word.box.x1 for word in words)


def _is_framed(grid: Box, rules: Rules) -> bool:
    """Tell if rules stand at both sides of a ruled grid, all along it."""
    return all(
        covered([(rule.y0, rule.y1) for rule in rules.vertical if abs(rule.x0 - x) <= _FRAME], grid.y0, grid.y1)
        >= _SIDE
        for x in (grid.x0, grid.x1)
    )


def _rows_outside(grid: Box, table: Box, words: Sequence[Word], rules: Rules) -> Iterator[Box]:
    """Give the words of lines that a framed grid leaves out, if they are cells in its columns: a header above it."""
    outside = [word for word in words if table.contains_centre_of(word.box) and not grid.contains_centre_of(word.box)]
    borders = [rule.x0 for rule in rules.vertical if rule.y0 < grid.y1 and rule.y1 > grid.y0]
    for line in text_lines(outside) if outside else []:
        cells = chunks_of([line], Rules())
        if len(cells) > 1 and not any(cell.x0 < x < cell.x1 for cell in cells for x in borders):
            yield from (word.box for word in line)


def _is_same(grid: Box, table: Box) -> bool:
    return max(grid.share_inside(table), table.share_inside(grid)) >= _SAME


def with_rows_of_numbers(regions: Sequence[Region], words: Sequence[Word]) -> list[Region]:
    """Take text whose lines are rows of aligned numbers for a table, which the layout model has not seen."""
    taken = [region.box for region in regions if region.label in (TABLE, PICTURE)]
    return [
        replace(region, label=TABLE)
        if region.label == "text"
        and not any(region.box.share_inside(box) >= _INSIDE for box in taken)
        and _are_rows_of_numbers([word for word in words if region.box.contains_centre_of(word.box)])
        else region
        for region in regions
    ]


def _are_rows_of_numbers(words: Sequence[Word]) -> bool:
    if sum(map(_is_number, words)) < _NUMBERS * _NUMBER_ROWS:
        return False
    lines = text_lines(words)
    rows = [row for line in lines if len(row := _apart(line)) >= max(_NUMBERS, _NUMBER_SHARE * len(line))]
    aligned = sum(_stand_below(upper, lower) for upper, lower in pairwise(rows)) + 1
    return aligned >= max(_NUMBER_ROWS, _ROW_SHARE * len(lines))


def _is_number(word: Word) -> bool:
    return bool(NUMBER.match(word.text)) and word.text[-1] not in ".,;"


def _apart(line: Sequence[Word]) -> list[Word]:
    """Return the numbers of a line that stand farther from what is before them than words of a text do."""
    gap = _COLUMN_GAP * max(word.size for word in line)
    return [
        word for n, word in enumerate(line) if _is_number(word) and (n == 0 or word.box.x0 - line[n - 1].box.x1 >= gap)
    ]


def _stand_below(upper: Sequence[Word], lower: Sequence[Word]) -> bool:
    """Tell if most numbers of the shorter row begin or end where numbers of the other row do."""
    fewer, more = sorted((upper, lower), key=len)
    near = _SAME_EDGE * more[0].size
    aligned = sum(
        any(min(abs(one.box.x0 - other.box.x0), abs(one.box.x1 - other.box.x1)) <= near for other in more)
        for one in fewer
    )
    return aligned >= _ALIGNED * len(fewer)


def with_rest_of_tables(regions: Sequence[Region], words: Sequence[Word]) -> list[Region]:
    """Put text close below a table into it whose lines leave the white space between its columns free on both sides."""
    out: list[Region] = []
    for region in sorted(regions, key=lambda region: region.box.y0):
        apart = [other.box for other in regions if other is not region]
        above = next((n for n, other in enumerate(out) if _is_rest(region, other, words, apart)), None)
        if above is None:
            out.append(region)
        else:
            out[above] = Region(TABLE, enclosing([out[above].box, region.box]))
    return out if len(out) < len(regions) else list(regions)


def _is_rest(region: Region, table: Region, words: Sequence[Word], apart: Sequence[Box]) -> bool:
    """Tell if a text has the columns of a table above it: one white strip beside words of two rows, or two of one row.

    It begins as far left, ends no farther right, and no other region lies within what both take.
    """
    is_below = table.label == TABLE and region.label in _RESTS and region.box.y0 > table.box.y0
    own = [word for word in words if region.box.contains_centre_of(word.box)] if is_below else []
    if not own:
        return False
    size, whole = own[0].size, enclosing([region.box, table.box])
    is_within = abs(region.box.x0 - table.box.x0) < size and region.box.x1 < table.box.x1 + size
    if not is_within or not -size < region.box.y0 - table.box.y1 < _REST_GAP * size:
        return False
    if any(whole.contains_centre_of(box) and not table.box.contains_centre_of(box) for box in apart):
        return False
    both = [*own, *(word for word in words if table.box.contains_centre_of(word.box))]
    strips = _white_strips(both, _STRIP * size)
    rows = text_lines(own)
    beside = [sum(row[0].box.x1 <= low and row[-1].box.x0 >= high for row in rows) for low, high in strips]
    return max(beside, default=0) >= _REST_ROWS or sum(map(bool, beside)) >= _REST_STRIPS


def _white_strips(words: Sequence[Word], least: float) -> list[tuple[float, float]]:
    """Return the xs between which no word stands, `least` points apart or more."""
    found, end = [], -inf
    for word in sorted(words, key=lambda word: word.box.x0):
        if end > -inf and word.box.x0 - end >= least:
            found.append((end, word.box.x0))
        end = max(end, word.box.x1)
    return found


def parted_tables(regions: Sequence[Region], words: Sequence[Word], rules: Rules) -> list[Region]:
    """Cut the regions of tables at captions and sentences that stand across them: they are of several tables."""
    grids = find_ruled_tables(words, rules) if any(region.label == TABLE for region in regions) else []
    out: list[Region] = []
    for region in regions:
        within = [word for word in words if region.box.contains_centre_of(word.box)] if region.label == TABLE else []
        cuts = [
            other.box
            for other in regions
            if within
            and other.label in ("caption", "text")
            and other.box.share_inside(region.box) >= _INSIDE
            and not any(grid.contains_centre_of(other.box) for grid in grids)
            and _stands_across(other, within)
        ]
        out += _cut(within, cuts) if cuts else [region]
    return out


def _stands_across(text: Region, words: Sequence[Word]) -> bool:
    """Tell if no other words of a table's region stand on a text's lines, and if it is too long for a row."""
    beside = [word for word in words if text.box.y0 < word.box.middle < text.box.y1]
    inside = [word for word in beside if text.box.contains_centre_of(word.box)]
    return len(inside) == len(beside) and (text.label == "caption" or len(inside) >= _SENTENCE)


def _cut(words: Sequence[Word], cuts: Sequence[Box]) -> list[Region]:
    """Return a region for the words above, between and below the cuts, where there are any."""
    pieces: dict[int, list[Box]] = {}
    for word in words:
        if not any(cut.contains_centre_of(word.box) for cut in cuts):
            pieces.setdefault(sum(cut.middle < word.box.middle for cut in cuts), []).append(word.box)
    return [Region(TABLE, enclosing(boxes)) for _, boxes in sorted(pieces.items())]


def with_tables(parts: Sequence[Part], rules: Rules, *, right_to_left: bool) -> list[Part]:
    """Lay out each part that is a table; one without a `table` afterwards is doubtful, and is written row by row."""
    out: list[Part] = []
    for part in _with_headers(parts, rules):
        words = [word for line in part.lines for word in line.words]
        grid = part.region.grid if part.region else None
        tables = build_tables(words, rules, grid, right_to_left=right_to_left) if part.label == TABLE else None
        ruled = rules.within(part.box, 0)
        if tables and not (ruled.horizontal or ruled.vertical) and (items := _counted_items(tables)):
            out += items
        elif tables:
            out += [replace(part, box=table.box, table=table) for table in tables]
        elif part.label == TABLE and has_leaders(rows := rows_of(part.lines)):
            out += _contents(rows)
        elif part.label == TABLE and not ruled.vertical and _has_entries(part.lines):
            out += _contents_with_texts(part.lines, right_to_left=right_to_left)
        elif (
            part.label == TABLE
            and words
            and not ruled.vertical
            and (_is_text(words, ruled) or (not ruled.horizontal and _is_prose_alone(part, parts)))
        ):
            out += plain_parts(part.lines, right_to_left=right_to_left)
        else:
            out.append(part)
    return out


def _with_headers(parts: Sequence[Part], rules: Rules) -> list[Part]:
    """Put lines that name the columns of a table below them into it; the layout model takes some for headings."""
    out: list[Part] = []
    for part in parts:
        if part.label == TABLE and out and _is_header(out[-1], part, rules):
            above = out.pop()
            out.append(replace(part, lines=above.lines + part.lines, box=enclosing([above.box, part.box])))
        else:
            out.append(part)
    return out


def _is_header(above: Part, table: Part, rules: Rules) -> bool:
    """Tell if a line stands close above a table, and would be its first row, with names of single columns, of most."""
    if above.label not in _MAY_BE_HEADER or len(rows_of(above.lines)) > 1:
        return False
    gap = table.box.y0 - above.box.y1
    names, words = ([word for line in part.lines for word in line.words] for part in (above, table))
    if not (names and words and -above.box.height / 2 < gap < _NEAR_TABLE * above.box.height):
        return False
    grid = table.region.grid if table.region else None
    whole = build_tables(names + words, rules, grid) or []
    if len(whole) != 1:
        return False
    first = [cell for cell in whole[0].cells if cell.row == 0 and cell.lines]
    held = [word for cell in first for word in cell.words]
    if any(cell.column_span > 1 for cell in first):
        return False
    return len(held) == len(names) and set(held) == set(names) and len(first) > max(1, _NAMED * whole[0].columns)


def _is_text(words: Sequence[Word], rules: Rules) -> bool:
    """Tell if what a layout model takes for a table is a few lines, or sentences, that nothing stands beside."""
    lines = text_lines(words)
    chunks = Counter(chunk.line for chunk in chunks_of(lines, rules))
    cells = sum(count > 1 for count in chunks.values())
    return (cells == 0 and len(lines) <= _FEW_LINES) or (
        cells <= _FEW_CELLS * len(lines) and len(words) >= _SENTENCE * len(lines)
    )


def _is_prose_alone(part: Part, parts: Sequence[Part]) -> bool:
    """Tell if the lines of a part are of running text in one column, and no other part stands beside it."""
    words = [word for line in part.lines for word in line.words]
    rows = len(rows_of(part.lines))
    beside = (other for other in parts if other.box.y0 < part.box.y1 and other.box.y1 > part.box.y0)
    is_long = rows > _FEW_LINES and len(words) >= _WORDS * rows
    return is_long and _is_one_column(words) and all(other.box == part.box for other in beside)


def _counted_items(tables: Sequence[Table]) -> list[Part]:
    """Return the items of a list set in columns, if cells count on down each column and from each to the next."""
    cells = [
        list(cell.words)
        for table in tables
        for cell in sorted(table.cells, key=lambda cell: (cell.column, cell.row))
        if cell.lines
    ]
    marks = [_COUNTED.fullmatch(mark_of(words) or "") for words in cells]
    numbers = [int(mark[1]) for mark in marks if mark]
    if len(numbers) < len(cells) or any(after - before != 1 for before, after in pairwise(numbers)):
        return []
    items = [tuple(lines_of(words)) for words in cells]
    return [Part("list", lines, enclosing([line.box for line in lines])) for lines in items]


def _contents(rows: Sequence[Sequence[Word]]) -> Iterator[Part]:
    """Give the entries of a contents page or an index, each with the rows that its dots end, column by column."""
    edges = _columns_of_entries(rows)
    if not edges:
        yield from _entries(rows)
        return
    words = [word for row in rows for word in row]
    for left, right in pairwise((-inf, *edges, inf)):
        column = rows_of(lines_of(word for word in words if left <= word.box.x0 < right))
        yield from _entries([sorted(row, key=lambda word: word.box.x0) for row in column])


def _has_entries(lines: Sequence[WordLine]) -> bool:
    """Tell if some rows are entries of a contents page, and no white strip parts the words of the others."""
    rows = rows_of(lines)
    texts = [row for row in rows if not leads(row)]
    words = [word for row in texts for word in row]
    return len(texts) < len(rows) and bool(words) and _is_one_column(words)


def _is_one_column(words: Sequence[Word]) -> bool:
    return not _white_strips(words, _STRIP * median(word.size for word in words))


def _contents_with_texts(lines: Sequence[WordLine], *, right_to_left: bool) -> Iterator[Part]:
    """Give the entries of a contents page, each of one row, and the texts between them."""
    for is_entry, group in groupby(
        lines_by_row(lines), key=lambda row: leads(word for line in row for word in line.words)
    ):
        for row in group if is_entry else ():
            yield Part("list", tuple(row), enclosing([line.box for line in row]))
        if not is_entry:
            yield from plain_parts([line for row in group for line in row], right_to_left=right_to_left)


def _columns_of_entries(rows: Sequence[Sequence[Word]]) -> list[float]:
    """Return where further columns of entries begin: with words behind a page, none of them across another's edge."""
    begins = sorted(
        word.box.x0
        for row in rows
        for n, word in enumerate(row)
        if n and _is_name(word) and row[n - 1].text[-1].isdecimal() and leads(row[:n])
    )
    size = median(word.size for row in rows for word in row)
    edges: list[list[float]] = []
    for x in begins:
        if edges and x - edges[-1][-1] < _INDENT * size:
            edges[-1].append(x)
        else:
            edges.append([x])
    found = [cluster[0] - size / 2 for cluster in edges if len(cluster) >= _LEAST_ENTRIES]
    return [edge for edge in found if not any(word.box.x0 < edge < word.box.x1 for row in rows for word in row)]


def _is_name(word: Word) -> bool:
    """Tell if a word may begin an entry, which a sign such as TeX's backslash may do."""
    return not word.text[0].isdecimal() and any(map(str.isalpha, word.text))


def _entries(rows: Sequence[Sequence[Word]]) -> Iterator[Part]:
    """Give the entries of a column, the letters of an index that stand above theirs, and what is below the last."""
    entry: list[Word] = []
    for n, (row, is_last) in enumerate(zip(rows, entries_of(rows), strict=True)):
        entry += row
        is_letter = len(entry) == 1 and n + 1 < len(rows) and _is_letter_of(entry[0], rows[n + 1][0])
        if is_letter or is_last or n + 1 == len(rows):
            lines = tuple(lines_of(entry))
            label = "heading" if is_letter else "list" if is_last else "text"
            yield Part(label, lines, enclosing([line.box for line in lines]))
            entry = []


def _is_letter_of(letter: Word, first: Word) -> bool:
    begin = next(filter(str.isalpha, first.text), "")
    return len(letter.text) == 1 and letter.text.isupper() and begin.upper() == letter.text
