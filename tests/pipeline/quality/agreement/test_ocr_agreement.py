"""Agreement of an engine's text with the page's own words: what honest readings differ in does not count."""

import pytest

from ocrmill.pipeline.measures import AgreementMeasures, LayerLine
from ocrmill.pipeline.quality.agreement.ocr_agreement import measure_agreement
from ocrmill.pipeline.records import Block, PageGeometry

GEOMETRY = PageGeometry(600, 800, 0)
LINES = (
    "The miller never worked by the sun, for high",
    "water comes fifty minutes later every day, and",
    "the sluice of 1,250 litres was opened at \u22123.5 degrees.",
    "Its keeper wrote down levels of an exam-",
    "ple tide: \ufb01ve feet, then 12.75, then 8.",
    "Nobody else in the valley kept such a book.",
)
PAGE = " ".join(LINES).replace("exam- ple", "example")


def lines(*texts: str, top: float = 100.0) -> tuple[LayerLine, ...]:
    """Lines of 12 points, one below the other."""
    return tuple(LayerLine(text, 80, top + 14 * n, 500, top + 14 * n + 12) for n, text in enumerate(texts))


def agreement(markdown: str, layer: tuple[LayerLine, ...] = lines(*LINES), *blocks: Block) -> AgreementMeasures:
    return measure_agreement(markdown, blocks, layer, GEOMETRY)


@pytest.mark.parametrize(
    "markdown",
    [
        PAGE,
        "\n\n".join([*LINES[3:], *LINES[:3]]).replace("exam-\n\nple", "example"),  # blocks in another order
        PAGE.replace("\ufb01", "fi").replace("example", "exam\u00adple"),
        PAGE.replace("example", "exam-ple").replace("\u2212", "-"),
        "# " + PAGE.upper(),
        "<table><tr><td>" + PAGE.replace(", ", ",</td><td>") + "</td></tr></table>",
        PAGE.replace("in the valley", "inthevalley"),  # a lost blank
        PAGE.replace("keeper", "kee per"),
    ],
)
def test_an_honest_reading_agrees(markdown: str) -> None:
    """Order, ligatures, hyphens, case, markup, lost blanks and forms of the minus are no disagreement."""
    found = agreement(markdown)
    assert (found.agreement_missing, found.agreement_invented, found.agreement_misread) == (0, 0, 0)
    assert found.agreement_numbers == 0


def test_omission_and_invention_are_told_apart() -> None:
    """A line that is dropped is missing, one that is added is invented, and neither is the other."""
    dropped = agreement(PAGE.replace(LINES[1], ""))
    assert dropped.agreement_missing == pytest.approx(8 / dropped.agreement_words)
    assert dropped.agreement_invented == 0
    added = agreement(PAGE + " Xylophones quietly bewilder jovial zebras.")
    assert added.agreement_missing == 0
    assert added.agreement_invented == pytest.approx(5 / (added.agreement_words + 5))


@pytest.mark.parametrize(
    "other", [("12.75", "12.76"), ("1,250", "1250"), ("\u22123.5", "3.5"), ("then 8.", "then 80.")]
)
def test_a_changed_number_is_counted_alone(other: tuple[str, str]) -> None:
    """A digit, a separator or a sign that differs is a changed number, and no word missing or invented."""
    found = agreement(PAGE.replace(*other))
    assert (found.agreement_numbers, found.agreement_missing, found.agreement_invented) == (1, 0, 0)


def test_a_word_with_another_letter_is_misread() -> None:
    """Words that differ in few letters are paired, joined ones too."""
    found = agreement(PAGE.replace("valley", "val1ey").replace("fifty minutes", "fiftyminvtes"))
    assert found.agreement_misread == pytest.approx(3 / found.agreement_words)
    assert (found.agreement_missing, found.agreement_invented) == (0, 0)


def test_a_text_may_leave_out_margins_and_pictures_but_may_have_them() -> None:
    """Headers, page numbers and the words in a picture are neither missing nor invented."""
    picture = Block("picture", 80, 400, 500, 600, 0, 0)
    layer = (*lines(*LINES), LayerLine("The Tide Mill 17", 80, 20, 300, 32), *lines("axis of the plot", top=450))
    for markdown in (PAGE, f"{PAGE} The Tide Mill 17 axis of the plot"):
        found = agreement(markdown, layer, picture)
        assert (found.agreement_missing, found.agreement_invented) == (0, 0)
    assert agreement(PAGE, layer).agreement_missing > 0


def test_a_formula_excuses_what_the_layer_has_of_it() -> None:
    """LaTeX is no word of the text, and the letters that a reader sees of it are not missing."""
    layer = (*lines(*LINES), *lines("v\u2080 = \U0001d6fc2 / 3 + sin x1", top=300))
    found = agreement(PAGE + r" \[ v_{0} = \frac{\alpha^{2}}{3} + \sin x_{1} \]", layer)
    assert (found.agreement_missing, found.agreement_invented, found.agreement_numbers) == (0, 0, 0)
    assert agreement(PAGE + r" marked\(^{3}\)", (*lines(*LINES), *lines("marked3", top=300))).agreement_invented == 0


def test_order_is_measured_on_its_own() -> None:
    """Halves that change places leave every word there, and half of them out of order."""
    found = agreement(" ".join([*LINES[3:], *LINES[:3]]))
    assert found.agreement_missing == 0
    assert found.agreement_order < 0.7
    assert agreement(PAGE).agreement_order == 1.0


def test_scripts_without_blanks_and_from_right_to_left() -> None:
    """A character is a word where blanks part none; vowel signs and lam-alef have one form."""
    chinese = "\u6c34\u8f66\u574a\u4e3b\u4ece\u4e0d\u6309\u65e5\u5934\u5e72\u6d3b"
    found = agreement(chinese[:-2], lines(chinese))
    assert found.agreement_words == len(chinese)
    assert found.agreement_missing == pytest.approx(2 / len(chinese))
    found = agreement("\u0627\u0644\u0633\u0644\u0627\u0645", lines("\u0627\u0644\u0633\u064e\u0627\u0644\u0645"))
    assert (found.agreement_missing, found.agreement_misread) == (0, 0)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["\\(" * 50_000, "$" * 50_001, "`" * 50_000, "a-" * 40_000, "ab " * 50_000, "\u6c34" * 60_000]
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    """A model's loop of delimiters, hyphens or one word is measured in seconds."""
    agreement(text)
    agreement(PAGE, (LayerLine(text, 80, 100, 500, 112),))
