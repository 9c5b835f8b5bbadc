"""Lines of text on a page image, found and read by RapidOCR's three models on the CPU.

The way up of a page is decided twice: by a vote of the classifier over the long lines; and, if these are then read with
little confidence, by reading a sample of them the other way up as well.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrmill.configs.engine_settings import CpuEngineSettings
from ocrmill.pipeline.records import RGB, PageGeometry

DETECTOR = "PP-OCRv6_det_small"
RECOGNIZER = "PP-OCRv6_rec_small"
_CLASSIFIER = "ch_ppocr_mobile_v2.0_cls_mobile"
_MAX_LINES = 5_000  # of a page; RapidOCR stops at 1,000, which a newspaper has
_TALL = 1.5  # RapidOCR turns boxes flat, counterclockwise, that are higher than wide by this factor
VOTING = 3.0  # lines longer than high by this factor vote on the way up of a page
_TURNS = {(False, False): 0, (False, True): 180, (True, False): 270, (True, True): 90}  # by tall and flipped lines
# Pages read upside down have a mean confidence of 0.66 to 0.69, good pages 0.92 and more.
_DOUBTED = 0.85
_SAMPLE = 12  # long lines that are read both ways up on a page in doubt

Quad = npt.NDArray[np.floating]
"""The corners of a line as (4, 2): from the top left one clockwise, x and y in pixels."""


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that was read; its text may be empty."""

    text: str
    confidence: float
    quad: Quad


class LineReader:
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
                "Det.model_path": str(models / f"{DETECTOR}.onnx"),
                "Cls.model_path": str(models / f"{_CLASSIFIER}.onnx"),
                "Rec.model_path": str(models / f"{RECOGNIZER}.onnx"),
                "Det.limit_side_len": 32,  # of the shorter side: pages come in the size that is wanted
                "Det.max_candidates": _MAX_LINES,
                "Rec.rec_batch_num": 1,  # in batches lines are padded: a tenth more CPU, and their text depends on it
            }
        )

    def read(self, image: RGB, geometry: PageGeometry) -> tuple[list[FoundLine], int]:
        """Read the lines of a page, and tell by how much it has to be turned clockwise to lie the right way up."""
        pixels = np.ascontiguousarray(image[:, :, ::-1])  # OpenCV's order of colours
        quads = self._find_lines(pixels, geometry)
        if not quads:
            return [], 0
        crops = self._ocr.crop_text_regions(pixels, quads)
        tall, flipped, ways = self._vote(quads, crops)
        crops = [
            _turned_if(way[1], crop) if way[0] != tall else _turned_if(flipped, crop)
            for crop, way in zip(crops, ways, strict=True)
        ]
        found = self._recognized(quads, crops)
        voting = [index for index, quad in enumerate(quads) if ways[index][0] == tall and _is_long(quad)]
        if self._reads_better_turned(found, crops, voting):
            flipped = not flipped
            crops = [_turned_if(way[0] == tall, crop) for crop, way in zip(crops, ways, strict=True)]
            found = self._recognized(quads, crops)
        return found, _TURNS[tall, flipped]

    def line_heights(self, image: RGB, scale: float) -> list[float]:
        """Find lines on a page that is resized by `scale`; give the shorter side of each in pixels of the page."""
        pixels = np.ascontiguousarray(image[:, :, ::-1])
        return [min(sides(quad)) for quad in self._detect(pixels, scale)]

    def _find_lines(self, pixels: RGB, geometry: PageGeometry) -> list[Quad]:
        height, width = pixels.shape[:2]
        dpi = 72 * width / max(geometry.width_pt, 1e-3)
        scale = min(1, self._settings.detector_dpi / dpi, self._settings.detector_max_side_px / max(height, width))
        return self._detect(pixels, scale)

    def _detect(self, pixels: RGB, scale: float) -> list[Quad]:
        import cv2

        height, width = pixels.shape[:2]
        # The detector takes multiples of 32; made here, it need not resize again.
        small = [max(32, round(side * scale / 32) * 32) for side in (width, height)]
        record: dict[str, Any] = {}
        try:
            _, found = self._ocr.detect_and_crop(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), record)
        except self._no_text:
            return []
        stretch = np.array([width / small[0], height / small[1]], dtype=np.float32)
        return [np.asarray(quad, dtype=np.float32) * stretch for quad in found.boxes]

    def _vote(self, quads: Sequence[Quad], crops: list[RGB]) -> tuple[bool, bool, list[tuple[bool, bool]]]:
        """Decide by the long lines if the page's are tall and if they are flipped, and tell both of every line.

        A line that runs as the page does is as upside down as the page is; others are judged by themselves.
        """
        votes: dict[tuple[bool, bool], float] = {}
        _, classes = self._ocr.cls_and_rotate(list(crops))
        ways = []
        for quad, (label, confidence) in zip(quads, classes.cls_res, strict=True):
            way = (_is_tall(quad), label == "180")
            ways.append(way)
            if _is_long(quad):
                votes[way] = votes.get(way, 0) + max(sides(quad)) * float(confidence)
        tall, flipped = max(votes, key=lambda way: votes[way], default=(False, False))
        return tall, flipped, ways

    def _recognized(self, quads: Sequence[Quad], crops: list[RGB]) -> list[FoundLine]:
        result = self._ocr.recognize_txt(crops)
        read = zip(result.txts, result.scores, quads, strict=True)
        return [FoundLine(text if text.strip() else "", float(score), quad) for text, score, quad in read]

    def _reads_better_turned(self, found: Sequence[FoundLine], crops: list[RGB], voting: list[int]) -> bool:
        """Tell if the longest lines of a page in doubt are read with more confidence upside down."""
        longest = sorted(voting, key=lambda index: -max(sides(found[index].quad)))[:_SAMPLE]
        if not longest or mean_confidence([found[index] for index in voting]) >= _DOUBTED:
            return False
        turned = self._recognized(
            [found[index].quad for index in longest], [_turned_if(True, crops[index]) for index in longest]
        )
        return mean_confidence(turned) > mean_confidence([found[index] for index in longest])


def mean_confidence(lines: Sequence[FoundLine]) -> float:
    """Mean of the recognizer's confidence, from 0 to 1; 0 without any lines."""
    return fmean([line.confidence for line in lines] or [0.0])


def _turned_if(turn: bool, crop: RGB) -> RGB:
    return np.ascontiguousarray(crop[::-1, ::-1]) if turn else crop


def _is_long(quad: Quad) -> bool:
    thickness, length = sorted(sides(quad))
    return length >= VOTING * thickness


def sides(quad: Quad) -> tuple[float, float]:
    """Width and height."""
    return float(np.linalg.norm(quad[1] - quad[0])), float(np.linalg.norm(quad[3] - quad[0]))


def _is_tall(quad: Quad) -> bool:
    width, height = sides(quad)
    return int(height) >= _TALL * int(width)
