"""Check the requirements of the engine `transformers` within a second. Imports neither transformers nor torch."""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ocrmill.configs.engine_settings import TransformersSettings
from ocrmill.model_adapter.checkpoint.check import CheckpointError
from ocrmill.model_adapter.checkpoint.versions import FIRST, SECOND
from ocrmill.model_adapter.lora.check import check_adapter
from ocrmill.workers.engines.deepseek_ocr2.preflight import NO_CUDA, check_model, cuda_of_torch
from ocrmill.workers.engines.gpus import find_gpus

TRANSFORMERS_VERSION = "5.19.0"
_INSTALL = "in the clone of ocrmill, pip install --editable '.[transformers]'"


def check(settings: TransformersSettings) -> list[str]:
    """Return all missing requirements, each with what to do about it."""
    return [*_library_problems(), *_device_problems(settings), *_model_problems(settings)]


def uses_gpu(settings: TransformersSettings) -> bool:
    """Tell if it takes one of NVIDIA's GPUs on this machine."""
    if settings.device != "auto":
        return settings.device == "cuda"
    return cuda_of_torch() not in {None, NO_CUDA} and len(find_gpus()) > 0


def _library_problems() -> list[str]:
    found = {name: _version_of(name) for name in ("transformers", "torch", "numba")}
    if missing := [name for name, found_version in found.items() if found_version is None]:
        return [f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: {_INSTALL}"]
    if found["transformers"] != TRANSFORMERS_VERSION:
        return [
            f"transformers is {found['transformers']}, and this version of ocrmill works with {TRANSFORMERS_VERSION} "
            f"only: {_INSTALL}"
        ]
    return []


def _device_problems(settings: TransformersSettings) -> list[str]:
    if settings.device == "mps" and sys.platform != "darwin":
        return [f"{settings.section}.device is mps, and this is no Mac: take auto"]
    if settings.device != "cuda":
        return []
    if cuda_of_torch() == NO_CUDA:
        return [f"{settings.section}.device is cuda, and torch is built without CUDA: install another, or take auto"]
    problem = find_gpus().problem
    return [] if problem is None else [f"{settings.section}.device is cuda, and no GPU can be used: {problem}"]


def _model_problems(settings: TransformersSettings) -> list[str]:
    problems, schema = [], None
    try:
        schema = check_model(settings, SECOND)
    except CheckpointError as error:
        no_classes = f"; transformers has no classes for {FIRST.title}" if FIRST.title in str(error) else ""
        problems.append(f"{error}{no_classes}")
    if settings.lora is not None:
        try:
            check_adapter(Path(settings.lora), schema)
        except CheckpointError as error:
            problems.append(str(error))
    context = None if schema is None else schema["language_config"].get("max_position_embeddings")
    if context is not None and settings.max_model_len > context:
        problems.append(
            f"{settings.section}.max_model_len is {settings.max_model_len}, and {settings.model} was made for "
            f"{context} tokens: lower it"
        )
    return problems


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution).split("+")[0]
    except PackageNotFoundError:
        return None
