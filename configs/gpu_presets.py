"""The settings of `deepseek-ocr2` that depend on the GPU, from `configs/gpu/`, chosen by the GPU's name and memory.

    pages_in_flight = 256    # each line with its arithmetic; a test computes it again

They fill only what nobody has set, and change how fast rows come, never what is in them. A GPU that none is named
after, and a slice of one (MIG), gets the largest preset that its memory allows. Nothing here was measured on a GPU.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrmill.configs.engine_settings import DeepseekOcr2Settings

FOLDER = Path(__file__).parent / "gpu"
WITHOUT_GPU = {"pages_in_flight": 64, "pages_ahead": 16, "prefill_tokens": 8192, "encoder_mb": 1024}
_SLICE = re.compile(r"\bMIG\b")


@dataclass(frozen=True, slots=True)
class GpuPreset:
    """A file of `configs/gpu/`, and the GPUs that it is for."""

    name: str
    pattern: str  # of names as NVIDIA's driver gives them
    least_gib: float  # that the driver reports; a laptop's GPU of the same name may have less


PRESETS = (  # the largest first; of two alike in memory an unknown GPU gets the first
    GpuPreset("h200", r"\bH200\b", 130),
    GpuPreset("a100-80g", r"\bA100\b", 75),
    GpuPreset("h100", r"\bH100\b", 75),
    GpuPreset("l40s", r"\bL40S\b", 43),
    GpuPreset("a100-40g", r"\bA100\b", 38),
    GpuPreset("rtx4090", r"\bRTX 4090\b", 22),
    GpuPreset("small", r"^$", 0),
)


def choose_preset(gpu: str, memory: int) -> tuple[GpuPreset, bool]:
    """Return the preset for a GPU of this name and so many bytes, and if it was made for that GPU."""
    fitting = [preset for preset in PRESETS if memory >= preset.least_gib * 2**30]
    if not _SLICE.search(gpu):
        for preset in fitting:
            if re.search(preset.pattern, gpu):
                return preset, True
    return fitting[0], False


def with_preset(settings: DeepseekOcr2Settings, preset: GpuPreset | None) -> DeepseekOcr2Settings:
    """Fill the settings that nobody has set from a preset, or with what suits a machine without a GPU."""
    values = WITHOUT_GPU if preset is None else read_preset(preset)
    return settings.model_copy(
        update={name: value for name, value in values.items() if getattr(settings, name) is None}
    )


def read_preset(preset: GpuPreset) -> dict[str, Any]:
    """Return the settings of a preset by their names."""
    tables = tomllib.loads((FOLDER / f"{preset.name}.toml").read_text(encoding="utf-8"))
    values: dict[str, Any] = tables["engine"]["deepseek_ocr2"]
    return values
