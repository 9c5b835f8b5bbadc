"""Each threshold with a text of its own, and the honest pages that must not be flagged."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_pdfs import CASES, CORPUS, needs_cases, needs_corpus

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.measures import LayerFidelity, RepetitionMeasures
from ocrmill.pipeline.quality.empty_output import is_mostly_empty
from ocrmill.pipeline.quality.flags import (
    COMPRESSIBLE,
    COUNTING,
    EMPTY_MARKUP,
    LONG_RUN,
    LOOP,
    REPEATED_TAIL,
    REPEATED_TEXT,
    REPETITION,
    TRUNCATED,
    judge,
    signals,
)
from ocrmill.pipeline.quality.page_row import finished_row
from ocrmill.pipeline.quality.repetition.measures import measure_repetition
from ocrmill.pipeline.records import (
    Document,
    PageGeometry,
    PageText,
    Route,
    RouteDecision,
    Source,
    TextLayerPage,
)
from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown

DEFAULTS = QualitySettings()
HONEST = "It was the best of times, it was the worst of times, it was the age of wisdom.\n"
LINE = "The quick brown fox jumps over the lazy dog.\n"  # 45 characters
ZEROS = f"<tr>{'<td>0</td>' * 10}</tr>"  # 109 characters
# Eight sentences in an order that never comes twice in a row: a loop without a period.
VARIANTS = "".join(
    " ".join("".join(random.Random(f"{digit} {word}").sample("abcdefghijklmno", 7)) for word in range(10)) + ".\n"
    for digit in f"{random.Random(0).getrandbits(300):o}"
)


def flags(text: str, finish_reason: str | None = "stop", settings: QualitySettings = DEFAULTS) -> tuple[str, ...]:
    """The flags of a text."""
    return judge(measure_repetition(text), text_chars=len(text), finish_reason=finish_reason, settings=settings).flags


@pytest.mark.parametrize(
    ("text", "finish_reason", "raised"),
    [
        (HONEST + VARIANTS + HONEST, "stop", {REPEATED_TEXT, COMPRESSIBLE, LOOP}),
        (HONEST + VARIANTS[:5900] + HONEST, "stop", {LOOP}),  # under repeated_chars
        (HONEST + VARIANTS[:2500] + HONEST, "stop", set()),
        (HONEST + LINE * 8 + HONEST, "stop", {LOOP}),
        (HONEST + LINE * 7 + HONEST, "stop", set()),
        (HONEST * 2 + LINE * 5, "length", {REPEATED_TAIL}),
        (HONEST * 2 + LINE * 4, "length", set()),
        (HONEST + ZEROS * 74, "stop", {REPEATED_TAIL, COMPRESSIBLE}),
        (HONEST + ZEROS * 72, "stop", set()),
        (HONEST + ZEROS * 74 + HONEST, "stop", {COMPRESSIBLE}),
        (HONEST + "<td>0</td>" * 120, "stop", {LOOP}),
        (HONEST + "<td>0</td>" * 119, "stop", set()),
        (HONEST + "." * 350 + HONEST, "stop", {LONG_RUN, LOOP}),
        (HONEST + "." * 250 + HONEST, "stop", {LOOP}),
        (HONEST + "." * 249 + HONEST, "stop", set()),
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
        (RepetitionMeasures(0.2, 0, 0, 2, 1, content_chars=30_000), 40_000, REPEATED_TEXT),
        (RepetitionMeasures(0.19, 0, 0, 2, 1, content_chars=30_000), 100_000, None),
        (RepetitionMeasures(1.0, 0, 0, 2, 1, content_chars=6000), 9000, REPEATED_TEXT),
        (RepetitionMeasures(1.0, 0, 0, 2, 1, content_chars=5999), 9000, None),
        (RepetitionMeasures(0, 0, 0, 2, 1, loop_score=1.0), 900, LOOP),
        (RepetitionMeasures(0, 0, 0, 2, 1, loop_score=0.99), 900, None),
        (RepetitionMeasures(0, 1, 8000, 2, 1), 9000, REPEATED_TAIL),
        (RepetitionMeasures(0, 1, 7999, 2, 1), 9000, None),
        (RepetitionMeasures(0, 0, 0, 15, 1), 8000, COMPRESSIBLE),
        (RepetitionMeasures(0, 0, 0, 14.9, 1), 8000, None),
        (RepetitionMeasures(0, 0, 0, 15, 1), 7999, None),
        (RepetitionMeasures(0, 0, 0, 2, 350), 9000, LONG_RUN),
        (RepetitionMeasures(0, 0, 0, 2, 349), 9000, None),
        (RepetitionMeasures(0, 0, 0, 2, 1, 12.0, 7000, 0), 7500, COMPRESSIBLE),
        (RepetitionMeasures(0, 0, 0, 2, 1, 11.9, 7000, 0), 7500, None),
        (RepetitionMeasures(0, 0, 0, 2, 1, 12.0, 6999, 0), 9000, None),
        (RepetitionMeasures(0, 0, 0, 2, 1, 1.0, 10, 1001), 9000, COUNTING),
        (RepetitionMeasures(0, 0, 0, 2, 1, 1.0, 10, 1000), 9000, None),
    ],
)
def test_a_threshold_is_reached_by_being_met(measures: RepetitionMeasures, text_chars: int, raised: str | None) -> None:
    """A measure that equals its threshold raises the flag; anything below does not."""
    judgement = judge(measures, text_chars=text_chars, finish_reason=None, settings=DEFAULTS)

    assert judgement.flags == ((REPETITION, raised) if raised else ())
    assert judgement.repetition_flag == (raised is not None)


def test_thresholds_come_from_the_settings() -> None:
    """A text that is honest by default is flagged under stricter settings."""
    strict = QualitySettings(
        repeated_chars=100, tail_chars=100, compressible_chars=100, compression_ratio=2, longest_run=1, loop_score=0.5
    )
    reasons = (REPETITION, REPEATED_TEXT, REPEATED_TAIL, COMPRESSIBLE, LONG_RUN, LOOP)

    assert flags(LINE * 7) == ()
    assert flags(LINE * 7, settings=strict) == reasons


@given(
    st.builds(
        RepetitionMeasures,
        st.floats(0, 1),
        st.integers(0, 2730),
        st.integers(0, 10**6),
        st.floats(0, 1100),
        st.integers(0, 10**6),
        st.floats(0, 1100),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
        st.floats(0, 1100),
    ),
    st.integers(0, 10**6),
    st.sampled_from([None, "stop", "length", "abort"]),
)
def test_repetition_always_has_a_reason(
    measures: RepetitionMeasures, text_chars: int, finish_reason: str | None
) -> None:
    """The flag `repetition` stands with at least one of its six reasons, and none of them without it."""
    judgement = judge(measures, text_chars=text_chars, finish_reason=finish_reason, settings=DEFAULTS)
    reasons = {REPEATED_TEXT, REPEATED_TAIL, COMPRESSIBLE, LONG_RUN, COUNTING, LOOP} & set(judgement.flags)

    assert judgement.repetition_flag == bool(reasons) == (REPETITION in judgement.flags)
    assert (TRUNCATED in judgement.flags) == (finish_reason == "length")


def layer_page(text: PageText) -> TextLayerPage:
    return TextLayerPage(1, PageGeometry(612, 792, 0), RouteDecision(Route.TEXT_LAYER, "good_text"), text=text)


@pytest.mark.parametrize(
    ("recall", "precision", "order", "flags"),
    [
        (0.95, 0.95, 0.96, ()),
        (0.94, 1.0, 1.0, ("layer_words_differ",)),
        (1.0, 0.94, 1.0, ("layer_words_differ",)),
        (1.0, 1.0, 0.95, ("order_uncertain",)),
        (0.0, 0.0, 0.0, ("layer_words_differ", "order_uncertain")),
    ],
)
def test_a_page_that_is_untrue_to_its_layer_is_flagged(
    recall: float, precision: float, order: float, flags: tuple[str, ...]
) -> None:
    """Lost or added words, and words in another order, each raise a flag of their own."""
    text = PageText("text", fidelity=LayerFidelity(recall, precision, order))
    document = Document("0" * 64, Source("/a.pdf", "1", 1, "/a.pdf"), 1)

    assert finished_row(document, layer_page(text), DEFAULTS).flags == flags


def test_notes_of_the_reader_are_flags_of_the_row() -> None:
    """A flag that the reader of a page raises stands in its row after the measured ones, once."""
    text = PageText("The commi\ufffdee", notes=("table_uncertain", "unmapped_text"))
    document = Document("0" * 64, Source("/a.pdf", "1", 1, "/a.pdf"), 1)

    assert signals(text) == ("unmapped_text", "table_uncertain")
    assert finished_row(document, layer_page(text), DEFAULTS).flags == ("unmapped_text", "table_uncertain", "garbage")
    assert finished_row(document, layer_page(PageText("text")), DEFAULTS).flags == ()


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
    """Repetition of honest pages raises nothing, whether it fills the page or stands between other text."""
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


DRAWN = random.Random(4)
COUNTING_LEGALLY = {
    "lots": "".join(f"| Lot {n} | Residential |\n" for n in range(1, 151)),
    "chart of numbers": "".join("| " + " | ".join(map(str, range(n, n + 10))) + " |\n" for n in range(1, 1001, 10)),
    "multiplication table": "".join(" ".join(str(row * n) for n in range(1, 21)) + "\n" for row in range(1, 41)),
    "squares and cubes": "".join(f"| {n} | {n**2} | {n**3} |\n" for n in range(1, 121)),
    "table of contents": "".join(f"Chapter {n} {'.' * 60} {n * 3 + DRAWN.randrange(3)}\n" for n in range(1, 71)),
    "seats": "".join(f"Row {row} Seat {seat}\n" for row in "ABCDEFGHIJKLMNOPQRST" for seat in range(1, 13)),
    "pleading paper": "".join(f"{n} the {n * n}th mile of {n * 7 % 29} leagues\n" for n in range(1, 29)),
    "savings plan": "".join(f"| {n} | Deposit | 50.00 | {50 * n}.00 |\n" for n in range(1, 101)),
    "log": "".join(f"2024-01-01 12:{n // 60:02}:{n % 60:02} INFO worker-3 heartbeat ok\n" for n in range(90)),
    "addresses": "".join(f"{n} High Street, Northbay NB1 2CD, vacant\n" for n in range(1, 81)),
    "articles": "".join(f"第{n}条 本规定自发布之日起施行\n" for n in range(1, 81)),
}


@pytest.mark.parametrize("text", COUNTING_LEGALLY.values(), ids=COUNTING_LEGALLY.keys())
def test_honest_counting_is_not_flagged(text: str) -> None:
    """Lists, charts and tables that count raise nothing."""
    assert flags(HONEST + text) == ()


@pytest.mark.parametrize(
    "row",
    [
        "{n}. Small\n",
        "<tr><td>{n}</td><td>Small</td></tr>",
        "Step {n}: go on. ",
        "{n}\n",
        "第{n}条 同上\n",
    ],
)
def test_a_loop_that_counts_is_flagged_by_its_text_alone(row: str) -> None:
    """A row that says nothing but its number, over more rows than a page has, in whatever form it is written."""
    assert REPETITION in flags(HONEST + "".join(row.format(n=n) for n in range(1, 1301)), None)


@needs_cases
@pytest.mark.parametrize("name", ["r08", "r10", "r16", "r18", "r20"])
def test_reported_loops_are_found_by_their_text_alone(name: str) -> None:
    """Text that comes from elsewhere has no finish_reason: the measures find its loops, and markup without text."""
    (path,) = (CASES / "raw").glob(f"{name}*.txt")
    markdown, blocks = to_markdown(path.read_text(encoding="utf-8"), PageGeometry(600, 800, 0, 1200, 1600, 144.0))
    judgement = judge(
        measure_repetition(markdown),
        text_chars=len(markdown),
        finish_reason=None,
        settings=DEFAULTS,
        is_mostly_empty=is_mostly_empty(PageText(markdown, blocks=blocks)),
    )
    without_boxes = is_mostly_empty(PageText(markdown))

    assert (EMPTY_MARKUP if name == "r20" else REPETITION) in judgement.flags
    assert without_boxes == (name == "r20")


@needs_corpus
@pytest.mark.parametrize(
    "name", ["195981.pdf", "lots_of_sci_tables.pdf", "form_dd0293.pdf", "073439.pdf", "right_to_left_02.pdf"]
)
def test_real_tables_forms_and_contents_are_not_flagged(name: str) -> None:
    """No page of the corpus' most repetitive documents is a loop, not even by the stricter rules for pages cut off."""
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open(CORPUS / name) as document:
        raised = {flag for page in document for flag in flags(page.get_text(), "length")}

    assert raised == {TRUNCATED}
