"""The pictures of a page, read once more, each on its own: deep parsing."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
from PIL import Image

from ocrmill.pipeline.records import RGB, EngineDown, Failure, Figure, PageText, Reason
from ocrmill.pipeline.text.markup.figure_answers import read_answer
from ocrmill.workers.engines.engine import FigureReader

INVALID = "invalid"  # the reason of an answer that fails the checks of its kind
_SMALLEST_SIDE_PX = 64  # an icon or a rule says nothing
_MOST_FIGURES = 16  # of a page, so that a page of icons does not take an engine for itself
_CUT_OFF = {"length": Reason.TRUNCATED, "repetition": Reason.REPETITION}  # by the way in which an answer ended


async def parse_figures(engine: FigureReader, figures: Sequence[Figure]) -> tuple[Figure, ...] | EngineDown:
    """Have an engine read the pictures of a page, all at the same time, and return them with what it read.

    Those with a side under 64 px are left as they are, and so are those after the first 16 others.
    """
    numbers = count()
    pictures = [_picture(figure) for figure in figures]
    chosen = [min(picture.shape[:2]) >= _SMALLEST_SIDE_PX and next(numbers) < _MOST_FIGURES for picture in pictures]
    answers = iter(
        await asyncio.gather(*(_read(engine, pixels) for pixels, take in zip(pictures, chosen, strict=True) if take))
    )
    parsed: list[Figure] = []
    for figure, take in zip(figures, chosen, strict=True):
        answer = next(answers) if take else None
        if isinstance(answer, EngineDown):
            return answer
        parsed.append(figure if answer is None else _with_answer(figure, answer))
    return tuple(parsed)


async def _read(engine: FigureReader, picture: RGB) -> PageText | Failure | EngineDown:
    try:
        return await engine.read_figure(picture)
    except Exception as error:  # noqa: BLE001 - whatever an engine raises concerns this picture only
        return Failure(Reason.ENGINE_ERROR, f"{type(error).__name__}: {error}")


def _with_answer(figure: Figure, answer: PageText | Failure) -> Figure:
    if isinstance(answer, Failure):
        return replace(figure, parsed_reason=answer.reason)
    read = read_answer(answer.markdown)
    if read is None:
        return replace(figure, parsed_reason=Reason.EMPTY_OUTPUT)
    reason = _CUT_OFF.get(answer.finish_reason or "") or (None if read.is_valid else INVALID)
    return replace(figure, parsed=read.text, parsed_as=read.kind, parsed_reason=reason)


def _picture(figure: Figure) -> RGB:
    return np.asarray(Image.open(io.BytesIO(figure.jpeg)).convert("RGB"))
