"""The options of the command line that stand for single settings."""

import json
from collections.abc import Sequence

from ocrmill.configs.errors import SettingsError

_MODELS = "deepseek-ocr2 or deepseek-ocr"


def shortcuts(
    *,
    engine_below: str | None = None,
    engine: str | None = None,
    model: str | None = None,
    lora: str | None = None,
    urls: Sequence[str] | None = None,
    profile: str | None = None,
    route: str | None = None,
    workers: int | None = None,
    ray_address: str | None = None,
    no_ray: bool = False,
    figures: str | None = None,
    metrics_port: int | None = None,
) -> list[str]:
    """Return the options that were given as `section.key=value`.

    A model, an adapter, a server or a profile that is named chooses its engine, and so do figures that are to be
    parsed: `auto` would read with another one. A model is one of the servers' where the engine that settings files or
    `--set` name, `engine_below`, is the endpoint.

    Raises:
        SettingsError: two of them contradict each other, so that one would be left aside.
    """
    behind_server = urls or profile
    if behind_server and engine not in (None, "endpoint"):
        raise SettingsError(f"--url and --profile are for --engine endpoint, and the engine is {engine}")
    if behind_server:
        engine = "endpoint"
    if engine is None and engine_below == "endpoint":
        engine = "endpoint"
    if engine == "endpoint" and lora:
        raise SettingsError(f"--lora is for --engine {_MODELS}; a server behind --url has its own adapters")
    if engine == "cpu" and (model or lora):
        raise SettingsError(f"--model and --lora are for --engine {_MODELS}; RapidOCR, the engine cpu, has its own")
    if engine in {"cpu", "endpoint"} and figures == "parse":
        raise SettingsError(f"--figures parse is for --engine {_MODELS}, and the engine is {engine}")
    if no_ray and ray_address:
        raise SettingsError("--no-ray and --ray-address contradict each other: leave one out")
    if engine is None and (model is not None or lora is not None or figures == "parse"):
        engine = "deepseek-ocr2"
    deepseek = "engine.deepseek_ocr" if engine == "deepseek-ocr" else "engine.deepseek_ocr2"
    options = {
        "engine.name": engine,
        f"{'engine.endpoint' if engine == 'endpoint' else deepseek}.model": _quoted(model),
        "engine.endpoint.urls": json.dumps(list(urls)) if urls else None,
        "engine.endpoint.profile": _quoted(profile),
        f"{deepseek}.lora": _quoted(lora),
        f"{deepseek}.parse_figures": "true" if figures == "parse" else None,
        "output.figures": None if figures is None else "true",
        "routing.mode": route,
        "workers.rasterizers": workers,
        "workers.engines": workers,
        "workers.ray_address": _quoted(ray_address),
        "workers.metrics_port": metrics_port,
    }
    return [f"{key}={value}" for key, value in options.items() if value is not None]


def _quoted(text: str | None) -> str | None:
    """As TOML writes it: a folder may be called 2024."""
    return None if text is None else json.dumps(text, ensure_ascii=False)
