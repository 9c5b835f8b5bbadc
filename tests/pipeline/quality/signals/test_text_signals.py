"""Signs of a bad page in its text: each is raised by what it is for, and by nothing that honest pages have."""

from dataclasses import replace

import pytest

from ocrmill.pipeline.measures import TextSignals
from ocrmill.pipeline.quality.signals.broken_formulas import is_broken
from ocrmill.pipeline.quality.signals.doubts import flags_of_text
from ocrmill.pipeline.quality.signals.find_formulas import find_formulas
from ocrmill.pipeline.quality.signals.garbage import garbage_share
from ocrmill.pipeline.quality.signals.languages import language_of_text, script_of_text
from ocrmill.pipeline.quality.signals.text_signals import measure_signals
from ocrmill.pipeline.records import PageGeometry
from ocrmill.pipeline.text.markup.ragged_tables import count_ragged_tables

ENGLISH = "The miller never worked by the sun, for high water comes fifty minutes later every day not on time. "
GERMAN = "Der Müller arbeitete nicht nach der Sonne, denn das Wasser kommt mit dem Mond und kommt nicht immer. "
FINE = TextSignals("latin", "latin", "en", "en", 150.0, 0, 3, 0, 0.0)


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{a}{b}+\sqrt[3]{x^2}",
        r"\left( \sum_{i=1}^{n} x_i \right)^2",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        r"f(x) = \begin{cases} 1 & x > 0 \\ 0 & \text{otherwise} \end{cases}",
        r"A^{T}_{ij} = \left. \frac{df}{dx} \right|_{x=0} % a comment with }",
        r"\left\{ x \middle| x > 0 \right\} \ 50\% \$ \{",
    ],
)
def test_a_formula_that_parses_is_not_broken(latex: str) -> None:
    """A formula that KaTeX renders is fine."""
    assert not is_broken(latex)


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{a}{b",
        r"a}",
        r"\left( x",
        r"x \right)",
        r"\left x \right)",
        r"{\left( x} \right)",
        r"\begin{matrix} a",
        r"\begin{matrix} a \end{pmatrix}",
        r"\begin{nothing} a \end{nothing}",
        r"a & b",
        r"x^2^3",
        r"x_",
        r"{x^}",
        r"\frac{a}",
        r"\sqrt",
        r"\nosuchcommand x",
    ],
)
def test_a_formula_that_does_not_parse_is_broken(latex: str) -> None:
    """Braces, fences, environments, scripts, arguments and unknown commands: KaTeX refuses each of these."""
    assert is_broken(latex)


def test_formulas_are_found_and_prices_and_code_are_not() -> None:
    """Four delimiters make formulas; dollars of prices, escaped ones and those in code do not."""
    text = "\\(a\\) \\[b\\] $$c$$ $d$ costs $5 and $6, \\$7.\n\n`$e$` \\\\(f\\\\)\n```\n$g$ \\(h\\)\n```\n"
    assert [formula.latex for formula in find_formulas(text)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("table", "ragged"),
    [
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", 0),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", 1),
        ('<table><tr><td colspan="2">a</td></tr><tr><td>c</td><td>d</td></tr></table>', 0),
        ("<table><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>d</td></tr><tr><td>e</td><td>f</td></tr></table>", 0),
        ("<table><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", 1),
        ("| a | b |\n|---|---|\n| c | d \\| e |\n", 0),
        ("| a | b |\n|---|---|\n| c |\n\nno | table\n", 1),
        ("a | b\nno table, for it has no rule | c", 0),
    ],
)
def test_rows_of_different_lengths_are_counted(table: str, ragged: int) -> None:
    """Spans count as the cells that they take, in HTML; bars that are escaped part no cells in Markdown."""
    assert count_ragged_tables(table) == ragged


def test_garbage_is_told_from_prose_code_and_formulas() -> None:
    """Lost letters, mixed scripts and runs of signs are garbage; Greek units, code, rules and emphasis are not."""
    for text in (
        ENGLISH,
        "5 k\u03a9, 3 \u00b5m",
        r"\(\frac{a}{b} @#%&*!\)",
        "`@#%&*!^`",
        "***\n---\n......",
        "\u6c34ABC\u306e",
    ):
        assert garbage_share(text) == 0
    assert garbage_share(f"{ENGLISH} m\u0430\u0448in\u0435") > 0  # Latin and Cyrillic in one word
    assert garbage_share("a \ufffdbc d") == pytest.approx(3 / 5)
    assert garbage_share("a @%&!?^= d") > 0.5


def test_script_and_language_are_told() -> None:
    """By most letters, and by the commonest words where they are clear."""
    assert (script_of_text(ENGLISH), script_of_text("\u6c34" * 60), script_of_text("\u306e" * 60)) == (
        "latin",
        "han",
        "han",
    )
    assert (script_of_text("few"), language_of_text("Table 1: 3.5 4.5")) == ("none", "none")
    assert (language_of_text(ENGLISH * 3), language_of_text(GERMAN * 3)) == ("en", "de")


@pytest.mark.parametrize(
    ("signs", "flag"),
    [
        (replace(FINE, text_script="han"), "script_differs"),
        (replace(FINE, text_language="de"), "language_differs"),
        (replace(FINE, ragged_tables=1), "ragged_table"),
        (replace(FINE, broken_formulas=1), "broken_formula"),
        (replace(FINE, garbage_share=0.06), "garbage"),
        (replace(FINE, ink_density=1001.0), "dense_text"),
    ],
)
def test_each_sign_raises_its_flag(signs: TextSignals, flag: str) -> None:
    """From its limit on, and only then."""
    assert flags_of_text(FINE, is_checked=True) == ()
    assert flags_of_text(signs, is_checked=True) == (flag,)


def test_another_language_is_no_flag_without_a_text_to_check_by() -> None:
    """An own text of the page that cannot be trusted says nothing of script or language."""
    assert flags_of_text(replace(FINE, text_script="han", text_language="none"), is_checked=False) == ()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["\\(" * 50_000, "^{" * 30_000, "<td>" * 50_000, "|" * 100_000, "$a" * 40_000])
def test_hostile_texts_take_linear_time(text: str) -> None:
    """A model's loop of markup is measured in seconds."""
    measure_signals(f"\\({text}\\)\n{text}", text, None, PageGeometry(600, 800, 0))
