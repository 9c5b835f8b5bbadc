"""Pages for the engine, and a way to have one engine read them against servers that answer as a test tells them."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np

from ocrmill.configs.engine_settings import EndpointSettings, EngineSettings
from ocrmill.configs.profiles.profile import ImageFormat
from ocrmill.pipeline.records import EngineDown, Failure, PageGeometry, PageText
from ocrmill.workers.engines.endpoint.engine import EndpointEngine
from ocrmill.workers.rendering.encoded_page import EncodedPage, encode

SMALL = ImageFormat(longest_side=400)
GEOMETRY = PageGeometry(300.0, 400.0, 0, 300, 400, 72.0)
Outcome = PageText | Failure | EngineDown


def numbered_page(number: int) -> EncodedPage:
    """A page whose lowest row of pixels is its number in binary."""
    pixels = np.full((400, 300, 3), 255, dtype=np.uint8)
    for bit in range(16):
        pixels[380:400, bit * 16 : bit * 16 + 16] = 0 if number >> bit & 1 else 255
    return encode(pixels, SMALL)


def engine_settings(*urls: str, timeout_s: float = 30.0, **values: Any) -> EngineSettings:
    """The engine with these servers and the simplest profile."""
    values = {"profile": "lightonocr-2-1b", "check_page": False, "outage_s": 10.0, **values}
    endpoint = EndpointSettings.model_validate({"urls": urls, **values})
    return EngineSettings(name="endpoint", page_timeout_s=timeout_s, endpoint=endpoint)


def read_pages(settings: EngineSettings, numbers: range | list[int], params: Any = None) -> list[Outcome]:
    """Read numbered pages, all at once, with one engine."""

    async def read() -> list[Outcome]:
        engine = EndpointEngine(settings)
        await engine.start(1.0)
        try:
            return list(
                await asyncio.gather(*(engine.read(numbered_page(number), GEOMETRY, params) for number in numbers))
            )
        finally:
            await engine.close()

    outcomes: list[Outcome] = run(read())
    return outcomes


def run(doing: Coroutine[Any, Any, Any]) -> Any:
    """Run it, and fail where it does not end."""

    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await doing

    return asyncio.run(bounded())
