"""The preset of `configs/gpu/` for the GPU that an engine runs on: each node of a cluster has its own."""

import logging

from ocrmill.configs.engine_settings import DeepseekOcr2Settings
from ocrmill.configs.gpu_presets import GpuPreset, choose_preset, with_preset
from ocrmill.workers.engines.deepseek_ocr2.preflight import is_cpu_build
from ocrmill.workers.engines.gpus import find_gpus

log = logging.getLogger(__name__)


def with_gpu_preset(settings: DeepseekOcr2Settings) -> DeepseekOcr2Settings:
    """Fill what nobody has set, for the smallest of the GPUs that this process sees."""
    preset = None if is_cpu_build() else _preset_here()
    return with_preset(settings, preset)


def _preset_here() -> GpuPreset | None:
    models = find_gpus().models
    if not models:
        return None
    name, memory = min(models, key=lambda model: model[1])
    preset, is_known = choose_preset(name, memory)
    if is_known:
        log.info("%s: settings of configs/gpu/%s.toml", name, preset.name)
    else:
        log.warning(
            "there is no preset for %s with %.1f GiB: it gets configs/gpu/%s.toml, by its memory",
            name,
            memory / 2**30,
            preset.name,
        )
    return preset
