"""Each threshold with a text of its own, and the honest pages that must not be flagged."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import QualitySettings
from pipeline.quality import COMPRESSIBLE, LONG_RUN, REPEATED_TAIL, REPEATED_TEXT, REPETITION, TRUNCATED, judge
from pipeline.records import RepetitionMeasures
from pipeline.repetition import measure_repetition

CORPUS = Path(__file__).parents[2] / "../shared/corpus"
DEFAULTS = QualitySettings()
HONEST = "It was the best of times, it was the worst of times, it was the age of wisdom.\n"
LINE = "The quick brown fox jumps over the lazy dog.\n"  # 45 characters


def flags(text: str, finish_reason: str | None = "stop", settings: QualitySettings = DEFAULTS) -> tuple[str, ...]:
    """The flags of a text."""
    return judge(measure_repetition(text), text_chars=len(text), finish_reason=finish_reason, settings=settings).flags


@pytest.mark.parametrize(
    ("text", "finish_reason", "raised"),
    [
        (HONEST + LINE * 40 + HONEST, "stop", {REPEATED_TEXT}),
        (HONEST + LINE * 20 + HONEST, "stop", set()),  # under repeated_chars
        (HONEST * 2 + LINE * 5, "length", {REPEATED_TAIL}),
        (HONEST * 2 + LINE * 4, "length", set()),
        (HONEST + "<td>0</td>" * 800, "stop", {REPEATED_TAIL, COMPRESSIBLE}),
        (HONEST + "<td>0</td>" * 790, "stop", set()),
        (HONEST + "<td>0</td>" * 800 + HONEST, "stop", {COMPRESSIBLE}),
        (HONEST + "." * 350 + HONEST, "stop", {LONG_RUN}),
        (HONEST + "." * 349 + HONEST, "stop", set()),
        (HONEST, "length", set()),
        ("", "stop", set()),
    ],
)
def test_each_threshold_has_its_text(text: str, finish_reason: str, raised: set[str]) -> None:
    """A text just over a threshold raises its flag and no other; one just under it raises none."""
    expected = raised | ({REPETITION} if raised else set()) | ({TRUNCATED} if finish_reason == "length" else set())

    assert set(flags(text, finish_reason)) == expected


@pytest.mark.parametrize(
    ("measures", "text_chars", "raised"),
    [
        (RepetitionMeasures(0.2, 0, 0, 2, 1), 5000, REPEATED_TEXT),
        (RepetitionMeasures(0.19, 0, 0, 2, 1), 100_000, None),
        (RepetitionMeasures(1.0, 0, 0, 2, 1), 999, None),
        (RepetitionMeasures(0, 1, 8000, 2, 1), 9000, REPEATED_TAIL),
        (RepetitionMeasures(0, 1, 7999, 2, 1), 9000, None),
        (RepetitionMeasures(0, 0, 0, 15, 1), 8000, COMPRESSIBLE),
        (RepetitionMeasures(0, 0, 0, 14.9, 1), 8000, None),
        (RepetitionMeasures(0, 0, 0, 15, 1), 7999, None),
        (RepetitionMeasures(0, 0, 0, 2, 350), 9000, LONG_RUN),
        (RepetitionMeasures(0, 0, 0, 2, 349), 9000, None),
    ],
)
def test_a_threshold_is_reached_by_being_met(measures: RepetitionMeasures, text_chars: int, raised: str | None) -> None:
    """A measure that equals its threshold raises the flag; anything below does not."""
    judgement = judge(measures, text_chars=text_chars, finish_reason=None, settings=DEFAULTS)

    assert judgement.flags == ((REPETITION, raised) if raised else ())
    assert judgement.repetition_flag == (raised is not None)


def test_thresholds_come_from_the_settings() -> None:
    """What is honest by default is flagged under stricter settings."""
    strict = QualitySettings(
        repeated_chars=100, tail_chars=100, compressible_chars=100, compression_ratio=2, longest_run=1
    )

    assert flags(LINE * 10) == ()
    assert flags(LINE * 10, settings=strict) == (REPETITION, REPEATED_TEXT, REPEATED_TAIL, COMPRESSIBLE, LONG_RUN)


@given(
    st.builds(
        RepetitionMeasures,
        st.floats(0, 1),
        st.integers(0, 2730),
        st.integers(0, 10**6),
        st.floats(0, 1100),
        st.integers(0, 10**6),
    ),
    st.integers(0, 10**6),
    st.sampled_from([None, "stop", "length", "abort"]),
)
def test_repetition_always_has_a_reason(
    measures: RepetitionMeasures, text_chars: int, finish_reason: str | None
) -> None:
    """The flag `repetition` stands with at least one of its four reasons, and none of them without it."""
    judgement = judge(measures, text_chars=text_chars, finish_reason=finish_reason, settings=DEFAULTS)
    reasons = {REPEATED_TEXT, REPEATED_TAIL, COMPRESSIBLE, LONG_RUN} & set(judgement.flags)

    assert judgement.repetition_flag == bool(reasons) == (REPETITION in judgement.flags)
    assert (TRUNCATED in judgement.flags) == (finish_reason == "length")


DRAW = random.Random(0)
ENTRIES = [(f"{DRAW.randrange(100000) / 100:.2f}", f"{DRAW.randrange(10**7) / 100:,.2f}") for _ in range(60)]
LEGAL = {
    "contents with dots": "".join(
        f"{n}. Chapter {n * n} of part {n}" + "." * (90 - n) + f"{n}\n" for n in range(1, 41)
    ),
    "contents with spaced dots": "".join(f"Section {n}   " + "· " * (45 - n) + f"{n}\n" for n in range(1, 41)),
    "form with rules": "Name " + "_" * 80 + "\n" + ("_" * 80 + "\n") * 30,
    "form with escaped rules": "Name " + ("\\_" * 40 + "\n") * 30,
    "form with fields": "".join(f"{field}: {'_' * 40}\n" for field in HONEST.split()) * 2,
    "ledger": "| Date | Text | Amount | Balance |\n|---|---|---|---|\n"
    + "".join(
        f"| 2024-03-{n % 31 + 1:02} | Monthly account fee, branch | {a} | {b} |\n" for n, (a, b) in enumerate(ENTRIES)
    ),
    "ledger in HTML": "<table>"
    + "".join(
        f"<tr><td>2024-03-{n % 31 + 1:02}</td><td>Monthly account fee</td><td>{a}</td><td>{b}</td></tr>\n"
        for n, (a, b) in enumerate(ENTRIES)
    )
    + "</table>",
    "ledger of equal rows": "| Date | Text | Amount |\n|---|---|---|\n"
    + "| 1 May | Account fee | 10.00 | 0.00 |\n" * 25,
    "table of zeros": "| A | B | C |\n|---|---|---|\n" + ("| 0 " * 12 + "|\n") * 50,
    "table of zeros in HTML": ("<tr>" + "<td>0.00</td>" * 8 + "</tr>\n") * 50 + "</table>",
    "sparse table in HTML": "".join(
        "<tr>"
        + "".join(f"<td>{DRAW.choice(['', '', '', 0, 0, 'x', DRAW.randint(1, 99)])}</td>" for _ in range(10))
        + "</tr>\n"
        for _ in range(100)
    ),
    "empty table": "<table>" + ("<tr>" + "<td></td>" * 15 + "</tr>\n") * 50 + "</table>",
    "column of ditto marks": "| Smith | 1871 |\n" + "| ditto | ditto |\n" * 50,
    "boxes to tick": "".join(f"☐ yes ☐ no {word}\n" for word in HONEST.split()) + "☐ ☐ ☐ ☐ ☐\n" * 40,
    "form in two copies": " ".join(f"{amount} {balance} euro" for amount, balance in ENTRIES) * 2,
    "repeated table heads": "".join(
        f"\n## Table {n}\n\n| Quantity | Estimate | Error |\n|---|---|---|\n| {n} | {a} | {b} |\n"
        for n, (a, b) in enumerate(ENTRIES)
    ),
}


@pytest.mark.parametrize("text", LEGAL.values(), ids=LEGAL.keys())
@pytest.mark.parametrize("around", ["", HONEST])
def test_legal_repetition_is_not_flagged(text: str, around: str) -> None:
    """What repeats on honest pages raises nothing, whether it fills the page or stands between other text."""
    assert flags(around + text + around) == ()


@pytest.mark.parametrize(
    "unit",
    [
        "D3",
        "_____ de ",
        "x",
        "<td></td>",
        "0.00 | ",
        "CASHIER\n",
        LINE,
        "深度学习",
        "مرحبا ",
        " ".join(LINE[n:] for n in range(20)),
    ],
)
def test_a_loop_that_ran_to_the_limit_is_flagged(unit: str) -> None:
    """Whatever repeats, numbers and markup included: cut off by the limit, 1,500 characters of it are enough."""
    raised = flags(HONEST * 2 + unit * (1500 // len(unit) + 1), "length")

    assert {REPETITION, REPEATED_TAIL, TRUNCATED} <= set(raised)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs the corpus of real PDFs")
@pytest.mark.parametrize(
    "name", ["195981.pdf", "lots_of_sci_tables.pdf", "form_dd0293.pdf", "073439.pdf", "right_to_left_02.pdf"]
)
def test_real_tables_forms_and_contents_are_not_flagged(name: str) -> None:
    """No page of the corpus' most repetitive documents is a loop, not even by the stricter rules for pages cut off."""
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open(CORPUS / name) as document:
        raised = {flag for page in document for flag in flags(page.get_text(), "length")}

    assert raised == {TRUNCATED}
