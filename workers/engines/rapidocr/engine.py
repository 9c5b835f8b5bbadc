"""The embedded engine: RapidOCR on the CPU, with the models that its wheel holds.

It finds lines and reads them, in no order. What is ours: which way up the page lies, its skew, the order over columns,
paragraphs, headings and tables of numbers. Not covered: text written from top to bottom, and scripts that the model
does not know (it knows Latin and Chinese and Japanese; Arabic, Cyrillic, Korean and Indic scripts come out as nonsense
or not at all).
"""

import asyncio
import json
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from statistics import median

import numpy as np

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.model_adapter.views import PageViews
from ocrmill.pipeline.measures import LineDoubts
from ocrmill.pipeline.pages.scripts import LATIN_CJK
from ocrmill.pipeline.quality.flags import UNSUPPORTED_SCRIPT
from ocrmill.pipeline.quality.signals.greek import unaccented_greek_share
from ocrmill.pipeline.quality.signals.vietnamese import lacks_tone_marks
from ocrmill.pipeline.records import RGB, EngineDescription, Failure, PageGeometry, PageText, Reason, RetryParams
from ocrmill.pipeline.text.page_text import TABLE_UNCERTAIN
from ocrmill.pipeline.text.paragraphs import Line, assemble
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.workers.engines.rapidocr.contrast import with_contrast
from ocrmill.workers.engines.rapidocr.doubts import unread_share, unsure_share
from ocrmill.workers.engines.rapidocr.line_reader import (
    DETECTOR,
    RECOGNIZER,
    VOTING,
    FoundLine,
    LineReader,
    Quad,
    mean_confidence,
    sides,
)
from ocrmill.workers.engines.rapidocr.tables import written_lines
from ocrmill.workers.rendering.encoded_page import EncodedPage
from ocrmill.workers.rendering.protocol import PageImage

_SLOTS = 2  # one page is read while the next one waits
_HEADING_RATIO = 1.4  # boxes of one type size differ by a fifth, with the ascenders and descenders of their words
_MAX_SKEW = math.radians(20)
# Mean confidence and letters for each square of a line; a page below both counts as not read. Scans in
# Devanagari, Thai, Tamil, Bengali, Greek and Cyrillic have (0.33, 0), (0.60, 2), (0.60, 0.1), (0.67, 0.6), (0.82, 0.6)
# and (0.86, 0); pages in Latin and Chinese 0.9 and 1 to 3. A list of contents with dot leaders has few letters, read
# with confidence. Poor scans in Cyrillic have (0.92, 0): of each line only the commas are read.
_UNREAD = ((0.65, math.inf), (0.85, 0.8), (0.9, 0.3), (math.inf, 0.1))
_MUCH_GREEK = 0.3  # of a text's letters: less leaves a text that is good elsewhere, and is flagged
_JUDGED_LINES = 3  # fewer say little


class CpuEngine:
    """Reads one page at a time. Loads its models on the first; 0.5 GB of memory for pages of 1,600 px."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings.cpu
        # Always the same thread: every thread of asyncio.to_thread would keep memory, 1.8 times as much in all.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rapidocr")
        self._reader: LineReader | None = None
        self._moved = time.monotonic()

    def describe(self) -> EngineDescription:
        """Name, models and package version; loads nothing."""
        return EngineDescription(
            name="cpu",
            slots=_SLOTS,
            model=f"rapidocr {DETECTOR}/{RECOGNIZER}",
            model_revision=version("rapidocr"),
            scripts=LATIN_CJK,  # of the 16,838 letters that the recognizer knows all but 76 Greek ones, without accents
        )

    async def start(self, memory: float) -> None:
        """Do nothing: models are loaded on the first page, for most runs have none that needs OCR."""

    def idle_s(self) -> float:
        """Return the seconds since it last began a page."""
        return time.monotonic() - self._moved

    async def close(self) -> None:
        """Drop the pages that wait, and do not wait for the one in work: a stop has given it its time already."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def read(
        self, image: PageImage, geometry: PageGeometry, _params: RetryParams | None = None
    ) -> PageText | Failure:
        """Markdown, blocks in points of the page as displayed, and as `raw` the lines as JSON, unsure ones included.

        It fails with EMPTY_OUTPUT if there is no text, UNSUPPORTED_SCRIPT if there are lines and it cannot read them
        or write their letters, ENGINE_ERROR if RapidOCR fails.
        """
        assert not isinstance(image, PageViews | EncodedPage), "its settings have no views and no image_format"
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, image, geometry)

    def _read(self, image: RGB, geometry: PageGeometry) -> PageText | Failure:
        self._moved = time.monotonic()
        try:
            image = with_contrast(image)
            self._reader = self._reader or LineReader(self._settings)
            found, turn = self._reader.read(image, geometry)
        except Exception as error:  # noqa: BLE001 - of any kind, from RapidOCR, OpenCV or ONNX Runtime
            return Failure(Reason.ENGINE_ERROR, f"RapidOCR cannot read the page: {error}")
        confidence, share = mean_confidence(found), _written_share(found)
        if len(found) >= _JUDGED_LINES and any(confidence < sure and share < full for sure, full in _UNREAD):
            return Failure(
                Reason.UNSUPPORTED_SCRIPT,
                f"RapidOCR cannot read its {len(found)} lines: mean confidence {confidence:.2f}, {share:.2f} letters "
                "for each square in a line; it is in a script that RapidOCR does not know, in handwriting, or "
                "too poor an image",
            )
        sure = [line for line in found if line.text and line.confidence >= self._settings.min_confidence]
        doubts = LineDoubts(unsure_share(found), unread_share(image, geometry, sure))
        lines = _placed(sure, image, geometry, turn)
        written, doubtful = written_lines(lines, _HEADING_RATIO)
        markdown, blocks = assemble(written)
        if not markdown:
            return Failure(Reason.EMPTY_OUTPUT, f"RapidOCR found no text ({len(found)} lines that it could not read)")
        greek = unaccented_greek_share(markdown)
        if greek >= _MUCH_GREEK or lacks_tone_marks(markdown):
            lost = "Greek without accents" if greek else "Vietnamese without the letters that mark tones"
            return Failure(
                Reason.UNSUPPORTED_SCRIPT,
                f"its words are {lost}, which RapidOCR cannot write: read it with another engine",
            )
        return PageText(
            markdown,
            raw=_as_json(found, image, geometry),
            blocks=blocks,
            finish_reason="stop",
            confidence=confidence,
            line_doubts=doubts,
            notes=(UNSUPPORTED_SCRIPT,) * (greek > 0) + (TABLE_UNCERTAIN,) * doubtful,
        )


def _written_share(found: Sequence[FoundLine]) -> float:
    """Letters and digits that were read, for each square that fits into the lines: about 1 in Chinese, 2 in Latin."""
    squares = sum(max(sides(line.quad)) / max(1.0, min(sides(line.quad))) for line in found)
    return sum(map(str.isalnum, "".join(line.text for line in found))) / max(1.0, squares)


def _placed(found: Sequence[FoundLine], image: RGB, geometry: PageGeometry, turn: int) -> list[Line]:
    """The lines in points: where they are, and where they would be on a page that is upright and straight."""
    size = np.array([geometry.width_pt, geometry.height_pt])
    page = Box(0, 0, geometry.width_pt, geometry.height_pt)
    shown = [line.quad * (size / image.shape[1::-1]) for line in found]
    upright = [_turned_quad(quad, turn, size) for quad in shown]
    straighten = _rotation(_skew(upright))
    return [
        Line(line.text, _around(flat @ straighten), min(sides(flat)), shown=_around(quad).clipped(page))
        for line, quad, flat in zip(found, shown, upright, strict=True)
    ]


def _turned_quad(quad: Quad, turn: int, size: Quad) -> Quad:
    """A quad after the page is turned clockwise; its first corner is the top left one again."""
    width, height = size
    x, y = quad.T
    match turn:
        case 90:
            quad = np.stack([height - y, x], axis=1)
        case 180:
            quad = np.stack([width - x, height - y], axis=1)
        case 270:
            quad = np.stack([y, width - x], axis=1)
    return np.roll(quad, turn // 90, axis=0)


def _skew(quads: Sequence[Quad]) -> float:
    """The slope of the long lines, down to the right, in radians; 0 if it is too steep for skew."""
    slopes = [
        math.atan2(float(quad[1][1] - quad[0][1]), float(quad[1][0] - quad[0][0]))
        for quad in quads
        if sides(quad)[0] >= VOTING * sides(quad)[1]
    ]
    slope = median(slopes) if slopes else 0.0
    return slope if abs(slope) < _MAX_SKEW else 0.0


def _rotation(slope: float) -> Quad:
    """Return the matrix that takes a slope away from points, which are its rows."""
    return np.array([[math.cos(slope), -math.sin(slope)], [math.sin(slope), math.cos(slope)]])


def _around(quad: Quad) -> Box:
    (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(x0), float(y0), float(x1), float(y1))


def _as_json(found: Sequence[FoundLine], image: RGB, geometry: PageGeometry) -> str:
    """The lines as the engine gave them: text, confidence, and box in points of the page as displayed."""
    scale = np.array([geometry.width_pt, geometry.height_pt]) / image.shape[1::-1]
    lines = []
    for line in (line for line in found if line.text):
        box = _around(line.quad * scale)
        corners = [round(value, 1) for value in (box.x0, box.y0, box.x1, box.y1)]
        lines.append({"text": line.text, "confidence": round(line.confidence, 3), "box": corners})
    return json.dumps(lines, ensure_ascii=False)
