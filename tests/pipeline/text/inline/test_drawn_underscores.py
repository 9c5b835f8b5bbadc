"""Short rules on the baseline between letters are underscores, as TeX draws them; no others are."""

import pymupdf
import pytest

from ocrmill.pipeline.quality.faithful_text import read_faithfully

SIZE = 10.0


def read(*rules: float, left: float = 0.06, width: float = 0.3, height: float = 0.0, gap: float = 0.42) -> str:
    """Write `call get` and `size of it` with rules between the two; lengths are in sizes of the type."""
    document = pymupdf.open()
    page = document.new_page()
    x, y = 72.0, 100.0
    page.insert_text((x, y), "call get", fontsize=SIZE)
    end = x + pymupdf.get_text_length("call get", fontsize=SIZE)
    page.insert_text((end + gap * SIZE, y), "size of it", fontsize=SIZE)
    for at in rules:
        start = end + (left + at) * SIZE
        rule = pymupdf.Rect(start, y - (height + 0.04) * SIZE, start + width * SIZE, y - height * SIZE)
        page.draw_rect(rule, color=None, fill=(0, 0, 0))
    text = read_faithfully(pymupdf.open(stream=document.tobytes()), 0, right_to_left=False, fast=True)
    assert text.fidelity is not None
    assert min(text.fidelity.recall, text.fidelity.precision) == 1.0
    return text.markdown


def test_a_rule_between_letters_is_an_underscore() -> None:
    """A name is one word; two rules beside each other are two underscores."""
    assert read(0.0) == "call get_size of it"
    assert read(0.0, 0.36, gap=0.78).replace("\\", "") == "call get__size of it"


@pytest.mark.parametrize("rule", [{"height": -0.2}, {"height": 0.3}, {"width": 2.0, "gap": 2.12}, {"gap": 1.0}])
def test_other_rules_are_none(rule: dict[str, float]) -> None:
    """A rule under words, a bar, a blank to be filled in, and a dash with blanks around it part words."""
    assert read(0.0, **rule) == "call get size of it"
