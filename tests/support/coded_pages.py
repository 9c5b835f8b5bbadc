"""Pages whose lines are bars that say their number, and an engine that reads these from the pixels that it is given.

It can be told to fail in each way, and so proves which image a further attempt really had.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pymupdf
from fake_engine import FakeEngine

from ocrmill.pipeline.records import (
    RGB,
    Block,
    EngineDescription,
    Failure,
    PageGeometry,
    PageText,
    Reason,
    RetryParams,
)
from ocrmill.workers.rendering.protocol import PageImage

WIDTH, HEIGHT = 612.0, 792.0  # points
LEFT, CELL = 72.0, 45.0
CELLS = 10  # the first is black and the last white, those between are the number
FIRST_LINE, LINE_STEP, LINE_HEIGHT = 70.0, 16.0, 9.0
_DARK = 128


def coded_pdf(path: Path, lines: int = 40, rotation: int = 0) -> Path:
    """Write a PDF with a page of so many lines; it is shown turned if there is a rotation."""
    document = pymupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    for line in range(lines):
        top = FIRST_LINE + LINE_STEP * line
        for cell, bit in enumerate(f"1{line:0{CELLS - 2}b}0"):
            if bit == "1":
                left = LEFT + CELL * cell
                page.draw_rect(pymupdf.Rect(left, top, left + CELL, top + LINE_HEIGHT), color=None, fill=(0, 0, 0))
    page.set_rotation(rotation)
    document.save(path)
    return path


def words_of(line: int) -> str:
    return f"line {line} has word{line}a and word{line}b in it"


def markdown_of(lines: int) -> str:
    return "\n".join(map(words_of, range(lines)))


@dataclass(frozen=True)
class Asked:
    """A page that the engine was given."""

    image: PageImage
    geometry: PageGeometry
    params: RetryParams | None


Answer = Callable[[PageText], PageText | Failure]
"""A way to fail: it makes an answer of what the engine could have read."""


def looping(read: PageText) -> PageText:
    return replace(read, markdown="It says the same again. " * 90, blocks=())


def cut_off(read: PageText) -> PageText:
    return replace(read, markdown=read.markdown[: len(read.markdown) // 2], finish_reason="length")


def nothing(_: PageText) -> Failure:
    return Failure(Reason.EMPTY_OUTPUT, "nothing")


def refused(_: PageText) -> Failure:
    return Failure(Reason.ENGINE_ERROR, "the engine does not work")


def malformed(_: PageText) -> Failure:
    return Failure(Reason.MALFORMED_OUTPUT, "no form")


def raising(_: PageText) -> PageText:
    raise RuntimeError("a bug of the engine")


def honest(read: PageText) -> PageText:
    return read


class BarReader(FakeEngine):
    """Reads the bars; its answers fail as told, one after the other, and are honest afterwards."""

    def __init__(self, *failures: Answer, name: str = "bars", policy: tuple[RetryParams, ...] = ()) -> None:
        self._failures = list(failures)
        self._name = name
        self._policy = policy
        self.asked: list[Asked] = []

    def describe(self) -> EngineDescription:
        return EngineDescription(self._name, 1, prompt="markdown", temperature=0.0, retry_policy=self._policy)

    async def read(self, image: PageImage, geometry: PageGeometry, params: RetryParams | None, /) -> PageText | Failure:
        self.asked.append(Asked(image, geometry, params))
        assert isinstance(image, np.ndarray)
        answer = self._failures.pop(0) if self._failures else honest
        return answer(read_bars(image, geometry))


def read_bars(image: RGB, geometry: PageGeometry) -> PageText:
    """Read the lines of an image; one that is cut through, or upside down, is no line."""
    scale = image.shape[1] / geometry.width_pt
    grey = image.min(axis=2)
    inked = np.flatnonzero(np.diff(np.concatenate([[0], (grey < _DARK).any(axis=1), [0]]).astype(int)))
    markdown, blocks = "", []
    for start, end in inked.reshape(-1, 2):
        columns = [round((LEFT + CELL * (cell + 0.5)) * scale) for cell in range(CELLS)]
        if not 0.8 < (end - start) / (LINE_HEIGHT * scale) < 1.2 or columns[-1] >= image.shape[1]:
            continue
        bits = "".join(str(int(grey[(start + end) // 2, column] < _DARK)) for column in columns)
        if bits[0] == "1" and bits[-1] == "0":
            markdown += "\n" * bool(markdown)
            said = words_of(int(bits[1:-1], 2))
            box = (LEFT, start / scale, LEFT + CELL * CELLS, end / scale)
            blocks.append(Block("text", *box, len(markdown), len(markdown) + len(said)))
            markdown += said
    return PageText(markdown, blocks=tuple(blocks), finish_reason="stop")
