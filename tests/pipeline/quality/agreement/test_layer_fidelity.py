import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.measures import LayerFidelity
from ocrmill.pipeline.quality.agreement.layer_fidelity import measure_fidelity
from ocrmill.pipeline.quality.agreement.plain_words import words_of_markdown
from ocrmill.pipeline.records import Block
from ocrmill.pipeline.text.reading_order import Box, turned

Words = list[tuple[str, Box]]
PAGE = (
    "The quick settlement of northern valleys was followed by a long period\n"
    "in which families who came from the coast built small farms along a river",
    "Receipts for 1,024.50 and -12.5% stood against 0.035 of last year",
    "and traded grain for tools until 1887",
)


def printed(*lines: str, top: float = 50.0, left: float = 50.0, size: float = 10.0) -> Words:
    """Words of lines below each other, as a layer has them: half the size wide for each letter."""
    words = []
    for n, line in enumerate(lines):
        x, y = left, top + 1.4 * size * n
        for word in line.split():
            words.append((word, Box(x, y, x + 0.5 * size * len(word), y + size)))
            x = words[-1][1].x1 + 0.3 * size
    return words


def page(texts: tuple[str, ...] = PAGE) -> tuple[str, list[Block], Words]:
    """Blocks below each other: the Markdown of each is its text on one line."""
    markdown, blocks, words = "", [], []
    for n, text in enumerate(texts):
        top = 50.0 + 60 * n
        words += printed(*text.split("\n"), top=top)
        markdown += "\n\n" * bool(n)
        blocks.append(Block("text", 50, top, 550, top + 28, len(markdown), len(markdown) + len(text)))
        markdown += text.replace("\n", " ")
    return markdown, blocks, words


def fidelity(markdown: str, *lines: str) -> LayerFidelity:
    return measure_fidelity(markdown, None, printed(*lines))


@pytest.mark.parametrize(
    ("markdown", "line"),
    [
        ("# A *title* with **bo**ld and `code x_1`", "A title with bold and code x_1"),
        (r"5 \> 3 \* 2 and snake\_case \# 1", "5 > 3 * 2 and snake_case # 1"),
        ("Smith &amp; Sons &lt;b&gt; &#x41;", "Smith & Sons <b> A"),
        ("[the link](https://example.org/not-shown) <https://example.org/shown>", "the link https://example.org/shown"),
        ("| a | b<br>c |\n|---|---|\n| 1.5 | d \\| e |", "a b c 1.5 d | e"),
        ("<table><tr><td>one</td><td colspan=2>two &amp; 3</td></tr></table>", "one two & 3"),
        ("E = mc<sup>2</sup>, H<sub>2</sub>O, x_{1}, y^{2}", "E = mc2, H2O, x1, y2"),
        ("```py\nif a < b:\n    print(*c)\n```", "if a < b: print(*c)"),
        ("    0001  a0 ff", "0001 a0 ff"),
        ("3. third\n4. fourth\n   - nested\n   - [x] ticked", "3. third 4. fourth • nested \u2022 ticked"),
        ("- bullet\n- square", "\u25aa bullet \uf0b7 square"),
        ("efficient office", "e\ufb03cient of\ufb01ce"),
        ("soft hyphen", "soft hy\u00adphen"),
        ("na\u00efve caf\u00e9", "nai\u0308ve caf\u00b4e"),
        ("\u20ac5 and \uff11\uff12\uff13", "\u20ac5 and 123"),
        ("Introduction 7", "Introduction.........7"),
        ("Contents _______ here", "Contents here"),
        ("\u4eba\u4eba\u751f\u800c 2024\u5e74", "\u4eba \u4eba\u751f \u800c 2024 \u5e74"),
        ("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0e2a\u0e27\u0e31 \u0e2a\u0e14\u0e35"),
        ("\u0627\u0644\u0644\u063a\u0629", "\ufe8d\ufedf\ufee0\ufed0\ufe94"),
        (
            "\u0627\u0644\u0633\u0644\u0627\u0645",
            "\u0627\u0644\u0633\u0627\u0644\u0645",
        ),  # lam-alef, the wrong way round
        ("\u201cQuoted\u201d (words), don\u2019t!", "Quoted words don\u2019t"),
        ("known letters", "known \ufffd letters \ue000"),
        ("", ""),
    ],
)
def test_markup_and_typesetting_do_not_count(markdown: str, line: str) -> None:
    """Every word is found again, however Markdown and type dress them."""
    assert fidelity(markdown, line) == LayerFidelity(1, 1, 1)


@pytest.mark.parametrize(
    ("markdown", "lines"),
    [
        ("an example.", ("an exam-", "ple.")),
        ("an example", ("an exam\u00ad", "ple")),
        ("and/or", ("and/", "or")),
        ("long-term plans", ("long-", "term plans")),
        ("in 1990-1995", ("in 1990-", "1995")),
        ("in 1990\u20131995 and 25\u201340 mm", ("in 1990\u2013", "1995 and 25\u2013", "40 mm")),
        ("4,157,654 sold", ("4,157,65", "4 sold")),
        ("\uc0c8 \ub4f1\ub300\uac00", ("\uc0c8 \ub4f1", "\ub300\uac00")),
        ("an example of it\n\nrunning header", ("an exam-", "running header", "ple of it")),
        ("TABLE OF CONTENTS", ("T A B L E O F C O N T E N T S",)),
        ("C O N T E N T S", ("C O N T E N T S",)),
        ("1 \u2212 0.193 x = 5 \u2208 R", ("1 \u22120.193 x=5\u2208R",)),
        ("1 \u22120.193", ("1 \u2212 0.193",)),
        ("a dash \u2014 and more", ("a dash\u2014and", "more")),
        ("see https://example.org/a/b.pdf there", ("see https://", "example.org/", "a/b.pdf there")),
        ("see doi:10.1017/s0022-0507", ("see doi:", "10.1017/", "s0022-0507")),
    ],
)
def test_cut_and_spaced_words_are_equal_to_whole_ones(markdown: str, lines: tuple[str, ...]) -> None:
    """A hyphen at the end of a line, and letters set apart, are typesetting."""
    assert fidelity(markdown, *lines) == LayerFidelity(1, 1, fidelity(markdown, *lines).order)


def test_numbers_in_two_lines_are_no_address() -> None:
    """Only an address has signs that its pieces in the lines of a layer have lost: `1` and `2` are not `1/2`."""
    assert fidelity("half is 1/2", "half is 1", "2").recall == 1 - 2 / 4
    assert fidelity("see example.org/12", "see example.org 1", "3").recall < 1


def test_a_large_initial_belongs_to_its_word() -> None:
    """A drop cap is joined to the rest of its word, a letter of the same size is not."""
    rest = printed("he end is near", left=80)
    drop = [("T", Box(50, 50, 75, 80)), *rest]
    small = [("T", Box(50, 50, 60, 60)), *rest]

    assert measure_fidelity("The end is near", None, drop).recall == 1
    assert measure_fidelity("The end is near", None, small).recall == 1 - 2 / 5


def test_raised_and_lowered_characters_belong_to_their_word() -> None:
    """A layer parts a word at a change of height; a Markdown that has it whole is right, and neighbours stay apart."""
    formula = [
        ("Sb", Box(50, 50, 62, 60)),
        ("2", Box(62, 55, 66, 62)),
        ("O", Box(66, 50, 72, 60)),
        ("3", Box(72, 55, 76, 62)),
    ]
    beside = [("to", Box(50, 50, 62, 60)), ("be", Box(62, 50, 74, 60))]

    assert measure_fidelity("Sb<sub>2</sub>O<sub>3</sub>", None, formula).recall == 1
    assert measure_fidelity("tobe", None, beside).recall == 0


@pytest.mark.parametrize(
    ("right", "wrong", "numbers"),
    [
        ("16502.83", "1650283", 2),
        ("-12.5%", "12.5%", 2),
        ("12.5%", "12.5", 2),
        ("1,024", "1.024", 2),
        ("1990-1995", "19901995", 2),
        (".5", "5", 2),
        ("7 16502.83 1152.00", "716502.831152.00", 4),
        ("Smith 12", "Smith12", 0),
        ("> 60", "60", 0),
        ("US", "us", 0),
        ("well-known", "wellknown", 0),
        ("Introduction", "Intr oduction", 0),
        ("x+y", "x-y", 0),
        ("\u00a75 \u2212 \u20ac7", "\u00a75 \u2212 7", 0),
        ("\u4eba\u751f", "\u4eba\u6c11", 0),
    ],
)
def test_what_changes_the_meaning_counts(right: str, wrong: str, numbers: int) -> None:
    """A lost point, sign, blank, hyphen or letter is a lost word, and changed numbers are counted on both sides."""
    there, back = fidelity(f"so {wrong} it", f"so {right} it"), fidelity(f"so {right} it", f"so {wrong} it")

    assert there.recall < 1
    assert back.precision < 1
    assert there.recall == back.precision
    assert there.changed_numbers == back.changed_numbers == numbers


def test_a_range_cut_at_the_end_of_a_line_keeps_its_hyphen() -> None:
    """Digits are never closed up: only letters lose the hyphen of a line's end."""
    lost = fidelity("in 19901995", "in 1990-", "1995")

    assert lost.recall == 1 / 3
    assert lost.changed_numbers == 3
    assert fidelity("AngloAmerican", "Anglo-", "American").recall == 0


def test_an_unescaped_sign_is_lost() -> None:
    """A CommonMark parser decides: `> 60` at the start of a line is a quotation."""
    assert fidelity("> 60 percent", "> 60 percent").recall == 2 / 3
    assert fidelity("[note]: see", "[note]: see").recall == 0


def test_lost_and_added_words_are_told_apart() -> None:
    """Half of the words missing is half of the recall, a page written twice half of the precision."""
    markdown, _, words = page()
    half = " ".join(markdown.split()[: len(words) // 2])

    assert measure_fidelity(half, None, words).recall == pytest.approx(0.5, abs=0.02)
    assert measure_fidelity(half, None, words).precision == 1
    assert measure_fidelity(f"{markdown}\n\n{markdown}", None, words).precision == 0.5
    assert measure_fidelity(markdown, None, []) == LayerFidelity(1, 0, 1, changed_numbers=4)
    assert measure_fidelity("", [], words).recall == 0


def test_a_page_as_it_is_has_no_fault() -> None:
    """Every word once, in order, inside its block."""
    markdown, blocks, words = page()

    assert measure_fidelity(markdown, blocks, words) == LayerFidelity(1, 1, 1)


@pytest.mark.parametrize("moved", ["northern", "the"])
def test_a_missing_word_that_is_appended_lowers_the_order(moved: str) -> None:
    """A word at the end of the page is outside of the box it comes from, be it unique or not."""
    markdown, blocks, words = page()
    without = markdown.replace(f"{moved} ", "", 1)
    lost = len(moved) + 1
    kept = [Block(b.label, b.x0, b.y0, b.x1, b.y1, max(0, b.start - lost), b.end - lost) for b in blocks]
    last = kept[-1]
    inside = [*kept[:-1], Block("text", last.x0, last.y0, last.x1, last.y1, last.start, last.end + lost)]
    appended = f"{without} {moved}"

    assert measure_fidelity(appended, inside, words).recall == 1
    assert measure_fidelity(appended, inside, words).order < 1
    own = [*kept, Block("text", 50, 700, 550, 720, len(without) + 2, len(without) + 2 + len(moved))]
    assert measure_fidelity(f"{without}\n\n{moved}", own, words).order < 1
    assert measure_fidelity(f"{without}\n\n{moved}", kept, words).order < 1


def test_blocks_that_move_lower_the_order() -> None:
    """A block in another place of the Markdown, its box with it, and boxes that change places, both cost."""
    _, blocks, words = page()
    markdown, turned, _ = page(PAGE[::-1])
    boxes = blocks[::-1]
    with_boxes = [Block("text", b.x0, b.y0, b.x1, b.y1, t.start, t.end) for b, t in zip(boxes, turned, strict=True)]

    assert measure_fidelity(markdown, with_boxes, words).recall == 1
    assert measure_fidelity(markdown, with_boxes, words).order < 0.7
    assert measure_fidelity(markdown, turned, words).order < 0.7


def test_order_is_that_of_the_layer_or_of_reading() -> None:
    """A layer that draws the right column first is no reason to call a page read by columns disordered."""
    left = printed(*[f"left{n} side{n} row{n} text{n}" for n in range(10, 22)])
    right = printed(*[f"right{n} part{n} line{n} word{n}" for n in range(10, 22)], left=330)
    by_column = " ".join(word for word, _ in left + right)

    assert measure_fidelity(by_column, None, right + left).order == 1
    assert measure_fidelity(by_column, None, left + right).order == 1
    rows = [word for n in range(12) for word in left[4 * n : 4 * n + 4] + right[4 * n : 4 * n + 4]]
    assert measure_fidelity(" ".join(word for word, _ in rows), None, left + right).order < 0.7


def test_running_headers_and_footers_may_stand_anywhere_in_the_layer() -> None:
    """A header that the layer draws last, or in the midst of the text, is no disorder; blocks that move still are."""
    heading = printed("Annals of Hydrology volume twelve", top=20)
    markdown, blocks, words = page()
    with_header = "Annals of Hydrology volume twelve\n\n" + markdown
    moved = [Block(b.label, b.x0, b.y0, b.x1, b.y1, b.start + 35, b.end + 35) for b in blocks]

    def order(label: str, layer: Words) -> float:
        return measure_fidelity(with_header, [Block(label, 40, 15, 560, 35, 0, 33), *moved], layer).order

    late = [*words[:20], *heading, *words[20:]]
    assert order("header", late) == 1
    assert order("header", [*words, *heading]) == 1
    other, spans, _ = page(PAGE[::-1])
    places = zip(blocks[::-1], spans, strict=True)
    turned_over = [Block("text", b.x0, b.y0, b.x1, b.y1, s.start + 35, s.end + 35) for b, s in places]
    header = Block("header", 40, 15, 560, 35, 0, 33)
    text = "Annals of Hydrology volume twelve\n\n" + other
    assert measure_fidelity(text, [header, *turned_over], [*words, *heading]).order < 0.7


def test_large_initials_are_no_disorder_where_the_layer_draws_them_first() -> None:
    """An initial over two lines belongs before the first of them; before the last line of the page it is moved."""
    drawn_first = [("I", Box(50, 50, 62, 78)), ("2", Box(50, 120, 62, 148))]
    verses = [printed(*[f"verse{n}{m} word{n}{m} more{n}{m}" for m in "abc"], left=66, top=50 + 70 * n) for n in (0, 1)]
    texts = [[word for word, _ in verse] for verse in verses]
    layer = [*drawn_first, *verses[0], *verses[1]]

    assert measure_fidelity(" ".join(["I", *texts[0], "2", *texts[1]]), None, layer).order == 1
    assert measure_fidelity(" ".join(["I", *texts[0], *texts[1], "2"]), None, layer).order < 1


def test_cells_of_several_lines_may_be_read_whole() -> None:
    """A layer draws a line after the other through all columns; a cell that is read whole is no disorder.

    Words that change places between rows, and a column read before the next, are one all the same.
    """
    rows = [(f"dish{n}", f"served{n} with{n}", f"{n}.50") for n in range(10, 20)]
    layer: Words = []
    for n, (name, more, price) in enumerate(rows):
        layer += printed(name, top=50 + 30 * n)
        layer += printed(price, top=50 + 30 * n, left=330)
        layer += printed(more, top=64 + 30 * n)

    def order(cells: list[tuple[str, str]]) -> float:
        markdown = "|dish|price|\n|-|-|\n" + "\n".join(f"|{one}|{other}|" for one, other in cells)
        block = [Block("table", 40, 40, 500, 400, 0, len(markdown))]
        return measure_fidelity(markdown, block, layer).order

    whole = [(f"{name} {more}", price) for name, more, price in rows]
    assert order(whole) == 1
    shifted = [(name, price) for (name, _), (_, price) in zip(whole, [*whole[5:], *whole[:5]], strict=True)]
    assert order(shifted) < 0.96
    by_columns = [(" ".join(name for name, _ in whole), " ".join(price for _, price in whole))]
    assert order(by_columns) < 0.96


@pytest.mark.parametrize("turn", [0, 90, 270])
def test_order_of_columns_and_tables_is_known_on_pages_on_their_side(turn: int) -> None:
    """A layer that draws the right column first, and a table column by column, is no disorder on a turned page."""
    left = printed(*[f"left{n} side{n} rows{n} text{n}" for n in range(10, 22)])
    right = printed(*[f"right{n} part{n} line{n} word{n}" for n in range(10, 22)], left=330)
    columns = [
        printed(*[f"{name}{n}" for n in range(10, 20)], top=400, left=x) for name, x in (("aaaa", 50), ("bbbb", 330))
    ]
    markdown = " ".join(word for word, _ in left + right)
    cells = "\n".join(f"|aaaa{n}|bbbb{n}|" for n in range(10, 20))
    table = f"|{columns[0][0][0]}|{columns[1][0][0]}|\n|-|-|\n" + cells.split("\n", 1)[1]
    box = turned(Box(40, 390, 500, 560), turn, 600, 800)
    block = [Block("table", box.x0, box.y0, box.x1, box.y1, 0, len(table))]

    def shown(words: Words) -> Words:
        return [(text, turned(place, turn, 600, 800)) for text, place in words]

    assert measure_fidelity(markdown, None, shown(right + left)).order == 1
    assert measure_fidelity(table, block, shown(columns[0] + columns[1])).order == 1


def test_words_know_the_line_of_the_markdown_on_which_they_stand() -> None:
    """Blocks are spans of the Markdown: each word is found in its own, also in tables, lists, code and HTML."""
    markdown = (
        "# w0\n\nw2 **w2\nw3**\n\n1. w5\n   w6\n   - w7\n\n| w9 | w9 |\n|---|---|\n| w11 | w11<br>w11 |"
        "\n\n```\nw14\nw15\n```\n\n"
        "<table>\n<tr><td>w19</td></tr>\n<tr><td>w20</td></tr>\n</table>\n\n> w23\n> w24\n\n    w26\n"
    )
    for word in words_of_markdown(markdown):
        if word.text != "1":
            assert word.text == f"w{word.line}"
    assert len(words_of_markdown(markdown)) == 20


def test_a_page_takes_milliseconds() -> None:
    """A page of 500 words, a table of 500 cells too, takes 5 ms on an idle core: far less than to read it."""
    rng = random.Random(0)
    lines = [" ".join(f"{rng.randrange(10**6) / 100}" for _ in range(5)) for _ in range(100)]
    words = printed(*lines)
    rows = "\n".join(f"|{'|'.join(line.split())}|" for line in lines)
    table = f"|a|b|c|d|e|\n|-|-|-|-|-|\n{rows}"
    blocks = [Block("table", 0, 0, 600, 1600, 0, len(table))]
    took = []
    for _ in range(5):
        started = time.thread_time()
        found = measure_fidelity(table, blocks, words)
        took.append(time.thread_time() - started)

    assert found.recall == 1
    assert min(took) < 0.2


@pytest.mark.parametrize(
    "unit",
    ["<", "[", "[a](", "<a ", "\\", "&", "![a", "`", "a- ", "a b ", "*a **", "|a", "> ", "- ", "<!--", "<b>\n<!--"],
)
def test_hostile_markup_takes_linear_time(unit: str) -> None:
    """No markup, however broken, makes the parser or the patterns look at everything again and again."""
    text = unit * (100_000 // len(unit))
    started = time.thread_time()
    measure_fidelity(text, [], [])

    assert time.thread_time() - started < 60.0  # 2 to 4


@pytest.mark.parametrize("line", ["T e s t s", "exam- ple a\u0301"])
def test_a_layer_of_100_000_words_takes_seconds(line: str) -> None:
    """Neither many words, nor many large blocks, nor words that all differ make the measure quadratic."""
    words = printed(*[f"{line} {n} x{n}-" for n in range(100_000 // (len(line.split()) + 2))])
    blocks = [Block("text", 0, 0, 1000, 1e7, 2 * n, 2 * n + 1) for n in range(2000)]
    markdown = "\n".join(f"{line}{n}".replace(" ", "") for n in range(30_000))
    started = time.thread_time()
    found = measure_fidelity(markdown, blocks, words)

    assert found.recall < 1
    assert time.thread_time() - started < 60.0


PIECES = st.sampled_from(
    [*"ab1.,-/|*_`#>[](){}<&; \n\r\t\u0301\u0644\u0627\u4eba\u00ad\u2028\ufffd\ud800", "<td>", "&#10;", "~~~\n"]
)


@given(st.lists(PIECES).map("".join), st.lists(st.lists(PIECES).map("".join)))
def test_any_text_is_measured(markdown: str, texts: list[str]) -> None:
    """No Markdown and no layer makes the measure fail, or gives a share outside 0 to 1."""
    words = [(text, Box(n, n, n + 5, n + 5)) for n, text in enumerate(texts)]
    blocks = [Block("text", 0, 0, 3, 3, 0, len(markdown) // 2), Block("text", 2, 2, 9, 9, len(markdown) // 2, 10**6)]
    for found in (measure_fidelity(markdown, blocks, words), measure_fidelity(markdown, None, words)):
        assert (
            0 <= min(found.recall, found.precision, found.order) <= max(found.recall, found.precision, found.order) <= 1
        )
