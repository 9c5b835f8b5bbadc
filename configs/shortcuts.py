"""The options of the command line that stand for single settings."""

import json
from collections.abc import Sequence

from ocrmill.configs.errors import SettingsError

_SECTIONS = {  # of the engines that run a DeepSeek-OCR
    "deepseek-ocr2": "engine.deepseek_ocr2",
    "deepseek-ocr": "engine.deepseek_ocr",
    "transformers": "engine.transformers",
}
_OF_MODELS = (*_SECTIONS, "endpoint")
_MODELS = "deepseek-ocr2, deepseek-ocr or transformers"


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
    prompt: str | None = None,
    metrics_port: int | None = None,
) -> list[str]:
    """Return the options that were given as `section.key=value`.

    A model, an adapter, a prompt, a server or a profile that is named chooses its engine, and so do figures that are
    to be parsed: `auto` would read with another one. A model and a prompt are those of `engine_below`, the engine that
    settings files or `--set` name, where it has some.

    Raises:
        SettingsError: two of them contradict each other, so that one would be left aside.
    """
    parse = figures == "parse"
    behind_server = urls or profile
    if behind_server and engine not in (None, "endpoint"):
        raise SettingsError(f"--url and --profile are for --engine endpoint, and the engine is {engine}")
    if behind_server:
        engine = "endpoint"
    if engine is None and engine_below in _OF_MODELS:
        engine = engine_below
    _refuse(engine, model=model, lora=lora, prompt=prompt, parse=parse)
    if no_ray and ray_address:
        raise SettingsError("--no-ray and --ray-address contradict each other: leave one out")
    if engine is None and (parse or any(given is not None for given in (model, lora, prompt))):
        engine = "deepseek-ocr2"
    deepseek = _SECTIONS.get(engine or "", _SECTIONS["deepseek-ocr2"])
    reader = "engine.endpoint" if engine == "endpoint" else deepseek
    options = {
        "engine.name": engine,
        f"{reader}.model": _quoted(model),
        f"{reader}.prompt": _quoted(prompt),
        "engine.endpoint.urls": json.dumps(list(urls)) if urls else None,
        "engine.endpoint.profile": _quoted(profile),
        f"{deepseek}.lora": _quoted(lora),
        f"{deepseek}.parse_figures": "true" if parse else None,
        "output.figures": None if figures is None else "true",
        "routing.mode": route,
        "workers.rasterizers": workers,
        "workers.engines": workers,
        "workers.ray_address": _quoted(ray_address),
        "workers.metrics_port": metrics_port,
    }
    return [f"{key}={value}" for key, value in options.items() if value is not None]


def _refuse(engine: str | None, *, model: str | None, lora: str | None, prompt: str | None, parse: bool) -> None:
    """Refuse options that are for other engines than the one that is named."""
    if engine == "endpoint" and lora:
        raise SettingsError(f"--lora is for --engine {_MODELS}; a server behind --url has its own adapters")
    if engine == "cpu" and prompt is not None:
        raise SettingsError(f"--prompt is for --engine {_MODELS}, or endpoint; RapidOCR, the engine cpu, takes none")
    if engine == "cpu" and (model or lora):
        raise SettingsError(f"--model and --lora are for --engine {_MODELS}; RapidOCR, the engine cpu, has its own")
    if engine in {"cpu", "endpoint"} and parse:
        raise SettingsError(f"--figures parse is for --engine {_MODELS}, and the engine is {engine}")
    if engine not in {None, "auto", "cpu", *_OF_MODELS} and (model or lora or prompt or parse):
        raise SettingsError(f"--model, --lora, --prompt and --figures parse are not for {engine}: set engine.options")


def _quoted(text: str | None) -> str | None:
    """As TOML writes it: a folder may be called 2024."""
    return None if text is None else json.dumps(text, ensure_ascii=False)
