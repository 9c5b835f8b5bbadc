"""The names that an engine of your own needs; docs/engines.md shows one. They change as the public API does."""

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.section import Settings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import (
    RGB,
    Block,
    EngineDescription,
    EngineDown,
    Failure,
    PageGeometry,
    PageText,
    Reason,
    RetryParams,
)
from ocrmill.workers.engines.engine import Engine, FigureReader
from ocrmill.workers.engines.own_settings import own_settings

__all__ = [
    "RGB",
    "Block",
    "Engine",
    "EngineDescription",
    "EngineDown",
    "EngineError",
    "EngineSettings",
    "Failure",
    "FigureReader",
    "PageGeometry",
    "PageText",
    "Reason",
    "RetryParams",
    "Settings",
    "own_settings",
]
