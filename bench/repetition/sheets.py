"""Honest sheets of figures and signs: tables to look up, dumps, sequences, games, exercises, forms to be filled in.

Sizes are those of a printed page: a hundred lines at most, or several columns of them.
"""

import math
import random
import string
from collections.abc import Callable

from bench.repetition.wording import line_of

_HAN_DIGITS = "〇一二三四五六七八九"


def table_of(draw: random.Random, rows: list[list[str]]) -> str:
    """Write rows as HTML, as Markdown, or as the lines of a text layer."""
    form = draw.choice(("html", "pipes", "lines", "columns"))
    if form == "html":
        return (
            f"<table>{''.join('<tr>' + ''.join(f'<td>{cell}</td>' for cell in row) + '</tr>' for row in rows)}</table>"
        )
    if form == "pipes":
        head, *rest = ("| " + " | ".join(row) + " |" for row in rows)
        return "\n".join([head, "|" + " --- |" * len(rows[0]), *rest])
    return (
        "\n".join("  ".join(row) for row in rows)
        if form == "lines"
        else "\n".join(cell for row in rows for cell in row)
    )


def products(draw: random.Random) -> str:
    """Write what numbers are times, plus or minus others, as a square or as equations, up to 20 by 12."""
    sign, result = draw.choice((("x", int.__mul__), ("+", int.__add__), ("\u00d7", int.__mul__)))
    rows, columns = draw.randint(9, 20), draw.randint(9, 12)
    if draw.random() < 0.5:
        head = [sign, *map(str, range(1, columns + 1))]
        return table_of(
            draw, [head, *([str(a), *(str(result(a, b)) for b in range(1, columns + 1))] for a in range(1, rows + 1))]
        )
    return table_of(
        draw, [[f"{a} {sign} {b} = {result(a, b)}" for a in range(1, rows + 1)] for b in range(1, columns + 1)]
    )


def number_charts(draw: random.Random) -> str:
    """Write the numbers to 100 or 120 for children, even, odd, in words of Han, or with their squares and roots."""
    most, kind = draw.choice((50, 100, 120)), draw.choice(("all", "even", "han", "squares", "days"))
    if kind == "squares":
        return table_of(draw, [[str(n), str(n * n), str(n**3), f"{n**0.5:.4f}"] for n in range(1, most + 1)])
    if kind == "han":
        names = [_han(n) for n in range(1, 100)]
        return table_of(draw, [names[at : at + 9] for at in range(0, 99, 9)])
    if kind == "days":  # of the year, by month: what `day 217` is
        return table_of(draw, [[str(day), *(str(30 * month + day) for month in range(12))] for day in range(1, 31)])
    step = 2 if kind == "even" else 1
    return table_of(draw, [[str(step * (10 * row + at + 1)) for at in range(10)] for row in range(most // 10)])


def han_products(draw: random.Random) -> str:
    """Write the table of products that is learned by heart in Chinese: `三四十二`."""
    lines = [
        [f"{_HAN_DIGITS[a]}{_HAN_DIGITS[b]}{'得' if a * b < 10 else ''}{_han(a * b)}" for a in range(1, b + 1)]
        for b in range(1, 10)
    ]
    between = draw.choice((" ", "\u3000", "\n", "\uff0c"))
    return "\n".join(between.join(line) for line in lines)


def _han(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else _HAN_DIGITS[tens] + "十") + (_HAN_DIGITS[ones] if ones else "")


def hex_dumps(draw: random.Random) -> str:
    """Write a memory by sixteen bytes: text, code, and stretches of zeros or of FF."""
    lines: list[str] = []
    address = draw.randrange(0, 0x10000, 16)
    fill = draw.choice((0, 0, 0xFF))
    while len(lines) < draw.randint(30, 70):
        if draw.random() < 0.3:
            rows = [bytes([fill]) * 16] * draw.randint(1, 12)
        else:
            rows = [
                bytes(draw.choice((draw.randrange(256), draw.randrange(32, 127), 0)) for _ in range(16))
                for _ in range(draw.randint(1, 8))
            ]
        for row in rows:
            shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            lines.append(f"{address:08x}  {row[:8].hex(' ')}  {row[8:].hex(' ')}  |{shown}|")
            address += 16
    return "\n".join(lines)


def sequences(draw: random.Random) -> str:
    """Write a gene as GenBank and FASTA do, with a tandem repeat of 10 to 35 copies, or align some species."""
    letters = draw.choice(("acgt", "ACGT", "ACDEFGHIKLMNPQRSTVWY"))
    unit = "".join(draw.choices(letters, k=draw.randint(2, 4)))
    sequence = (
        "".join(draw.choices(letters, k=900)) + unit * draw.randint(10, 35) + "".join(draw.choices(letters, k=900))
    )
    form = draw.choice(("genbank", "fasta", "alignment"))
    if form == "genbank":
        return "\n".join(
            f"{at + 1:9} " + " ".join(sequence[at : at + 60][part : part + 10] for part in range(0, 60, 10))
            for at in range(0, len(sequence), 60)
        )
    if form == "fasta":
        return f">{line_of(draw, 8, 20)}\n" + "\n".join(sequence[at : at + 70] for at in range(0, len(sequence), 70))
    species = [line_of(draw, 5, 12).title() for _ in range(draw.randint(3, 8))]
    blocks = []
    for at in range(0, 60 * draw.randint(4, 9), 60):
        rows = [
            [letter if draw.random() < 0.93 else draw.choice(letters) for letter in sequence[at : at + 60]]
            for _ in species
        ]
        marks = "".join("*" if len(set(column)) == 1 else " " for column in zip(*rows, strict=True))
        blocks.append(
            "\n".join(
                [*(f"{name:14}{''.join(row)}" for name, row in zip(species, rows, strict=True)), " " * 14 + marks]
            )
        )
    return "\n\n".join(blocks)


def chess(draw: random.Random) -> str:
    """Write the moves of a game, some games, or a board with its pieces as letters and dots."""

    def move() -> str:
        square = draw.choice("abcdefgh") + str(draw.randint(1, 8))
        return (
            draw.choice(("", "N", "B", "R", "Q", "K"))
            + draw.choice(("", "", "x"))
            + square
            + draw.choice(("", "", "", "+"))
        )

    if draw.random() < 0.3:
        rows = ["".join(draw.choices(".......pPnNbBrRqQkK", k=8)) for _ in range(8)]
        boards = ["\n".join(f"{8 - at} {' '.join(row)}" for at, row in enumerate(rows)) + "\n  a b c d e f g h"]
        return "\n\n".join(boards * draw.randint(1, 2) + ["\n".join("| " + " | ".join(row) + " |" for row in rows)])
    games = []
    for _ in range(draw.randint(1, 4)):
        moves = [f"{number + 1}. {move()} {move()}" for number in range(draw.randint(25, 90))]
        moves[-3:] = [
            f"{len(moves) - 2 + at}. Kg1 Kg7" if at % 2 else f"{len(moves) - 2 + at}. Kh1 Kh8" for at in range(3)
        ]
        games.append(draw.choice((" ", "\n")).join(moves) + " ½-½")
    return "\n\n".join(games)


def points(draw: random.Random) -> str:
    """Write points of a survey or of a border, a path of a drawing, or commands for a milling machine."""
    form = draw.choice(("survey", "border", "path", "mill"))
    x, y, lines = draw.uniform(0, 900), draw.uniform(0, 900), []
    for number in range(draw.randint(40, 140)):
        x, y = x + draw.uniform(-3, 3), y + draw.uniform(-3, 3)
        lines.append(
            {
                "survey": f"P{number + 1} {x:.3f} {y:.3f} {draw.uniform(90, 110):.2f}",
                "border": f"{x / 20:.5f} N, {y / 20:.5f} E",
                "path": f"L {x:.1f} {y:.1f}",
                "mill": f"N{10 * (number + 1)} G01 X{x:.2f} Y{y:.2f} Z-1.5 F200",
            }[form]
        )
    return (" " if form == "path" else "\n").join(lines)


def puzzles(draw: random.Random) -> str:
    """Write a crossword with its clues, a square of letters to search for words, or a sudoku with blanks."""
    side, form = draw.randint(9, 15), draw.choice(("crossword", "search", "sudoku"))
    if form == "search":
        return "\n".join(" ".join(draw.choices(string.ascii_uppercase, k=side)) for _ in range(side))
    if form == "sudoku":
        grids = [
            table_of(
                draw, [[draw.choice((" ", " ", " ", str(draw.randint(1, 9)))) for _ in range(9)] for _ in range(9)]
            )
            for _ in range(draw.randint(1, 6))
        ]
        return "\n\n".join(grids)
    grid = table_of(
        draw, [[draw.choice(("", "", "", "■", str(draw.randint(1, 40)))) for _ in range(side)] for _ in range(side)]
    )
    clues = [
        f"{number} {line_of(draw, 12, 50).capitalize()} ({draw.randint(3, 9)})"
        for number in range(1, draw.randint(20, 40))
    ]
    return "\n".join([grid, "ACROSS", *clues[::2], "DOWN", *clues[1::2]])


def exercises(draw: random.Random) -> str:
    """Write up to 200 numbered sums with blanks, in columns, or as many words to be turned into another form."""
    blank, form = draw.choice(("____", "______", "=", "= □", "........")), draw.choice(("sums", "words", "blanks"))
    signs = "+-\u00d7"
    count, between = draw.choice((50, 100, 200)), draw.choice(("\n", "   "))
    kinds: dict[str, Callable[[], str]] = {
        "sums": lambda: f"{draw.randint(1, 99)} {draw.choice(signs)} {draw.randint(1, 99)} {blank}",
        "words": lambda: f"{line_of(draw, 4, 12)} {blank}",
        "blanks": lambda: f"{line_of(draw, 10, 25)} {blank} {line_of(draw, 8, 20)}",
    }
    make = kinds[form]
    return between.join(f"{number + 1}. {make()}" for number in range(count if form != "blanks" else count // 4))


def answer_sheets(draw: random.Random) -> str:
    """Write the circles of a test with 50 to 120 questions, in one to four columns."""
    letters, marks = draw.choice(("ABCD", "ABCDE")), draw.choice(("{}", "({})", "○ {}", "[{}]"))
    row, columns = " ".join(marks.format(letter) for letter in letters), draw.randint(1, 4)
    questions = draw.choice((50, 60, 80, 100, 120))
    lines = [f"{number + 1}. {row}" for number in range(questions)]
    rows = questions // columns
    return "\n".join("    ".join(lines[at::rows][:columns]) for at in range(rows))


def blank_lists(draw: random.Random) -> str:
    """Write a sheet to sign in: 15 to 60 rows with a number, or none, and cells to be filled in."""
    columns, rows = draw.randint(2, 6), draw.randint(15, 60)
    blank = draw.choice(("", "_" * 20, "........"))
    head = [line_of(draw, 4, 12).title() for _ in range(columns)]
    numbers = draw.random() < 0.7
    return table_of(
        draw, [["No.", *head], *([str(row + 1) if numbers else "", *[blank] * columns] for row in range(rows))]
    )


def functions(draw: random.Random) -> str:
    """Write sines, logarithms or squares by degrees or hundredths, ten to a row."""
    make = draw.choice((math.sin, math.cos, math.log1p, math.sqrt))
    first, step = draw.randint(0, 9), draw.choice((0.01, 0.1, 1.0))
    rows = [
        [f"{first + 10 * step * row:g}", *(f"{make(first + step * (10 * row + at)):.4f}" for at in range(10))]
        for row in range(draw.randint(30, 90))
    ]
    return table_of(draw, rows)


def conversions(draw: random.Random) -> str:
    """Write up to 100 measures in other units: degrees, inches, shoe sizes, currencies."""
    times, plus = draw.choice(((1.8, 32.0), (25.4, 0.0), (0.454, 0.0), (1.6, 0.0), (1, 32)))
    form = draw.choice(("{a} {b:g}", "{a} °C {b:.1f} °F", "{a} in {b:.1f} mm", "{a} | {b:.2f}"))
    first, count = draw.randint(0, 40), draw.choice((40, 60, 100))
    return table_of(draw, [[form.format(a=a, b=a * times + plus)] for a in range(first, first + count)])


def character_charts(draw: random.Random) -> str:
    """Write the characters from 32 to 126 with their numbers in two or three bases, in one to four columns."""
    form, columns = draw.choice(("{n} {n:02X} {c}", "{n} {n:o} {n:x} {c}", "U+{n:04X} {c} {n}")), draw.choice((1, 2, 4))
    cells = [form.format(n=n, c=chr(n)) for n in range(32, 127)]
    rows = -(-len(cells) // columns)
    return table_of(draw, [cells[row::rows] for row in range(rows)])


def seats(draw: random.Random) -> str:
    """Write the plan of a train or theatre: a row of letters for each number."""
    letters, form = draw.choice(("ABCD", "ABC DEF", "ABCDEFGHIJ")), draw.choice(("{n}{c}", "{c}{n}", "{c}"))
    rows = [[form.format(n=n, c=c) if c != " " else "" for c in letters] for n in range(1, draw.randint(20, 45))]
    return table_of(draw, [[str(at + 1), *row] for at, row in enumerate(rows)])


def tablature(draw: random.Random) -> str:
    """Write staves of a guitar: six lines of dashes and frets, some bars the same."""
    bars = [["".join(draw.choice("-----02357") for _ in range(12)) for _ in range(6)] for _ in range(3)]
    staves = []
    for _ in range(draw.randint(4, 9)):
        chosen = [draw.choice(bars) for _ in range(4)]
        staves.append("\n".join(f"{name}|{'|'.join(bar[at] for bar in chosen)}|" for at, name in enumerate("eBGDAE")))
    return "\n\n".join(staves)
