"""Settings that contradict each other: refused when they are loaded, instead of failing at every page.

Two kinds are refused: what cannot work at all, and a value that somebody chose and another one leaves without effect.
A default that a smaller limit leaves without effect is no contradiction.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, DeepseekSettings, EndpointSettings, EngineSettings
from ocrmill.configs.profiles.prompt import LOCATE, NAMES

if TYPE_CHECKING:
    from ocrmill.configs.section import Settings
    from ocrmill.configs.settings import RunSettings

A4_IN = 11.69  # inches, the longer side
# Visual tokens of a tile, at most, and of the rest, by layout, as in model_adapter/tiling.py, which a test compares.
VISUAL_TOKENS = {
    "ocr2": (144, 257),
    "tiny": (0, 73),
    "small": (0, 111),
    "base": (0, 273),
    "large": (0, 421),
    "gundam": (110, 273),
    "gundam-master": (272, 421),
}
PROMPT_TOKENS = 32  # at most, beside those of the image
LEAST_NGRAM = 2  # a ban of single tokens would allow no word twice
NOTICE_S = {"aws": 120, "gcp": 30, "azure": 30}  # between the warning and the end, as each cloud documents it


def contradictions(settings: "RunSettings") -> list[str]:
    """Return a sentence for each, naming the settings and their values."""
    return [
        *_of_input(settings),
        *_of_raster(settings),
        *_of_engines(settings.engine, settings),
        *_of_tries(settings.engine),
        *_of_measures(settings),
        *_of_services(settings),
    ]


def _of_input(settings: "RunSettings") -> Iterator[str]:
    given = settings.input
    both = sorted(set(given.include) & set(given.exclude))
    if both:
        yield f"input.include and input.exclude both name {', '.join(both)}: nothing would be left of it"
    if _is_chosen(given, "max_member_mb") and given.max_member_mb > 1024 * given.max_archive_gb:
        yield (
            f"input.max_member_mb is {given.max_member_mb}, and all members of an archive together may take "
            f"{given.max_archive_gb} GiB (input.max_archive_gb): raise that or lower this"
        )


def _of_raster(settings: "RunSettings") -> Iterator[str]:
    raster = settings.raster
    if raster.page_wall_s < raster.page_cpu_s:
        yield (
            f"raster.page_wall_s must not be smaller than raster.page_cpu_s ({raster.page_wall_s:g} and "
            f"{raster.page_cpu_s:g} s): it would always strike first"
        )
    if _is_chosen(raster, "open_cpu_s") and raster.page_wall_s < raster.open_cpu_s:
        yield (
            f"raster.page_wall_s ({raster.page_wall_s:g} s) ends the opening of a document, too, so that "
            f"raster.open_cpu_s must not be more ({raster.open_cpu_s:g})"
        )
    if _is_chosen(raster, "recycle_rss_mb") and raster.recycle_rss_mb >= raster.memory_mb:
        yield (
            f"raster.recycle_rss_mb ({raster.recycle_rss_mb}) must be less than raster.memory_mb ({raster.memory_mb}): "
            "a rendering process never has as much"
        )
    longest_px = round(raster.dpi * A4_IN)
    if _is_chosen(raster, "dpi") and raster.dpi > _default(raster, "dpi") and longest_px > raster.max_side_px:
        yield (
            f"raster.dpi is {raster.dpi}, at which an A4 page is {longest_px} px long, and raster.max_side_px is "
            f"{raster.max_side_px}: raise that or lower this"
        )


def _of_engines(engine: EngineSettings, settings: "RunSettings") -> Iterator[str]:
    if engine.name != "deepseek-ocr2":
        pairs = {"detector_dpi": settings.raster.dpi, "detector_max_side_px": settings.raster.max_side_px}
        for name, limit in pairs.items():
            value = getattr(engine.cpu, name)
            if _is_chosen(engine.cpu, name) and value > max(limit, _default(engine.cpu, name)):
                yield (
                    f"engine.cpu.{name} is {value}, and page images have {limit} at most "
                    f"(raster.{name.removeprefix('detector_')}): raise that or lower this"
                )
    if engine.name == "endpoint":
        yield from _of_endpoint(engine.endpoint, settings)
    elif engine.name != "cpu":
        model = engine.deepseek or engine.deepseek_ocr2  # `auto` may choose this one
        yield from _of_deepseek(model)
        if model.parse_figures and not settings.output.figures:
            yield (
                f"{model.section}.parse_figures is true and output.figures is false: only kept pictures are read, so "
                "set output.figures=true as well"
            )


def _of_deepseek(engine: DeepseekSettings) -> Iterator[str]:
    prefix = engine.section
    if 0 < engine.ngram_size < LEAST_NGRAM:
        yield f"{prefix}.ngram_size is {engine.ngram_size}: no token could come twice; take {LEAST_NGRAM} or more, or 0"
    if engine.ngram_size > engine.ngram_window:
        yield (
            f"{prefix}.ngram_size is {engine.ngram_size} and {prefix}.ngram_window is {engine.ngram_window}: an n-gram "
            "must fit into the window"
        )
    layout, max_tiles = engine.views
    tile_tokens, other_tokens = VISUAL_TOKENS[layout]
    if not tile_tokens and _is_chosen(engine, "max_tiles"):
        yield f"{prefix}.max_tiles is {max_tiles}, and {prefix}.mode is {layout}, which has no tiles: leave one out"
    more_tokens = 0 if engine.prompt in NAMES else len(engine.prompt.encode())  # a token has a byte at least
    needed = max_tiles * tile_tokens + other_tokens + PROMPT_TOKENS + more_tokens
    if needed >= engine.max_model_len:
        yield (
            f"{prefix}.max_tiles is {engine.max_tiles}, with which a page takes {needed} tokens, and "
            f"{prefix}.max_model_len is {engine.max_model_len}, text included: lower max_tiles or raise max_model_len"
        )
    if _is_chosen(engine, "max_output_tokens") and engine.max_output_tokens > engine.max_model_len:
        yield (
            f"{prefix}.max_output_tokens is {engine.max_output_tokens}, more than the {engine.max_model_len} tokens of "
            f"page and text together ({prefix}.max_model_len)"
        )
    if isinstance(engine, DeepseekOcr2Settings):
        yield from _of_vllm(engine)


def _of_vllm(engine: DeepseekOcr2Settings) -> Iterator[str]:
    prefill, pages = engine.prefill_tokens, engine.pages_in_flight
    if prefill is not None and pages is not None and prefill < pages:
        yield (
            f"{engine.section}.prefill_tokens ({prefill}) must not be less than {engine.section}.pages_in_flight "
            f"({pages}): each page takes a token in a step"
        )


def _of_endpoint(engine: EndpointSettings, settings: "RunSettings") -> Iterator[str]:
    for url in engine.urls:
        if not url.startswith(("http://", "https://")):
            yield f"engine.endpoint.urls has {url}: write it with http:// or https://, as in http://gpu1:8000/v1"
    if engine.prompt is not None and engine.prompt.startswith(LOCATE):
        yield (
            f"engine.endpoint.prompt begins with {LOCATE}, which is for deepseek-ocr and deepseek-ocr2: write the "
            "question as this model wants it"
        )
    if engine.prompt is not None and engine.profile is not None and engine.profile.order == "image_only":
        yield (
            f"engine.endpoint.prompt is set, and the profile {engine.profile.name} sends pages without a prompt: leave "
            "it out"
        )
    longest = None if engine.profile is None else engine.profile.image.longest_side
    for name in ("dpi", "max_side_px") if longest else ("dpi",):
        if _is_chosen(settings.raster, name) and engine.profile is not None:
            yield (
                f"raster.{name} is {getattr(settings.raster, name)}, and the profile {engine.profile.name} says how "
                "large pages are sent: change it there, in a profile of your own"
            )


def _of_tries(engine: EngineSettings) -> Iterator[str]:
    model = engine.deepseek or engine.deepseek_ocr2  # `auto` may choose this one
    tile_tokens, other_tokens = VISUAL_TOKENS[model.views[0]]
    for at, rung in enumerate(engine.tries.rungs):
        name = f"engine.tries.rungs[{at}]"
        if rung.engine is not None and rung.engine == engine.name and not rung.urls and rung.profile is None:
            yield f"{name}.engine is {rung.engine}, which is the engine that read the page: name another one, or urls"
        needed = (rung.max_tiles or 0) * tile_tokens + other_tokens + PROMPT_TOKENS
        if needed >= model.max_model_len:
            tokens = f"{needed} of {model.max_model_len} tokens"
            yield f"{name}.max_tiles is {rung.max_tiles}, with which a page takes {tokens}"
        if rung.max_tiles is not None and (engine.name in {"cpu", "endpoint"} or not tile_tokens):
            yield (
                f"{name}.max_tiles is {rung.max_tiles}, and only deepseek-ocr2, transformers and modes of deepseek-ocr "
                "have tiles"
            )


def _of_measures(settings: "RunSettings") -> Iterator[str]:
    routing, quality = settings.routing, settings.quality
    if routing.min_vowels >= routing.max_vowels:
        yield (
            f"routing.min_vowels ({routing.min_vowels:g}) must be less than routing.max_vowels "
            f"({routing.max_vowels:g}): no text would be good"
        )
    if quality.truncated_tail_chars > quality.tail_chars:
        yield (
            f"quality.truncated_tail_chars ({quality.truncated_tail_chars}) must not be more than quality.tail_chars "
            f"({quality.tail_chars}): text that was cut off is the more suspect"
        )


def _of_services(settings: "RunSettings") -> Iterator[str]:
    storage, workers, alarms = settings.storage, settings.workers, settings.alarms
    if storage.endpoint is not None and not storage.endpoint.startswith(("http://", "https://")):
        yield f"storage.endpoint is {storage.endpoint}: write it as a URL, as in http://minio.example:9000"
    if _is_chosen(storage, "connect_s") and storage.connect_s > storage.timeout_s:
        yield (
            f"storage.connect_s ({storage.connect_s:g}) must not be more than storage.timeout_s "
            f"({storage.timeout_s:g}), in which a request ends"
        )
    if (alarms.webhook is not None or alarms.command) and not alarms.has_bands:
        named = "alarms.command" if alarms.webhook is None else "alarms.webhook"
        yield f"{named} is set, and no band is: no run would be outside one, as with alarms.repetition_rate=[0.0, 0.05]"
    notice_s = NOTICE_S.get(workers.preemption)
    if notice_s is not None and workers.drain_s >= notice_s:
        yield (
            f"workers.drain_s is {workers.drain_s:g}, and the cloud of workers.preemption={workers.preemption} takes a "
            f"machine away {notice_s} s after its warning: lower drain_s"
        )


def _is_chosen(section: "Settings", name: str) -> bool:
    """Return True if a value is not the default; a default that is written out is no choice, as in a printed file."""
    return bool(getattr(section, name) != _default(section, name))


def _default(section: "Settings", name: str) -> float:
    default: float = type(section).model_fields[name].default
    return default
