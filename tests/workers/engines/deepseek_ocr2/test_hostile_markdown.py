"""Hostile output of the model is read in a time that grows with its length only."""

import sys
from types import FrameType
from typing import Any

import pytest
from model_outputs import PAGE, TOKENS

from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown

HOSTILE = [
    "<|ref|>",
    "<|det|>",
    "<|/det|>",
    "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n",
    "<|ref|>text<|/ref|><|det|>[[",
    "[[1, 2, 3, 4], ",
    "<|det|>[[1, 2, 3, 4], ",
    "<|det|>[ ",
    "<|Us<|User|>er|>",
    "<|Us",
    "<｜a",
    "<",
    "[",
    "9",
    " ",
    "\n",
    " \n",
    "```\n",
    "`",
    "~~~ `\n````\n",
    "\\coloneqq",
    "\\",
]


def steps(text: str) -> int:
    """The number of lines of our code that it takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace if "pipeline" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        to_markdown(text, PAGE)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("unit", HOSTILE)
def test_steps_grow_with_the_length_only(unit: str) -> None:
    """Twice the text takes at most twice the steps of Python, whatever is in it."""
    assert steps(unit * 400) <= 2 * steps(unit * 200)


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("start", ["", "<|det|>[["], ids=["text", "boxes"])
def test_a_hostile_megabyte_is_read(unit: str, start: str) -> None:
    """No pattern looks at the text again and again: that would take hours, and the time limit of tests would tell."""
    text = start + unit * (1_000_000 // len(unit))

    markdown, _ = to_markdown(text, PAGE)

    assert len(markdown) <= 2 * len(text)
    assert not TOKENS.search(markdown)
