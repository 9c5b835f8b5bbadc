"""Honest rolls: lists that go through days, departures, numbers, names, words or invocations, one after the other."""

import calendar
import datetime as dt
import random

from bench.repetition.sheets import table_of
from bench.repetition.wording import line_of, sentence_of


def days_of_a_year(draw: random.Random) -> str:
    """Write days of a year, up to 92, with what is on them (a saint, the sun, tides), or to be filled in."""
    new_year = dt.date(draw.randint(1990, 2030), 1, 1)
    days = [new_year + dt.timedelta(number) for number in range(365)]
    form = draw.choice(("{:%d %b}", "{:%a %d %B}", "{:%Y-%m-%d}", "{:%d.%m.}"))
    what = draw.choice(("saint", "sun", "tide", "nothing"))
    first, lines = draw.randint(0, 300), []
    for at, day in enumerate(days[first : first + draw.choice((31, 61, 92))]):
        told = {
            "saint": line_of(draw, 8, 25).title(),
            "sun": f"{7 - at // 40:02}:{59 - at % 60:02}  {16 + at // 40:02}:{at % 60:02}",
            "tide": "  ".join(
                f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02} {draw.uniform(0, 6):.1f}" for _ in range(4)
            ),
            "nothing": "________",
        }[what]
        lines.append([form.format(day), told])
    return table_of(draw, lines)


def whole_years(draw: random.Random) -> str:
    """Write all days of a year: as calendars of weeks, one to four months beside each other, or as a list of dates."""
    year, kind = draw.randint(1990, 2030), draw.random()
    if kind < 0.3:
        form, rows = draw.choice(("{:%d %b}", "{:%a %d %b}", "{:%Y-%m-%d}", "{:%d/%m/%Y}", "{:%d.%m.}")), []
        for day in range(1, 32):
            months = [month for month in range(1, 13) if day <= calendar.monthrange(year, month)[1]]
            rows.append([form.format(dt.date(year, month, day)) for month in months])
        if draw.random() < 0.5:
            return table_of(draw, rows)
        days = 365 + calendar.isleap(year)
        return "\n".join(form.format(dt.date(year, 1, 1) + dt.timedelta(number)) for number in range(days))
    if kind < 0.6:
        return calendar.TextCalendar(draw.choice((0, 6))).formatyear(year, m=draw.choice((1, 2, 3, 4)))
    weeks = [
        [f"{week}", *(str(day) if day else "" for day in days)]
        for month in range(1, 13)
        for week, days in enumerate(calendar.monthcalendar(year, month), 1)
    ]
    return table_of(draw, [["W", "Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"], *weeks])


def departures(draw: random.Random) -> str:
    """Write the minutes of each hour at which a bus leaves, on working days, Saturdays and Sundays."""
    blocks = []
    for day in ("Monday to Friday", "Saturday", "Sunday and public holidays"):
        minutes = sorted(draw.sample(range(0, 60, draw.choice((1, 5))), draw.choice((2, 3, 4, 6))))
        hours = range(draw.randint(4, 6), draw.randint(20, 24))
        form = draw.choice(("{hour:02} | {minutes}", "{hour} {minutes}", "{all}"))
        blocks.append(
            day
            + "\n"
            + "\n".join(
                form.format(
                    hour=hour,
                    minutes=" ".join(f"{minute:02}" for minute in minutes),
                    all=" ".join(f"{hour:02}:{minute:02}" for minute in minutes),
                )
                for hour in hours
            )
        )
    return "\n\n".join(blocks)


def book_numbers(draw: random.Random) -> str:
    """Write ISBNs of a publisher, drawn or one after the other, with or without titles."""
    prefix, first, climbs = (
        f"978-{draw.randint(0, 9)}-{draw.randint(100, 9999)}",
        draw.randint(100, 9000),
        draw.random() < 0.5,
    )
    titled = draw.random() < 0.6
    rows = []
    for at in range(draw.randint(30, 100)):
        number = first + at if climbs else draw.randint(0, 9999)
        isbn = f"{prefix}-{number:04}-{draw.choice('0123456789X')}"
        rows.append([isbn, line_of(draw, 10, 40).title(), f"£{draw.randint(5, 60)}.99"] if titled else [isbn])
    return table_of(draw, rows)


def serial_numbers(draw: random.Random) -> str:
    """Write up to 100 tickets, plates or devices with the numbers that follow each other, some with a state."""
    name, first = draw.choice(("SN", "Ticket ", "Voucher no. ", "AB-", "Locker ")), draw.randint(1, 90_000)
    states = draw.choice(([""], ["OK", "OK", "OK", "defective"], ["paid", "open"]))
    return table_of(draw, [[f"{name}{first + at:05}", draw.choice(states)] for at in range(draw.randint(40, 100))])


def roll_calls(draw: random.Random) -> str:
    """Write the members of a family or a village: one surname, or three, before the given names."""
    surnames = [line_of(draw, 4, 10).split()[0].title() for _ in range(draw.choice((1, 1, 3)))]
    given = [line_of(draw, 3, 8).split()[0].title() for _ in range(40)]
    after = draw.choice(("", " ........ present", ", aye", " \u2013 here"))
    names = [
        f"{draw.choice(surnames)}, {' '.join(draw.sample(given, draw.choice((1, 2))))}{after}"
        for _ in range(draw.randint(30, 95))
    ]
    return draw.choice(("\n", "; ")).join(names)


def phone_books(draw: random.Random) -> str:
    """Write entries of a directory in order: name, initial, street, dots, number."""
    surname, streets = line_of(draw, 4, 9).split()[0].title(), [line_of(draw, 5, 14).title() for _ in range(6)]
    dots, entries = draw.choice((".....", " . . . . ", "  ")), []
    for _ in range(draw.randint(60, 100)):
        house = f"{draw.randint(1, 300)} {draw.choice(streets)} St"
        entries.append(f"{surname} {draw.choice('ABCDEFGHJKLMNPRSTW')} {house}{dots}555 {draw.randint(1000, 9999)}")
    return "\n".join(sorted(entries))


def litanies(draw: random.Random) -> str:
    """Write 20 to 60 invocations with one answer, the answer in a line of its own or behind a dash."""
    answer = draw.choice(
        ("pray for us.", "have mercy on us.", "we beseech thee, hear us.", "ora pro nobis.", "good Lord, deliver us.")
    )
    name, between = draw.choice(("Saint ", "Holy ", "O ", "From ")), draw.choice(("\n", ", ", " \u2014 ", " R. "))
    return "\n".join(f"{name}{line_of(draw, 4, 28).title()}{between}{answer}" for _ in range(draw.randint(20, 60)))


def resolutions(draw: random.Random) -> str:
    """Write recitals and resolutions: WHEREAS, NOW, THEREFORE, BE IT RESOLVED."""
    body = line_of(draw, 15, 35).title()
    recitals = [
        f"WHEREAS, the {body} {sentence_of(draw, 60, 200)[:-1].lower()}; and" for _ in range(draw.randint(6, 15))
    ]
    orders = [
        f"BE IT FURTHER RESOLVED, that the {body} {sentence_of(draw, 60, 180).lower()}"
        for _ in range(draw.randint(3, 10))
    ]
    return "\n\n".join(
        [*recitals, f"NOW, THEREFORE, BE IT RESOLVED, by the {body}, {sentence_of(draw, 60, 160)}", *orders]
    )


def glossaries(draw: random.Random) -> str:
    """Write words with their kind and meaning; many lead to another entry."""
    kind = draw.choice(("n.", "v.", "adj.", "(abbr.)"))
    terms = sorted(line_of(draw, 4, 18) for _ in range(draw.randint(30, 80)))
    return "\n".join(
        draw.choice(
            (
                f"{term} {kind} See {draw.choice(terms)}.",
                f"{term} {kind} {sentence_of(draw, 20, 70)}",
                f"{term}: see {draw.choice(terms)}",
            )
        )
        for term in terms
    )


def words_by_letter(draw: random.Random) -> str:
    """Write words that differ in a letter, syllables, letters to be traced, or the forms of verbs."""
    consonants, ends = "bcdfghjklmnprstvwz", ("at", "an", "it", "op", "ug", "ell", "ack", "ing")
    form = draw.choice(("rhymes", "syllables", "trace", "verbs"))
    if form == "rhymes":
        return "\n".join(
            " ".join(letter + end for letter in draw.sample(consonants, 12)) for end in ends * draw.choice((1, 2))
        )
    if form == "syllables":
        return "\n".join(" ".join(letter + vowel for vowel in "aeiou") for letter in consonants)
    if form == "trace":
        return "\n".join(
            f"{letter.upper()} " * draw.randint(4, 8) + f"{letter} " * draw.randint(4, 8) for letter in consonants
        )
    stems = [line_of(draw, 3, 7).split()[0] for _ in range(draw.randint(5, 12))]
    return "\n\n".join(
        "\n".join(f"{who} {stem}{end}" for who, end in (("I", ""), ("you", ""), ("she", "s"), ("we", ""), ("they", "")))
        for stem in stems
    )


def psalms(draw: random.Random) -> str:
    """Write up to 30 verses with a number and one answer, each verse of its own."""
    answer = line_of(draw, 20, 40)
    form = draw.choice(("{n} {verse}: {answer}.", "{n}. {verse}; * {answer}.", "{verse},\n    {answer}."))
    return "\n".join(
        form.format(n=n + 1, verse=line_of(draw, 20, 60).capitalize(), answer=answer)
        for n in range(draw.randint(15, 30))
    )


def volumes(draw: random.Random) -> str:
    """Write the volumes of a journal with their years, the years of a feast with its day, or laps with their times."""
    form = draw.choice(
        ("Vol. {n} ({year})", "{year} {day} April", "Lap {n} 1:{day:02}.{ms:03}", "{n}, {year}, pp. {day}\u2013{ms}")
    )
    year = draw.randint(1850, 1930)
    rows = [
        [form.format(n=n, year=year + n, day=draw.randint(1, 30), ms=draw.randint(100, 999))]
        for n in range(1, draw.randint(40, 98))
    ]
    return table_of(draw, rows)


def returns(draw: random.Random) -> str:
    """Write the results of an election or a league: a district a row, names that come again, and numbers."""
    parties, place = [line_of(draw, 5, 12).title() for _ in range(4)], line_of(draw, 5, 12).title()
    rows = [
        [f"{place} Ward {n + 1}", draw.choice(parties), f"{draw.randint(100, 9999):,}", f"{draw.uniform(5, 70):.1f} %"]
        for n in range(draw.randint(30, 90))
    ]
    return table_of(draw, [["District", "Winner", "Votes", "Share"], *rows])


def statements(draw: random.Random) -> str:
    """Write rows of a program or of a file: INSERT, options, imports, each with names of its own."""
    table = line_of(draw, 5, 12).replace(" ", "_")
    form = draw.choice(
        (
            "INSERT INTO {t} VALUES ({n}, '{w}', {x});",
            "{t}.{w} = {x}",
            "#define {t}_{w} 0x{x:04X}",
            '"{w}": {{"id": {n}, "on": true}},',
        )
    )
    return "\n".join(
        form.format(t=table, n=n + 1, w=line_of(draw, 4, 14).replace(" ", "_"), x=draw.randint(1, 9999))
        for n in range(draw.randint(30, 80))
    )
