"""Regions of a layout model become the parts of a page, also where the model errs."""

import pytest

from ocrmill.pipeline.text.contents.item_marks import with_turned_marks
from ocrmill.pipeline.text.contents.part import Part
from ocrmill.pipeline.text.layer.page_words import TextPlane
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.page_parts import parts_by_regions
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.words import Piece, Word

LEFT = ["The ferry leaves the north quay at seven", "in the morning and comes back with it on", "the tide of"]
RIGHT = ["a day in spring, when walkers and dogs go", "over to the island in the early hours of", "the first day."]

SMALL = "all of this is set in small type below the two options of the manual"


def line(text: str, x: float, baseline: float, *, mono: bool = True) -> list[Word]:
    words = []
    for piece in text.split():
        box = Box(x, baseline - 8, x + 6.0 * len(piece), baseline + 2)
        words.append(Word((Piece(piece, box, 10.0, mono=mono),), box, baseline, int(baseline)))
        x = box.x1 + 6
    return words


def region(label: str, *lines: list[Word]) -> Region:
    return Region(label, enclosing([word.box for each in lines for word in each]))


def test_the_pieces_of_a_program_are_one_listing() -> None:
    """A first line that the model takes for a heading, and what a blank line parts, belong to the listing."""
    head, body = line("def mill(rye):", 60, 100), line("return rye", 84, 111)
    rest = line("print(mill(3))", 60, 133)
    prose = line("Prose goes on in its own type below the listing.", 60, 160, mono=False)
    far = line("a = 1", 60, 220)
    regions = [
        region("heading", head),
        region("code", body),
        region("text", rest),
        region("text", prose),
        region("code", far),
    ]
    words = (*head, *body, *rest, *prose, *far)
    parts = parts_by_regions(TextPlane(words, 0, vertical=False), regions, right_to_left=False)

    assert [(part.label, [each.text for each in part.lines]) for part in parts] == [
        ("code", ["def mill(rye):", "return rye", "print(mill(3))"]),
        ("text", ["Prose goes on in its own type below the listing."]),
        ("code", ["a = 1"]),
    ]


def test_a_listing_is_read_row_by_row() -> None:
    """Options and their texts stand in two columns of one listing; items with bullets are none, whatever their type."""
    rows = [line(f"-{n} --option", 60, 100 + 12 * n) for n in range(3)]
    beside = [line("what it is for", 240, 100 + 12 * n) for n in range(3)]
    beside = [[word._replace(line=word.line + 500) for word in each] for each in beside]
    words = tuple(word for each in (*rows, *beside) for word in each)
    [found] = parts_by_regions(
        TextPlane(words, 0, vertical=False), [region("text", *rows, *beside)], right_to_left=False
    )
    items = tuple(word for n in range(2) for word in line("\u2022 OPTION", 60, 100 + 12 * n))
    listed = parts_by_regions(TextPlane(items, 0, vertical=False), [region("list", list(items))], right_to_left=False)

    assert found.label == "code"
    assert [each.text for each in found.lines] == [
        text for n in range(3) for text in (f"-{n} --option", "what it is for")
    ]
    assert [part.label for part in listed] == ["list", "list"]


def test_a_page_from_right_to_left_may_be_one_region() -> None:
    """The model puts all of such a page into one region: headings in larger type and white space part it."""
    heading = [
        Word((Piece("كتاب", box, 15.0),), box, 100, 0) for box in (Box(260, 88, 300, 104), Box(210, 88, 250, 104))
    ]
    first = [word for n in range(4) for word in line("باب شجرة طريق السماء", 60, 124 + 12 * n)[::-1]]
    second = [word for n in range(4) for word in line("ملح وقت جسر الماء", 60, 200 + 12 * n)[::-1]]
    words = (*heading, *first, *second)
    parts = parts_by_regions(TextPlane(words, 0, vertical=False), [region("text", list(words))], right_to_left=True)

    assert [(part.label, len(part.lines)) for part in parts] == [("heading", 1), ("text", 4), ("text", 4)]


def column(lines: list[str], x: float, top: float, number: int) -> list[Word]:
    words = []
    for n, line in enumerate(lines):
        left, baseline = x, top + 12 * n
        for text in line.split():
            box = Box(left, baseline - 8, left + 5.0 * len(text), baseline + 2)
            words.append(Word((Piece(text, box, 10.0),), box, baseline, number + n))
            left = box.x1 + 3
    return words


def parts_of(left: list[str], right: list[str], *, right_top: float = 100) -> list[Part]:
    """Two columns; the left one ends with `left`, the right one begins with `right`."""
    first, last = [RIGHT[1] + "."] * 24, [RIGHT[1] + "."] * 20
    blocks = [(first, 50, 100, 0), (left, 50, 400, 30), (right, 310, right_top, 40), (last, 310, right_top + 60, 50)]
    words = [word for block in blocks for word in column(*block)]
    regions = [Region("text", Box(x - 5, top - 10, x + 240, top + 12 * len(lines) - 8)) for lines, x, top, _ in blocks]
    return parts_by_regions(TextPlane(tuple(words), 0, vertical=False), regions, right_to_left=False)


@pytest.mark.parametrize(
    ("end", "start"),
    [
        ("over the bar and out with the tide of", "a day in"),
        ("in the old book it came in 1882-12-", "20 was the"),
        ("and on to the north in the morning har-", "bour is"),
    ],
)
def test_a_paragraph_goes_on_in_the_next_column(end: str, start: str) -> None:
    """A sentence, a word or a number that breaks off at the end of a column ends at the head of the next one."""
    _, part, _ = parts_of([*LEFT[:2], end], [f"{start} spring, when dogs", *RIGHT[1:]])
    assert [line.text for line in part.lines] == [*LEFT[:2], end, f"{start} spring, when dogs", *RIGHT[1:]]
    assert [box.x0 for box in (part.box, *part.elsewhere)] == [50, 310]


@pytest.mark.parametrize(
    ("end", "start", "top"),
    [
        ("over the bar and out with the tide.", "a day", 100),
        ("over the bar and out with the tide of", "A day", 100),
        ("over the bar and out with the tide of", "a day", 430),
        ("the tide of", "a day", 100),
    ],
)
def test_paragraphs_of_their_own_stay_apart(end: str, start: str, top: float) -> None:
    """The end of a sentence, a short line, a capital, or text below its end begins a paragraph."""
    assert len(parts_of([*LEFT[:2], end], [f"{start} in spring, when dogs", *RIGHT[1:]], right_top=top)) == 4


def test_marks_of_items_that_are_drawn_last_are_of_their_items() -> None:
    """Some programs write the numbers of a list after its text: each is put before the words beside it."""
    texts = [line("Oil the hinges", 20, 100 + 14 * n, mono=False) for n in range(3)]
    marks = [line(f"{n + 1}.", 8, 100 + 14 * n, mono=False) for n in range(3)]
    words = [word._replace(line=n) for n, each in enumerate([*texts, *marks]) for word in each]

    parts = parts_by_regions(
        TextPlane(tuple(words), 0, vertical=False), [region("list", *texts, *marks)], right_to_left=False
    )

    assert [(part.label, part.lines[0].text) for part in parts] == [
        ("list", "1. Oil the hinges"),
        ("list", "2. Oil the hinges"),
        ("list", "3. Oil the hinges"),
    ]


def test_a_paragraph_below_a_list_is_no_rest_of_its_last_item() -> None:
    """One that begins at an item's mark, close below, goes on with it only if its first word had no room above."""
    items = [column([text], 60, 100 + 12 * n, n) for n, text in enumerate(("* Oil them", "* Fill the lamps"))]
    for below, count in ((["The ferry leaves the north quay", "in the morning"], 3), (["harbours and"], 2)):
        paragraph = column(below, 60, 124, 10)
        plane = TextPlane((*items[0], *items[1], *paragraph), 0, vertical=False)
        regions = [region("list", items[0]), region("list", items[1]), region("text", paragraph)]
        assert len(parts_by_regions(plane, regions, right_to_left=False)) == count


def test_an_indented_paragraph_below_a_list_is_none_of_its_last_item() -> None:
    """Its first line may begin where the item's text does; the lines below it begin left of that."""
    item = [*column(["\u2022 Oil the hinges of the gate"], 60, 100, 0), *column(["and of the shed"], 68, 112, 1)]
    for left, count in ((56, 2), (68, 1)):
        first, rest = column(["The ferry leaves at seven"], 68, 124, 10), column(["and is back"], left, 136, 11)
        plane = TextPlane((*item, *first, *rest), 0, vertical=False)
        regions = [region("list", item), region("text", first, rest)]
        assert len(parts_by_regions(plane, regions, right_to_left=False)) == count


def test_entries_of_references_are_parted() -> None:
    """An entry begins with the next number in brackets, also if the numbers end below each other, not begin."""
    entries = ["[9] Marten, Of mills", "and weirs.", "[10] Eider, Of tides", "[3] and others", "[11] Norne, Of quays"]
    lines = [
        line(text, 60 if text.startswith("[1") else 66, 100 + 12 * n, mono=False) for n, text in enumerate(entries)
    ]
    words = tuple(word for each in lines for word in each)
    parts = parts_by_regions(TextPlane(words, 0, vertical=False), [region("text", *lines)], right_to_left=False)

    assert [(part.label, len(part.lines)) for part in parts] == [("text", 2), ("text", 2), ("text", 1)]


def test_lists_beside_each_other_are_read_one_after_the_other() -> None:
    """In one region and in several, each list follows the heading above it; items of two lists share no line."""
    left = [line("\u2022 Hire six drivers", 20, 114, mono=False), line("\u2022 Mend route 12", 20, 128, mono=False)]
    right = [line("\u2022 Buy a crane", 300, 114, mono=False), line("\u2022 Audit in May", 300, 128, mono=False)]
    heads = [line("Now", 20, 92, mono=False), line("Later", 300, 92, mono=False)]
    lines = [heads[0], heads[1], left[0], right[0], left[1], right[1]]
    words = tuple(word._replace(line=n) for n, each in enumerate(lines) for word in each)
    headings = [region("heading", head) for head in heads]
    for regions in ([region("list", *left, *right)], [region("list", each) for each in (*left, *right)]):
        plane = TextPlane(words, 0, vertical=False)
        parts = parts_by_regions(plane, [*headings, *regions], right_to_left=False)
        assert [part.lines[0].text for part in parts] == [
            "Now",
            "\u2022 Hire six drivers",
            "\u2022 Mend route 12",
            "Later",
            "\u2022 Buy a crane",
            "\u2022 Audit in May",
        ]


def test_entries_in_large_type_are_no_headings() -> None:
    """A text beside a tag in the margin may be short, and larger than the small type of most of a page."""
    large = [
        line("-c", 20, 100, mono=False),
        line("Sort by time, or if that is not told by", 60, 100, mono=False),
        line("size", 60, 114, mono=False),
        line("-d", 20, 128, mono=False),
        line("List folders", 60, 128, mono=False),
    ]
    small = [
        [
            word._replace(pieces=(word.pieces[0]._replace(size=8.0),))
            for word in line(SMALL, 20, 200 + 10 * n, mono=False)
        ]
        for n in range(6)
    ]
    words = tuple(word._replace(line=n) for n, each in enumerate([*large, *small]) for word in each)
    regions = [region("text", *large), region("text", *small)]

    parts = parts_by_regions(TextPlane(words, 0, vertical=False), regions, right_to_left=False)

    assert [(part.label, part.lines[0].text) for part in parts[:2]] == [("text", "-c"), ("text", "-d")]


def test_an_item_counts_on_after_the_rest_of_the_one_above() -> None:
    """The rest of an item may be a region of its own: the next number is of the same list all the same."""
    lines = [
        line("1. Oil the hinges", 20, 100, mono=False),
        line("2. Fill the lamps of the north shed and", 20, 112, mono=False),
        line("trim them", 38, 124, mono=False),
        line("3. Ropes", 20, 136, mono=False),
    ]
    words = tuple(word._replace(line=n) for n, each in enumerate(lines) for word in each)
    regions = [region("text", each) for each in lines]

    parts = parts_by_regions(TextPlane(words, 0, vertical=False), regions, right_to_left=False)

    assert [(part.label, len(part.lines)) for part in parts] == [("list", 1), ("list", 2), ("list", 1)]


@pytest.mark.parametrize("marks", ["ABCD", "ACBD"])
def test_answers_are_read_in_the_order_of_their_letters(marks: str) -> None:
    """Answers to choose from stand in two columns; their letters tell if they are read by rows or by columns."""
    lines = [line("1. Which river is it?", 20, 100, mono=False)] + [
        line(f"{mark}. the Orr", x, y, mono=False)
        for mark, (x, y) in zip(marks, ((36, 114), (300, 114), (36, 128), (300, 128)), strict=True)
    ]
    words = tuple(word._replace(line=n) for n, each in enumerate(lines) for word in each)
    regions = [region("list", lines[0]), region("text", lines[1], lines[3]), region("text", lines[2], lines[4])]

    parts = parts_by_regions(TextPlane(words, 0, vertical=False), regions, right_to_left=False)

    assert [each.text[0] for part in parts for each in part.lines] == list("1ABCD")
    assert [part.label for part in parts] == ["list"] * 5


def test_regions_of_text_cut_no_line() -> None:
    """Words with blanks between them stay in their line, whatever edge the model draws through it."""
    lines = [
        line(f"{n} the ferry leaves the quay at seven and is back", 20, 100 + 12 * n, mono=False) for n in range(4)
    ]
    whole = region("text", *lines).box
    cut = whole.x0 + 0.3 * whole.width
    regions = [
        Region("text", Box(whole.x0, whole.y0, cut, whole.y1)),
        Region("text", Box(cut, whole.y0, whole.x1, whole.y1)),
    ]
    words = tuple(word for each in lines for word in each)

    (part,) = parts_by_regions(TextPlane(words, 0, vertical=False), regions, right_to_left=False)

    assert [each.text[0] for each in part.lines] == ["0", "1", "2", "3"]


def test_a_bullet_may_stand_far_from_its_item() -> None:
    """A bullet that begins a row is of the text behind it, though a tab lies between; a tick in a cell is not."""
    items = [line("Oil the hinges", 44, 100 + 14 * n, mono=False) for n in range(2)]
    marks = [line("\u25a0", 20, 100 + 14 * n, mono=False) for n in range(2)]
    lines = [*marks, *items]
    words = tuple(word._replace(line=n) for n, each in enumerate(lines) for word in each)
    plane = TextPlane(words, 0, vertical=False)

    parts = parts_by_regions(plane, [region("text", *lines)], right_to_left=False)

    assert [(part.label, part.lines[0].text) for part in parts] == [("list", "\u25a0 Oil the hinges")] * 2


def test_marks_of_lines_from_right_to_left_are_read_as_written() -> None:
    """`1.` is shown as `.1` right of such a line, often as a line of its own."""
    texts = [line("باب شجرة طريق", 60, 100 + 12 * n, mono=False)[::-1] for n in range(3)]
    right = texts[0][0].box.x1 + 4
    marks = [line(f".{n + 1}", right, 100 + 12 * n, mono=False) for n in range(3)]
    lines = [each for pair in zip(marks, texts, strict=True) for each in pair]
    words = with_turned_marks([word._replace(line=n) for n, each in enumerate(lines) for word in each])
    plane = TextPlane(tuple(words), 0, vertical=False)

    parts = parts_by_regions(plane, [region("text", *lines)], right_to_left=True)

    assert [(part.label, part.lines[0].words[0].text) for part in parts] == [("list", f"{n}.") for n in (1, 2, 3)]


def test_numbers_before_the_lines_of_a_program_are_of_its_listing() -> None:
    """Numbers may be set in other, smaller type, and each line of the listing in a region of its own."""
    program = ["def mill(rye):", "", "flour = rye / 2", "return flour"]
    lines = [
        [*line(str(n), 20, 100 + 12 * n, mono=False), *line(text, 40, 100 + 12 * n)]
        for n, text in enumerate(program, start=1)
    ]
    words = tuple(word for each in lines for word in each)
    plane = TextPlane(words, 0, vertical=False)

    (part,) = parts_by_regions(plane, [region("list", each) for each in lines], right_to_left=False)

    assert part.label == "code"
    assert [each.text for each in part.lines] == [f"{n} {text}".strip() for n, text in enumerate(program, start=1)]


def test_text_far_below_a_paragraph_is_none_of_it() -> None:
    """White space of more than a line's height parts it, unless all lines of the region stand so far apart."""
    for step, count in ((32, 2), (12, 1)):
        baselines = (100, 112, 124, 124 + step)
        lines = [line(f"The ferry leaves quay {n} at seven", 20, y, mono=False) for n, y in enumerate(baselines)]
        words = tuple(word for each in lines for word in each)
        plane = TextPlane(words, 0, vertical=False)
        assert len(parts_by_regions(plane, [region("text", *lines)], right_to_left=False)) == count


def test_answers_that_count_on_in_one_text_are_items() -> None:
    """A mark that is the next one, below the one before, begins an item; one elsewhere in a sentence does not."""
    answers = [line(text, 60, 100 + 12 * n, mono=False) for n, text in enumerate(("A) cod", "B) herring or", "C) eel"))]
    clauses = [
        line(text, 60, 160 + 12 * n, mono=False) for n, text in enumerate(("1. As said in number", "3. of the rules,"))
    ]
    words = tuple(word for each in (*answers, *clauses) for word in each)
    parts = parts_by_regions(
        TextPlane(words, 0, vertical=False), [region("text", *answers), region("text", *clauses)], right_to_left=False
    )

    assert [[each.text for each in part.lines] for part in parts] == [
        ["A) cod"],
        ["B) herring or"],
        ["C) eel"],
        ["1. As said in number", "3. of the rules,"],
    ]
    assert [part.label for part in parts[:3]] == ["list"] * 3


@pytest.mark.parametrize(
    ("text", "size", "label"),
    [
        ("Mills count the calm weeks of the year.", 11.0, "text"),
        ("Mills count the calm weeks of the year.", 14.0, "heading"),
        ("Mills count the calm weeks", 11.0, "heading"),
        ("Of mills.", 11.0, "heading"),
        ("2. Of the mills below the weir.", 11.0, "heading"),
        ("\u78e8\u574a\u6309\u65e0\u98ce\u7684\u65e5\u5b50\u8ba1\u6570\u3002", 11.0, "text"),
        ("\u78e8\u574a\u3002", 11.0, "heading"),
    ],
)
def test_a_sentence_in_plain_type_is_no_heading(text: str, size: float, label: str) -> None:
    """The model names it so where small type is most of a page; headings end without a full stop, or are short."""
    small = [line("cells of a long table in small type", 60, 200 + 12 * n, mono=False) for n in range(9)]
    head = [word._replace(pieces=(word.pieces[0]._replace(size=size),)) for word in line(text, 60, 100, mono=False)]
    small = [[word._replace(pieces=(word.pieces[0]._replace(size=9.0),)) for word in row] for row in small]
    words = tuple(head) + tuple(word for row in small for word in row)
    regions = [region("heading", head), region("text", *small)]
    parts = parts_by_regions(TextPlane(words, 0, vertical=False), regions, right_to_left=False)

    assert parts[0].label == label


@pytest.mark.parametrize("marks", [("(i)", "(ii)"), ("\u0430)", "\u0431)"), ("a)", "b)")])
def test_a_list_begins_below_the_line_that_announces_it(marks: tuple[str, str]) -> None:
    """Its first mark, set in below a colon or dash, begins an item, in Cyrillic too; within a sentence it does not."""
    texts = [
        (60, "1.2. The amounts of goods are these:"),
        (80, f"{marks[0]} flour, and"),
        (80, f"{marks[1]} sugar."),
        (60, "1.3. The price is that of section"),
        (80, f"{marks[0]} of the annex."),
    ]
    found = [line(text, x, 100 + 12 * n, mono=False) for n, (x, text) in enumerate(texts)]
    words = tuple(word for each in found for word in each)
    parts = parts_by_regions(TextPlane(words, 0, vertical=False), [region("list", *found)], right_to_left=False)

    assert [len(part.lines) for part in parts] == [1, 1, 1, 2]
