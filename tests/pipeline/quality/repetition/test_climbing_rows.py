"""Rows whose numbers climb: every form at the number of rows that is a loop and below it, and what is honest."""

import datetime as dt
import random

import pytest

from ocrmill.pipeline.quality.repetition.climbing_rows import MOST_CLIMBING_ROWS, most_climbing_rows

PAGE = "It was the best of times, it was the worst of times, it was the age of wisdom, 1789 and 12 more.\n"
FIRST = dt.date(1999, 11, 3)


@pytest.mark.parametrize(
    "row",
    [
        lambda n: f"(1,{n}),",
        lambda n: f"({n}, {2 * n + 5}) ",
        lambda n: f"({n // 20 + 1}, {n % 20 + 1})\n",
        lambda n: f"{FIRST + dt.timedelta(n)}\n",
        lambda n: f"{FIRST + dt.timedelta(n):%d/%m/%Y}\n",
        lambda n: f"{FIRST + dt.timedelta(n):%A, %d %B %Y}\n",
        lambda n: f"{n // 60 % 24:02}:{n % 60:02}\n",
        lambda n: f"{2024 + n // 365} 年 {n % 28 + 1} 日\n",
    ],
    ids=["one climbs", "both climb", "begins again", "ISO", "slashes", "names", "minutes", "Han"],
)
def test_rows_that_climb_are_a_loop(row: object) -> None:
    """The wanted rows and a tenth more score 1, wherever they stand; two thirds of them score less."""
    most, few = round(1.1 * MOST_CLIMBING_ROWS), round(MOST_CLIMBING_ROWS * 2 / 3)
    assert callable(row)
    found = most_climbing_rows(PAGE + "".join(map(row, range(most))) + PAGE)
    fewer = most_climbing_rows(PAGE + "".join(map(row, range(few))) + PAGE)

    assert found is not None
    assert found.score >= 1
    assert fewer is not None
    assert fewer.score < 1


def test_the_place_of_the_rows_is_told() -> None:
    """From the second row to the end of the last one."""
    rows = "".join(f"(1, {n}) " for n in range(200))
    found = most_climbing_rows(PAGE + rows + PAGE)

    assert found is not None
    assert abs(found.start - len(PAGE)) < 30
    assert abs(found.end - len(PAGE + rows)) < 30


def test_a_year_is_one_that_begins_in_january() -> None:
    """As many days from another date on are a loop."""
    found = most_climbing_rows("\n".join(f"{FIRST + dt.timedelta(n)}" for n in range(366)))

    assert found is not None
    assert found.score > 1


@pytest.mark.parametrize(
    "text",
    [
        ", ".join(f"({x}, {y})" for x in range(1, 7) for y in range(1, 7)),
        "\n".join(f"{x} \u00d7 {y} = {x * y}" for x in range(1, 13) for y in range(1, 13)),
        "\n".join(f"{x} + {y} = {x + y}" for y in range(1, 21) for x in range(1, 21)),
        "\n".join(f"{dt.date(2020, 1, 1) + dt.timedelta(n)}" for n in range(366)),
        "\n".join(f"{day:02} {dt.date(2023, month, 1):%b}" for day in range(1, 29) for month in range(1, 13))
        + " 29 Dec 30 Dec 31 Dec",
        " ".join(map(str, range(1, 1001))),
        "\n".join(f"{FIRST + dt.timedelta(n)}" for n in range(62)),
        " ".join(f"{FIRST + dt.timedelta(n):%a} {n % 30 + 1}" for n in range(365)),
        "\n".join(f"{n} {random.Random(n).randrange(97)}" for n in range(200)),
        PAGE * 40,
        "1 2 3",
        "",
    ],
    ids=[
        "dice",
        "products",
        "sums",
        "year",
        "year by day",
        "chart",
        "two months",
        "planner",
        "values",
        "prose",
        "short",
        "empty",
    ],
)
def test_honest_numbers_are_none(text: str) -> None:
    """Tables of products, charts, planners, and tables whose values do not climb score less than 1."""
    found = most_climbing_rows(text)

    assert found is None or found.score < 1
