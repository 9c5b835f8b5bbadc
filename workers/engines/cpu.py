"""The embedded engine: RapidOCR on the CPU, with the models that its wheel holds.

It finds lines and reads them, in no order. What is ours: which way up the page lies, its skew, the order over columns,
paragraphs and headings. Not covered: text written from top to bottom, and scripts that the model does not know (it
knows Latin and Chinese and Japanese; Arabic, Cyrillic, Korean and Indic scripts come out as nonsense or not at all).
"""

import asyncio
import json
import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.engine_settings import CpuEngineSettings, EngineSettings
from pipeline.errors import PageError
from pipeline.paragraphs import Line, assemble, paragraphs, to_written
from pipeline.reading_order import Box
from pipeline.records import RGB, EngineDescription, PageGeometry, PageText, Reason, Repair

_DETECTOR = "PP-OCRv6_det_small"
_RECOGNIZER = "PP-OCRv6_rec_small"
_CLASSIFIER = "ch_ppocr_mobile_v2.0_cls_mobile"
_SLOTS = 2  # one page is read while the next one waits
_MAX_LINES = 5_000  # of a page; RapidOCR stops at 1,000, which a newspaper has
_HEADING_RATIO = 1.4  # boxes of one type size differ by a fifth, with what ascends and descends in their words
_TALL = 1.5  # RapidOCR lays boxes flat, counterclockwise, that are so much higher than wide
_VOTING = 3.0  # lines so much longer than high say which way up a page lies
_TURNS = {(False, False): 0, (False, True): 180, (True, False): 270, (True, True): 90}  # by tall and flipped lines
_MAX_SKEW = math.radians(20)

Quad = npt.NDArray[np.floating]
"""The corners of a line as (4, 2): from the top left one clockwise, x and y in pixels."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A line that was read."""

    text: str
    confidence: float
    quad: Quad


class CpuEngine:
    """Reads one page at a time. Loads its models on the first; 0.5 GB of memory for pages of 1,600 px."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings.cpu
        # Always the same thread: every thread of asyncio.to_thread would keep memory, 1.8 times as much in all.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rapidocr")
        self._reader: _LineReader | None = None
        self._moved = time.monotonic()

    def describe(self) -> EngineDescription:
        """Name, models and package version; loads nothing."""
        return EngineDescription(
            name="cpu",
            slots=_SLOTS,
            model=f"rapidocr {_DETECTOR}/{_RECOGNIZER}",
            model_revision=version("rapidocr"),
        )

    async def start(self, memory: float) -> None:
        """Nothing: models are loaded on the first page, for most runs have none that needs OCR."""

    def idle_s(self) -> float:
        """Since it last began a page."""
        return time.monotonic() - self._moved

    async def close(self) -> None:
        """Drop the pages that wait, and do not wait for the one in work: a stop has given it its time already."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def read(self, image: RGB, geometry: PageGeometry, _repair: Repair | None = None) -> PageText:
        """Markdown, blocks in points of the page as displayed, and as `raw` the lines as JSON, unsure ones included.

        Raises PageError: EMPTY_OUTPUT where there is no text, ENGINE_ERROR where RapidOCR fails.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, image, geometry)

    def _read(self, image: RGB, geometry: PageGeometry) -> PageText:
        self._moved = time.monotonic()
        try:
            self._reader = self._reader or _LineReader(self._settings)
            found, turn = self._reader.read(image, geometry)
        except Exception as error:  # of any kind, from RapidOCR, OpenCV or ONNX Runtime
            raise PageError(Reason.ENGINE_ERROR, f"RapidOCR cannot read the page: {error}") from error
        sure = [line for line in found if line.confidence >= self._settings.min_confidence]
        lines = _placed(sure, image, geometry, turn)
        markdown, blocks = assemble(to_written(paragraphs(lines, right_to_left=False, heading_ratio=_HEADING_RATIO)))
        if not markdown:
            raise PageError(Reason.EMPTY_OUTPUT, f"RapidOCR found no text ({len(found)} lines that it could not read)")
        return PageText(markdown, raw=_as_json(found, image, geometry), blocks=blocks, finish_reason="stop")


class _LineReader:
    """RapidOCR's three models."""

    def __init__(self, settings: CpuEngineSettings) -> None:
        import cv2

        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before onnxruntime is loaded, which would report home
        import rapidocr
        from rapidocr.main import RapidOCRError

        cv2.setNumThreads(settings.threads)
        self._settings = settings
        self._no_text = RapidOCRError
        models = Path(rapidocr.__file__).parent / "models"
        self._ocr = rapidocr.RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_vertical_padding": False,
                "EngineConfig.onnxruntime.intra_op_num_threads": settings.threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                # With paths RapidOCR looks for no model elsewhere, and never downloads one.
                "Det.model_path": str(models / f"{_DETECTOR}.onnx"),
                "Cls.model_path": str(models / f"{_CLASSIFIER}.onnx"),
                "Rec.model_path": str(models / f"{_RECOGNIZER}.onnx"),
                "Det.limit_side_len": 32,  # of the shorter side: pages come in the size that is wanted
                "Det.max_candidates": _MAX_LINES,
                "Rec.rec_batch_num": 1,  # in batches lines are padded: a tenth more CPU, and their text depends on it
            }
        )

    def read(self, image: RGB, geometry: PageGeometry) -> tuple[list[_Found], int]:
        """The lines of a page, and by how much it has to be turned clockwise to lie the right way up."""
        pixels = np.ascontiguousarray(image[:, :, ::-1])  # OpenCV's order of colours
        quads = self._find_lines(pixels, geometry)
        if not quads:
            return [], 0
        crops = self._ocr.crop_text_regions(pixels, quads)
        turn, crops = self._upright(quads, crops)
        result = self._ocr.recognize_txt(crops)
        read = zip(result.txts, result.scores, quads, strict=True)
        return [_Found(text, float(score), quad) for text, score, quad in read if text.strip()], turn

    def _find_lines(self, pixels: RGB, geometry: PageGeometry) -> list[Quad]:
        import cv2

        height, width = pixels.shape[:2]
        dpi = 72 * width / max(geometry.width_pt, 1e-3)
        scale = min(1, self._settings.detector_dpi / dpi, self._settings.detector_max_side_px / max(height, width))
        # The detector takes multiples of 32; made here, it need not resize again.
        small = [max(32, round(side * scale / 32) * 32) for side in (width, height)]
        record: dict[str, Any] = {}
        try:
            _, found = self._ocr.detect_and_crop(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), record)
        except self._no_text:
            return []
        stretch = np.array([width / small[0], height / small[1]], dtype=np.float32)
        return [np.asarray(quad, dtype=np.float32) * stretch for quad in found.boxes]

    def _upright(self, quads: Sequence[Quad], crops: list[RGB]) -> tuple[int, list[RGB]]:
        """The turn that the page needs, by a vote of its long lines, and the crops the right way up."""
        votes: dict[tuple[bool, bool], float] = {}
        _, classes = self._ocr.cls_and_rotate(crops)
        ways = []
        for quad, (label, confidence) in zip(quads, classes.cls_res, strict=True):
            length, thickness = sorted(_sides(quad), reverse=True)
            way = (_is_tall(quad), label == "180")
            ways.append(way)
            if length >= _VOTING * thickness:
                votes[way] = votes.get(way, 0) + length * float(confidence)
        tall, flipped = max(votes, key=lambda way: votes[way], default=(False, False))
        # A line that runs as the page does is as upside down as the page is; others are judged by themselves.
        turned_crops = [
            np.ascontiguousarray(crop[::-1, ::-1]) if (flipped if way[0] == tall else way[1]) else crop
            for crop, way in zip(crops, ways, strict=True)
        ]
        return _TURNS[tall, flipped], turned_crops


def _sides(quad: Quad) -> tuple[float, float]:
    """Width and height."""
    return float(np.linalg.norm(quad[1] - quad[0])), float(np.linalg.norm(quad[3] - quad[0]))


def _is_tall(quad: Quad) -> bool:
    width, height = _sides(quad)
    return int(height) >= _TALL * int(width)


def _placed(found: Sequence[_Found], image: RGB, geometry: PageGeometry, turn: int) -> list[Line]:
    """The lines in points: where they are, and where they would be on a page that is upright and straight."""
    size = np.array([geometry.width_pt, geometry.height_pt])
    page = Box(0, 0, geometry.width_pt, geometry.height_pt)
    shown = [line.quad * (size / image.shape[1::-1]) for line in found]
    upright = [_turned_quad(quad, turn, size) for quad in shown]
    straighten = _rotation(_skew(upright))
    return [
        Line(line.text, _around(flat @ straighten), min(_sides(flat)), shown=_around(quad).clipped(page))
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
    """By how much the long lines slope down to the right, in radians; 0 where that would not be skew."""
    slopes = [
        math.atan2(float(quad[1][1] - quad[0][1]), float(quad[1][0] - quad[0][0]))
        for quad in quads
        if _sides(quad)[0] >= _VOTING * _sides(quad)[1]
    ]
    slope = median(slopes) if slopes else 0.0
    return slope if abs(slope) < _MAX_SKEW else 0.0


def _rotation(slope: float) -> Quad:
    """What points (as rows) are multiplied by to take a slope away."""
    return np.array([[math.cos(slope), -math.sin(slope)], [math.sin(slope), math.cos(slope)]])


def _around(quad: Quad) -> Box:
    (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(x0), float(y0), float(x1), float(y1))


def _as_json(found: Sequence[_Found], image: RGB, geometry: PageGeometry) -> str:
    """The lines as the engine gave them: text, confidence, and box in points of the page as displayed."""
    scale = np.array([geometry.width_pt, geometry.height_pt]) / image.shape[1::-1]
    lines = []
    for line in found:
        box = _around(line.quad * scale)
        corners = [round(value, 1) for value in (box.x0, box.y0, box.x1, box.y1)]
        lines.append({"text": line.text, "confidence": round(line.confidence, 3), "box": corners})
    return json.dumps(lines, ensure_ascii=False)
