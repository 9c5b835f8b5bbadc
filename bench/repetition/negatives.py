"""Hard negatives: honest pages that say much the same again and again. Kinds marked `held_back` are never tuned on."""

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.quality.vocabulary import SCRIPTS
from bench.repetition import rolls, sheets
from bench.repetition.wording import line_of, sentence_of


@dataclass(frozen=True, slots=True)
class HardNegative:
    """A kind of honest page."""

    name: str
    draw: Callable[[random.Random], str]
    held_back: bool = False


def _rows(draw: random.Random, rows: Sequence[Sequence[str]], *, as_lines: bool = True) -> str:
    """Write a table as HTML, as Markdown, or as the lines of a text layer."""
    form = draw.choice(("html", "pipes", "lines") if as_lines else ("html", "pipes"))
    if form == "html":
        inner = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<table>{inner}</table>"
    if form == "pipes":
        head, *rest = ("| " + " | ".join(row) + " |" for row in rows)
        return "\n".join([head, "|" + " --- |" * len(rows[0]), *rest])
    return "\n".join("  ".join(row) for row in rows)


def _money(draw: random.Random) -> str:
    return f"{draw.choice((draw.randint(1, 99), draw.randint(100, 9999))):,}.{draw.choice(('00', '50', '95', '20'))}"


def _contents(draw: random.Random) -> str:
    page, lines = 1, []
    for number in range(draw.randint(20, 60)):
        page += draw.randint(0, 9)
        title = draw.choice((f"Chapter {number + 1}", line_of(draw, 8, 40).capitalize()))
        lines.append(f"{title} {draw.choice(('.' * (70 - len(title)), '. ' * 30, ' · ' * 20))} {page}")
    return "\n".join(lines)


def _ledger(draw: random.Random) -> str:
    what = [line_of(draw, 6, 30) for _ in range(draw.randint(1, 5))]
    rows = [
        [f"{day % 28 + 1:02}/{draw.randint(1, 12):02}/2023", draw.choice(what), _money(draw), _money(draw)]
        for day in range(draw.randint(25, 60))
    ]
    return _rows(draw, [["Date", "Description", "Amount", "Balance"], *rows])


def _form(draw: random.Random) -> str:
    fields = [line_of(draw, 4, 18).capitalize() for _ in range(draw.randint(3, 8))]
    blank = draw.choice(("_" * 40, "." * 60, "[ ]", "□"))
    block = "\n".join(f"{field}: {blank}" for field in fields)
    if draw.random() < 0.5:
        return "\n\n".join(f"Applicant {number + 1}\n{block}" for number in range(draw.randint(3, 10)))
    return f"Name{blank}\n" + f"Date: {blank} Signature: {blank}\n" * draw.randint(5, 15)


def _poem(draw: random.Random) -> str:
    refrain = line_of(draw, 20, 50).capitalize()
    stanzas = draw.randint(4, 12)
    return "\n\n".join(
        "\n".join([*(line_of(draw, 20, 50).capitalize() for _ in range(3)), refrain]) for _ in range(stanzas)
    )


def _song(draw: random.Random) -> str:
    chorus = "\n".join(line_of(draw, 15, 40).capitalize() for _ in range(4))
    parts = []
    for _ in range(draw.randint(2, 5)):
        parts += ["\n".join(line_of(draw, 15, 40).capitalize() for _ in range(4)), chorus]
    last = line_of(draw, 12, 35).capitalize() + "\n"
    tail = draw.choice((last * draw.randint(3, 7), "la la la la la\n" * draw.randint(2, 5), f"{chorus}\n{chorus}"))
    return "\n\n".join([*parts, tail])


def _code(draw: random.Random) -> str:
    names = [line_of(draw, 4, 12).replace(" ", "_") for _ in range(draw.randint(8, 20))]
    form = draw.choice(
        (
            "    public String get{0}() {{\n        return this.{0};\n    }}\n",
            "    if {0} is None:\n        raise ValueError('{0}')\n",
            "    assert result.{0} == expected.{0}\n",
            "  <field name='{0}' type='string' required='false'/>\n",
        )
    )
    return "```\n" + "".join(form.format(name) for name in names) + "    }\n  }\n}\n```"


def _numbers(draw: random.Random) -> str:
    columns, rows = draw.randint(4, 12), draw.randint(15, 55)
    values = draw.choice(
        (["0"], ["0", "0", "0", "1"], ["0.17", "0.52", "0.98", "0.33"], ["-", "0.00", "0.00"], ["n/a"])
    )
    return _rows(draw, [[str(row + 1), *draw.choices(values, k=columns)] for row in range(rows)])


def _timetable(draw: random.Random) -> str:
    stops = [line_of(draw, 6, 16).title() for _ in range(draw.randint(8, 20))]
    first, every, trips = draw.randint(300, 500), draw.choice((10, 15, 20, 30, 60)), draw.randint(4, 10)
    rows = [
        [stop, *(f"{(t := first + 3 * at + every * trip) // 60:02}:{t % 60:02}" for trip in range(trips))]
        for at, stop in enumerate(stops)
    ]
    return _rows(draw, [["Stop", *["Mo-Fr"] * trips], *rows])


def _law(draw: random.Random) -> str:
    opening = draw.choice(("The Contractor shall", "Nothing in this Agreement shall", "WHEREAS the Company has"))
    return "\n\n".join(
        f"{number + 1}.{draw.randint(1, 9)} {opening} {sentence_of(draw, 60, 200)}"
        for number in range(draw.randint(8, 18))
    )


def _han(draw: random.Random) -> str:
    words = SCRIPTS["zh"][1].split()
    refrain = "".join(draw.sample(words, 3)) + "\uff0c"
    if draw.random() < 0.5:
        return "\n".join(f"{refrain}{''.join(draw.sample(words, 4))}。" for _ in range(draw.randint(8, 20)))
    return "。".join("".join(draw.sample(words, 6)) for _ in range(12)) + "。" + refrain * draw.randint(3, 7)


def _log(draw: random.Random) -> str:
    what = [line_of(draw, 20, 50) for _ in range(draw.randint(1, 4))]
    second = draw.randint(0, 40_000)
    lines = []
    for _ in range(draw.randint(30, 80)):
        second += draw.randint(0, 40)
        lines.append(f"2024-03-01 {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02} INFO {draw.choice(what)}")
    return "\n".join(lines)


def _references(draw: random.Random) -> str:
    authors = [f"{line_of(draw, 4, 9).split()[0].title()}, {draw.choice('ABCDEFG')}." for _ in range(4)]
    journal = line_of(draw, 15, 40).title()
    return "\n".join(
        f"[{number + 1}] {draw.choice(authors)} & {draw.choice(authors)} ({draw.randint(1980, 2023)}). "
        f"{line_of(draw, 30, 90).capitalize()}. {journal}, {draw.randint(1, 80)}({draw.randint(1, 12)}), "
        f"{draw.randint(1, 400)}-{draw.randint(401, 800)}."
        for number in range(draw.randint(12, 40))
    )


def _prices(draw: random.Random) -> str:
    thing, unit = line_of(draw, 5, 14), draw.choice(("pcs", "kg", "per box", "each"))
    rows = [
        [f"{thing.capitalize()} {draw.randint(2, 60)} x {draw.randint(2, 400)} mm", unit, f"EUR {_money(draw)}"]
        for _ in range(draw.randint(20, 60))
    ]
    return _rows(draw, rows)


def _index(draw: random.Random) -> str:
    lines = []
    for _ in range(draw.randint(30, 90)):
        pages = ", ".join(str(draw.randint(1, 600)) for _ in range(draw.randint(1, 6)))
        lines.append(draw.choice((f"{line_of(draw, 5, 20)}, {pages}", f"  see also {line_of(draw, 5, 15)}, {pages}")))
    return "\n".join(sorted(lines))


def _minutes(draw: random.Random) -> str:
    names = [line_of(draw, 4, 9).split()[0].title() for _ in range(9)]
    return "\n".join(
        f"Councillor {draw.choice(names)} moved and Councillor {draw.choice(names)} seconded that "
        f"{line_of(draw, 15, 50)} be approved. The motion was put and carried unanimously."
        for _ in range(draw.randint(8, 22))
    )


def _calendar(draw: random.Random) -> str:
    months = []
    for month in ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"):
        start = draw.randint(0, 6)
        days = [*[""] * start, *map(str, range(1, 31))]
        weeks = [" ".join(days[at : at + 7]).strip() for at in range(0, len(days), 7)]
        months.append("\n".join([f"{month} 2024", "Mo Tu We Th Fr Sa Su", *weeks]))
    return "\n\n".join(months)


def _questionnaire(draw: random.Random) -> str:
    answers = draw.choice(
        ("Yes No N/A", "Strongly disagree  Disagree  Neutral  Agree  Strongly agree", "1 2 3 4 5", "☐ Yes ☐ No")
    )
    return "\n".join(
        f"{number + 1}. {line_of(draw, 15, 90).capitalize()}? {answers}" for number in range(draw.randint(10, 45))
    )


def _blank_rows(draw: random.Random) -> str:
    columns = draw.randint(3, 9)
    head = [line_of(draw, 4, 10) for _ in range(columns)]
    return _rows(draw, [head, *[[""] * columns for _ in range(draw.randint(10, 40))]], as_lines=False)


def _transcript(draw: random.Random) -> str:
    return "\n".join(
        f"{number % 25 + 1} {draw.choice(('Q. ', 'A. ', ''))}"
        f"{draw.choice(('Yes.', 'No.', 'I do not recall.', 'Correct.', line_of(draw, 20, 60).capitalize() + '.'))}"
        for number in range(draw.randint(50, 75))
    )


def _register(draw: random.Random) -> str:
    rows = [
        [str(bit), draw.choice(("Reserved", "Reserved", "Reserved", line_of(draw, 3, 8).upper())), "R/W", "0"]
        for bit in range(31, -1, -1)
    ]
    return _rows(draw, [["Bit", "Field", "Type", "Reset"], *rows])


def _receipts(draw: random.Random) -> str:
    lines = [f"{line_of(draw, 8, 24)} {_money(draw)}" for _ in range(draw.randint(6, 14))]
    body = "\n".join([sentence_of(draw, 60, 160), *lines, f"Total {_money(draw)}"])
    return "\n\n".join(f"{copy} copy\n{body}" for copy in ("Customer", "Merchant", "Bank")[: draw.randint(2, 3)])


def _signatures(draw: random.Random) -> str:
    blank = "_" * draw.randint(20, 40)
    block = f"By: {blank}\nName: {blank}\nTitle: {blank}\nDate: {blank}\n"
    return sentence_of(draw, 200, 500) + "\n\n" + "\n".join([block] * draw.randint(2, 8))


def _mantra(draw: random.Random) -> str:
    return sentence_of(draw, 300, 800) + "\n\n" + (line_of(draw, 10, 18).capitalize() + "\n") * draw.randint(3, 8)


def _coordinates(draw: random.Random) -> str:
    """Write dice that are thrown twice, a table of products, or points of a plot."""
    kind, pair = draw.choice(("dice", "products", "points", "grid")), draw.choice(("({}, {})", "({},{})", "[{}, {}]"))
    if kind == "dice":
        return ", ".join(pair.format(x, y) for x in range(1, 7) for y in range(1, 7))
    if kind == "products":
        form = draw.choice(("{} x {} = {}", "{} \u00d7 {} = {}"))
        return "\n".join(form.format(x, y, x * y) for x in range(1, draw.randint(6, 13)) for y in range(1, 13))
    if kind == "grid":
        side = draw.randint(4, 10)
        return "\n".join(f"{pair.format(x, y)} {draw.gauss(20, 3):.2f}" for x in range(side) for y in range(side))
    return ", ".join(pair.format(x, draw.randint(0, 99)) for x in range(draw.randint(40, 200)))


def _vocabulary(draw: random.Random) -> str:
    """Write words to be read aloud, shuffled in each row, or short sentences to be copied."""
    if draw.random() < 0.5:
        words = [line_of(draw, 3, 9).split()[0] for _ in range(draw.randint(6, 12))]
        return "\n".join("  ".join(draw.sample(words, len(words))) for _ in range(draw.randint(8, 30)))
    sentences = [line_of(draw, 25, 40).capitalize() + "." for _ in range(draw.randint(5, 8))]
    return "\n".join(draw.choice(sentences) for _ in range(draw.randint(20, 60)))


def _date_list(draw: random.Random) -> str:
    """Write the days of a month or two, one a line, the days on which wages are paid, or a table by the day."""
    first, form = dt.date(draw.randint(1990, 2025), draw.randint(1, 12), 1), draw.choice(("{:%Y-%m-%d}", "{:%a %d %b}"))
    step, days = draw.choice(((1, 31), (1, 62), (7, 53), (14, 26)))
    dates = [form.format(first + dt.timedelta(step * number)) for number in range(days)]
    if draw.random() < 0.5:
        return "\n".join(dates)
    return _rows(draw, [["Date", "High", "Low"], *([date, _money(draw), _money(draw)] for date in dates)])


def _bingo(draw: random.Random) -> str:
    words = [str(number) for number in range(1, 76)]
    if draw.random() < 0.5:
        words = [line_of(draw, 6, 26) for _ in range(draw.randint(26, 40))]
    cards = []
    for _ in range(draw.randint(2, 8)):
        cells = draw.sample(words, 25)
        cells[12] = "FREE"
        cards.append("B I N G O\n" + _rows(draw, [cells[at : at + 5] for at in range(0, 25, 5)]))
    return "\n\n".join(cards)


def _roster(draw: random.Random) -> str:
    """Write the shifts of a month, drawn or in a pattern of a week, for each of some people."""
    shifts = draw.choice((("Early", "Late", "Night", "Off"), ("D", "N", "-"), ("Ward A", "Ward B", "Theatre", "Leave")))
    rows = []
    for _ in range(draw.randint(8, 24)):
        week = draw.choices(shifts, k=7)
        month = draw.choice((week * 4, draw.choices(shifts, k=28)))
        rows.append([line_of(draw, 4, 12).title(), *month])
    return _rows(draw, [["Name", *map(str, range(1, 29))], *rows])


def _planner(draw: random.Random) -> str:
    """Write all days of a year, month by month or a row for the same day of each month."""
    year = draw.randint(1990, 2030)
    days = [dt.date(year, 1, 1) + dt.timedelta(number) for number in range(365)]
    if draw.random() < 0.5:
        return "\n".join(
            f"{dt.date(year, month, 1):%B %Y}\n" + " ".join(f"{day:%a} {day.day}" for day in days if day.month == month)
            for month in range(1, 13)
        )
    return "\n".join(" ".join(f"{day:%a} {day.day}" for day in days if day.day == row) for row in range(1, 32))


HARD_NEGATIVES = (
    HardNegative("contents with leaders", _contents),
    HardNegative("ledgers", _ledger),
    HardNegative("forms", _form),
    HardNegative("poems with a refrain", _poem),
    HardNegative("songs", _song),
    HardNegative("code", _code),
    HardNegative("tables of numbers", _numbers),
    HardNegative("timetables", _timetable),
    HardNegative("legal clauses", _law),
    HardNegative("Han with a refrain", _han),
    HardNegative("logs", _log),
    HardNegative("tables of coordinates", _coordinates),
    HardNegative("drills of words and sentences", _vocabulary),
    HardNegative("lists of dates", _date_list),
    HardNegative("bibliographies", _references, held_back=True),
    HardNegative("price lists", _prices, held_back=True),
    HardNegative("index pages", _index, held_back=True),
    HardNegative("minutes from a template", _minutes, held_back=True),
    HardNegative("calendars", _calendar, held_back=True),
    HardNegative("questionnaires", _questionnaire, held_back=True),
    HardNegative("tables of empty rows", _blank_rows, held_back=True),
    HardNegative("transcripts", _transcript, held_back=True),
    HardNegative("registers of bits", _register, held_back=True),
    HardNegative("receipts in copies", _receipts, held_back=True),
    HardNegative("blocks for signatures", _signatures, held_back=True),
    HardNegative("a line said several times", _mantra, held_back=True),
    HardNegative("bingo cards", _bingo, held_back=True),
    HardNegative("rosters of shifts", _roster, held_back=True),
    HardNegative("planners of a year", _planner, held_back=True),
    HardNegative("tables of products and sums", sheets.products),
    HardNegative("charts of numbers", sheets.number_charts, held_back=True),
    HardNegative("products in Han", sheets.han_products, held_back=True),
    HardNegative("dumps of bytes", sheets.hex_dumps, held_back=True),
    HardNegative("genes and alignments", sheets.sequences, held_back=True),
    HardNegative("games of chess", sheets.chess, held_back=True),
    HardNegative("points and paths", sheets.points, held_back=True),
    HardNegative("crosswords and sudokus", sheets.puzzles, held_back=True),
    HardNegative("numbered exercises", sheets.exercises, held_back=True),
    HardNegative("answer sheets", sheets.answer_sheets, held_back=True),
    HardNegative("sheets to sign in", sheets.blank_lists, held_back=True),
    HardNegative("days with what is on them", rolls.days_of_a_year, held_back=True),
    HardNegative("all days of a year", rolls.whole_years),
    HardNegative("departures by the hour", rolls.departures, held_back=True),
    HardNegative("lists of ISBNs", rolls.book_numbers, held_back=True),
    HardNegative("serial numbers", rolls.serial_numbers),
    HardNegative("roll calls of one surname", rolls.roll_calls, held_back=True),
    HardNegative("phone books", rolls.phone_books, held_back=True),
    HardNegative("litanies", rolls.litanies, held_back=True),
    HardNegative("resolutions", rolls.resolutions, held_back=True),
    HardNegative("glossaries", rolls.glossaries, held_back=True),
    HardNegative("words that differ in a letter", rolls.words_by_letter, held_back=True),
    HardNegative("tables of functions", sheets.functions, held_back=True),
    HardNegative("conversions of units", sheets.conversions, held_back=True),
    HardNegative("charts of characters", sheets.character_charts, held_back=True),
    HardNegative("plans of seats", sheets.seats, held_back=True),
    HardNegative("tablature", sheets.tablature, held_back=True),
    HardNegative("psalms with an answer", rolls.psalms, held_back=True),
    HardNegative("volumes and laps", rolls.volumes, held_back=True),
    HardNegative("results of elections", rolls.returns, held_back=True),
    HardNegative("rows of a program", rolls.statements, held_back=True),
)
