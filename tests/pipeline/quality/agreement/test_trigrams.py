import random
import time

import pytest

from ocrmill.pipeline.quality.agreement.trigrams import text_layer_agreement

PAGE = (
    "The quick settlement of the northern valleys was followed by a long period in which the families who had come "
    "from the coast built small farms along the river and traded grain for tools."
)
CHINESE = "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。"


@pytest.mark.parametrize(
    ("markdown", "layer"),
    [
        ("# Title\n\nSome **bold** and _thin_ text.", "Title\nSome bold and thin text."),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a b\n1 2"),
        ("<table><tr><td>a</td><td colspan=2>b</td></tr></table>", "a b"),
        ("See [the page](https://example.org/x) and ![a plot](figure.png)", "See the page and a plot"),
        (r"\( \frac{a}{b} \) and \begin{array}{c} 1 \end{array}", "a b and c 1"),
        ("Smith &amp; Sons &lt;b&gt;", "Smith & Sons <b>"),
        ("efficient office", "e\ufb03cient of\ufb01ce"),
        ("hyphenated word", "hyphen-\nated word"),
        ("soft hyphen", "soft hy\u00adphen"),
        ("STRASSE", "straße"),
        ("人人生而自由", "人 人 生\n而 自 由"),
        ("\u0627\u0644\u0644\u063a\u0629", "\ufe8d\ufedf\ufee0\ufed0\ufe94"),
        ("", " \n"),
    ],
)
def test_markup_spacing_and_compatibility_forms_do_not_count(markdown: str, layer: str) -> None:
    """Equal words agree fully, however they are dressed."""
    assert 1.0 == text_layer_agreement(markdown, layer)


def test_agreement_falls_with_the_share_of_wrong_characters() -> None:
    """A few wrong characters cost a little, many cost much, another text has little in common."""
    rng = random.Random(0)
    few, many = ("".join(rng.choice("xqzjk") if rng.random() < p else c for c in PAGE * 5) for p in (0.02, 0.2))
    assert 0.9 < text_layer_agreement(few, PAGE * 5) < 0.97
    assert 0.3 < text_layer_agreement(many, PAGE * 5) < 0.65
    assert text_layer_agreement("".join(chr(ord(c) + 1) if c.isalpha() else c for c in PAGE), PAGE) < 0.1
    assert 0.0 == text_layer_agreement(CHINESE, PAGE) == text_layer_agreement("", PAGE)


def test_text_left_out_and_text_repeated_both_cost() -> None:
    """Half of a page agrees at two thirds, and so does a page read twice; the order of blocks hardly counts."""
    assert text_layer_agreement(PAGE[: len(PAGE) // 2], PAGE) == pytest.approx(2 / 3, abs=0.03)
    assert text_layer_agreement(PAGE + PAGE, PAGE) == pytest.approx(2 / 3, abs=0.03)
    assert text_layer_agreement(CHINESE + "\n" + PAGE, PAGE + "\n" + CHINESE) > 0.96


def test_it_is_symmetric_and_bounded() -> None:
    """Neither side is the truth."""
    for other in (PAGE[:40], PAGE + CHINESE, "1"):
        assert text_layer_agreement(other, PAGE) == text_layer_agreement(PAGE, other) <= 1.0


@pytest.mark.parametrize("unit", ["<", "[", "[a](", "<a ", "\\", "&", "![a", "[a](b", "<!--", "&#"])
def test_hostile_text_takes_linear_time(unit: str) -> None:
    """No markup, however broken, makes the patterns look at everything again and again."""
    text = unit * (400_000 // len(unit))
    started = time.thread_time()
    text_layer_agreement(text, "")
    assert time.thread_time() - started < 60.0
